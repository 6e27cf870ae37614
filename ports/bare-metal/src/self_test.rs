//! The proof, before main is called, that doorbells arrive: the machine rings itself. Knows no architecture.

use core::time::Duration;

use amp_ivshmem::platform::{Doorbell, Instant, Port, Vector};

/// How long each ringing of the own doorbell may take to come back, in microseconds, and how often it is rung: for three seconds,
/// as an overloaded computer may need.
const RETRY: Duration = Duration::from_millis(1);
const RETRIES: u32 = 3_000;

/// A port that can tell why it woke.
pub trait Sleep: Port {
    /// Sleeps until a doorbell rings or `deadline` has come; whether one rang.
    fn sleep(&mut self, deadline: Option<Instant>) -> bool;
}

/// Whether the own doorbell comes back. It does once QEMU has heard all that the server told it at connecting, and
/// that ends with this machine's own doorbell, so then every peer that was there before can be rung as well: one that
/// QEMU has not heard of yet is rung in vain.
pub fn doorbell_loopback_test(machine: &mut impl Sleep) -> bool {
    for _ in 0..RETRIES {
        // Every device has vector 0.
        let _ = machine.doorbell().ring(machine.id(), Vector(0));
        if machine.sleep(Some(machine.now() + RETRY)) {
            return true;
        }
    }
    false
}

//! The proof, before main is called, that doorbells arrive: the machine rings itself. Knows no architecture.

use amp_ivshmem::platform::{Doorbell, Instant, Port, Vector};

/// How long the own doorbell may take to come back (seconds only where the computer is overloaded), and how often it is rung, in microseconds.
const PATIENCE: u64 = 3_000_000;
const RETRY: u64 = 1_000;

/// A port that can tell why it woke.
pub trait Sleep: Port {
    /// Sleeps until a doorbell rings or `deadline` has come; whether one rang.
    fn sleep(&mut self, deadline: Option<Instant>) -> bool;
}

/// Whether the own doorbell comes back. It does once QEMU has heard all that the server told it at connecting, and
/// that ends with this machine's own doorbell, so then every peer that was there before can be rung as well: one that
/// QEMU has not heard of yet is rung in vain.
pub fn hears_itself(machine: &mut impl Sleep) -> bool {
    let end = machine.now().plus_micros(PATIENCE);
    while machine.now() < end {
        // Every device has vector 0.
        let _ = machine.doorbell().ring(machine.id(), Vector(0));
        if machine.sleep(Some(machine.now().plus_micros(RETRY))) {
            return true;
        }
    }
    false
}

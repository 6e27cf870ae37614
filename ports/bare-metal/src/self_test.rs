// SPDX-License-Identifier: Apache-2.0
//! A self-test before main is called: the machine rings its own doorbell, to prove that doorbells arrive.

use core::time::Duration;

use amp_ivshmem::platform::{Doorbell, Instant, Port, Vector};

/// The time that one ring of the machine's own doorbell may take to come back.
const RETRY: Duration = Duration::from_millis(1);
/// The number of attempts. They take three seconds, which an overloaded computer may need.
const RETRIES: u32 = 3_000;

/// A port that reports why it woke.
pub trait Sleep: Port {
    /// Sleeps until a doorbell rings or until `deadline`. Returns true if a doorbell rang.
    fn sleep(&mut self, deadline: Option<Instant>) -> bool;
}

/// Returns true if the machine's own doorbell comes back. When QEMU connects, it gets the doorbells of all peers from
/// the server, and this machine's own doorbell last. So once that one comes back, every earlier peer can be rung, too.
/// A ring to a peer whose doorbell QEMU does not have yet is lost.
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

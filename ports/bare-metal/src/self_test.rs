// SPDX-License-Identifier: Apache-2.0
//! A self-test that runs before main. The machine rings its own doorbell, to check that doorbells arrive.

use core::time::Duration;

use amp_ivshmem::platform::{Doorbell, Instant, Port, Vector};

/// Maximum time to wait for each ring of the machine's own doorbell.
const RETRY: Duration = Duration::from_millis(1);
/// Maximum number of rings. Together they take three seconds, because an overloaded host may need that long.
const RETRIES: u32 = 3_000;

/// A port that reports why it woke up.
pub trait Sleep: Port {
    /// Sleeps until a doorbell rings or until `deadline`. Returns true if a doorbell rang.
    fn sleep(&mut self, deadline: Option<Instant>) -> bool;
}

/// Returns true if the machine's own doorbell arrives. The server sends QEMU the doorbells of all earlier peers, and
/// then this machine's own doorbell. Once this machine's doorbell arrives, QEMU can therefore ring all earlier peers.
/// Before that, rings to a peer may be lost.
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

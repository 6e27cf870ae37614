// SPDX-License-Identifier: Apache-2.0
//! The services that a port supplies: memory, a doorbell, the time, and waiting.

#[cfg(any(test, feature = "fakes"))]
pub mod fake;

use core::fmt;
use core::ops::Add;
use core::time::Duration;

use crate::mem::SharedMemory;

/// A peer's number on its shared-memory server: ivshmem's IVPOSITION, 0 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerId(pub u16);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A doorbell's vector, which selects the interrupt to raise at the peer. `ivshmem-flat` has only vector 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vector(pub u16);

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The error that the device or the peer does not have the requested vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("doorbell vector {vector} is out of range: this device has {vectors}; use a lower one")]
pub struct VectorOutOfRange {
    /// The requested vector.
    pub vector: Vector,
    /// The number of vectors, counted from 0.
    pub vectors: u16,
}

/// Interrupts another machine.
///
/// Doorbells are edges: several rings before the peer looks may arrive as one. A ring at an absent peer is lost without an
/// error. A receiver therefore drains everything on any doorbell.
pub trait Doorbell {
    /// Rings `vector` at `peer`. All stores to shared memory made before the call are visible to the peer when its
    /// interrupt is taken.
    ///
    /// # Errors
    /// Returns [`VectorOutOfRange`] if the device has no such vector. Nothing was rung then.
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange>;
}

impl<D: Doorbell + ?Sized> Doorbell for &D {
    #[inline(always)]
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        (**self).ring(peer, vector)
    }
}

/// A point in time of one machine's own monotonic clock, in microseconds from any origin.
///
/// It is never written to shared memory, because the two sides' clocks are unrelated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    micros: u64,
}

impl Instant {
    /// Returns the point `micros` microseconds after the clock's origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// Returns the microseconds since the clock's origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// Returns the microseconds from `earlier` to this point, or 0 if `earlier` is later.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.micros.saturating_sub(earlier.micros)
    }

    /// Returns this point moved a short time into the future. No clock comes so near to its end that this would wrap.
    pub(crate) const fn plus_short(self, micros: u32) -> Self {
        Self { micros: self.micros.wrapping_add(micros as u64) }
    }

    /// Returns this point moved `micros` microseconds into the future. The sum saturates at the end of time.
    #[must_use]
    pub const fn plus_micros(self, micros: u64) -> Self {
        Self { micros: self.micros.saturating_add(micros) }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.plus_micros(micros(duration))
    }
}

/// Returns the microseconds of a duration, or `u64::MAX` above a century. The standard library's function needs 128-bit
/// arithmetic, which takes more flash.
pub(crate) const fn micros(duration: Duration) -> u64 {
    match duration.as_secs() {
        seconds @ 0..=0xffff_ffff => seconds * 1_000_000 + duration.subsec_micros() as u64,
        _ => u64::MAX,
    }
}

/// One machine, as an application sees it. Each port offers the machine under the same names, so an application is
/// written once for all ports. The core itself never waits and does not use this.
pub trait Port {
    /// This port's view of the shared memory.
    type Memory: SharedMemory;
    /// This port's doorbell.
    type Doorbell: Doorbell;

    /// Returns the whole shared memory.
    fn memory(&self) -> Self::Memory;

    /// Returns the doorbell, which can ring every peer.
    fn doorbell(&self) -> Self::Doorbell;

    /// Returns this machine's peer id.
    fn id(&self) -> PeerId;

    /// Returns the time on this machine's clock.
    fn now(&self) -> Instant;

    /// Sleeps until a doorbell rings, or until `deadline` if there is one. Returns at once if a doorbell has rung since the last
    /// call returned, so no doorbell is missed. May return early.
    fn wait(&mut self, deadline: Option<Instant>);
}

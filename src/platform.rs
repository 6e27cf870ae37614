// SPDX-License-Identifier: Apache-2.0
//! The traits that a port implements: memory, a doorbell, the time, and waiting.

#[cfg(any(test, feature = "fakes"))]
pub mod fake;

use core::fmt;
use core::ops::Add;
use core::time::Duration;

use crate::mem::SharedMemory;

/// A peer's number, assigned by its ivshmem server: IVPOSITION, 0 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerId(pub u16);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A doorbell vector, which selects the interrupt to raise at the peer. `ivshmem-flat` has only vector 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vector(pub u16);

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The device or the peer does not have the requested vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("doorbell vector {vector} is out of range: this device has {vectors}; use a lower one")]
pub struct VectorOutOfRange {
    /// The requested vector.
    pub vector: Vector,
    /// The number of vectors. Valid vectors are 0 to `vectors - 1`.
    pub vectors: u16,
}

/// Interrupts another machine.
///
/// Doorbells are edge-triggered, so several rings may arrive as one interrupt. A ring for an absent peer is lost, but
/// is not an error. A receiver must therefore handle all pending work each time its doorbell rings.
pub trait Doorbell {
    /// Rings `vector` at `peer`. When the peer takes the interrupt, it sees every store to shared memory that preceded
    /// the call.
    ///
    /// # Errors
    /// Returns [`VectorOutOfRange`] if the device has no such vector. In that case, the doorbell is not rung.
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange>;
}

impl<D: Doorbell + ?Sized> Doorbell for &D {
    #[inline(always)]
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        (**self).ring(peer, vector)
    }
}

/// A point in time on this machine's monotonic clock, in microseconds since an arbitrary origin.
///
/// An instant is never written to shared memory, because the two sides' clocks are unrelated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    micros: u64,
}

impl Instant {
    /// Returns the instant `micros` microseconds after the clock's origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// Returns the time since the clock's origin, in microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// Returns the time from `earlier` to this instant, in microseconds. Returns 0 if `earlier` is later than this
    /// instant.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.micros.saturating_sub(earlier.micros)
    }

    /// Returns this instant plus `micros`. A clock never runs long enough for the sum to wrap.
    pub(crate) const fn plus_short(self, micros: u32) -> Self {
        Self { micros: self.micros.wrapping_add(micros as u64) }
    }

    /// Returns this instant plus `micros` microseconds. The sum saturates.
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

/// Returns the duration in microseconds, or `u64::MAX` if it is longer than a century. [`Duration::as_micros`] uses
/// 128-bit arithmetic, which takes more flash.
pub(crate) const fn micros(duration: Duration) -> u64 {
    match duration.as_secs() {
        seconds @ 0..=0xffff_ffff => seconds * 1_000_000 + duration.subsec_micros() as u64,
        _ => u64::MAX,
    }
}

/// One machine, as an application sees it. An application that uses this trait works with every port. The core does not
/// use this trait, because it never waits.
pub trait Port {
    /// This port's view of the shared memory.
    type Memory: SharedMemory;
    /// This port's doorbell.
    type Doorbell: Doorbell;

    /// Returns the entire shared memory.
    fn memory(&self) -> Self::Memory;

    /// Returns the doorbell, which can ring any peer.
    fn doorbell(&self) -> Self::Doorbell;

    /// Returns this machine's peer id.
    fn id(&self) -> PeerId;

    /// Returns the current time on this machine's clock.
    fn now(&self) -> Instant;

    /// Sleeps until a doorbell rings, or until `deadline` if one is given. Returns immediately if a doorbell has rung
    /// since the last call returned, so no doorbell is missed. May return early.
    fn wait(&mut self, deadline: Option<Instant>);
}

//! What a port supplies: memory, a doorbell, the time, and waiting. Knows nothing of rings or messages.

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

/// A doorbell's vector: which of the peer's interrupts to raise. `ivshmem-flat` has only vector 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vector(pub u16);

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The vector asked for is one that the device or the peer cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("doorbell vector {vector} is out of range: this device has {vectors}; use a lower one")]
pub struct VectorOutOfRange {
    /// The vector asked for.
    pub vector: Vector,
    /// How many vectors there are, counted from 0.
    pub vectors: u16,
}

/// Interrupts another machine.
///
/// Doorbells are edges: several that are rung before the peer looks may arrive as one, and one that is rung to an
/// absent peer is lost without an error. A receiver therefore drains everything on any doorbell.
pub trait Doorbell {
    /// Rings `vector` at `peer`. All stores to shared memory made before the call are visible to the peer when its
    /// interrupt is taken.
    ///
    /// # Errors
    /// [`VectorOutOfRange`] where the device has no such vector; nothing was rung.
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
/// Never written to shared memory: the two sides' clocks have nothing to do with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    micros: u64,
}

impl Instant {
    /// The point `micros` microseconds after the clock's origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// Microseconds since the clock's origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// Microseconds from `earlier` to here; 0 where `earlier` is in fact later.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.micros.saturating_sub(earlier.micros)
    }

    /// This point moved a little into the future, which no clock's end is.
    pub(crate) const fn plus_short(self, micros: u32) -> Self {
        Self { micros: self.micros.wrapping_add(micros as u64) }
    }

    /// This point moved `micros` microseconds into the future; stays at the end of time rather than wrap.
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

/// Microseconds of a duration; of one of more than a century the most. By the standard library it takes 128 bits, and flash.
pub(crate) const fn micros(duration: Duration) -> u64 {
    match duration.as_secs() {
        seconds @ 0..=0xffff_ffff => seconds * 1_000_000 + duration.subsec_micros() as u64,
        _ => u64::MAX,
    }
}

/// One machine as an application sees it: what each port offers under the same names, so that an application is
/// written once for all of them. The core itself never waits and does not use this.
pub trait Port {
    /// How this port reaches the shared memory.
    type Memory: SharedMemory;
    /// How this port rings.
    type Doorbell: Doorbell;

    /// The whole shared memory.
    fn memory(&self) -> Self::Memory;

    /// The doorbell of every peer.
    fn doorbell(&self) -> Self::Doorbell;

    /// This machine's own number.
    fn id(&self) -> PeerId;

    /// The time on this machine's clock.
    fn now(&self) -> Instant;

    /// Sleeps until a doorbell rings, or until `deadline` where there is one. Returns at once where one has rung since
    /// the last call returned, so that none is ever slept through. May return early.
    fn wait(&mut self, deadline: Option<Instant>);
}

// SPDX-License-Identifier: Apache-2.0
//! The memory and the doorbell as one side sees them. Each access and each ring first calls the [`Surroundings`].

use std::cell::Cell;

use amp_ivshmem::mem::fake::Hook;
use amp_ivshmem::platform::{Doorbell, PeerId, Vector, VectorOutOfRange};

/// The test environment, which reacts to accesses and doorbells.
pub trait Surroundings {
    /// Runs before each access by side `which`. Returns true if the side is alive.
    fn before(&self, which: usize) -> bool;

    /// Rings side `which`.
    fn ring(&self, which: usize);
}

thread_local! {
    static SURROUNDINGS: Cell<Option<&'static dyn Surroundings>> = const { Cell::new(None) };
}

/// Sets the surroundings for all sides in this thread.
pub fn surround_with(surroundings: &'static dyn Surroundings) {
    SURROUNDINGS.set(Some(surroundings));
}

fn surroundings() -> &'static dyn Surroundings {
    SURROUNDINGS.get().expect("a world surrounds the sides of this thread")
}

/// The memory as one side sees it.
#[derive(Debug)]
pub struct View(usize);

impl Hook for View {
    fn before(&self) -> bool {
        surroundings().before(self.0)
    }
}

/// The view of each side.
pub static VIEWS: [View; 4] = [View(0), View(1), View(2), View(3)];

/// A doorbell that sets a flag, or immediately runs the side that is rung. Doorbells from a dead side are ignored.
#[derive(Clone, Copy, Debug)]
pub struct Bell(pub usize);

impl Doorbell for Bell {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        if surroundings().before(self.0) {
            surroundings().ring(peer.0.into());
        }
        if vector == Vector(0) { Ok(()) } else { Err(VectorOutOfRange { vector, vectors: 1 }) }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The orderings of loads and stores.

use core::sync::atomic::Ordering;

/// The ordering of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Orders nothing else.
    Relaxed,
    /// Also sees all that the writer stored before its [`Store::Release`] of this value.
    Acquire,
}

impl Load {
    pub(super) const fn ordering(self) -> Ordering {
        match self {
            Self::Relaxed => Ordering::Relaxed,
            Self::Acquire => Ordering::Acquire,
        }
    }
}

/// The ordering of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Orders nothing else.
    Relaxed,
    /// Makes the value visible after all earlier stores of this side.
    Release,
}

impl Store {
    pub(super) const fn ordering(self) -> Ordering {
        match self {
            Self::Relaxed => Ordering::Relaxed,
            Self::Release => Ordering::Release,
        }
    }
}

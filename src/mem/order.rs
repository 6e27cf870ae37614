// SPDX-License-Identifier: Apache-2.0
//! Memory orderings for loads and stores.

use core::sync::atomic::Ordering;

/// The ordering of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Does not order any other access.
    Relaxed,
    /// Also makes everything visible that the writer stored before its [`Store::Release`] of the loaded value.
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
    /// Does not order any other access.
    Relaxed,
    /// Makes the value visible only after all earlier stores of this side.
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

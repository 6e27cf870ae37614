// SPDX-License-Identifier: Apache-2.0
//! Disputed sides: another side in the same role may have overwritten their words, so their messages are not checked.

use super::world::{SIDES, World};

impl World {
    /// Returns true if two sides of one role exist.
    pub fn is_disputed_now(&self) -> bool {
        [0, 1].into_iter().any(|role| self.is_there(role) && self.is_there(role + 2))
    }

    /// Returns whether the user of a side sees the link as up, or `None` if the side is busy.
    fn up_if_known(&self, which: usize) -> Option<bool> {
        let side = self.sides[which].try_borrow().ok()?;
        Some(side.as_ref().is_some_and(|side| side.user.told.is_up()))
    }

    /// Records the sides that two sides of one role may affect.
    pub(super) fn dispute(&self) {
        if !self.is_disputed_now() {
            return;
        }
        self.rivalry.set(true);
        for which in SIDES {
            let up = self.up_if_known(which);
            self.disputed[which].set(true);
            self.disputable[which].set(up != Some(true));
        }
    }

    /// Returns true if the block and the rings of `which` are those that a dead side left, and another side in its role may
    /// have overwritten them. A later incarnation that has not polled has written nothing yet.
    pub(super) fn is_disputed_ghost(&self, which: usize) -> bool {
        self.rivalry.get() && !(self.is_there(which) && self.polled[which].get())
    }

    /// Returns true if no side can have overwritten the words of a session that begins for `which`.
    pub(super) fn is_undisputed(&self, which: usize) -> bool {
        let clean = |other: usize| {
            let up = self.up_if_known(other);
            // A busy side waits for this one: it has not noticed yet.
            other == which
                || !self.is_there(other)
                || match up {
                    Some(true) => !self.disputed[other].get(),
                    Some(false) => !self.disputable[other].get(),
                    None => !self.disputed[other].get() && !self.disputable[other].get(),
                }
        };
        !self.is_disputed_now() && !self.disputable[which].get() && SIDES.into_iter().all(clean)
    }
}

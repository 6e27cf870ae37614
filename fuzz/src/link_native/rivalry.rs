// SPDX-License-Identifier: Apache-2.0
//! Disputed sides: a rival in the same role may have overwritten their words, so their messages are not checked.

use super::world::{SIDES, World};

impl World {
    /// Returns true if there are currently two sides in one role.
    pub fn is_disputed_now(&self) -> bool {
        [0, 1].into_iter().any(|role| self.is_there(role) && self.is_there(role + 2))
    }

    /// Returns whether the user of a side has been told that the link is up. Returns `None` if the side is busy.
    fn up_if_known(&self, which: usize) -> Option<bool> {
        let side = self.sides[which].try_borrow().ok()?;
        Some(side.as_ref().is_some_and(|side| side.user.told.is_up()))
    }

    /// Marks all sides that may be affected by two sides in one role.
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

    /// Returns true if the block and rings of `which` may be remnants of a dead side that a rival has overwritten. A
    /// new incarnation does not write to its block and rings before its first poll.
    pub(super) fn is_disputed_ghost(&self, which: usize) -> bool {
        self.rivalry.get() && !(self.is_there(which) && self.polled[which].get())
    }

    /// Returns true if no rival can have overwritten the words of the session that is starting for `which`.
    pub(super) fn is_undisputed(&self, which: usize) -> bool {
        let clean = |other: usize| {
            let up = self.up_if_known(other);
            // A busy side cannot be asked, and may not have detected the change yet.
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

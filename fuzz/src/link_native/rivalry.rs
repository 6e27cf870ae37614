//! Whose words another in the same role may have written over: what such a side receives is not checked.

use super::world::{SIDES, World};

impl World {
    /// Whether two of one role are there.
    pub fn is_disputed_now(&self) -> bool {
        [0, 1].into_iter().any(|role| self.is_there(role) && self.is_there(role + 2))
    }

    /// Whether a side's user takes the link for up, unless the side is doing something.
    fn up_if_known(&self, which: usize) -> Option<bool> {
        let side = self.sides[which].try_borrow().ok()?;
        Some(side.as_ref().is_some_and(|side| side.user.told.is_up()))
    }

    /// Notes who may suffer from two of one role.
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

    /// Whether `which` has died and left a block and rings that another in its role may have written over. Not by its own
    /// dispute: a later incarnation may have come and gone without writing a word.
    pub(super) fn is_disputed_ghost(&self, which: usize) -> bool {
        !self.is_there(which) && self.rivalry.get()
    }

    /// Whether nobody can have written over the words of a session that begins for `which`.
    pub(super) fn is_undisputed(&self, which: usize) -> bool {
        let clean = |other: usize| {
            let up = self.up_if_known(other);
            // One that is doing something waits for us: it has not noticed yet.
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

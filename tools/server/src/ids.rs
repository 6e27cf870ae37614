// SPDX-License-Identifier: Apache-2.0
//! Allocates 16-bit peer ids in increasing order. An id is not reused while a peer is connected that knew its previous
//! holder.
//!
//! When a peer leaves, QEMU frees the array of that peer's eventfds. If the same id joined again, QEMU would write to
//! the freed array.

use std::collections::HashMap;

/// Allocates peer ids.
#[derive(Debug, Default)]
pub struct Ids {
    next: u16,
    /// Number of joins and leaves so far, used as a clock.
    clock: u64,
    /// The time on this clock at which each connected peer joined.
    joined: HashMap<u16, u64>,
    /// The time on this clock at which each former peer left.
    left: HashMap<u16, u64>,
}

impl Ids {
    /// Allocates the next free id, or returns `None` if there is none.
    pub fn take(&mut self) -> Option<u16> {
        let oldest = self.joined.values().min().copied().unwrap_or(u64::MAX);
        let forgotten = |id: &u16| self.left.get(id).is_none_or(|&left| left < oldest);
        let id = (0..=u16::MAX)
            .map(|step| self.next.wrapping_add(step))
            .find(|id| !self.joined.contains_key(id) && forgotten(id))?;
        self.clock = self.clock.saturating_add(1);
        self.left.remove(&id);
        self.joined.insert(id, self.clock);
        self.next = id.wrapping_add(1);
        Some(id)
    }

    /// Records that peer `id` has left.
    pub fn give_back(&mut self, id: u16) {
        if self.joined.remove(&id).is_some() {
            self.clock = self.clock.saturating_add(1);
            self.left.insert(id, self.clock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_are_not_given_again() {
        let mut ids = Ids::default();
        assert_eq!([ids.take(), ids.take()], [Some(0), Some(1)]);
        ids.give_back(0);
        assert_eq!(ids.take(), Some(2));
    }

    #[test]
    fn after_the_last_id_only_forgotten_ones_follow() {
        let mut ids = Ids::default();
        assert_eq!(ids.take(), Some(0));
        for id in 1..=u16::MAX {
            assert_eq!(ids.take(), Some(id));
            if id != 7 {
                ids.give_back(id);
            }
        }
        assert_eq!(ids.take(), None, "peer 0 knew them all");
        ids.give_back(0);
        assert_eq!(ids.take(), Some(1), "1 to 6 left before 7, the oldest, joined; it knew 0");
        ids.give_back(7);
        ids.give_back(1);
        assert_eq!(ids.take(), Some(2));
    }
}

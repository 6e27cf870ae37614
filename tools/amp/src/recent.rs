// SPDX-License-Identifier: Apache-2.0
//! A list that keeps only the most recent items.

use std::collections::VecDeque;

/// The last `MOST` items, oldest first.
#[derive(Clone, Debug)]
pub struct Recent<T, const MOST: usize>(VecDeque<T>);

impl<T, const MOST: usize> Default for Recent<T, MOST> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T, const MOST: usize> Recent<T, MOST> {
    /// Adds an item, and removes the oldest item if the list is full.
    pub fn push(&mut self, item: T) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(item);
    }
}

impl<T, const MOST: usize> std::ops::Deref for Recent<T, MOST> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

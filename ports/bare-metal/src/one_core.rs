//! A static that only one core's main thread touches: set once at start-up, then shared. Knows no architecture.

use core::cell::OnceCell;

/// A place for what start-up makes and main uses for ever.
pub struct OneCore<T>(OnceCell<T>);

// SAFETY: these machines run on one core, and no interrupt handler has access to one: all of them are private to the
// port's start-up, so there is only ever one thread here.
unsafe impl<T> Sync for OneCore<T> {}

impl<T> OneCore<T> {
    /// An empty place.
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// Puts `value` there, unless there is one already, and lends what is there.
    pub fn set(&'static self, value: T) -> &'static T {
        self.0.get_or_init(|| value)
    }
}

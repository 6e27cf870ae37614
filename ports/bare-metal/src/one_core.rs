//! Statics that only one core's main thread touches. They know no architecture.

use core::cell::{Cell, OnceCell, UnsafeCell};

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

/// What an image's main keeps in a static, so that it is not on the stack.
#[derive(Debug)]
pub struct Place<T> {
    taken: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: these machines run on one core, and their interrupt handlers are the port's own, which know no place: there is
// only ever one thread here.
unsafe impl<T> Sync for Place<T> {}

impl<T> Place<T> {
    /// One that nobody has.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { taken: Cell::new(false), value: UnsafeCell::new(value) }
    }

    /// The value, for the first who asks.
    #[expect(clippy::mut_from_ref, reason = "nobody gets it twice")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        // SAFETY: `taken` lets only one caller come here, ever.
        (!self.taken.replace(true)).then(|| unsafe { &mut *self.value.get() })
    }
}

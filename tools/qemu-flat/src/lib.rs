//! The preload object.

// SPDX-License-Identifier: Apache-2.0
//! Copies for architectures without a file of their own here, and for Miri, which checks that the indices order the
//! accesses. Miri treats volatile accesses as plain ones.

pub use super::aligned::{copy_in, copy_out};

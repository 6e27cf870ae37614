// SPDX-License-Identifier: Apache-2.0
//! Copies for all other architectures, and for Miri. Miri treats volatile accesses as plain ones, so it checks that the
//! ring indices order the payload accesses.

pub use super::aligned::{copy_in, copy_out};

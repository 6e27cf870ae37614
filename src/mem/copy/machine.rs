// SPDX-License-Identifier: Apache-2.0
//! For machines that have no form of their own here, and for Miri, which checks that the indices order the accesses (it
//! takes volatile ones for plain).

pub use super::aligned::{copy_in, copy_out};

// SPDX-License-Identifier: Apache-2.0
//! Layouts as types and constants. This code has no state, does not access shared memory and does not panic.
//!
//! All fields are little-endian and packed. `docs/reference/wire-format.md` describes the same layout.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

pub mod area;
pub mod openamp;
pub mod resource_table;
pub mod rpmsg;
pub mod session;
pub mod vring;

// SPDX-License-Identifier: Apache-2.0
//! Bytes and layouts as types, with no state, no memory access and no panic.
//!
//! Everything is little-endian and packed. `docs/reference/wire-format.md` describes the same layout in prose.
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

// SPDX-License-Identifier: Apache-2.0
//! The ivshmem device: its registers, its doorbell, and its two forms, PCI and flat. A port supplies the register pointers.
//!
//! A port finds the device (`pci`, with the feature of that name, or [`flat`] with addresses that it was given), maps
//! its registers and memory, and makes a [`Device`] from the registers. The device only reports this machine's peer id
//! and rings the doorbells of other machines. Everything else, including the list of peers, is in the shared memory.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod device;
pub mod flat;
#[cfg(feature = "pci")]
pub mod pci;
mod registers;

pub use device::{Device, DeviceError};
pub use registers::Registers;

// SPDX-License-Identifier: Apache-2.0
//! The ivshmem device: its registers, its doorbell, and its two variants, PCI and flat.
//!
//! A port finds the device, either with the module `pci` (feature `pci`) or at the addresses that the user passes to
//! [`flat`]. The port maps the registers and the memory, and makes a [`Device`] from the register pointer. The device
//! only reports this machine's peer id and rings doorbells. Everything else, including the list of peers, is in the
//! shared memory.
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

//! The ivshmem device: its registers, its doorbell, and the two ways it appears, PCI and flat. Knows
//! `platform` only; register pointers arrive ready-made from a port.
//!
//! A port finds the device (`pci`, by the feature of that name, or [`flat`] with addresses it was given), maps its registers and memory, and
//! makes a [`Device`] of the registers. The device does no more than tell this machine's number and ring others; all
//! else, including who is there, is in the shared memory.
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

// SPDX-License-Identifier: Apache-2.0
//! The fuzz targets as plain functions. `cargo fuzz` calls them, and so do this crate's tests, which replay the corpora on any
//! toolchain.
//!
//! Each module is one target. The target's bytes encode operations, and the events between two accesses to the shared
//! memory. An oracle in each target panics at a violation.

pub mod chain_device;
pub mod chain_driver;
pub mod client;
pub mod device;
pub mod driver;
mod input;
pub mod inspect;
pub mod link_hostile;
pub mod link_native;
pub mod link_openamp;
mod memory;
pub mod names;
pub mod queue;
pub mod resource_table;
mod scribbler;
pub mod server;
mod socket;
mod told;
mod traffic;
mod user;

#[cfg(test)]
mod tables;
#[cfg(test)]
mod tests;

// SPDX-License-Identifier: Apache-2.0
//! The fuzz targets as plain functions. `cargo fuzz` calls them. This crate's tests also call them, to replay the
//! corpora on any toolchain.
//!
//! Each module is one target. The input encodes operations, and events between accesses to the shared memory. An oracle
//! in each target panics if a property is violated.

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

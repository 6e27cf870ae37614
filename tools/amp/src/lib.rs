// SPDX-License-Identifier: Apache-2.0
//! The tool `amp` as a library. It contains the commands for users, and functions that `xtask` also uses.

pub mod artifacts;
pub mod cache;
pub mod checkout;
pub mod cli;
mod client;
pub mod console;
pub mod demo;
pub mod folder;
pub mod machine;
pub mod output;
mod pair;
mod peer;
pub mod process;
pub mod qemu;
pub mod recent;
pub mod role;
mod server_options;
pub mod zephyr;

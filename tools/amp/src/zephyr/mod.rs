// SPDX-License-Identifier: Apache-2.0
//! Zephyr: its tree and west, a workspace made by this tool, and builds.

pub mod build;
pub mod create;
mod find;
pub mod images;
pub mod run;
pub mod tree;

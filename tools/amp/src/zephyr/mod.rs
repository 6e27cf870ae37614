// SPDX-License-Identifier: Apache-2.0
//! Zephyr: finds its tree and west, makes a workspace, and handles builds.

pub mod build;
pub mod create;
mod find;
pub mod images;
pub mod run;
pub mod tree;

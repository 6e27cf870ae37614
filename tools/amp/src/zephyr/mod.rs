// SPDX-License-Identifier: Apache-2.0
//! Finds Zephyr and west, creates a workspace, and handles Zephyr builds.

pub mod build;
pub mod create;
mod find;
pub mod images;
pub mod run;
pub mod tree;

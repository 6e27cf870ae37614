//! The tool `amp` as a library: the commands of users, and what `xtask` shares with them.

pub mod cli;
pub mod console;
pub mod demo;
pub mod folder;
pub mod machines;
pub mod output;
mod pair;
mod peer;
mod poke;
pub mod process;
pub mod qemu;
pub mod recent;
mod server_options;
pub mod workspace;
pub mod zephyr;

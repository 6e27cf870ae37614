// SPDX-License-Identifier: Apache-2.0
//! The folder in which this tool caches files.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Returns `$XDG_CACHE_HOME/amp-ivshmem`, or `~/.cache/amp-ivshmem`.
///
/// # Errors
/// Returns an error if neither variable contains a folder.
pub fn folder() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    Ok(folder.context("no folder for a cache: set HOME or XDG_CACHE_HOME")?.join("amp-ivshmem"))
}

/// Returns the folder of the Zephyr workspace that this tool creates.
///
/// # Errors
/// Returns the same errors as [`folder`].
pub fn workspace() -> Result<PathBuf> {
    Ok(folder()?.join("workspace"))
}

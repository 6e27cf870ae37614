// SPDX-License-Identifier: Apache-2.0
//! The job that packs the crates as for crates.io, and builds the packages.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::checkout;

/// Returns the command with these words for Cargo, `-p` before each crate.
///
/// # Errors
/// Returns an error if the packages of an earlier run cannot be removed.
pub fn command(words: &str) -> Result<Command> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")));
    if let Some(home) = home {
        remove_unpacked(&home, words)?;
    }
    let mut cargo = checkout()?.cargo();
    cargo.args(words.split_whitespace());
    Ok(cargo)
}

/// Removes the packages that an earlier run of this job has unpacked in Cargo's home. Their version is the same, so
/// Cargo would build them instead of the new ones.
fn remove_unpacked(home: &Path, words: &str) -> Result<()> {
    let crates: Vec<&str> = words.split("-p ").skip(1).map(str::trim).collect();
    for registry in folders(&home.join("registry/src")) {
        // The folder of a local registry begins with a dash, because the registry has no host name.
        if !name(&registry).starts_with('-') {
            continue;
        }
        for package in folders(&registry) {
            if name(&package).rsplit_once('-').is_some_and(|(name, _)| crates.contains(&name)) {
                let remove = || format!("cannot remove {}: remove it by hand", package.display());
                fs::remove_dir_all(&package).with_context(remove)?;
            }
        }
    }
    Ok(())
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_packages_of_local_registries_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let unpacked = ["-1f/own-0.1.0", "-1f/own-host-0.1.0", "-1f/other-0.1.0", "index.crates.io-1f/own-0.1.0"];
        let paths = unpacked.map(|path| home.path().join("registry/src").join(path));
        paths.iter().for_each(|path| fs::create_dir_all(path.join("src")).unwrap());
        remove_unpacked(home.path(), "package --quiet -p own -p own-host").unwrap();
        assert_eq!(paths.map(|path| path.exists()), [false, false, true, true]);
        remove_unpacked(&home.path().join("absent"), "package -p own").unwrap();
    }
}

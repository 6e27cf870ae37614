// SPDX-License-Identifier: Apache-2.0
//! Finds the installed QEMU programs, and checks that they are new enough and can be extended by a preload object.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol, ReadCache};

use crate::process;

/// First major version of QEMU with `ivshmem-flat`.
const OLDEST: u32 = 10;
/// A QEMU function that the preload object calls. If QEMU exports it, QEMU also exports the other functions.
const NEEDED_SYMBOL: &str = "qemu_add_machine_init_done_notifier";

/// Finds `program`, and checks that it is new enough.
///
/// # Errors
/// Returns an error if the program does not exist, does not print its version, or is too old.
pub fn find(program: &str) -> Result<PathBuf> {
    let path = locate(program)?;
    let mut command = process::guarded(&path);
    command.arg("--version");
    let said = process::output(command, Duration::from_secs(20))
        .with_context(|| format!("{} does not tell its version: is it a QEMU?", path.display()))?;
    check_version(&path, &said)?;
    Ok(path)
}

/// Does the same as [`find`], but also checks that a preload object can extend QEMU.
///
/// # Errors
/// Returns the same errors as [`find`], and an error if QEMU cannot be extended.
pub fn find_extensible(program: &str) -> Result<PathBuf> {
    let path = find(program)?;
    check_extensible(&path)?;
    Ok(path)
}

/// Returns `program` itself if it is a path. Otherwise, searches the folder in Zephyr's QEMU variable, or PATH.
fn locate(program: &str) -> Result<PathBuf> {
    if program.contains('/') {
        let path = PathBuf::from(program);
        if !path.is_file() {
            bail!("no {program}: install QEMU 10.0 or newer, or name its folder in QEMU_BIN_PATH, and build anew");
        }
        return Ok(path);
    }
    if let Some(folder) = std::env::var_os("QEMU_BIN_PATH").filter(|folder| !folder.is_empty()) {
        let path = Path::new(&folder).join(program);
        if !path.is_file() {
            bail!("no {program} in QEMU_BIN_PATH={}: correct or unset it", folder.display());
        }
        return absolute(&path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    let found = found.with_context(|| {
        format!("no {program} in PATH: install QEMU 10.0 or newer, or name its folder in QEMU_BIN_PATH")
    })?;
    absolute(&found)
}

/// Returns an absolute path to the same file.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} has no absolute path", path.display()))
}

fn check_version(path: &Path, said: &str) -> Result<()> {
    let version = said.split_once("version ").map(|(_, rest)| rest.split_whitespace().next().unwrap_or(rest));
    let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    match (version, major) {
        (_, Some(major)) if major >= OLDEST => Ok(()),
        (Some(version), Some(_)) => bail!(
            "{} is QEMU {version}, and has no ivshmem-flat: install QEMU 10.0 or newer, or name its folder in \
             QEMU_BIN_PATH",
            path.display()
        ),
        _ => bail!("{} does not tell its version: is it a QEMU?", path.display()),
    }
}

/// Checks that a preload object can extend `program`, which must be dynamically linked and export its functions.
///
/// # Errors
/// Returns the reason why a preload object cannot extend the program.
fn check_extensible(program: &Path) -> Result<()> {
    let name = program.display();
    let file = File::open(program).with_context(|| format!("{name} cannot be read"))?;
    let cache = ReadCache::new(file);
    let Ok(elf) = object::File::parse(&cache) else {
        bail!(
            "{name} is a script or no ELF program, and cannot be extended: name the real QEMU's folder in QEMU_BIN_PATH"
        );
    };
    if elf.dynamic_symbol_table().is_none() {
        bail!("{name} is linked statically, and cannot be extended by an ivshmem-flat: use a distribution's QEMU");
    }
    if !elf.dynamic_symbols().any(|symbol| symbol.is_definition() && symbol.name() == Ok(NEEDED_SYMBOL)) {
        bail!(
            "{name} exports no {NEEDED_SYMBOL}, and cannot be extended: use a QEMU built with modules, as distributions do"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_old_ones_refused() {
        let check = |said| check_version(Path::new("qemu-system-arm"), said).map_err(|error| error.to_string());
        assert_eq!(check("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"), Ok(()));
        assert_eq!(check("QEMU emulator version 11.1.3\n"), Ok(()));
        assert!(check("QEMU emulator version 9.2.4\n").unwrap_err().contains("QEMU 9.2.4"));
        assert!(check("something else").unwrap_err().contains("is it a QEMU?"));
        assert!(check("version x").unwrap_err().contains("is it a QEMU?"));
    }

    #[test]
    fn a_program_that_is_no_qemu_is_not_extended() {
        // This test is an ELF program without QEMU's functions.
        let error = check_extensible(&std::env::current_exe().unwrap()).unwrap_err().to_string();
        assert!(error.contains(NEEDED_SYMBOL) || error.contains("statically"), "{error}");
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "#!/bin/sh\n").unwrap();
        assert!(check_extensible(script.path()).unwrap_err().to_string().contains("script"));
    }
}

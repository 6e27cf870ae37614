// SPDX-License-Identifier: Apache-2.0
//! Zephyr images of this repository's applications, built with west in a cache, and built anew where their sources changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::build::Build;
use super::run;
use super::tree::Zephyr;
use crate::machine::Machine;
use crate::process;
use crate::role::Role;

/// The time limit to build one image. The first one compiles Zephyr and Rust's `core`.
const BUILD_LIMIT: Duration = Duration::from_secs(900);
/// The time limit of the image that shows if Zephyr can build at all.
const PROBE_LIMIT: Duration = Duration::from_secs(600);
/// The time limit for CMake to find that nothing has changed, or to build the changes.
const REBUILD_LIMIT: Duration = Duration::from_secs(600);

/// Zephyr's name of a machine's board.
///
/// # Errors
/// A Linux process has none.
pub fn board(machine: Machine) -> Result<&'static str> {
    match machine {
        Machine::A53 => Ok("qemu_cortex_a53"),
        Machine::M3 => Ok("qemu_cortex_m3"),
        Machine::Linux => anyhow::bail!("a Linux process is no board"),
    }
}

/// The demo's image, the application `tests/zephyr/workload`.
///
/// # Errors
/// It does not build.
pub fn exchange(zephyr: &Zephyr, machine: Machine, role: Role) -> Result<Build> {
    let name = format!("exchange-{}-{role}", machine.name());
    let choice = if role == Role::Host { "-DCONFIG_TEST_HOST=y" } else { "-DCONFIG_TEST_REMOTE=y" };
    Build::open(&build(zephyr, &name, board(machine)?, "tests/zephyr/workload", choice)?)
}

/// The folder of an application's build, up to date.
///
/// # Errors
/// It does not build; the line that tells why, and where the rest is.
pub fn build(zephyr: &Zephyr, name: &str, board: &str, application: &str, setting: &str) -> Result<PathBuf> {
    let cache = zephyr.cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("no folder {}", cache.display()))?;
    let folder = cache.join(name);
    if folder.join("built").is_file() && rebuild(zephyr, &folder).is_ok() {
        return Ok(folder);
    }
    process::check_interrupts()?;
    let mut west = zephyr.west();
    west.args(["build", "-p", "always", "-S", "amp-ivshmem", "-b", board, "-d"]).arg(&folder);
    west.arg(zephyr.checkout().root().join(application)).args(["--", setting]);
    eprintln!("amp: building {application} for {board} ({name}) with west; the first time takes a minute or more");
    finish(&cache, name, run::run(west, BUILD_LIMIT, |_| {}))?;
    fs::write(folder.join("built"), "")?;
    Ok(folder)
}

/// Tries whether the workspace builds anything at all for a machine's board: an application of its own, in the cache.
///
/// # Errors
/// A part that is missing, or no folder for the cache.
pub fn probe(zephyr: &Zephyr, lang_rust: &Path, machine: Machine) -> Result<()> {
    let board = board(machine)?;
    let cache = zephyr.cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("no folder {}", cache.display()))?;
    let (application, settings): (_, &[&str]) = match machine {
        // Without the Zephyr SDK, the sample's allocator has no arena.
        Machine::M3 => (lang_rust.join("samples/hello_world"), &["--", "-DCONFIG_COMMON_LIBC_MALLOC_ARENA_SIZE=4096"]),
        _ => (zephyr.base().join("samples/hello_world"), &[]),
    };
    let mut west = zephyr.bare_west();
    west.args(["build", "-p", "auto", "-b", board, "-d"]).arg(cache.join(format!("probe-{board}")));
    west.arg(&application).args(settings);
    run::run(west, PROBE_LIMIT, |_| {})
        .with_context(|| format!("{zephyr} does not build its own {} for {board}", application.display()))?;
    Ok(())
}

/// The build itself knows what has changed since.
fn rebuild(zephyr: &Zephyr, folder: &Path) -> Result<()> {
    let mut cmake = zephyr.cmake();
    cmake.arg("--build").arg(folder);
    run::run(cmake, REBUILD_LIMIT, |_| {})?;
    Ok(())
}

fn finish(cache: &Path, name: &str, result: Result<Vec<String>>) -> Result<()> {
    result.map(drop).with_context(|| {
        format!("the Zephyr image {name} does not build (west build -d {})", cache.join(name).display())
    })
}

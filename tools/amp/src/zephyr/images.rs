// SPDX-License-Identifier: Apache-2.0
//! Builds Zephyr images of this repository's applications with west. The builds are cached, and rebuilt when their
//! sources change.

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

/// Time limit for building an image. The first image also compiles Zephyr and Rust's `core`.
const BUILD_LIMIT: Duration = Duration::from_secs(900);
/// Time limit for building the image that shows whether the workspace can build Zephyr.
const PROBE_LIMIT: Duration = Duration::from_secs(600);
/// Time limit for CMake to rebuild an image, or to find that nothing has changed.
const REBUILD_LIMIT: Duration = Duration::from_secs(600);

/// Returns Zephyr's name for a machine's board.
///
/// # Errors
/// Returns an error for a Linux process, which has no board.
pub fn board(machine: Machine) -> Result<&'static str> {
    match machine {
        Machine::A53 => Ok("qemu_cortex_a53"),
        Machine::M3 => Ok("qemu_cortex_m3"),
        Machine::Linux => anyhow::bail!("a Linux process is no board"),
    }
}

/// Builds the demo's image from the application `tests/zephyr/workload`.
///
/// # Errors
/// Returns an error if the image does not build.
pub fn exchange(zephyr: &Zephyr, machine: Machine, role: Role) -> Result<Build> {
    let name = format!("exchange-{}-{role}", machine.name());
    let choice = if role == Role::Host { "-DCONFIG_TEST_HOST=y" } else { "-DCONFIG_TEST_REMOTE=y" };
    Build::open(&build(zephyr, &name, board(machine)?, "tests/zephyr/workload", choice)?)
}

/// Builds an application, unless it is up to date. Returns the build folder.
///
/// # Errors
/// Returns an error if the build fails. The error contains the line with the cause, and the path of the full output.
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
    crate::output::show_error(&format!(
        "amp: building {application} for {board} ({name}) with west; the first time takes a minute or more"
    ));
    finish(&cache, name, run::run(west, BUILD_LIMIT, |_| {}))?;
    fs::write(folder.join("built"), "")?;
    Ok(folder)
}

/// Checks that the workspace can build for a machine's board, by building Zephyr's `hello_world` in the cache.
///
/// # Errors
/// Returns an error if the build fails, or if the cache folder cannot be created.
pub fn probe(zephyr: &Zephyr, lang_rust: &Path, machine: Machine) -> Result<()> {
    let board = board(machine)?;
    let cache = zephyr.cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("no folder {}", cache.display()))?;
    let (application, settings): (_, &[&str]) = match machine {
        // Without the Zephyr SDK, the sample's allocator needs an explicit arena size.
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

/// Rebuilds a build folder. The build system detects what has changed.
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

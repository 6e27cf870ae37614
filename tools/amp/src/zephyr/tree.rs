// SPDX-License-Identifier: Apache-2.0
//! Finds a Zephyr tree and west, as Zephyr's own tools do, and checks that required parts exist before they are used.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::find::{Found, ancestor_with, find_west, search};
use super::run;
use crate::checkout::Checkout;
use crate::{cache, process};

/// Time limit for west to list the workspace's projects.
const LIST_LIMIT: Duration = Duration::from_secs(60);
/// The module's name in `zephyr/module.yml`.
const MODULE: &str = "amp-ivshmem";

/// A Zephyr tree in a west workspace, and the west program for it.
#[derive(Clone, Debug)]
pub struct Zephyr {
    base: PathBuf,
    top: PathBuf,
    west: PathBuf,
    found: Found,
    checkout: Checkout,
}

impl fmt::Display for Zephyr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zephyr {} in {} (found by {})", version(&self.base), self.base.display(), self.found)
    }
}

impl Zephyr {
    /// Finds the tree that Zephyr's own tools would use.
    ///
    /// # Errors
    /// Returns an error if there is no tree, or if the tree cannot be used. The error says how to fix the problem.
    pub fn find(checkout: &Checkout) -> Result<Self> {
        let here = std::env::current_dir().context("no current folder")?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let (base, found) = search(std::env::var_os("ZEPHYR_BASE"), &here, home.as_deref(), &cache::workspace()?)?;
        let top = ancestor_with(&base, ".west");
        let top =
            top.with_context(|| format!("{} is in no west workspace: west init -l, then west update", base.display()))?;
        let west = find_west(&top)?;
        Ok(Self { base, top, west, found, checkout: checkout.clone() })
    }

    /// Returns a west command in the workspace, with this checkout as the module.
    pub fn west(&self) -> Command {
        let mut command = self.program(&self.west);
        command.env("ZEPHYR_EXTRA_MODULES", self.modules());
        command
    }

    /// Returns a CMake command in the workspace, with this checkout as the module.
    pub fn cmake(&self) -> Command {
        let mut command = self.program(Path::new("cmake"));
        command.env("ZEPHYR_EXTRA_MODULES", self.modules());
        command
    }

    /// Returns the list of the user's modules and this checkout.
    fn modules(&self) -> String {
        extra_modules(std::env::var_os("ZEPHYR_EXTRA_MODULES"), Some(&self.checkout))
    }

    /// Returns a west command in the workspace, without this checkout.
    pub fn bare_west(&self) -> Command {
        self.program(&self.west)
    }

    /// Returns the folder of the Zephyr tree.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Returns the checkout that Zephyr uses as a module.
    pub const fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    /// Returns a command in the workspace, without this checkout.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = process::guarded(program);
        command.current_dir(&self.top).env("ZEPHYR_BASE", &self.base);
        match extra_modules(std::env::var_os("ZEPHYR_EXTRA_MODULES"), None) {
            // Zephyr would interpret an empty list as the current folder.
            none if none.is_empty() => command.env_remove("ZEPHYR_EXTRA_MODULES"),
            modules => command.env("ZEPHYR_EXTRA_MODULES", modules),
        };
        // If west is in a virtual environment, the environment also contains the other Python packages.
        let folder = self.west.parent().map(Path::to_owned);
        let path = std::env::var_os("PATH").unwrap_or_default();
        if let Ok(path) = std::env::join_paths(folder.into_iter().chain(std::env::split_paths(&path))) {
            command.env("PATH", path);
        }
        command
    }

    /// Returns the folder of zephyr-lang-rust.
    ///
    /// # Errors
    /// Returns an error if zephyr-lang-rust is not in the workspace, if west does not work, or if the workspace
    /// contains a different checkout of this module.
    pub fn lang_rust(&self) -> Result<PathBuf> {
        let mut list = self.bare_west();
        list.args(["list", "-f", "{abspath}"]);
        let said =
            process::output(list, LIST_LIMIT).map_err(|error| run::first_line(error).context("west list fails"))?;
        let projects: Vec<&Path> = said.lines().map(|line| Path::new(line.trim())).collect();
        let root = self.checkout.root();
        let other = projects.iter().find(|path| {
            module_name(path).as_deref() == Some(MODULE) && path.canonicalize().ok().as_deref() != Some(root)
        });
        if let Some(other) = other {
            bail!("the workspace has an amp-ivshmem of its own, {}: start the ./amp there", other.display());
        }
        let found = projects.iter().find(|path| module_name(path).as_deref() == Some("lang-rust"));
        let found = found.context(
            "no zephyr-lang-rust in the workspace: add it to the manifest as west.yml here has it, and west update",
        )?;
        Ok(found.to_path_buf())
    }

    /// Checks that the Rust targets for both boards are installed.
    ///
    /// # Errors
    /// Returns an error if a target is missing.
    pub fn check_targets(&self) -> Result<()> {
        for target in ["thumbv7m-none-eabi", "aarch64-unknown-none", "aarch64-unknown-none-softfloat"] {
            ensure!(
                self.checkout.has_target(target),
                "Rust lacks the target {target}: in {}, rustup target add {target}",
                self.checkout.root().display()
            );
        }
        Ok(())
    }

    /// Returns the cache folder for builds of this checkout in this workspace.
    ///
    /// # Errors
    /// Returns an error if there is no cache folder.
    pub fn cache(&self) -> Result<PathBuf> {
        use std::hash::{DefaultHasher, Hash, Hasher};

        let mut hasher = DefaultHasher::new();
        (&self.base, self.checkout.root()).hash(&mut hasher);
        Ok(cache::folder()?.join(format!("zephyr-{:016x}", hasher.finish())))
    }
}

/// Returns the user's modules, with every checkout of amp-ivshmem replaced by `ours`.
fn extra_modules(given: Option<OsString>, ours: Option<&Checkout>) -> String {
    let given = given.unwrap_or_default().to_string_lossy().into_owned();
    let others =
        given.split(';').filter(|path| !path.is_empty() && module_name(Path::new(path)).as_deref() != Some(MODULE));
    let ours = ours.map(|checkout| checkout.root().to_string_lossy().into_owned());
    others.map(str::to_owned).chain(ours).collect::<Vec<_>>().join(";")
}

/// Returns the name in a module's `zephyr/module.yml`. zephyr-lang-rust and this module have this entry.
fn module_name(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path.join("zephyr/module.yml")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("name:")).map(|name| name.trim().to_owned())
}

/// Returns the version from Zephyr's `VERSION` file, such as `4.0.0`.
fn version(base: &Path) -> String {
    let text = fs::read_to_string(base.join("VERSION")).unwrap_or_default();
    let number = |key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('=')).map_or("?", str::trim)
    };
    ["VERSION_MAJOR", "VERSION_MINOR", "PATCHLEVEL"].map(number).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_three_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let text = "VERSION_MAJOR = 4\nVERSION_MINOR = 0\nPATCHLEVEL = 1\nVERSION_TWEAK = 9\n";
        fs::write(folder.path().join("VERSION"), text).unwrap();
        assert_eq!(version(folder.path()), "4.0.1");
    }

    #[test]
    fn this_checkout_is_the_only_amp_ivshmem() {
        let ours = Checkout::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        let root = ours.root().display().to_string();
        let given = format!("/nowhere/x;{root}");
        assert_eq!(extra_modules(Some(given.clone().into()), None), "/nowhere/x");
        assert_eq!(extra_modules(Some(given.clone().into()), Some(&ours)), given);
        assert_eq!(extra_modules(None, Some(&ours)), root);
    }
}

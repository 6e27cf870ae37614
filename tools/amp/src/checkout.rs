// SPDX-License-Identifier: Apache-2.0
//! Finds a checkout of amp-ivshmem, and runs cargo in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, Running};

/// The environment variable with the path of the checkout. `./amp` sets it.
pub const VARIABLE: &str = "AMP_CHECKOUT";

/// A checkout of amp-ivshmem, from which images are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Finds the checkout that [`VARIABLE`] names. If the variable is not set, searches the current folder and its
    /// parents, and then the folder of this program and its parents.
    ///
    /// # Errors
    /// Returns an error if there is no checkout, or if the variable does not name one.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().ok();
        let program = std::env::current_exe().ok();
        search(std::env::var_os(VARIABLE), here.iter().chain(&program).map(PathBuf::as_path))
    }

    /// Returns the checkout with the root folder `root`.
    ///
    /// # Errors
    /// Returns an error if the folder is not a checkout of amp-ivshmem.
    pub fn at(root: &Path) -> Result<Self> {
        ensure!(is_checkout(root), "{} is no checkout of amp-ivshmem", root.display());
        Ok(Self { root: root.canonicalize()? })
    }

    /// Returns the root folder, without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns a cargo command that runs in the root folder, and is killed when this process exits.
    pub fn cargo(&self) -> Command {
        let mut command = process::guarded("cargo");
        command.current_dir(&self.root);
        command
    }

    /// Sets the target of a cargo command. If the toolchain has no `core` for `target`, as with a distribution's
    /// toolchain, makes cargo build `core` from source.
    pub fn for_guest(&self, command: &mut Command, target: &str) {
        if !self.has_target(target) {
            // Building `core` is an unstable feature, which a release compiler supports only with RUSTC_BOOTSTRAP.
            command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", "core,alloc");
        }
        command.args(["--target", target]);
    }

    /// Returns true if the toolchain includes a compiled `core` for `target`.
    pub fn has_target(&self, target: &str) -> bool {
        self.sysroot().join("lib/rustlib").join(target).join("lib").is_dir()
    }

    /// Returns an error message if the toolchain cannot build for `target`. A build needs a compiled `core` for the
    /// target, or the source of `core`.
    pub fn missing_target(&self, target: &str) -> Option<String> {
        let source = self.sysroot().join("lib/rustlib/src/rust/library/core/Cargo.toml");
        let missing = !self.has_target(target) && !source.is_file();
        missing.then(|| format!("no {target} in this toolchain, nor the source of core (rustup target add {target})"))
    }

    /// Returns the toolchain's folder. Without rustc, the path is empty, and cargo reports the error later.
    fn sysroot(&self) -> &'static Path {
        static SYSROOT: OnceLock<PathBuf> = OnceLock::new();
        SYSROOT.get_or_init(|| {
            let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(&self.root).output();
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().into()).unwrap_or_default()
        })
    }

    /// Runs `cargo build` with `arguments`, and prints what it compiles. Returns the files that it built or found up to
    /// date.
    ///
    /// # Errors
    /// Returns an error if there is no cargo, if a signal interrupts the build, or if the build fails. If the build
    /// fails, cargo's messages have already been printed.
    pub fn build(&self, what: &str, target: Option<&str>, arguments: &[&str]) -> Result<Vec<PathBuf>> {
        let mut command = self.cargo();
        command.arg("build");
        if let Some(target) = target {
            self.for_guest(&mut command, target);
        }
        command.args(arguments).args(["--message-format", "json-render-diagnostics"]);
        let mut announced = false;
        let mut files = Vec::new();
        let mut cargo = Running::spawn(command).context("cargo did not start: start this tool through ./amp")?;
        let status = cargo.lines_until_exit(None, |line, source| match source {
            process::Source::Output => files.extend(artifacts(line)),
            // Skips cargo's last line, so that nothing is printed if everything is up to date.
            process::Source::Errors if line.trim_start().starts_with("Finished ") => {}
            process::Source::Errors => {
                if !announced {
                    crate::output::show_error(&format!("amp: building {what}"));
                    announced = true;
                }
                crate::output::show_error(line);
            }
        })?;
        if !status.is_some_and(|status| status.success()) {
            bail!("{what} did not build: see cargo's lines above");
        }
        Ok(files)
    }
}

/// Returns the checkout that `variable` names, or else the first one found among `places` and their parents.
fn search<'a>(variable: Option<OsString>, places: impl Iterator<Item = &'a Path>) -> Result<Checkout> {
    if let Some(root) = variable.filter(|root| !root.is_empty()) {
        return Checkout::at(Path::new(&root)).with_context(|| format!("{VARIABLE} is wrong: correct or unset it"));
    }
    let mut around = places.flat_map(Path::ancestors);
    let root = around.find(|folder| is_checkout(folder)).with_context(|| {
        format!(
            "this builds images from a checkout of amp-ivshmem, and there is none around the current folder: \
             start ./amp in one, or name it in {VARIABLE}"
        )
    })?;
    Checkout::at(root)
}

/// Returns true if `folder` contains the Zephyr module `amp-ivshmem` and the source of this tool.
fn is_checkout(folder: &Path) -> bool {
    let module = std::fs::read_to_string(folder.join("zephyr/module.yml")).unwrap_or_default();
    module.lines().any(|line| line.trim_end() == "name: amp-ivshmem") && folder.join("tools/amp/Cargo.toml").is_file()
}

/// Returns the file called `name` among the files of a build.
///
/// # Errors
/// Returns an error if the build did not produce the file.
pub fn find(files: &[PathBuf], name: &str) -> Result<PathBuf> {
    let found = files.iter().find(|file| file.file_name() == Some(OsStr::new(name)));
    found.cloned().with_context(|| format!("cargo's build made no {name}: is the checkout complete?"))
}

/// Returns the files that a JSON message from cargo lists, or an empty list for other kinds of message.
fn artifacts(line: &str) -> Vec<PathBuf> {
    let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else { return Vec::new() };
    if message["reason"] != "compiler-artifact" {
        return Vec::new();
    }
    message["filenames"].as_array().into_iter().flatten().filter_map(|file| file.as_str()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_found_in_the_messages_that_have_them() {
        let line = r#"{"reason":"compiler-artifact","filenames":["target/x/guest/exchange-host"],"fresh":true}"#;
        let files = artifacts(line);
        assert_eq!(find(&files, "exchange-host").unwrap(), Path::new("target/x/guest/exchange-host"));
        assert!(find(&files, "exchange-remote").is_err());
        assert!(artifacts(r#"{"reason":"build-finished","success":true}"#).is_empty());
        assert!(artifacts("warning: not JSON").is_empty());
    }

    #[test]
    fn a_checkout_is_named_or_around_a_place() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = own.join("../..").canonicalize().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let found = |variable: Option<&Path>, place: &Path| search(variable.map(Into::into), [place].into_iter());
        assert_eq!(found(None, &own.join("src")).unwrap().root(), root);
        assert_eq!(found(Some(&root), elsewhere.path()).unwrap().root(), root);
        assert!(root.join("rust-toolchain.toml").is_file());
        let error = found(None, elsewhere.path()).unwrap_err().to_string();
        assert!(error.contains("./amp") && error.contains(VARIABLE), "{error}");
        let error = format!("{:#}", found(Some(elsewhere.path()), own).unwrap_err());
        assert!(error.contains(VARIABLE) && error.contains("is no checkout"), "{error}");
    }
}

//! Where the project lies, and cargo on it: which toolchain the guests need, and what a build produced.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::process::{self, Running};

/// The root of the checkout that this tool was built from.
pub fn root() -> &'static Path {
    // Cargo builds this crate anew where the checkout was moved, so the path is of this checkout.
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A cargo command in the project's root, that dies with us.
pub fn cargo() -> Command {
    let mut command = process::guarded("cargo");
    command.current_dir(root());
    command
}

/// Makes a cargo command build `core` itself where the toolchain has none for `target`, as a distribution's has not.
pub fn for_guest(command: &mut Command, target: &str) {
    if !has_target(target) {
        // Building core is unstable; a released compiler does it when told that it is its own bootstrap.
        command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", "core,alloc");
    }
    command.args(["--target", target]);
}

/// Whether the toolchain has `core` compiled for `target`.
pub fn has_target(target: &str) -> bool {
    sysroot().join("lib/rustlib").join(target).join("lib").is_dir()
}

/// Returns why nothing can be built for `target`: the toolchain has neither `core` for it nor the source of `core`.
pub fn missing_target(target: &str) -> Option<String> {
    let source = sysroot().join("lib/rustlib/src/rust/library/core/Cargo.toml");
    let missing = !has_target(target) && !source.is_file();
    missing.then(|| format!("no {target} in this toolchain, nor the source of core (rustup target add {target})"))
}

/// The toolchain's own folder; empty where there is no rustc to ask, which cargo then says better.
fn sysroot() -> &'static Path {
    static SYSROOT: OnceLock<PathBuf> = OnceLock::new();
    SYSROOT.get_or_init(|| {
        let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().into()).unwrap_or_default()
    })
}

/// Runs `cargo build` with `arguments` and shows what it compiles; the files that it made or found up to date.
///
/// # Errors
/// No cargo, an interrupt, or a build that failed (cargo's own lines were shown).
pub fn build(what: &str, target: Option<&str>, arguments: &[&str]) -> Result<Vec<PathBuf>> {
    let mut command = cargo();
    command.arg("build");
    if let Some(target) = target {
        for_guest(&mut command, target);
    }
    command.args(arguments).args(["--message-format", "json-render-diagnostics"]);
    let mut announced = false;
    let mut files = Vec::new();
    let mut cargo = Running::spawn(command).context("cargo did not start: start this tool through ./amp")?;
    let status = cargo.lines_until_exit(None, |line, source| match source {
        process::Source::Output => files.extend(artifacts(line)),
        // Quiet when all is up to date.
        process::Source::Errors if line.trim_start().starts_with("Finished ") => {}
        process::Source::Errors => {
            if !announced {
                eprintln!("amp: building {what}");
                announced = true;
            }
            eprintln!("{line}");
        }
    })?;
    if !status.is_some_and(|status| status.success()) {
        bail!("{what} did not build: see cargo's lines above");
    }
    Ok(files)
}

/// The file called `name` among those of a build.
///
/// # Errors
/// The build made no such file.
pub fn find(files: &[PathBuf], name: &str) -> Result<PathBuf> {
    let found = files.iter().find(|file| file.file_name() == Some(OsStr::new(name)));
    found.cloned().with_context(|| format!("cargo's build made no {name}: is the checkout complete?"))
}

/// The files in one of cargo's JSON messages; none where it is of another kind.
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
    fn the_root_is_the_workspace() {
        assert!(root().join("rust-toolchain.toml").is_file());
    }
}

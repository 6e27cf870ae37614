// SPDX-License-Identifier: Apache-2.0
//! Programs that jobs need but few machines have. Each program is installed from its registry into the cache folder.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use amp::cache;
use amp::process;
use anyhow::Result;

use crate::checkout::checkout;

/// Time limit for building a program from crates.io. It allows for two cores that also do other work.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);
/// Time limit for a download.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
/// Time limit for a query.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// A program with a pinned version, which is installed in a separate folder.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Name of the crate or the Python package, which is also the program's name.
    pub name: &'static str,
    /// The required version.
    pub version: &'static str,
}

/// The reason why a program is not available, or `None` if it is available.
pub type Absent = Option<String>;

impl Program {
    fn folder(&self) -> Result<PathBuf> {
        Ok(cache::folder()?.join(format!("{}-{}", self.name, self.version)))
    }

    /// Returns the path of the installed program. The file may not exist yet.
    ///
    /// # Errors
    /// Returns an error if there is no cache folder.
    pub fn file(&self) -> Result<PathBuf> {
        Ok(self.folder()?.join("bin").join(self.name))
    }

    /// Returns a cargo command that finds this program as a subcommand.
    ///
    /// # Errors
    /// Returns an error if there is no cache folder.
    pub fn cargo(&self) -> Result<Command> {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        if !path.is_empty() {
            path.push(":");
        }
        path.push(OsString::from(self.folder()?.join("bin")));
        let mut cargo = checkout()?.cargo();
        // A query must not install a toolchain.
        cargo.env("PATH", path).env("RUSTUP_AUTO_INSTALL", "0").env("CI", "true");
        Ok(cargo)
    }

    /// Builds the program with `cargo install` unless it is already installed.
    ///
    /// # Errors
    /// Returns an error if the user interrupts the run (Ctrl-C), or if there is no cache folder.
    pub fn by_cargo(&self) -> Result<Absent> {
        if self.file()?.is_file() {
            return Ok(None);
        }
        let Self { name, version } = self;
        let folder = self.folder()?;
        amp::output::show_error(&format!(
            "amp: installing with cargo: {name} {version} in {} (some minutes)",
            folder.display()
        ));
        let mut install = self.cargo()?;
        // Do not use this project's target folder. Retry only once if the registry cannot be reached.
        install.env_remove("CARGO_TARGET_DIR").env("CARGO_NET_RETRY", "1");
        install.args(["install", "--quiet", "--locked", "--version", version, "--root"]).arg(&folder).arg(name);
        absent(install, BUILD_LIMIT, &format!("{name} cannot be installed"), &format!("cargo install {name}"))
    }

    /// Installs the program with pip into a virtual environment, unless it is already installed.
    ///
    /// # Errors
    /// Returns an error if the user interrupts the run (Ctrl-C), or if there is no cache folder.
    pub fn by_pip(&self) -> Result<Absent> {
        if self.file()?.is_file() {
            return Ok(None);
        }
        let Self { name, version } = self;
        let folder = self.folder()?;
        amp::output::show_error(&format!("amp: installing with pip: {name} {version} in {}", folder.display()));
        let mut venv = process::guarded("python3");
        venv.args(["-m", "venv"]).arg(&folder);
        let reason = format!("{name} cannot be installed");
        if let Some(reason) = absent(venv, DOWNLOAD_LIMIT, &reason, "install python3 and python3-venv")? {
            return Ok(Some(reason));
        }
        let mut pip = process::guarded(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--retries", "1"])
            .arg(format!("{name}=={version}"));
        absent(pip, DOWNLOAD_LIMIT, &reason, &format!("pip install {name}=={version}"))
    }
}

/// Installs the toolchain `version` with rustup, unless it is already installed.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
pub fn toolchain(version: &str) -> Result<Absent> {
    let mut question = checkout()?.cargo();
    question.arg(format!("+{version}")).arg("--version").env("RUSTUP_AUTO_INSTALL", "0");
    let answer = process::output(question, ASK_LIMIT);
    process::check_interrupts()?;
    if answer.is_ok() {
        return Ok(None);
    }
    amp::output::show_error(&format!("amp: installing with rustup: Rust {version}"));
    let mut rustup = process::guarded("rustup");
    rustup.args(["toolchain", "install", version, "--no-self-update", "--profile", "minimal"]);
    let remedy = format!("rustup toolchain install {version}");
    absent(rustup, DOWNLOAD_LIMIT, &format!("Rust {version} cannot be installed"), &remedy)
}

/// Runs `command`. If the command fails, returns the most relevant line of its output, and `remedy`.
fn absent(command: Command, limit: Duration, what: &str, remedy: &str) -> Result<Absent> {
    let answer = process::output(command, limit);
    process::check_interrupts()?;
    Ok(answer.err().map(|error| {
        let text = format!("{error:#}");
        let why = text.lines().find(|line| line.to_lowercase().contains("error")).or(text.lines().last());
        format!("{what} ({}); {remedy}", why.unwrap_or_default().trim())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_gives_its_reason_and_the_remedy() {
        let run = |script: &str| {
            let mut command = process::guarded("sh");
            command.args(["-c", script]);
            absent(command, ASK_LIMIT, "no hammer", "buy one").unwrap()
        };
        assert_eq!(run("true"), None);
        let reason = run("echo first >&2; echo 'error: shop closed' >&2; echo last >&2; exit 1").unwrap();
        assert_eq!(reason, "no hammer (error: shop closed); buy one");
        assert!(run("exit 3").unwrap().contains("exit status 3"));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Linters for everything except Rust code: Cargo.lock, Python, shell and C. If a linter's findings depend on its
//! version, the version is pinned, so that all machines report the same findings.

use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

use amp::process;
use anyhow::{Context, Result, bail};

use super::got::{Absent, Program};
use crate::check::Tree;
use crate::checkout::checkout;

const DENY: Program = Program { name: "cargo-deny", version: "0.20.2" };
const RUFF: Program = Program { name: "ruff", version: "0.17.5" };

/// Versions of clang-format that format the C code identically.
const CLANG_FORMATS: RangeInclusive<u32> = 14..=19;
/// Text that marks a generated header. Generated headers keep the generator's layout, and another job tests them.
const GENERATED: &str = "by cbindgen; do not edit.";

/// Time limit for downloading the advisories.
const FETCH_LIMIT: Duration = Duration::from_secs(120);

/// A linter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lint {
    /// Licences, duplicates and sources of all crates. `deny.toml` has the rules.
    Deny,
    /// Known vulnerabilities in all crates. Downloads the RustSec database first.
    Advisories,
    /// Errors in Python files.
    Ruff,
    /// Formatting of Python files.
    RuffFormat,
    /// Errors in shell scripts.
    Shellcheck,
    /// Formatting of C files. `.clang-format` has the rules.
    ClangFormat,
}

/// Returns why the linter cannot run, or `None` if it can. Installs the linter first.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C), or if there is no cache folder.
pub fn missing(lint: Lint) -> Result<Absent> {
    match lint {
        Lint::Deny => DENY.by_cargo(),
        Lint::Advisories => {
            if let Some(reason) = DENY.by_cargo()? {
                return Ok(Some(reason));
            }
            let mut fetch = DENY.cargo()?;
            fetch.args(["deny", "fetch", "db"]);
            let answer = process::output(fetch, FETCH_LIMIT);
            process::check_interrupts()?;
            Ok(answer
                .err()
                .map(|_| "the advisories cannot be fetched: no way to the database of RustSec from here".to_owned()))
        }
        Lint::Ruff | Lint::RuffFormat => RUFF.by_pip(),
        Lint::Shellcheck => {
            let mut question = process::guarded("shellcheck");
            question.arg("--version");
            let answer = process::output(question, FETCH_LIMIT);
            process::check_interrupts()?;
            Ok(answer.err().map(|_| "no shellcheck (install shellcheck)".to_owned()))
        }
        Lint::ClangFormat => {
            let (first, last) = CLANG_FORMATS.into_inner();
            Ok(clang_format()?.is_none().then(|| format!("no clang-format {first} to {last} (install clang-format)")))
        }
    }
}

/// Returns the command that lints the whole tree.
///
/// # Errors
/// Returns an error if there is no cache folder or if there are no files to lint.
pub fn command(lint: Lint) -> Result<Command> {
    let words: &[&str] = match lint {
        Lint::Deny => &["deny", "--offline", "--workspace", "check", "-D", "warnings", "licenses", "bans", "sources"],
        Lint::Advisories => &["deny", "--workspace", "check", "--disable-fetch", "advisories"],
        Lint::Ruff => &["check", "--no-cache"],
        Lint::RuffFormat => &["format", "--check", "--no-cache"],
        Lint::Shellcheck => &[],
        Lint::ClangFormat => &["--dry-run", "-Werror"],
    };
    let mut command = match lint {
        Lint::Deny | Lint::Advisories => DENY.cargo()?,
        Lint::Ruff | Lint::RuffFormat => process::guarded(RUFF.file()?),
        Lint::Shellcheck => process::guarded("shellcheck"),
        Lint::ClangFormat => process::guarded(clang_format()?.context("no clang-format")?),
    };
    command.args(words).current_dir(checkout()?.root());
    let is_linted: fn(&str, &str) -> bool = match lint {
        Lint::Deny | Lint::Advisories => return Ok(command),
        Lint::Ruff | Lint::RuffFormat => |file, _| file.ends_with(".py"),
        Lint::Shellcheck => |file, text| file.ends_with(".sh") || is_shell(text),
        Lint::ClangFormat => |file, text| (file.ends_with(".c") || file.ends_with(".h")) && !text.contains(GENERATED),
    };
    let tree = Tree::list(checkout()?.root(), &[])?;
    let mut found = false;
    for file in tree.files() {
        if tree.text(file)?.is_some_and(|text| is_linted(file, &text)) {
            command.arg(file);
            found = true;
        }
    }
    if !found {
        bail!("no file to lint");
    }
    Ok(command)
}

/// Finds a clang-format with a supported version.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
fn clang_format() -> Result<Option<String>> {
    let numbered = CLANG_FORMATS.rev().map(|version| format!("clang-format-{version}"));
    for name in ["clang-format".to_owned()].into_iter().chain(numbered) {
        let mut question = process::guarded(&name);
        question.arg("--version");
        let answer = process::output(question, FETCH_LIMIT);
        process::check_interrupts()?;
        if answer.is_ok_and(|text| clang_version(&text).is_some_and(|version| CLANG_FORMATS.contains(&version))) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Returns the major version from the output of `clang-format --version`.
fn clang_version(text: &str) -> Option<u32> {
    text.split_once("clang-format version ")?.1.split_once('.')?.0.parse().ok()
}

/// Returns true if `text` starts with a shell's `#!` line. The shell scripts in this repository have no file name
/// extension.
fn is_shell(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!") && [" bash", "/bash", "/sh", " sh"].iter().any(|shell| first.ends_with(shell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_known_by_their_first_line() {
        for (text, shell) in [
            ("#!/usr/bin/env bash\nset -e\n", true),
            ("#!/bin/sh\n", true),
            ("#!/usr/bin/env python3\n", false),
            ("# bash\n", false),
            ("", false),
        ] {
            assert_eq!(is_shell(text), shell, "{text}");
        }
    }

    #[test]
    fn clang_format_says_its_version() {
        for (text, version) in [
            ("Debian clang-format version 19.1.7 (3~deb12u1)", Some(19)),
            ("clang-format version 14.0.6", Some(14)),
            ("clang-format: not found", None),
        ] {
            assert_eq!(clang_version(text), version, "{text}");
        }
    }

    #[test]
    fn the_front_door_is_linted() {
        let command = command(Lint::Shellcheck).unwrap();
        assert!(command.get_args().any(|word| word == "amp"));
    }
}

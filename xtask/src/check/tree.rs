// SPDX-License-Identifier: Apache-2.0
//! The files that git lists in the checkout, and the findings in these files.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The tracked files, and untracked files that git does not ignore.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
    files: BTreeSet<String>,
}

/// A place that violates a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file's path from the root.
    pub file: String,
    /// The line number, starting from 1, or 0 for the whole file.
    pub line: usize,
    /// The cause and the remedy.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

impl Tree {
    /// Lists the files in the checkout at `root`, except for files that match the git pathspecs in `excluded`.
    ///
    /// # Errors
    /// Returns an error if git is missing or if `root` is not a git checkout.
    pub fn list(root: &Path, excluded: &[String]) -> Result<Self> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ":/"]);
        git.args(excluded.iter().map(|glob| format!(":(exclude,glob,top){glob}"))).current_dir(root);
        let output = git.output().context("git did not start: install git")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} is no git checkout: {}", root.display(), error.trim());
        let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8: rename it")?;
        let here = |name: &&str| root.join(name).symlink_metadata().is_ok_and(|data| !data.is_dir());
        let files = names.split('\0').filter(|name| !name.is_empty()).filter(here).map(str::to_owned).collect();
        Ok(Self { root: root.to_owned(), files })
    }

    /// Creates a tree of file names without contents, for tests.
    #[cfg(test)]
    pub fn of(files: &[&str]) -> Self {
        Self { root: PathBuf::new(), files: files.iter().map(|&file| file.to_owned()).collect() }
    }

    /// Returns all files in alphabetical order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Returns true if a file or folder has this path.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || self.files.contains(path) || self.is_folder(&folder)
    }

    fn is_folder(&self, path: &str) -> bool {
        self.files.range(path.to_owned()..).next().is_some_and(|file| file.starts_with(path))
    }

    /// Returns a file's text, or `None` if it is not UTF-8.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn text(&self, file: &str) -> Result<Option<String>> {
        let bytes = fs::read(self.root.join(file)).with_context(|| format!("{file} cannot be read"))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// Replaces a file's text.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn replace(&self, file: &str, text: &str) -> Result<()> {
        fs::write(self.root.join(file), text).with_context(|| format!("{file} cannot be written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_found_by_their_whole_names() {
        let tree = Tree::of(&["docs/index.md", "src/lib.rs"]);
        assert!(["docs", "docs/", "docs/index.md", ""].iter().all(|path| tree.has(path)));
        assert!(!["doc", "docs/index", "docs/index.md/", "src/lib.rs.old"].iter().any(|path| tree.has(path)));
    }
}

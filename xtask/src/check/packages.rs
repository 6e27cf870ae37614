// SPDX-License-Identifier: Apache-2.0
//! Checks that published crates have the metadata that crates.io and docs.rs show, and that their packages contain the
//! licence, the README, and not too many files.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::tree::Finding;
use crate::checkout::checkout;

/// Maximum number of files in a package. The core is the largest package, with about 150 files.
const FILES_MAX: usize = 180;

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Clone, Debug, Deserialize)]
struct Package {
    name: String,
    /// If the list is empty, the crate must not be published.
    publish: Option<Vec<String>>,
    description: Option<String>,
    documentation: Option<String>,
    repository: Option<String>,
    readme: Option<String>,
    license: Option<String>,
    rust_version: Option<String>,
    keywords: Vec<String>,
    categories: Vec<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, Deserialize)]
struct Dependency {
    name: String,
    /// The crate's folder, if it is in this workspace.
    path: Option<String>,
    /// `None` for a normal dependency.
    kind: Option<String>,
}

/// Checks all crates in the workspace that are published.
///
/// # Errors
/// Returns an error if cargo fails, or if no crate is published.
pub fn check() -> Result<Vec<Finding>> {
    let answer = ask(&["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"])?;
    let metadata: Metadata = serde_json::from_str(&answer).context("cargo metadata printed something else")?;
    let published: Vec<&Package> = metadata.packages.iter().filter(|package| package.is_published()).collect();
    ensure!(!published.is_empty(), "no crate of the workspace is to be published");
    let names: BTreeSet<&str> = published.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in published {
        let list = ask(&["package", "--list", "--allow-dirty", "--offline", "-p", &package.name])?;
        let files: Vec<&str> = list.lines().collect();
        let wrong = package.wrong(&names).into_iter().chain(package.wrong_files(&files));
        findings.extend(wrong.map(|what| Finding { file: format!("crate {}", package.name), line: 0, what }));
    }
    Ok(findings)
}

fn ask(words: &[&str]) -> Result<String> {
    let mut cargo = checkout()?.cargo();
    let output = cargo.args(words).output().context("cargo did not start")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {}: {}", words.join(" "), errors.trim());
    String::from_utf8(output.stdout).context("cargo's answer is not UTF-8")
}

impl Package {
    fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    fn wrong(&self, published: &BTreeSet<&str>) -> Vec<String> {
        let fields = [
            ("description", self.description.is_some()),
            ("documentation", self.documentation.is_some()),
            ("repository", self.repository.is_some()),
            ("readme", self.readme.is_some()),
            ("license", self.license.is_some()),
            ("rust-version", self.rust_version.is_some()),
            ("keywords (1 to 5)", (1..=5).contains(&self.keywords.len())),
            ("categories (1 to 5)", (1..=5).contains(&self.categories.len())),
        ];
        let missing =
            fields.into_iter().filter(|(_, there)| !there).map(|(field, _)| format!("no {field} in Cargo.toml"));
        // Tests may use unpublished crates, because cargo omits dev-dependencies that have only a path.
        let private = self.dependencies.iter().filter(|dependency| {
            dependency.path.is_some()
                && dependency.kind.as_deref() != Some("dev")
                && !published.contains(dependency.name.as_str())
        });
        let private = private.map(|dependency| format!("it depends on {}, which is not published", dependency.name));
        missing.chain(private).collect()
    }

    fn wrong_files(&self, files: &[&str]) -> Vec<String> {
        let mut wrong = Vec::new();
        let wanted = ["LICENSE"].into_iter().chain(self.readme.as_deref());
        wrong.extend(
            wanted
                .filter(|file| !files.contains(file))
                .map(|file| format!("{file} is not in the package: see include")),
        );
        if files.len() > FILES_MAX {
            wrong.push(format!(
                "the package has {} files, more than {FILES_MAX}: see include in Cargo.toml",
                files.len()
            ));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{ "name": "a", "publish": null, "description": "", "documentation": "", "repository": "", "readme": "README.md",
        "license": "", "rust_version": "1.88", "keywords": ["k"], "categories": ["c"], "dependencies": [
        {"name": "b", "path": "/b", "kind": null}, {"name": "serde", "kind": null}, {"name": "t", "path": "/t", "kind": "dev"}] }"#;

    #[test]
    fn what_is_missing_is_named() {
        let whole: Package = serde_json::from_str(WHOLE).unwrap();
        let published = BTreeSet::from(["a", "b"]);
        assert!(whole.is_published());
        assert_eq!(whole.wrong(&published), [""; 0]);
        assert_eq!(whole.wrong(&BTreeSet::from(["a"])), ["it depends on b, which is not published"]);
        let bare = Package { readme: None, keywords: Vec::new(), publish: Some(Vec::new()), ..whole };
        assert!(!bare.is_published());
        assert_eq!(bare.wrong(&published), ["no readme in Cargo.toml", "no keywords (1 to 5) in Cargo.toml"]);
    }

    #[test]
    fn a_package_has_its_licence_and_readme_and_is_small() {
        let package: Package = serde_json::from_str(WHOLE).unwrap();
        let fine = ["LICENSE", "README.md", "src/lib.rs"];
        assert_eq!(package.wrong_files(&fine), [""; 0]);
        assert_eq!(package.wrong_files(&fine[1..]), ["LICENSE is not in the package: see include"]);
        assert_eq!(package.wrong_files(&[fine.as_slice(), &["src/x.rs"; FILES_MAX]].concat()).len(), 1);
    }
}

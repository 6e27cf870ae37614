// SPDX-License-Identifier: Apache-2.0
//! Checks that no two files import each other, directly or indirectly.

use std::fs;
use std::path::{Path, PathBuf};

use amp::checkout::Checkout;
use anyhow::{Context, Result, ensure};

use super::graph::{Cycle, Graph};
use super::tree::Finding;
use super::{modules, python};

/// The folders in which the rule applies.
const FOLDERS: [&str; 9] = ["src", "capi", "ports", "tools", "xtask", "benches", "samples", "tests", "fuzz"];

/// Reports import cycles.
///
/// # Errors
/// Returns an error if a source file cannot be read or parsed.
pub fn check(checkout: &Checkout) -> Result<Vec<Finding>> {
    Ok(findings(&imports(checkout)?))
}

/// Returns a finding for each cycle, with the imports in the cycle.
fn findings(graph: &Graph) -> Vec<Finding> {
    let finding = |cycle: &Cycle| Finding {
        file: cycle.first().cloned().unwrap_or_default(),
        line: 0,
        what: format!("an import cycle, remove one of these imports: {}", graph.imports_in(cycle).join(", ")),
    };
    graph.cycles().iter().map(finding).collect()
}

/// Returns the imports between all files in the [`FOLDERS`].
fn imports(checkout: &Checkout) -> Result<Graph> {
    let root = checkout.root();
    let mut graph = Graph::default();
    for file in crate_roots(checkout)? {
        modules::add_crate(&mut graph, root, &file)?;
    }
    python::add_files(&mut graph, root, &files(root, ".py")?)?;
    Ok(graph)
}

/// Returns the root files of all crates: the crates in the workspace, and the applications that only Zephyr's build can
/// resolve.
fn crate_roots(checkout: &Checkout) -> Result<Vec<PathBuf>> {
    let root = checkout.root();
    let mut cargo = checkout.cargo();
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    // The output is a single line, which is too long for the line limit of `process`.
    let said = cargo.output().context("cargo did not start: start this tool through ./amp")?;
    ensure!(said.status.success(), "cargo metadata fails: {}", String::from_utf8_lossy(&said.stderr).trim());
    let metadata: serde_json::Value = serde_json::from_slice(&said.stdout)?;
    let targets =
        metadata["packages"].as_array().into_iter().flatten().flat_map(|package| package["targets"].as_array());
    let mut roots: Vec<PathBuf> = targets
        .flatten()
        .filter_map(|target| target["src_path"].as_str())
        .filter_map(|path| Path::new(path).canonicalize().ok())
        .collect();
    for manifest in files(root, "Cargo.toml")? {
        let source = root.join(manifest).with_file_name("src/lib.rs");
        roots.extend(source.canonicalize());
    }
    roots.sort();
    roots.dedup();
    roots.retain(|file| file.strip_prefix(root).is_ok_and(is_checked));
    Ok(roots)
}

fn is_checked(file: &Path) -> bool {
    FOLDERS.iter().any(|folder| file.starts_with(folder))
}

/// Returns the files in the [`FOLDERS`] whose names end in `end`, as paths from the root. Skips build folders.
fn files(root: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.map(|folder| root.join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("no folder {}", folder.display()))? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type()?.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(end) {
                found.push(path.strip_prefix(root)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::checkout;

    #[test]
    fn cycles_are_reported_with_their_imports() {
        let mut graph = Graph::default();
        graph.add("tools/a.rs", "tools/b.rs");
        assert_eq!(findings(&graph), []);
        graph.add("tools/b.rs", "tools/a.rs");
        let found = findings(&graph);
        assert!(found[0].what.ends_with(": tools/a.rs -> tools/b.rs, tools/b.rs -> tools/a.rs"), "{found:?}");
        graph.add("tools/b.rs", "tools/c.rs");
        graph.add("tools/c.rs", "tools/a.rs");
        assert_eq!(findings(&graph).len(), 1, "one cycle of three files");
    }

    #[test]
    fn all_crates_are_read() {
        let checkout = checkout().unwrap();
        let graph = imports(checkout).unwrap();
        assert!(graph.len() > 100, "{}", graph.len());
        let roots = crate_roots(checkout).unwrap();
        for root in ["src/lib.rs", "tools/amp/src/lib.rs", "xtask/src/main.rs", "samples/rpmsg_echo/src/lib.rs"] {
            assert!(roots.contains(&checkout.root().join(root)), "{root}");
        }
    }
}

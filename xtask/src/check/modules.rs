// SPDX-License-Identifier: Apache-2.0
//! Finds the modules in a Rust crate, their files, and the imports between these files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::graph::Graph;
use super::imports::{Contents, Use};

/// Maximum number of re-exports to follow for a name.
const REEXPORTS: usize = 16;

type ModulePath = Vec<String>;

struct Module {
    file: String,
    uses: Vec<Use>,
    paths: Vec<Vec<String>>,
}

/// All modules in one crate.
struct Modules<'r> {
    root: &'r Path,
    modules: BTreeMap<ModulePath, Module>,
}

/// Adds the imports between the files of the crate whose root file is `file`. Paths are relative to `root`.
///
/// # Errors
/// Returns an error if a file is missing or cannot be parsed.
pub fn add_crate(graph: &mut Graph, root: &Path, file: &Path) -> Result<()> {
    let mut all = Modules { root, modules: BTreeMap::new() };
    let folder = file.parent().context("a crate without a folder")?;
    all.load(file, folder, Vec::new())?;
    for (path, module) in &all.modules {
        let used = module.uses.iter().map(|(used, _)| used).chain(&module.paths);
        for target in used.filter_map(|used| all.resolve(path, used, REEXPORTS)) {
            graph.add(&module.file, &target.file);
        }
    }
    Ok(())
}

impl Modules<'_> {
    /// Loads `file` as the module `path`. Its child modules are in `folder`.
    fn load(&mut self, file: &Path, folder: &Path, path: ModulePath) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| format!("no file {}", file.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("{} cannot be parsed", file.display()))?;
        self.insert(Contents::of(&parsed.items), file, folder, path)
    }

    fn insert(&mut self, contents: Contents, file: &Path, folder: &Path, path: ModulePath) -> Result<()> {
        let Contents { uses, paths, children, inline } = contents;
        for child in children {
            let inside = folder.join(&child.name);
            let file = match child.path {
                Some(path) => file.parent().unwrap_or(folder).join(path),
                None => {
                    let flat = folder.join(format!("{}.rs", child.name));
                    if flat.is_file() { flat } else { inside.join("mod.rs") }
                }
            };
            self.load(&file, &inside, [&path[..], &[child.name]].concat())?;
        }
        for (name, contents) in inline {
            self.insert(contents, file, &folder.join(&name), [&path[..], &[name]].concat())?;
        }
        let file = relative(self.root, file)?;
        self.modules.insert(path, Module { file, uses, paths });
        Ok(())
    }

    /// Returns the module that the path `used` refers to in module `here`, or `None` if that module is outside the
    /// crate.
    fn resolve(&self, here: &[String], used: &[String], budget: usize) -> Option<&Module> {
        let (mut at, mut rest): (ModulePath, _) = match used.first()?.as_str() {
            "crate" => (Vec::new(), &used[1..]),
            "self" => (here.to_vec(), &used[1..]),
            "super" => (here.to_vec(), used),
            first if self.child(here, first).is_some() => (here.to_vec(), used),
            _ => return None,
        };
        while rest.first().is_some_and(|first| first == "super") {
            at.pop()?;
            rest = &rest[1..];
        }
        for (index, name) in rest.iter().enumerate() {
            match self.child(&at, name) {
                Some(child) => at = child,
                None => {
                    let module = self.modules.get(&at)?;
                    let import = module.uses.iter().find(|(_, brought)| brought.as_ref() == Some(name));
                    return match import {
                        Some((path, _)) if budget > 0 => {
                            self.resolve(&at, &[path, &rest[index + 1..]].concat(), budget - 1)
                        }
                        _ => Some(module),
                    };
                }
            }
        }
        self.modules.get(&at)
    }

    fn child(&self, at: &[String], name: &str) -> Option<ModulePath> {
        let path = [at, &[name.to_owned()]].concat();
        self.modules.contains_key(&path).then_some(path)
    }
}

/// Returns the path of `file` relative to `root`, without any `..`.
fn relative(root: &Path, file: &Path) -> Result<String> {
    let whole: PathBuf = file.canonicalize()?;
    let inside = whole.strip_prefix(root).with_context(|| format!("{} is outside the checkout", file.display()))?;
    Ok(inside.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> Graph {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for (name, text) in files {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), text).unwrap();
        }
        let mut graph = Graph::default();
        add_crate(&mut graph, &root, &root.join("lib.rs")).unwrap();
        graph
    }

    fn cycles(files: &[(&str, &str)]) -> Vec<String> {
        let joined = |cycle: &super::super::graph::Cycle| cycle.iter().cloned().collect::<Vec<_>>().join(" ");
        graph(files).cycles().iter().map(joined).collect()
    }

    #[test]
    fn a_made_up_cycle_is_found_through_uses_paths_and_reexports() {
        let lib = ("lib.rs", "mod a; pub mod b; mod c;");
        let a = ("a/mod.rs", "mod inner; pub use inner::Inner; pub struct A;");
        let inner = ("a/inner.rs", "use crate::b::{self, B}; pub struct Inner;");
        assert_eq!(cycles(&[lib, a, inner, ("b.rs", "pub struct B;"), ("c.rs", "")]), [""; 0]);
        // A `use` of a re-exported name. The cycle includes the file that defines the name.
        let b = ("b.rs", "use super::a::Inner; pub struct B;");
        assert_eq!(cycles(&[lib, a, inner, b, ("c.rs", "")]), ["a/inner.rs b.rs"]);
        // A path in a signature.
        let b = ("b.rs", "pub fn b(_: crate::c::C) {} pub struct B;");
        let c = ("c.rs", "impl C { fn c() { crate::b::b(C) } } pub struct C;");
        assert_eq!(cycles(&[lib, a, inner, b, c]), ["b.rs c.rs"]);
    }

    #[test]
    fn modules_are_found_where_rustc_finds_them() {
        let lib = ("lib.rs", "mod a { mod deep; } #[path = \"odd_name.rs\"] mod b; use std::fmt;");
        let deep = ("a/deep.rs", "use super::super::b::B;");
        let b = ("odd_name.rs", "#[cfg(test)] mod tests { use super::*; } pub struct B;");
        let found = graph(&[lib, deep, b]);
        let mut expected = Graph::default();
        expected.add("a/deep.rs", "odd_name.rs");
        assert_eq!(found, expected);
    }
}

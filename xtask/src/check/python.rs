// SPDX-License-Identifier: Apache-2.0
//! Finds the imports between Python files in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::graph::Graph;

/// Adds the imports between `files`. Python files import other files in the same folder by name.
///
/// # Errors
/// Returns an error if a file cannot be read.
pub fn add_files(graph: &mut Graph, root: &Path, files: &[PathBuf]) -> Result<()> {
    for file in files {
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("no file {}", file.display()))?;
        for module in text.lines().flat_map(modules) {
            let imported = file.with_file_name(format!("{module}.py"));
            if files.contains(&imported) {
                graph.add(&file.to_string_lossy(), &imported.to_string_lossy());
            }
        }
    }
    Ok(())
}

/// Returns the modules that `line` imports.
fn modules(line: &str) -> Vec<&str> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("from ") {
        return rest.trim().trim_start_matches('.').split(['.', ' ']).next().into_iter().collect();
    }
    let Some(rest) = line.strip_prefix("import ") else { return Vec::new() };
    rest.split(',').filter_map(|path| path.trim().split(['.', ' ']).next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_cycle_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a.py", "b.py", "c.py"].map(PathBuf::from);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("a.py", "import os, b as other\n");
        write("b.py", "def late():\n    from c import d\n");
        write("c.py", "# import a\n");
        let cycles = || {
            let mut graph = Graph::default();
            add_files(&mut graph, folder.path(), &files).unwrap();
            graph.cycles()
        };
        assert!(cycles().is_empty());
        write("c.py", "from a import x\n");
        assert_eq!(cycles(), [["a.py", "b.py", "c.py"].map(str::to_owned).into()]);
    }
}

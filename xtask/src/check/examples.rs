// SPDX-License-Identifier: Apache-2.0
//! Programs that a page of the docs prints are files that are built: the page and the file have the same lines.

use anyhow::Result;

use super::tree::{Finding, Tree};

/// Starts the line above a printed program; the file's path follows.
const MARK: &str = "<!-- printed from ";
/// The most lines of a printed program, so that a page stays readable.
const MOST: usize = 30;

/// Checks all pages.
///
/// # Errors
/// Returns an error if a file cannot be read.
pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for page in tree.files().filter(|file| file.ends_with(".md")) {
        let text = tree.text(page)?.unwrap_or_default();
        for (number, path, block) in printed(&text) {
            let what = match tree.text(path)? {
                None => format!("{path} does not exist: correct the path in this comment"),
                Some(file) if !contains(&file, &block) => {
                    format!("the program below differs from {path}: copy the file's lines into the page")
                }
                Some(_) if block.len() > MOST => {
                    format!("the program below has {} lines: shorten it to {MOST}", block.len())
                }
                Some(_) => continue,
            };
            findings.push(Finding { file: page.to_owned(), line: number, what });
        }
    }
    Ok(findings)
}

/// Returns the marked programs of a page: the line number of the mark, the path, and the program's lines.
fn printed(page: &str) -> Vec<(usize, &str, Vec<&str>)> {
    let lines: Vec<&str> = page.lines().collect();
    let marks = lines.iter().enumerate().filter_map(|(index, line)| Some((index, line.strip_prefix(MARK)?)));
    marks
        .map(|(index, rest)| {
            let path = rest.split(" -->").next().unwrap_or(rest);
            let block = lines.iter().skip(index + 1).skip_while(|line| !line.starts_with("```")).skip(1);
            (index + 1, path, block.take_while(|line| !line.starts_with("```")).copied().collect())
        })
        .collect()
}

/// Returns true if `file` has the lines of `block` one after the other, whatever their indentation. Attributes of the whole
/// crate may stand elsewhere in the file.
fn contains(file: &str, block: &[&str]) -> bool {
    let block: Vec<&str> =
        block.iter().map(|line| line.trim()).skip_while(|line| line.is_empty() || line.starts_with("#![")).collect();
    let file: Vec<&str> = file.lines().map(str::trim).collect();
    !block.is_empty() && file.windows(block.len()).any(|lines| lines == block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_indented_and_a_changed_line_is_not() {
        let page =
            "x\n<!-- printed from a/b.rs -->\n\n```rust\n#![no_std]\nuse a;\n\nfn b() {\n    c();\n}\n```\nend\n";
        let [(line, path, block)] = &printed(page)[..] else { panic!("one program") };
        assert_eq!((*line, *path, block.len()), (2, "a/b.rs", 6));
        assert!(contains("mod m {\n    use a;\n\n    fn b() {\n        c();\n    }\n}\n", block));
        assert!(!contains("use a;\n\nfn b() {\n    d();\n}\n", block));
        assert!(!contains("anything", &[]));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Checks that programs printed in the docs match the files that are built. The page and the file must have the same
//! lines.

use anyhow::Result;

use super::tree::{Finding, Tree};

/// Start of the line above a program listing. The rest of the line is the file's path.
const MARK: &str = "<!-- printed from ";
/// Maximum number of lines in a program listing, so that the page stays readable.
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

/// Returns the marked programs on a page, each with the mark's line number, the file's path, and the program's lines.
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

/// Returns true if `file` contains the lines of `block` in sequence. Ignores indentation. Also ignores crate-level
/// attributes, because they may be elsewhere in the file.
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

// SPDX-License-Identifier: Apache-2.0
//! Checks that the placeholder for this repository's address occurs in only one file, so that a single edit replaces
//! it.

use anyhow::Result;

use super::tree::{Finding, Tree};

/// The only file that may contain the placeholder.
const PLACE: &str = "Cargo.toml";
/// The placeholder is split in two, so that this file does not contain it.
const PLACEHOLDER: &str = concat!("URL-OF-", "THIS-REPOSITORY");

/// Checks all files.
///
/// # Errors
/// Returns an error if a file cannot be read.
pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.files().filter(|&file| file != PLACE) {
        let text = tree.text(file)?.unwrap_or_default();
        findings.extend(wrong(&text).map(|line| Finding {
            file: file.to_owned(),
            line,
            what: format!("{PLACEHOLDER} stands in {PLACE} only: write <repository> here"),
        }));
    }
    Ok(findings)
}

fn wrong(text: &str) -> impl Iterator<Item = usize> {
    text.lines().enumerate().filter(|(_, line)| line.contains(PLACEHOLDER)).map(|(number, _)| number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholder_is_found_with_its_line() {
        let text = format!("a\nurl: {PLACEHOLDER}\n<repository>\n");
        assert_eq!(wrong(&text).collect::<Vec<_>>(), [2]);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Generates a crate's header with cbindgen, and compares it with the committed file. If AMP_WRITE_HEADER is set in the
//! environment, writes the file first.

use std::path::Path;
use std::{env, fs};

/// Checks that `file` matches the header generated from the crate in `folder`.
pub fn check(folder: &str, file: &str) {
    let folder = Path::new(folder);
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let mut text = Vec::new();
    cbindgen::generate_with_config(folder, config).unwrap().write(&mut text);
    let text = with_tabs(&str::from_utf8(&text).unwrap().replace("# Safety", "Contract:"));
    let long = text.lines().find(|line| line.replace('\t', "        ").len() > 100);
    assert_eq!(long, None, "a line has more than 100 columns");

    let file = folder.join(file);
    if env::var_os("AMP_WRITE_HEADER").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let is = fs::read_to_string(&file).unwrap_or_default();
    assert!(is == text, "{} is out of date: AMP_WRITE_HEADER=1 cargo test --test header", file.display());
}

/// Indents with tabs, as the Linux kernel style requires.
fn with_tabs(text: &str) -> String {
    let line = |line: &str| {
        let code = line.trim_start_matches(' ');
        let spaces = line.len() - code.len();
        "\t".repeat(spaces / 8) + &" ".repeat(spaces % 8) + code + "\n"
    };
    text.lines().map(line).collect()
}

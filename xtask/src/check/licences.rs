// SPDX-License-Identifier: Apache-2.0
//! Checks that each file states its licence near the top, that files in its folder must have this licence, and that the
//! licence text is in `LICENSES/`.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::tree::{Finding, Tree};

/// Name of the file that lists the files without a licence line. The REUSE specification defines the file's format.
const ANNOTATIONS: &str = "REUSE.toml";
/// Number of lines at the top of a file that may contain the licence line.
const LINES: usize = 6;
// The tag is split in two, so that this line does not state a licence for this file.
const TAG: &str = concat!("SPDX-License-", "Identifier:");

const APACHE: &str = "Apache-2.0";
const GPL: &str = "GPL-2.0-or-later";
/// Folders with code that is loaded into QEMU.
const IN_QEMU: [&str; 2] = ["tools/qemu-flat/", "tools/qemu-count/"];

#[derive(Deserialize)]
struct Reuse {
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    path: Vec<String>,
    #[serde(rename = "SPDX-License-Identifier")]
    licence: Option<String>,
}

/// Returns globs that match the files that need no licence line.
///
/// # Errors
/// Returns an error if `REUSE.toml` is missing or invalid.
pub fn without_line(root: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join(ANNOTATIONS)).context("REUSE.toml cannot be read")?;
    let reuse: Reuse = toml::from_str(&text).context("REUSE.toml")?;
    Ok(reuse.annotations.into_iter().filter(|part| part.licence.is_some()).flat_map(|part| part.path).collect())
}

/// Checks the files in `tree`, each of which needs a licence line. With `fix`, adds missing lines.
///
/// # Errors
/// Returns an error if a file cannot be read or written.
pub fn check(tree: &Tree, fix: bool) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for licence in [APACHE, GPL] {
        let file = format!("LICENSES/{licence}.txt");
        if !tree.has(&file) {
            findings.push(Finding { file, line: 0, what: format!("the text of {licence} is missing") });
        }
    }
    for file in tree.files().filter(|file| !is_text_of_licence(file)) {
        let Some(text) = tree.text(file)? else { continue };
        let Some(what) = wrong(file, &text) else { continue };
        match with_line(file, &text) {
            Some(text) if fix => tree.replace(file, &text)?,
            _ => findings.push(Finding { file: file.to_owned(), line: 0, what }),
        }
    }
    Ok(findings)
}

fn is_text_of_licence(file: &str) -> bool {
    file.starts_with("LICENSES/") || file.rsplit('/').next() == Some("LICENSE")
}

fn expected(file: &str) -> &'static str {
    if IN_QEMU.iter().any(|folder| file.starts_with(folder)) { GPL } else { APACHE }
}

fn named(text: &str) -> Option<&str> {
    text.lines().take(LINES).find_map(|line| line.split_once(TAG)?.1.split_whitespace().next())
}

fn wrong(file: &str, text: &str) -> Option<String> {
    let expected = expected(file);
    match named(text) {
        Some(found) if found == expected => None,
        Some(found) => Some(format!("names the licence {found}, but in this folder it is {expected}")),
        None => Some(format!("no '{TAG} {expected}' in its first {LINES} lines: ./amp check licences --fix adds it")),
    }
}

/// Returns `text` with a licence line added at the top, or below the `#!` line if there is one. Returns `None` if the
/// file already has a licence line or if its comment syntax is unknown.
fn with_line(file: &str, text: &str) -> Option<String> {
    if named(text).is_some() {
        return None;
    }
    let line = comment(file, &format!("{TAG} {}", expected(file)))?;
    let (interpreter, rest) = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("#!/") => (format!("{first}\n"), rest),
        _ => (String::new(), text),
    };
    Some(format!("{interpreter}{line}\n{rest}"))
}

/// Returns `words` as a comment in the syntax for this type of file.
fn comment(file: &str, words: &str) -> Option<String> {
    let name = file.rsplit('/').next()?;
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    Some(match ending {
        "rs" => format!("// {words}"),
        "c" | "h" | "overlay" | "dts" | "dtsi" | "ld" | "x" => format!("/* {words} */"),
        "toml" | "yaml" | "yml" | "conf" | "cmake" | "py" | "sh" | "ini" => format!("# {words}"),
        "gitignore" | "clang-format" => format!("# {words}"),
        _ if name == "CMakeLists.txt" || name == "vendor-prefixes.txt" || name == "requirements.txt" => {
            format!("# {words}")
        }
        _ if name.starts_with("Kconfig") || ["amp", "run", "CODEOWNERS"].contains(&name) => format!("# {words}"),
        _ => return None,
    })
}

// The licence names in the tests do not apply to this file. REUSE-IgnoreStart
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_a_late_and_a_wrong_line_are_found() {
        let late = format!("{}// {TAG} {APACHE}\n", "\n".repeat(LINES));
        for (file, text, fine) in [
            ("src/lib.rs", "// SPDX-License-Identifier: Apache-2.0\n//! A crate.\n", true),
            ("ports/a.c", "/* A driver. */\n/* SPDX-License-Identifier: Apache-2.0 */\n", true),
            ("tools/qemu-flat/src/lib.rs", "// SPDX-License-Identifier: GPL-2.0-or-later\n", true),
            ("src/lib.rs", "//! A crate.\n", false),
            ("src/lib.rs", &late, false),
            ("src/lib.rs", "// SPDX-License-Identifier: GPL-2.0-or-later\n", false),
            ("tools/qemu-count/src/lib.rs", "// SPDX-License-Identifier: Apache-2.0\n", false),
        ] {
            assert_eq!(wrong(file, text).is_none(), fine, "{file}: {text}");
        }
    }

    #[test]
    fn the_line_is_added_in_the_files_language_and_once() {
        for (file, before, after) in [
            ("a.rs", "//! A.\n", "// SPDX-License-Identifier: Apache-2.0\n//! A.\n"),
            ("a.ld", "SECTIONS\n", "/* SPDX-License-Identifier: Apache-2.0 */\nSECTIONS\n"),
            (
                "amp",
                "#!/usr/bin/env bash\n# A.\n",
                "#!/usr/bin/env bash\n# SPDX-License-Identifier: Apache-2.0\n# A.\n",
            ),
            ("b/Kconfig.qemu", "", "# SPDX-License-Identifier: Apache-2.0\n"),
            ("tools/qemu-flat/a.rs", "", "// SPDX-License-Identifier: GPL-2.0-or-later\n"),
        ] {
            let added = with_line(file, before).unwrap();
            assert_eq!(added, after);
            assert!(wrong(file, &added).is_none());
            assert_eq!(with_line(file, &added), None);
        }
        assert_eq!(with_line("picture.svg", "<svg/>"), None, "a file in no known language is the author's to mark");
    }
}
// REUSE-IgnoreEnd

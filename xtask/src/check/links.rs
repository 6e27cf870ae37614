// SPDX-License-Identifier: Apache-2.0
//! Checks that the files, headings and paths that the docs refer to exist. Does not follow links to other sites.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::tree::{Finding, Tree};

/// Checks all Markdown and reStructuredText files.
///
/// # Errors
/// Returns an error if a file cannot be read.
pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut pages = BTreeMap::new();
    for file in tree.files().filter(|file| file.ends_with(".md") || file.ends_with(".rst")) {
        let text = tree.text(file)?.unwrap_or_default();
        pages.insert(file, if file.ends_with(".md") { markdown(&text) } else { restructured(&text) });
    }
    let mut findings = Vec::new();
    for (file, page) in &pages {
        for (line, target) in &page.targets {
            if let Some(what) = broken(tree, &pages, file, target) {
                findings.push(Finding { file: (*file).to_owned(), line: *line, what });
            }
        }
        for (line, path) in &page.paths {
            if is_broken_path(tree, path) {
                let what = format!("`{path}` does not exist");
                findings.push(Finding { file: (*file).to_owned(), line: *line, what });
            }
        }
    }
    Ok(findings)
}

/// The headings and references on a page, with line numbers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    anchors: BTreeSet<String>,
    targets: Vec<(usize, String)>,
    paths: Vec<(usize, String)>,
}

fn markdown(text: &str) -> Page {
    let mut page = Page::default();
    let mut heading: Option<String> = None;
    let mut is_others = false;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let line = text[..range.start].matches('\n').count() + 1;
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                if let Some(heading) = heading.take() {
                    page.add_anchor(&heading);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.targets.push((line, dest_url.into_string()));
            }
            Event::Text(words) => {
                heading.iter_mut().for_each(|heading| heading.push_str(&words));
                is_others = names_owner(&words);
            }
            Event::Code(words) => {
                heading.iter_mut().for_each(|heading| heading.push_str(&words));
                if !std::mem::take(&mut is_others) {
                    page.paths.push((line, words.into_string()));
                }
            }
            // There may be a line break between the owner's name and the path.
            Event::SoftBreak => {}
            _ => is_others = false,
        }
    }
    page
}

/// Returns true if a path after these words belongs to another project, for example after "QEMU's" or "Zephyr's".
fn names_owner(words: &str) -> bool {
    words.trim_end().ends_with("'s")
}

/// Returns the targets of `` `text <target>`_ `` links and the contents of literal spans. Sphinx checks the other
/// links.
fn restructured(text: &str) -> Page {
    let mut page = Page::default();
    for (number, line) in text.lines().enumerate() {
        for span in line.split("`_").filter_map(|part| part.rsplit_once('`')).map(|(_, span)| span) {
            if let Some((_, target)) = span.strip_suffix('>').and_then(|span| span.rsplit_once('<')) {
                page.targets.push((number + 1, target.to_owned()));
            }
        }
        let spans = line.split("``").skip(1).step_by(2);
        page.paths.extend(spans.map(|span| (number + 1, span.to_owned())));
    }
    page
}

impl Page {
    /// Adds GitHub's anchor for a heading. If a heading is repeated, GitHub appends a number to its anchor.
    fn add_anchor(&mut self, heading: &str) {
        let lower = heading.trim().to_lowercase();
        let kept = lower.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        let anchor: String = kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        let repeated = (1..).map(|number| format!("{anchor}-{number}"));
        let anchor = [anchor.clone()].into_iter().chain(repeated).find(|anchor| !self.anchors.contains(anchor));
        self.anchors.extend(anchor);
    }
}

fn broken(tree: &Tree, pages: &BTreeMap<&str, Page>, file: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let Some(place) = resolve(file, path) else { return Some(format!("the link {target} leaves the repository")) };
    if !tree.has(&place) {
        return Some(format!("the link {target} leads nowhere: there is no {place}"));
    }
    let page = pages.get(place.as_str())?;
    let missing = !anchor.is_empty() && place.ends_with(".md") && !page.anchors.contains(anchor);
    missing.then(|| format!("the link {target} leads nowhere: {place} has no heading #{anchor}"))
}

/// Converts `path` in `file` to a path from the root. Returns `None` if the path leads outside the root.
fn resolve(file: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(file.to_owned());
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Folder names that may refer to something else: cargo's output folder, or a folder in Zephyr's tree.
const AMBIGUOUS: [&str; 2] = ["target", "zephyr"];

/// Returns true if `span` is clearly a path, but nothing exists at this path. A path begins with a folder of this
/// repository, and contains neither spaces nor placeholders.
fn is_broken_path(tree: &Tree, span: &str) -> bool {
    let path = span.strip_prefix("./").unwrap_or(span);
    let path = path.strip_prefix("amp-ivshmem/").unwrap_or(path);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-,".contains(letter);
    let Some((first, rest)) = path.split_once('/') else { return false };
    let begins_here = !first.is_empty()
        && !AMBIGUOUS.contains(&first)
        && tree.files().any(|file| file.starts_with(&path[..=first.len()]));
    begins_here && !rest.is_empty() && path.chars().all(plain) && !tree.has(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_that_github_makes() {
        let page = markdown("# A `word`, and (more)\n\n## Same\n\n## Same\n\n```\n# no heading\n```\n");
        assert_eq!(page.anchors.iter().map(String::as_str).collect::<Vec<_>>(), ["a-word-and-more", "same", "same-1"]);
    }

    #[test]
    fn links_are_found_with_their_lines() {
        let page = markdown("QEMU's `docs/x` and\nZephyr's\n`tests/x`\n");
        assert_eq!(page.paths, []);
        let page = markdown("one\n\n[a](b.md#c) and\n![d](e.svg)\n\n| [f](g) |\n|---|\n| `src/x` |\n");
        assert_eq!(page.targets, [(3, "b.md#c".into()), (4, "e.svg".into()), (6, "g".into())]);
        assert_eq!(page.paths, [(8, "src/x".into())]);
        let page = restructured("See `the docs <../docs/a.md>`_, ``tests/b`` and :ref:`c <d>`.\n");
        assert_eq!((page.targets, page.paths), (vec![(1, "../docs/a.md".into())], vec![(1, "tests/b".into())]));
    }

    #[test]
    fn broken_links_and_paths_are_told_from_good_ones() {
        let tree = Tree::of(&["README.md", "docs/a.md", "docs/b.md", "src/mem/mod.rs"]);
        let pages = BTreeMap::from([("docs/a.md", markdown("# Top")), ("docs/b.md", markdown("# Below"))]);
        let is_broken = |target| broken(&tree, &pages, "docs/a.md", target).is_some();
        for good in ["#top", "b.md#below", "b.md", "../README.md", "../src/mem", "https://example.org/a", "../docs/"] {
            assert!(!is_broken(good), "{good}");
        }
        for bad in ["#below", "b.md#top", "c.md", "../../outside", "../src/mem/copy"] {
            assert!(is_broken(bad), "{bad}");
        }
        for good in ["src/mem", "./src/mem", "src/", "and/or", "src/*.rs", "src/NAME <x>", "docs/a.md"] {
            assert!(!is_broken_path(&tree, good), "{good}");
        }
        assert!(is_broken_path(&tree, "src/memory") && is_broken_path(&tree, "./docs/c.md"));
    }
}

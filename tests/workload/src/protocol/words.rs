// SPDX-License-Identifier: Apache-2.0
//! Functions to write and parse the words of a line.

use core::fmt::Write;
use core::str::SplitAsciiWhitespace;

use crate::console::Line;

/// Writes ` key=value` for each pair.
pub fn fields<'c, W: Write>(mut line: Line<'c, W>, keys: &[&str], values: &[u32]) -> Line<'c, W> {
    for (key, &value) in keys.iter().zip(values) {
        line = line.text(" ").text(key).text("=").number(value);
    }
    line
}

/// Returns the words after `keyword`, or `None` if the line starts with a different word.
pub fn words<'l>(line: &'l str, keyword: &str) -> Option<SplitAsciiWhitespace<'l>> {
    let mut words = line.split_ascii_whitespace();
    (words.next()? == keyword).then_some(words)
}

/// Parses the values of these keys. Returns `None` if the words do not consist of exactly these keys in this order.
pub fn numbers<const N: usize>(mut words: SplitAsciiWhitespace<'_>, keys: [&str; N]) -> Option<[u32; N]> {
    let mut values = [0; N];
    for (value, key) in values.iter_mut().zip(keys) {
        *value = words.next()?.strip_prefix(key)?.strip_prefix('=')?.parse().ok()?;
    }
    words.next().is_none().then_some(values)
}

// SPDX-License-Identifier: Apache-2.0
//! The Twister scenarios in this repository's YAML files, and the selection that runs by default.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The folders that contain scenarios, relative to the repository's root.
pub const ROOTS: [&str; 2] = ["samples", "tests/zephyr"];
/// Device pairs that a scenario's name can end with. The first device is on the board under test, and the second is the
/// peer's device.
const PAIRS: [&str; 4] = ["pci_pci", "pci_flat", "flat_pci", "flat_flat"];

/// Returns all scenarios in alphabetical order.
///
/// # Errors
/// Returns an error if a folder cannot be read.
pub fn all(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for folder in ROOTS {
        let place = root.join(folder);
        for entry in fs::read_dir(&place).with_context(|| format!("no folder {}", place.display()))?.flatten() {
            for file in ["sample.yaml", "testcase.yaml"] {
                let Ok(text) = fs::read_to_string(entry.path().join(file)) else { continue };
                names.extend(names_in(&text).map(str::to_owned));
            }
        }
    }
    Ok(names)
}

/// Returns the keys under `tests:`.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let below = text.lines().skip_while(|line| line.trim_end() != "tests:").skip(1);
    let below = below.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    below.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':').filter(|name| !name.starts_with([' ', '#'])))
}

/// Returns the scenarios that run by default. If an application has scenarios for several device pairs, only `pci_flat`
/// runs, because it covers both boards and both drivers. Scenarios without a device pair always run.
pub fn by_default(all: &BTreeSet<String>) -> BTreeSet<String> {
    let left_out = |name: &str| {
        let Some((stem, pair)) = name.rsplit_once('.') else { return false };
        pair != "pci_flat" && PAIRS.contains(&pair) && all.contains(&format!("{stem}.pci_flat"))
    };
    all.iter().filter(|name| !left_out(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::checkout;

    #[test]
    fn scenarios_are_the_keys_below_tests() {
        let text = "common:\n  tags: x\ntests:\n  # a comment:\n  a.b.pci_flat:\n    extra_args:\n      - X=y\n  a.b.flat_pci:\nsample:\n  name:\n";
        assert_eq!(names_in(text).collect::<Vec<_>>(), ["a.b.pci_flat", "a.b.flat_pci"]);
    }

    #[test]
    fn every_application_is_run_by_default() {
        let all = all(checkout().unwrap().root()).unwrap();
        let chosen = by_default(&all);
        assert!(all.contains("amp_ivshmem.ivshmem") && chosen.contains("amp_ivshmem.ivshmem"));
        assert!(
            all.contains("sample.amp_ivshmem.doorbell.flat_flat")
                && !chosen.contains("sample.amp_ivshmem.doorbell.flat_flat")
        );
        let stem = |name: &String| PAIRS.iter().find_map(|pair| name.strip_suffix(pair)).unwrap_or(name).to_owned();
        let applications = |names: &BTreeSet<String>| names.iter().map(stem).collect::<BTreeSet<_>>();
        assert_eq!(applications(&all), applications(&chosen));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The imports between files, and the import cycles.

use std::collections::{BTreeMap, BTreeSet};

/// The files that each file imports. All paths are relative to the checkout's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph(BTreeMap<String, BTreeSet<String>>);

/// The files in a cycle, in alphabetical order.
pub type Cycle = BTreeSet<String>;

impl Graph {
    /// Adds an import. Ignores a file's import of itself.
    pub fn add(&mut self, from: &str, to: &str) {
        if from != to {
            self.0.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
    }

    /// Returns the number of files that import at least one other file.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the cycles: the largest sets of files in which each file imports every other file, directly or
    /// indirectly.
    pub fn cycles(&self) -> Vec<Cycle> {
        let reach: BTreeMap<&str, BTreeSet<&str>> = self.0.keys().map(|file| (&**file, self.reachable(file))).collect();
        let mut cycles = BTreeSet::new();
        for (&file, targets) in &reach {
            if targets.contains(file) {
                let back = |other: &&str| reach.get(*other).is_some_and(|targets| targets.contains(file));
                cycles.insert(targets.iter().copied().filter(back).map(str::to_owned).collect::<Cycle>());
            }
        }
        cycles.into_iter().collect()
    }

    /// Returns the imports within a cycle, as `from -> to`.
    pub fn imports_in(&self, cycle: &Cycle) -> Vec<String> {
        let inside = |from: &String| self.0.get(from).into_iter().flatten().filter(|to| cycle.contains(*to));
        cycle.iter().flat_map(|from| inside(from).map(move |to| format!("{from} -> {to}"))).collect()
    }

    fn reachable(&self, file: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut rest: Vec<&str> = self.0.get(file).into_iter().flatten().map(String::as_str).collect();
        while let Some(next) = rest.pop() {
            if reached.insert(next) {
                rest.extend(self.0.get(next).into_iter().flatten().map(String::as_str));
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_found_and_lines_are_none() {
        let mut graph = Graph::default();
        for (from, to) in [("a", "a"), ("a", "b"), ("b", "c"), ("d", "a")] {
            graph.add(from, to);
        }
        assert_eq!(graph.cycles(), Vec::<Cycle>::new());
        graph.add("c", "a");
        graph.add("e", "f");
        graph.add("f", "e");
        let cycle = |files: &[&str]| files.iter().map(|&file| file.to_owned()).collect::<Cycle>();
        assert_eq!(graph.cycles(), [cycle(&["a", "b", "c"]), cycle(&["e", "f"])]);
        assert_eq!(graph.imports_in(&cycle(&["a", "b", "c"])), ["a -> b", "b -> c", "c -> a"]);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Parses the output of a test program: libtest's result lines, and ignored tests with their reasons.

use std::ops::AddAssign;

/// Number of tests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Number of tests that passed.
    pub passed: u64,
    /// Number of tests that failed.
    pub failed: u64,
    /// Number of tests that did not run. The reasons have been printed.
    pub skipped: u64,
}

impl Count {
    /// One test that passed.
    pub const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// One test that failed.
    pub const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    /// One test that did not run.
    pub const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    /// Adds up libtest's results (`test result: ok. 3 passed; 0 failed; 1 ignored; …`). libtest writes the numbers and
    /// the rest of the line in a single call, but not the text before the numbers. If Miri runs many seeds in parallel,
    /// that text may be garbled, and a line may contain two results.
    pub fn of_libtest(lines: &[String]) -> Self {
        let mut sum = Self::default();
        for result in lines.iter().flat_map(|line| line.split(". ").skip(1)) {
            if result.split_once(" passed; ").is_some_and(|(number, _)| number.parse::<u64>().is_ok()) {
                sum += Self::of_result(result);
            }
        }
        sum
    }

    fn of_result(counts: &str) -> Self {
        let mut count = Self::default();
        for part in counts.split("; ") {
            let mut words = part.split_whitespace();
            let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else { continue };
            match what {
                "passed" => count.passed = number,
                "failed" => count.failed = number,
                "ignored" => count.skipped = number,
                _ => {}
            }
        }
        count
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Returns libtest's lines for ignored tests, with the reasons that the tests give.
pub fn ignored(lines: &[String]) -> impl Iterator<Item = &str> {
    lines.iter().map(String::as_str).filter_map(|line| {
        let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
        end.starts_with("ignored").then_some(name)?;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn result_lines_add_up() {
        let output = lines(
            "running 3 tests\n\
             test a::b ... ok\n\
             test result: ok. 45 passed; 0 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.02s\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n\
             nothing passed; here",
        );
        assert_eq!(Count::of_libtest(&output), Count { passed: 46, failed: 2, skipped: 2 });
        assert_eq!(Count::of_libtest(&lines("error: could not compile")), Count::default());
    }

    #[test]
    fn results_of_several_at_once_add_up() {
        let output = lines(
            "test both_directions ... test result: okok\n\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 7.01s. 1 passed; 0 failed; \
             1 ignored; 0 measured; 0 filtered out; finished in 7.02s\n\
             thirty. Three passed; here",
        );
        assert_eq!(Count::of_libtest(&output), Count { passed: 2, failed: 0, skipped: 1 });
    }

    #[test]
    fn ignored_tests_are_found_with_their_reasons() {
        let output =
            lines("test a ... ok\ntest b ... ignored, needs a board\ntest src/lib.rs - c (line 3) ... ignored");
        let found: Vec<_> = ignored(&output).collect();
        assert_eq!(found, ["test b ... ignored, needs a board", "test src/lib.rs - c (line 3) ... ignored"]);
    }
}

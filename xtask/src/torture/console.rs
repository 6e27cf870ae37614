// SPDX-License-Identifier: Apache-2.0
//! Parses the console lines of the sides under torture.

pub use amp_ivshmem_workload::protocol::{Report, Tally, Why, Wrong};

/// A console line that is relevant to the torture test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A report from the workload.
    Report(Report),
    /// The side panicked, faulted or exited with an error. The side's machine may still be running.
    Died,
}

impl Word {
    /// Parses a line. Returns `None` if it is not relevant.
    pub fn parse(line: &str) -> Option<Self> {
        if let Some(report) = Report::parse(line) {
            return Some(Self::Report(report));
        }
        match line.split_whitespace().next()? {
            // An image prints such a line after a panic or a fault, or if a device is missing. The image then sleeps
            // forever. A process prints such a line before it exits with an error.
            "amp:" | "error:" => Some(Self::Died),
            // A panic in a process: `thread 'main' (1234) panicked at …`.
            "thread" if line.contains(" panicked at ") => Some(Self::Died),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_workload_are_reports() {
        assert_eq!(Word::parse("up link=1 peer=3"), Some(Word::Report(Report::Up { link: 1, peer: 3 })));
        let down = Report::Down { link: 1, why: Why::Restarted };
        assert_eq!(Word::parse("down link=1 why=restarted"), Some(Word::Report(down)));
        assert_eq!(Word::parse("down link=1 why=tired"), None);
        assert_eq!(Word::parse(""), None);
    }

    #[test]
    fn deaths_are_noticed() {
        for line in [
            "amp: panicked at src/link/native/mod.rs:7:9: index out of bounds",
            "amp: panicked at src/link/native/mod.rs, line 0x00000007",
            "amp: fault at 0x00001234, CFSR 0x00008200",
            "amp: system error at 0x40081234, address 0x0, ESR 0xbf000000",
            "thread 'main' (4711) panicked at src/link/native/mod.rs:7:9:",
            "thread 'main' panicked at src/link/native/mod.rs:7:9:",
            "error: the link does not fit the shared memory",
        ] {
            assert_eq!(Word::parse(line), Some(Word::Died), "{line}");
        }
        assert_eq!(Word::parse("thread 1 is fine"), None);
    }
}

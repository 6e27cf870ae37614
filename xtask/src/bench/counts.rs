// SPDX-License-Identifier: Apache-2.0
//! The counts for each section of a program, which the instruction counters write.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// Loads or stores of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    /// Number of loads or stores.
    pub count: u64,
    /// Number of bytes loaded or stored.
    pub bytes: u64,
}

/// The counts between two section markers in a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Number of times that the instruction at each address was executed.
    pub instructions: BTreeMap<u64, u64>,
    /// Loads and stores that access shared memory and devices, keyed by the counter's names.
    pub accesses: BTreeMap<String, Accesses>,
}

/// A named section of a program, and its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The program's name for the section.
    pub name: String,
    /// Number of messages in the section.
    pub messages: u64,
    /// The counts.
    pub counted: Counted,
}

impl Section {
    /// Returns the number of instructions per message.
    pub fn instructions(&self) -> f64 {
        self.per_message(self.counted.instructions.values().sum())
    }

    /// Returns the number of loads or stores per message. `kind` is, for example, `loads shared` or `stores device`.
    pub fn accesses(&self, kind: &str) -> f64 {
        self.per_message(self.counted.accesses.get(kind).map_or(0, |accesses| accesses.count))
    }

    /// Returns the number of bytes that are loaded from and stored to shared memory per message.
    pub fn shared_bytes(&self) -> f64 {
        let of = |kind| self.counted.accesses.get(kind).map_or(0, |accesses: &Accesses| accesses.bytes);
        self.per_message(of("loads shared") + of("stores shared"))
    }

    /// Converts `count`, which covers the whole section, to a value per message.
    pub fn per_message(&self, count: u64) -> f64 {
        count as f64 / self.messages.max(1) as f64
    }
}

/// Parses the output of `tools/qemu-count`.
///
/// # Errors
/// Returns an error if a line is not in the counter's format.
pub fn parse(text: &str) -> Result<Vec<Counted>> {
    let mut sections: Vec<Counted> = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        if words.first() == Some(&"section") {
            sections.push(Counted::default());
            continue;
        }
        let strange = || format!("a line that is none of the counter's: {line}");
        let last = sections.last_mut().with_context(strange)?;
        match *words {
            ["instruction", address, count] => {
                let address = u64::from_str_radix(address, 16).with_context(strange)?;
                last.instructions.insert(address, count.parse().with_context(strange)?);
            }
            [kind, what, count, bytes] => {
                let accesses = Accesses {
                    count: count.parse().with_context(strange)?,
                    bytes: bytes.parse().with_context(strange)?,
                };
                last.accesses.insert(format!("{kind} {what}"), accesses);
            }
            _ => return Err(anyhow::Error::msg(strange())),
        }
    }
    Ok(sections)
}

/// Combines the counted sections with the names that the program has printed. An unnamed warm-up section precedes each
/// named section. It does the same work, and uses every ring entry once.
///
/// # Errors
/// Returns an error if the number of printed names does not match the number of counted sections.
pub fn name(told: &[(String, u64)], counted: Vec<Counted>) -> Result<Vec<Section>> {
    let all = counted.len();
    let counted: Vec<_> = counted.into_iter().skip(1).step_by(2).collect();
    ensure!(counted.len() == told.len() && all == 2 * told.len(), "{all} sections counted, {} told", told.len());
    let sections = told.iter().zip(counted);
    Ok(sections
        .map(|((name, messages), counted)| Section { name: name.clone(), messages: *messages, counted })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_counter_writes_is_read_and_named() {
        let text =
            "section 0\nsection 1\ninstruction 4020 64\ninstruction 4024 128\nloads shared 32 64\nstores device 64 256";
        let counted = parse(text).unwrap();
        assert!(name(&[], counted.clone()).is_err());
        let [section] = &*name(&[("native.16".to_owned(), 64)], counted).unwrap() else { panic!("one section") };
        assert_eq!((section.instructions(), section.accesses("stores device")), (3.0, 1.0));
        assert_eq!((section.accesses("loads shared"), section.shared_bytes()), (0.5, 1.0));
        assert!(parse("instruction 1 1").is_err() && parse("section 0\nloads x").is_err());
    }
}

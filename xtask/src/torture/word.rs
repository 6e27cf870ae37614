//! What the lines of those under torture say.

/// What a side has counted since it started: `tally sent=… received=… cut=… … stale=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub received: u64,
    pub cut: u64,
    pub stale: u64,
}

/// A line of a side that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A link came up.
    Up(u8),
    /// The first message of a session came on this link.
    Talks(u8),
    /// A link went down.
    Down { link: u8, why: Why },
    /// How far it is.
    Tally(Tally),
    /// A message that must not be: what kind, and how many of them.
    Wrong(Wrong, u64),
    /// A link cannot come up.
    Refused,
    /// It panicked, faulted or gave up; its machine may go on.
    Died,
}

/// Why a link went down, as its side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Left,
    Restarted,
    Silent,
    Fault,
    Displaced,
    Damaged,
}

impl Why {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "left" => Self::Left,
            "restarted" => Self::Restarted,
            "silent" => Self::Silent,
            "fault" => Self::Fault,
            "displaced" => Self::Displaced,
            "damaged" => Self::Damaged,
            _ => return None,
        })
    }

    /// Whether the side found something in the memory that no honest peer writes, whatever is done to either.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Fault | Self::Displaced | Self::Damaged)
    }
}

/// What can be wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Duplicated,
    Lost,
    Corrupted,
    Stale,
}

impl Word {
    /// What `line` says; none where it is of no concern.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let kind = words.next()?;
        let mut rest = words.clone();
        let mut value = |key: &str| rest.find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        match kind {
            "up" => Some(Self::Up(value("link")?.parse().ok()?)),
            "talks" => Some(Self::Talks(value("link")?.parse().ok()?)),
            "down" => Some(Self::Down { link: value("link")?.parse().ok()?, why: Why::parse(value("why")?)? }),
            "tally" => {
                let mut number = |key| value(key)?.parse().ok();
                let (sent, received, cut) = (number("sent")?, number("received")?, number("cut")?);
                Some(Self::Tally(Tally { sent, received, cut, stale: number("stale")? }))
            }
            "wrong" => {
                let wrong = match words.next()? {
                    "duplicated" => Wrong::Duplicated,
                    "lost" => Wrong::Lost,
                    "corrupted" => Wrong::Corrupted,
                    _ => Wrong::Stale,
                };
                let mut number = |key| value(key)?.parse::<u64>().ok();
                let (expected, got) = (number("expected")?, number("got")?);
                let count = if wrong == Wrong::Lost { got.saturating_sub(expected) } else { 1 };
                Some(Self::Wrong(wrong, count))
            }
            "refused" => Some(Self::Refused),
            // An image's panic, fault or lack of a device, after which it sleeps for ever, and a process's last error.
            "amp:" | "error:" => Some(Self::Died),
            // A process's panic: `thread 'main' (1234) panicked at …`.
            "thread" if line.contains(" panicked at ") => Some(Self::Died),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_side_are_understood() {
        assert_eq!(Word::parse("up link=1 peer=3"), Some(Word::Up(1)));
        assert_eq!(Word::parse("talks link=2"), Some(Word::Talks(2)));
        let line = "tally sent=5 received=4 cut=3 duplicated=0 lost=0 corrupted=0 stale=2";
        assert_eq!(Word::parse(line), Some(Word::Tally(Tally { sent: 5, received: 4, cut: 3, stale: 2 })));
        assert_eq!(Word::parse("wrong lost expected=3 got=7"), Some(Word::Wrong(Wrong::Lost, 4)));
        assert_eq!(Word::parse("wrong duplicated expected=3 got=2"), Some(Word::Wrong(Wrong::Duplicated, 1)));
        assert_eq!(Word::parse("refused link=0"), Some(Word::Refused));
        assert_eq!(Word::parse(""), None);
    }

    #[test]
    fn each_reason_of_an_end_is_kept() {
        let whys = [
            ("left", Why::Left, false),
            ("restarted", Why::Restarted, false),
            ("silent", Why::Silent, false),
            ("fault", Why::Fault, true),
            ("displaced", Why::Displaced, true),
            ("damaged", Why::Damaged, true),
        ];
        for (text, why, fault) in whys {
            assert_eq!(Word::parse(&format!("down link=1 why={text}")), Some(Word::Down { link: 1, why }));
            assert_eq!(why.is_fault(), fault, "{text}");
        }
        assert_eq!(Word::parse("down link=1 why=tired"), None);
    }

    #[test]
    fn whoever_dies_is_heard() {
        for line in [
            "amp: panicked at src/link/native/mod.rs:7:9: index out of bounds",
            "amp: panicked at src/link/native/mod.rs, line 0x00000007",
            "amp: fault at 0x00001234, CFSR 0x00008200",
            "amp: system error at 0x40081234, address 0x0, ESR 0xbf000000",
            "thread 'main' (4711) panicked at src/link/native/mod.rs:7:9:",
            "thread 'main' panicked at src/link/native/mod.rs:7:9:",
            "error: no place for the link in the shared memory",
        ] {
            assert_eq!(Word::parse(line), Some(Word::Died), "{line}");
        }
        assert_eq!(Word::parse("thread 1 is fine"), None);
    }
}

//! What is seen of the sides without asking them: their heartbeats in the shared memory, and how long their processes have
//! waited for a processor. By these a machine that is too busy is told from a defect.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use amp_ivshmem::wire::link::{PAGE, block, directory, entry};

use crate::machines::Role;

/// How often a side beats: the default of a link's settings.
pub const BEAT: Duration = Duration::from_millis(100);
/// How long both sides have to talk after the newcomer's boot.
pub const RECOVERY: Duration = Duration::from_secs(1);

/// One side's heartbeat on one link.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    beat: u32,
    /// When it was first seen to be that.
    at: Instant,
    /// The longest time between two beats since [`Vitals::begin`].
    longest: Duration,
}

/// The heartbeats of all sides in one memory.
pub struct Vitals {
    memory: OwnedFd,
    pulses: BTreeMap<(Role, u8), Pulse>,
    looked: Instant,
    /// The longest time between two looks since [`begin`](Self::begin).
    blind: Duration,
}

impl Vitals {
    pub fn new(memory: OwnedFd) -> Self {
        Self { memory, pulses: BTreeMap::new(), looked: Instant::now(), blind: Duration::ZERO }
    }

    /// The word of the memory at `offset`; none behind its end.
    fn word(&self, offset: u32) -> Option<u32> {
        let mut bytes = [0; 4];
        let read = rustix::io::pread(&self.memory, &mut bytes, offset.into());
        (read == Ok(4)).then(|| u32::from_le_bytes(bytes))
    }

    /// Looks at both sides of the links.
    pub fn look(&mut self, links: impl Iterator<Item = u8>) {
        let now = Instant::now();
        self.blind = self.blind.max(now - self.looked);
        self.looked = now;
        for link in links {
            let place = directory::HEAD + u32::from(link) * directory::ENTRY;
            let Some(area) = self.word(place + entry::OFFSET).filter(|&area| area != 0) else { continue };
            for (role, offset) in [(Role::Host, 0), (Role::Remote, PAGE)] {
                let at = area.saturating_add(offset).saturating_add(block::HEARTBEAT);
                let Some(beat) = self.word(at) else { continue };
                let new = Pulse { beat, at: now, longest: Duration::ZERO };
                let pulse = self.pulses.entry((role, link)).or_insert(new);
                if pulse.beat != beat {
                    *pulse = Pulse { longest: pulse.longest.max(now - pulse.at), ..new };
                }
            }
        }
    }

    /// From now on the longest times are measured.
    pub fn begin(&mut self) {
        self.blind = Duration::ZERO;
        for pulse in self.pulses.values_mut() {
            pulse.longest = Duration::ZERO;
        }
    }

    /// When the last beat of a side was seen, and the longest time without one, up to `now`.
    pub fn pulse(&self, role: Role, link: u8, now: Instant) -> Option<(Instant, Duration)> {
        let pulse = self.pulses.get(&(role, link))?;
        Some((pulse.at, pulse.longest.max(now.saturating_duration_since(pulse.at))))
    }

    /// The longest time between two looks.
    pub const fn blind(&self) -> Duration {
        self.blind
    }
}

/// How long the threads of a process have waited for a processor since it started, all together; none where it is gone,
/// or the kernel does not count it.
pub fn waited(process: u32) -> Option<Duration> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // A thread may have ended since it was listed. Source: Linux, Documentation/scheduler/sched-stats.rst.
        let Ok(line) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
        sum += line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    }
    (sum > 0).then(|| Duration::from_nanos(sum))
}

/// What is known of how a death was noticed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Death {
    /// From the kill to the survivor's word.
    pub after: Duration,
    /// From the last beat of the one that was killed to that word.
    pub silent: Duration,
    /// The longest time between two beats of the survivor meanwhile.
    pub gap: Duration,
    /// The longest time between two looks at the beats, which the harness wants to have each few milliseconds.
    pub blind: Duration,
    /// How long the one that was killed had waited for a processor in the two heartbeats before, and the survivor since;
    /// none where the kernel does not say.
    pub waited: Option<(Duration, Duration)>,
}

/// Whether something came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    InTime,
    /// It did not, as far as a side did not get a processor.
    Busy,
    /// It did not, and nothing explains that.
    Untimely,
}

impl Death {
    /// Whether the death was noticed within `limit`, give or take a heartbeat.
    pub fn judge(&self, limit: Duration) -> Verdict {
        // The kernel counts a wait when it is over, so that of a side which is killed in it is missing; but where this
        // process, which mostly sleeps, waits for as long, the others do.
        let (dead_waited, survivor_waited) = self.waited.unwrap_or_default();
        let (dead_waited, survivor_waited) = (dead_waited.max(self.blind), survivor_waited.max(self.blind));
        // Without a beat for `limit`: the beats before the kill were late already, if the machine did not let them come.
        let early = (limit - BEAT).saturating_sub(self.after);
        // The survivor sees the last beat with its own next one, and is late by what it does not beat itself.
        let late = self.after.saturating_sub(limit + BEAT);
        let explained = if !early.is_zero() {
            self.silent + self.blind >= limit && dead_waited >= early
        } else {
            late <= self.gap.saturating_sub(BEAT) + self.blind && survivor_waited >= late
        };
        match (early + late).is_zero() {
            true => Verdict::InTime,
            false if explained => Verdict::Busy,
            false => Verdict::Untimely,
        }
    }
}

/// Whether a recovery that took `after_boot` was in time, where all who took part have `waited` for a processor.
pub fn judge_recovery(after_boot: Duration, waited: Option<Duration>) -> Verdict {
    let late = after_boot.saturating_sub(RECOVERY);
    match waited.unwrap_or_default() {
        _ if late.is_zero() => Verdict::InTime,
        waited if waited >= late => Verdict::Busy,
        _ => Verdict::Untimely,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    fn millis(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn death(after: u64, silent: u64, gap: u64, waited: (u64, u64)) -> Death {
        let waited = Some((millis(waited.0), millis(waited.1)));
        Death { after: millis(after), silent: millis(silent), gap: millis(gap), blind: millis(5), waited }
    }

    #[test]
    fn a_death_within_the_limit_is_in_time_however_busy_the_machine() {
        assert_eq!(death(950, 1020, 100, (0, 0)).judge(LIMIT), Verdict::InTime);
        assert_eq!(death(1099, 1150, 100, (900, 900)).judge(LIMIT), Verdict::InTime);
    }

    #[test]
    fn an_early_word_is_a_defect_unless_the_dead_had_not_been_let_run() {
        assert_eq!(death(849, 1003, 100, (60, 0)).judge(LIMIT), Verdict::Busy);
        assert_eq!(death(849, 900, 100, (60, 0)).judge(LIMIT), Verdict::Untimely, "before the limit was over");
        assert_eq!(death(849, 1003, 100, (20, 0)).judge(LIMIT), Verdict::Untimely, "its beat was late for no reason");
        let blind = Death { blind: millis(498), ..death(799, 1001, 558, (12, 151)) };
        assert_eq!(blind.judge(LIMIT), Verdict::Busy, "nobody was let run");
    }

    #[test]
    fn a_late_word_is_a_defect_unless_the_survivor_was_not_let_run() {
        assert_eq!(death(3090, 3150, 2100, (0, 2050)).judge(LIMIT), Verdict::Busy);
        assert_eq!(death(3090, 3150, 100, (0, 2050)).judge(LIMIT), Verdict::Untimely, "it beat meanwhile");
        assert_eq!(death(3090, 3150, 2100, (0, 100)).judge(LIMIT), Verdict::Untimely, "it had a processor");
        let unknown = Death { waited: None, ..death(3090, 3150, 2100, (0, 0)) };
        assert_eq!(unknown.judge(LIMIT), Verdict::Untimely, "the kernel does not say");
    }

    #[test]
    fn a_recovery_is_in_time_or_explained_or_neither() {
        assert_eq!(judge_recovery(millis(999), None), Verdict::InTime);
        assert_eq!(judge_recovery(millis(1066), Some(millis(70))), Verdict::Busy);
        assert_eq!(judge_recovery(millis(1066), Some(millis(60))), Verdict::Untimely);
    }

    #[test]
    fn this_process_and_a_memory_without_links_are_looked_at() {
        let memory = crate::server::memory::anonymous(1 << 16).unwrap();
        let mut vitals = Vitals::new(memory);
        vitals.look(0..3);
        assert!(vitals.pulse(Role::Host, 0, Instant::now()).is_none());
        assert_eq!(waited(0), None, "no such process");
    }

    #[test]
    fn beats_are_seen_where_the_directory_says() {
        let memory = crate::server::memory::anonymous(1 << 16).unwrap();
        let mut vitals = Vitals::new(memory);
        let write = |vitals: &Vitals, offset: u32, value: u32| {
            assert_eq!(rustix::io::pwrite(&vitals.memory, &value.to_le_bytes(), offset.into()), Ok(4));
        };
        write(&vitals, directory::HEAD + directory::ENTRY + entry::OFFSET, 0x4000);
        write(&vitals, 0x4000 + PAGE + block::HEARTBEAT, 7);
        vitals.look(0..2);
        assert!(vitals.pulse(Role::Remote, 0, Instant::now()).is_none());
        let (first, _) = vitals.pulse(Role::Remote, 1, Instant::now()).unwrap();
        vitals.begin();
        std::thread::sleep(millis(3));
        vitals.look(0..2);
        assert_eq!(vitals.pulse(Role::Remote, 1, Instant::now()).unwrap().0, first, "no beat since");
        write(&vitals, 0x4000 + PAGE + block::HEARTBEAT, 8);
        vitals.look(0..2);
        let (second, longest) = vitals.pulse(Role::Remote, 1, Instant::now()).unwrap();
        assert!(second > first && longest >= millis(3) && vitals.blind() > Duration::ZERO);
    }
}

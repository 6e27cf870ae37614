// SPDX-License-Identifier: Apache-2.0
//! Observes the sides from outside: reads their heartbeats in the shared memory, and reads how long their processes
//! have waited for a CPU.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use amp::recent::Recent;
use amp::role::Role;
use amp_ivshmem::inspect::Directory;
use amp_ivshmem::mem::ReadMemory;

/// Period of a side's heartbeat. Equals the default period in a link's settings.
pub const BEAT: Duration = Duration::from_millis(100);
/// Number of beats, pauses and wait readings to keep. This number is enough for a few seconds.
const REMEMBERED: usize = 64;
/// Minimum length of a recorded pause between two readings of the heartbeats.
const PAUSE: Duration = Duration::from_millis(20);

/// One side's heartbeat on one link.
#[derive(Clone, Debug)]
struct Beat {
    /// The value of the heartbeat word when it was last read.
    word: u32,
    /// When this value was first read.
    at: Instant,
    /// The longest time between two beats since [`HeartbeatMonitor::begin`].
    longest: Duration,
    /// Times at which earlier beats were first read, oldest first.
    before: Recent<Instant, REMEMBERED>,
}

/// The shared memory's file. This program reads the file and does not map it.
struct MemoryFile(OwnedFd);

impl MemoryFile {
    fn bytes<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes).then_some(bytes)
    }
}

impl ReadMemory for MemoryFile {
    fn size(&self) -> u32 {
        // The shared memory is never larger than 2 GiB.
        rustix::fs::fstat(&self.0).map_or(0, |file| u32::try_from(file.st_size).unwrap_or(u32::MAX))
    }

    fn half(&self, offset: u32) -> Option<u16> {
        self.bytes(offset).map(u16::from_le_bytes)
    }

    fn word(&self, offset: u32) -> Option<u32> {
        self.bytes(offset).map(u32::from_le_bytes)
    }

    fn read(&self, offset: u32, to: &mut [u8]) -> bool {
        rustix::io::pread(&self.0, &mut *to, offset.into()) == Ok(to.len())
    }
}

/// The heartbeats of all sides that use a shared memory.
pub struct HeartbeatMonitor {
    memory: MemoryFile,
    beats: BTreeMap<(Role, u8), Beat>,
    looked: Instant,
    /// The longest time between two readings since [`begin`](Self::begin).
    blind: Duration,
    /// Recorded pauses between two readings, each with its end and its length.
    pauses: Recent<(Instant, Duration), REMEMBERED>,
}

impl HeartbeatMonitor {
    pub fn new(memory: OwnedFd) -> Self {
        let (looked, blind) = (Instant::now(), Duration::ZERO);
        let memory = MemoryFile(memory);
        Self { memory, beats: BTreeMap::new(), looked, blind, pauses: Recent::default() }
    }

    /// Reads both sides' heartbeats on each link.
    pub fn look(&mut self, links: impl Iterator<Item = u8>) {
        let now = Instant::now();
        let pause = now - self.looked;
        self.blind = self.blind.max(pause);
        if pause > PAUSE {
            self.pauses.push((now, pause));
        }
        self.looked = now;
        for link in links {
            let Some(view) = Directory::new(&self.memory).link(link) else { continue };
            for role in [Role::Host, Role::Remote] {
                let Ok(Some(block)) = view.block(role.into()) else { continue };
                let word = block.heartbeat;
                let new = || Beat { word, at: now, longest: Duration::ZERO, before: Recent::default() };
                let beat = self.beats.entry((role, link)).or_insert_with(new);
                if beat.word != word {
                    beat.before.push(beat.at);
                    beat.longest = beat.longest.max(now - beat.at);
                    (beat.word, beat.at) = (word, now);
                }
            }
        }
    }

    /// Resets the longest times to zero.
    pub fn begin(&mut self) {
        self.blind = Duration::ZERO;
        for beat in self.beats.values_mut() {
            beat.longest = Duration::ZERO;
        }
    }

    /// Returns the time of a side's last beat, and the longest time between two beats. The longest time takes the time
    /// from the last beat to `now` into account.
    pub fn beat(&self, role: Role, link: u8, now: Instant) -> Option<(Instant, Duration)> {
        let beat = self.beats.get(&(role, link))?;
        Some((beat.at, beat.longest.max(now.saturating_duration_since(beat.at))))
    }

    /// Returns the time of a side's last beat at or before `at`.
    pub fn last_beat(&self, role: Role, link: u8, at: Instant) -> Option<Instant> {
        let beat = self.beats.get(&(role, link))?;
        [beat.at].iter().chain(beat.before.iter().rev()).copied().find(|&beat| beat <= at)
    }

    /// Returns the longest recorded pause that ended at or after `from`. Pauses of up to `PAUSE` are not recorded.
    pub fn blind_since(&self, from: Instant) -> Duration {
        let since = self.pauses.iter().filter(|&&(end, _)| end >= from);
        since.map(|&(_, pause)| pause).max().unwrap_or_default()
    }

    /// Returns the longest time between two readings since [`begin`](Self::begin).
    pub const fn blind(&self) -> Duration {
        self.blind
    }
}

/// Returns the total time that a process's threads have waited for a CPU since the process started. Returns `None` if
/// the process has exited, or if the kernel does not account for this time.
pub fn waited(process: u32) -> Option<Duration> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // A thread may have exited after it was listed. Source: Linux, Documentation/scheduler/sched-stats.rst.
        let Ok(line) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
        sum += line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    }
    (sum > 0).then(|| Duration::from_nanos(sum))
}

/// Each member's process id and how long this process has waited for a CPU since the process started.
type Reading = Vec<Option<(u32, Duration)>>;

/// Periodic readings of the times that the members have waited for a CPU.
#[derive(Default)]
pub struct Waits(Recent<(Instant, Reading), REMEMBERED>);

impl Waits {
    /// Shortest interval between two readings.
    const EVERY: Duration = Duration::from_millis(200);

    /// Returns true if the next reading is due.
    pub fn are_due(&self, now: Instant) -> bool {
        self.0.back().is_none_or(|&(last, _)| now.saturating_duration_since(last) >= Self::EVERY)
    }

    /// Adds a reading taken at `now`.
    pub fn read(&mut self, now: Instant, waits: Reading) {
        self.0.push((now, waits));
    }

    /// Returns how long `member`'s process waited for a CPU between `from` and `to`. The result is computed from the
    /// readings just before `from` and after `to`. Returns `None` if there are no suitable readings.
    pub fn of(&self, member: usize, from: Instant, to: Instant) -> Option<Duration> {
        let all = || self.0.iter().filter_map(|(at, waits)| Some((*at, waits.get(member).copied()??)));
        let (_, (process, _)) = all().rev().find(|&(at, _)| at <= to)?;
        let own = || all().filter(|&(_, (id, _))| id == process).map(|(at, (_, wait))| (at, wait));
        let before = own().rev().find(|&(at, _)| at <= from).map_or(Duration::ZERO, |(_, wait)| wait);
        // The kernel accounts for a wait only when the wait ends, so readings up to three intervals after `to` are
        // used.
        let after = own().rfind(|&(at, _)| at > from && at <= to + 3 * Self::EVERY);
        after.map(|(_, wait)| wait.saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use amp_ivshmem::inspect::Area;
    use amp_ivshmem::wire::session::{PAGE, block, directory, entry};

    use super::*;

    fn millis(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn this_process_and_a_memory_without_links_are_looked_at() {
        let memory = amp_ivshmem_server::memory::anonymous(1 << 16).unwrap();
        let mut heartbeats = HeartbeatMonitor::new(memory);
        heartbeats.look(0..3);
        assert!(heartbeats.beat(Role::Host, 0, Instant::now()).is_none());
        assert_eq!(waited(0), None, "no such process");
    }

    #[test]
    fn beats_are_seen_where_the_directory_says() {
        let memory = amp_ivshmem_server::memory::anonymous(1 << 16).unwrap();
        let mut heartbeats = HeartbeatMonitor::new(memory);
        let write = |heartbeats: &HeartbeatMonitor, offset: u32, value: u32| {
            assert_eq!(rustix::io::pwrite(&heartbeats.memory.0, &value.to_le_bytes(), offset.into()), Ok(4));
        };
        let entry_of_1 = directory::HEAD + directory::ENTRY;
        write(&heartbeats, entry_of_1 + entry::OFFSET, 0x4000);
        write(&heartbeats, entry_of_1 + entry::SIZE, Area::SMALLEST);
        heartbeats.look(0..2);
        assert!(heartbeats.beat(Role::Remote, 1, Instant::now()).is_none(), "the entry is not complete");
        write(&heartbeats, entry_of_1 + entry::MAGIC, entry::MAGIC_VALUE);
        write(&heartbeats, 0x4000 + PAGE + block::HEARTBEAT, 7);
        heartbeats.look(0..2);
        assert!(heartbeats.beat(Role::Remote, 0, Instant::now()).is_none());
        let (first, _) = heartbeats.beat(Role::Remote, 1, Instant::now()).unwrap();
        heartbeats.begin();
        std::thread::sleep(millis(3));
        heartbeats.look(0..2);
        assert_eq!(heartbeats.beat(Role::Remote, 1, Instant::now()).unwrap().0, first, "no beat since");
        write(&heartbeats, 0x4000 + PAGE + block::HEARTBEAT, 8);
        heartbeats.look(0..2);
        let (second, longest) = heartbeats.beat(Role::Remote, 1, Instant::now()).unwrap();
        assert!(second > first && longest >= millis(3) && heartbeats.blind() > Duration::ZERO);
        let last = |at| heartbeats.last_beat(Role::Remote, 1, at);
        assert_eq!(last(second), Some(second));
        assert_eq!(last(second - millis(1)), Some(first), "it came back, but later");
        assert_eq!((last(first - millis(1)), heartbeats.last_beat(Role::Host, 0, second)), (None, None));
    }

    #[test]
    fn long_times_without_a_look_are_remembered() {
        let mut heartbeats = HeartbeatMonitor::new(amp_ivshmem_server::memory::anonymous(1 << 16).unwrap());
        let begun = heartbeats.looked;
        heartbeats.looked -= millis(300);
        heartbeats.look(0..1);
        assert!(heartbeats.blind_since(begun) >= millis(300));
        assert_eq!(heartbeats.blind_since(heartbeats.looked + millis(1)), Duration::ZERO);
    }

    #[test]
    fn waits_are_those_between_the_readings_around() {
        let mut waits = Waits::default();
        let begun = Instant::now();
        assert!(waits.are_due(begun));
        for (at, wait) in [(0, 10), (200, 20), (400, 50), (600, 900), (2000, 5000)] {
            let successor = if at < 600 { None } else { Some((8, millis(1))) };
            waits.read(begun + millis(at), vec![Some((7, millis(wait))), successor.or(Some((9, millis(wait))))]);
        }
        assert!(!waits.are_due(begun + millis(2100)) && waits.are_due(begun + millis(2200)));
        let of = |member, from, to| waits.of(member, begun + millis(from), begun + millis(to));
        assert_eq!(of(0, 250, 300), Some(millis(880)), "until 900, the last reading soon after");
        assert_eq!(of(0, 650, 700), None, "no reading in time");
        assert_eq!(of(1, 250, 300), Some(millis(30)), "its successor's waits are not its own");
        assert_eq!(of(2, 0, 5000), None, "no such member");
    }
}

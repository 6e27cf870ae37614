// SPDX-License-Identifier: Apache-2.0
//! Decides whether timing figures are unreliable, from the CPU time that other processes used and from the spread
//! between runs. Linux reports the CPU time in kernel ticks. The unit does not matter, because only ratios are used.

use anyhow::{Context, Result};

/// Maximum share of the total CPU time that other processes may use.
const BUSY: f64 = 0.25;
/// Maximum ratio between the slowest and the fastest run.
const APART: f64 = 1.5;

/// CPU time since boot, in kernel ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    /// Total time of all CPUs, busy or idle.
    all: u64,
    /// Busy time of all CPUs.
    busy: u64,
    /// CPU time used by this process and by its children that have exited.
    own: u64,
}

impl Ticks {
    fn now() -> Result<Self> {
        let read = |file| std::fs::read_to_string(file).with_context(|| format!("{file} cannot be read"));
        Self::of(&read("/proc/stat")?, &read("/proc/self/stat")?).context("/proc/stat is not as Linux writes it")
    }

    /// Parses the contents of `/proc/stat` and `/proc/self/stat`; see proc(5).
    fn of(machine: &str, process: &str) -> Option<Self> {
        let sum = machine.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let sum = sum.split_whitespace().map(|ticks| ticks.parse().ok()).collect::<Option<Vec<u64>>>()?;
        // The next two fields, `guest` and `guest_nice`, are already included in `user` and `nice`.
        let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = *sum else { return None };
        let busy = user + nice + system + irq + softirq + steal;
        // The program's name is in brackets, and may itself contain spaces and brackets. It is followed by the state,
        // ten other fields, and then utime, stime, cutime and cstime.
        let (_, fields) = process.rsplit_once(')')?;
        let own: Vec<u64> =
            fields.split_whitespace().skip(11).take(4).map(|ticks| ticks.parse().ok()).collect::<Option<_>>()?;
        (own.len() == 4).then(|| Self { all: busy + idle + iowait, busy, own: own.iter().sum() })
    }

    /// Returns the share of the total CPU time that other processes used between `self` and `later`.
    fn others(self, later: Self) -> f64 {
        let busy = later.busy.saturating_sub(self.busy);
        let others = busy.saturating_sub(later.own.saturating_sub(self.own));
        others as f64 / later.all.saturating_sub(self.all).max(1) as f64
    }
}

/// Measures the machine's load during a period of time.
#[derive(Clone, Copy, Debug)]
pub struct Watch(Ticks);

impl Watch {
    /// Starts the measurement.
    ///
    /// # Errors
    /// Returns an error if `/proc/stat` or `/proc/self/stat` cannot be read or parsed.
    pub fn begin() -> Result<Self> {
        Ticks::now().map(Self)
    }

    /// Returns why times measured since [`begin`](Self::begin) are unreliable, or `None` if they are reliable. Call
    /// this function only after all child processes have been waited for.
    ///
    /// # Errors
    /// Returns the same errors as [`begin`](Self::begin).
    pub fn end(self) -> Result<Option<String>> {
        if std::thread::available_parallelism().is_ok_and(|processors| processors.get() < 2) {
            return Ok(Some("one processor runs both machines".to_owned()));
        }
        Ok(busy(self.0.others(Ticks::now()?)))
    }
}

fn busy(others: f64) -> Option<String> {
    let percent = others * 100.0;
    (others > BUSY).then(|| format!("others used {percent:.0} % of the processors during the runs"))
}

/// Returns why a figure is unreliable if its runs range from `min` to `max`, or `None` if the figure is reliable.
pub fn apart(min: f64, max: f64) -> Option<String> {
    (max > APART * min).then(|| format!("the runs differ by a factor of {:.1}", max / min))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contents of `/proc/stat` in the format of Linux 6.1, on a machine with two CPUs that has run for 100 s.
    const MACHINE: &str = "cpu  4000 500 1500 12000 1000 300 500 200 900 0\ncpu0 2000 0 0 0 0 0 0 0 0 0\nintr 5 6\n";
    const PROCESS: &str = "77 (a (b) c) S 1 77 77 0 -1 4194560 10 20 0 0 800 200 3000 1000 20 0 3 0 99 1 2";

    #[test]
    fn processor_time_is_read() {
        let ticks = Ticks::of(MACHINE, PROCESS);
        assert_eq!(ticks, Some(Ticks { all: 20_000, busy: 7000, own: 5000 }));
        assert_eq!(Ticks::of("cpu  1 2 3\n", PROCESS), None);
        assert_eq!(Ticks::of(MACHINE, "77 (short) S 1 2"), None);
        assert_eq!(Ticks::of("intr 5\n", PROCESS), None);
        let now = Ticks::now().unwrap();
        assert!(now.busy > 0 && now.busy < now.all, "{now:?}");
    }

    #[test]
    fn the_machine_is_busy_by_what_others_use() {
        let begun = Ticks { all: 1000, busy: 400, own: 100 };
        // 800 of the 1000 ticks are busy. This process used 500 ticks.
        let later = Ticks { all: 2000, busy: 1200, own: 600 };
        assert_eq!(begun.others(later), 0.3);
        assert_eq!(busy(0.3).as_deref(), Some("others used 30 % of the processors during the runs"));
        assert_eq!(busy(0.25), None);
        // A child's time may be accounted one tick late.
        assert_eq!(begun.others(Ticks { all: 1010, busy: 405, own: 106 }), 0.0);
    }

    #[test]
    fn runs_far_apart_are_told() {
        assert_eq!(apart(2.0, 3.0), None);
        assert_eq!(apart(1.03, 1.79).as_deref(), Some("the runs differ by a factor of 1.7"));
    }
}

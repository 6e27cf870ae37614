// SPDX-License-Identifier: Apache-2.0
//! `./amp test`: runs each job within its time limit, prints the failures, and counts the tests.

mod count;
mod end;
pub mod got;
mod install;
mod jobs;
mod lint;
mod packages;
mod samples;
mod scenarios;
mod space;
mod twister;
mod zephyr;

use std::borrow::Cow;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use amp::output;
use amp::process::{self, Running};
use amp::qemu;
use anyhow::Result;
use count::Count;
use end::End;
use jobs::{Counted, Job, Work};

use crate::checkout::checkout;
use crate::{bench, fuzz, static_build};

/// The oldest Rust version that builds the published crates, from `rust-version` in Cargo.toml.
const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The options of `./amp test`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Run only the jobs whose names contain FILTER
    pub filter: Option<String>,
    /// Print the names of the jobs, and do not run them
    #[arg(long)]
    pub list: bool,
    /// Run the Zephyr tests with all device pairs, not only with a PCI device and a flat device; this takes about ten
    /// minutes longer
    #[arg(long)]
    pub all_zephyr: bool,
}

/// Runs the jobs that match the filter, and prints the number of tests on the last line.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C), or if standard output cannot be written. A failed test is
/// not an error, but the exit status reports it.
pub fn run(options: &Options) -> Result<ExitCode> {
    process::catch_interrupts()?;
    let filter = options.filter.as_deref().unwrap_or_default();
    let jobs: Vec<Job> = jobs::all().into_iter().filter(|job| job.name.contains(filter)).collect();
    if options.list {
        jobs.iter().try_for_each(|job| output::line(&job.name))?;
        return Ok(ExitCode::SUCCESS);
    }
    if jobs.is_empty() {
        output::show_error(&format!("amp: no job's name contains '{filter}'; amp test --list prints them all"));
        output::line("0 passed, 0 failed, 0 skipped")?;
        return Ok(ExitCode::FAILURE);
    }
    if filter.is_empty()
        && let Some(warning) = space::warning(checkout()?.root())
    {
        eprintln!("amp: {warning}");
    }
    let mut sum = Count::default();
    for (index, job) in jobs.iter().enumerate() {
        output::print(&format!("[{:2}/{}] {} ... ", index + 1, jobs.len(), job.name))?;
        let begun = Instant::now();
        let end = run_job(job, options)?;
        output::line(&format!("{} ({:.1} s)", end.note, begun.elapsed().as_secs_f64()))?;
        end.output.iter().try_for_each(|line| output::line(&format!("    {line}")))?;
        sum += end.count;
    }
    output::line(&format!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped))?;
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_job(job: &Job, options: &Options) -> Result<End> {
    if let Some(reason) = missing(&job.work)? {
        return Ok(End { count: Count::SKIPPED, note: format!("skipped: {reason}"), output: Vec::new() });
    }
    match command(&job.work)? {
        Some(command) => run_command(command, job.counted, job.limit),
        None if matches!(job.work, Work::Samples) => samples::run(),
        None if matches!(job.work, Work::Install) => install::run(job.limit),
        None => zephyr::run(job.limit, options.all_zephyr),
    }
}

fn run_command(command: Command, counted: Counted, limit: Duration) -> Result<End> {
    let mut output = Vec::new();
    let mut running = match Running::spawn(command) {
        Ok(running) => running,
        Err(error) => {
            return Ok(End { count: Count::FAILED, note: format!("FAILED: {error:#}"), output });
        }
    };
    let status = running.lines_until_exit(Some(limit), |line, _| output.push(line.to_owned()))?;
    drop(running);
    let exited = status.is_some_and(|status| status.success());
    let ran = counted == Counted::AsOne || Count::of_libtest(&output).passed > 0;
    // If a filter or flag leaves no tests, the job fails.
    let success = exited && ran;
    let mut count = match counted {
        Counted::AsOne if success => Count::PASSED,
        Counted::AsOne => Count::FAILED,
        Counted::ByLibtest => Count::of_libtest(&output),
    };
    if !success && count.failed == 0 {
        // If the job did not build or was stopped, its tests were not counted, so count one failure.
        count += Count::FAILED;
    }
    let note = match status {
        Some(_) if success && counted == Counted::AsOne => "ok".to_owned(),
        Some(_) if success => format!("ok: {} passed, {} ignored", count.passed, count.skipped),
        Some(_) if exited => "FAILED: no test ran".to_owned(),
        Some(status) => format!("FAILED: {}", process::describe(status)),
        None => format!("FAILED: took longer than {} s", limit.as_secs()),
    };
    if success {
        let ignored: Vec<String> = count::ignored(&output).map(str::to_owned).collect();
        output = ignored;
    }
    Ok(End { count, note, output })
}

/// Returns what this machine lacks for a job, or `None` if the job can run.
fn missing(work: &Work) -> Result<Option<Cow<'static, str>>> {
    if let Work::Guest(target, _) | Work::Copies(target, ..) = work
        && let Some(reason) = checkout()?.missing_target(target)
    {
        return Ok(Some(reason.into()));
    }
    let (question, reason): (&[&str], _) = match work {
        Work::Cargo(words) if words.starts_with("fmt") => (&["fmt", "--version"], "this toolchain has no rustfmt"),
        Work::Cargo(words) | Work::Guest(_, words) if words.starts_with("clippy") => {
            (&["clippy", "--version"], "this toolchain has no clippy")
        }
        Work::Amp(words) if words.starts_with("bench ") => return Ok(bench::missing(words)?.map(Cow::Owned)),
        Work::Amp(words) if words.starts_with("static ") => {
            return Ok(static_build::missing(&words["static ".len()..])?.map(Cow::Owned));
        }
        Work::Miri(_) | Work::MiriOnce(_) => (
            // On the first run, this also builds the parts of the standard library that Miri needs.
            &["+nightly", "miri", "setup"],
            "no nightly toolchain with Miri (rustup component add --toolchain nightly miri rust-src)",
        ),
        Work::Fuzz(_) => return Ok(fuzz::missing()?.map(Cow::Owned)),
        Work::Copies(_, program, _) => return Ok(qemu::find(program).err().map(|error| error.to_string().into())),
        Work::Lint(lint) => return Ok(lint::missing(*lint)?.map(Cow::Owned)),
        Work::Oldest(_) => return Ok(got::toolchain(OLDEST_RUST)?.map(Cow::Owned)),
        Work::DocsRs(_) => (&["+nightly", "--version"], "no nightly toolchain (rustup toolchain install nightly)"),
        _ => return Ok(None),
    };
    let mut cargo = checkout()?.cargo();
    // A query must not install anything.
    cargo.args(question).env("RUSTUP_AUTO_INSTALL", "0").env("CI", "true");
    let answer = process::output(cargo, Duration::from_secs(300));
    process::check_interrupts()?;
    Ok(answer.is_err().then_some(Cow::Borrowed(reason)))
}

/// Returns the command for `work`, or `None` if the job needs several commands (installation, samples and Twister).
fn command(work: &Work) -> Result<Option<Command>> {
    let command = match work {
        Work::Cargo(words) => {
            let mut cargo = checkout()?.cargo();
            cargo.args(words.split_whitespace()).env("RUSTDOCFLAGS", "-D warnings");
            cargo
        }
        Work::Loom(words) => {
            let mut cargo = checkout()?.cargo();
            cargo.args(words.split_whitespace()).env("RUSTFLAGS", "--cfg loom");
            cargo
        }
        Work::Guest(target, words) => {
            let mut cargo = checkout()?.cargo();
            let mut words = words.split_whitespace();
            cargo.args(words.next());
            checkout()?.for_guest(&mut cargo, target);
            cargo.args(words);
            cargo
        }
        Work::Copies(target, program, machine) => {
            let mut cargo = checkout()?.cargo();
            let runner = format!("CARGO_TARGET_{}_RUNNER", target.to_uppercase().replace(['-', '.'], "_"));
            let machine = format!("-machine {machine} -display none -nic none -semihosting -kernel");
            cargo.env(runner, format!("{} {machine}", qemu::find(program)?.display()));
            cargo.args(["run", "-p", "amp-ivshmem-test-copies", "--profile", "guest"]);
            checkout()?.for_guest(&mut cargo, target);
            cargo
        }
        Work::Miri(words) => {
            let mut cargo = checkout()?.cargo();
            // Try several interleavings. Without these flags, every run would schedule the threads in the same order.
            cargo.env("MIRIFLAGS", "-Zmiri-many-seeds=0..8 -Zmiri-preemption-rate=0.1");
            cargo.arg("+nightly").args(words.split_whitespace());
            cargo
        }
        Work::MiriOnce(words) => {
            let mut cargo = checkout()?.cargo();
            // Miri's weak memory emulation does not support accesses of different widths to the same memory, which
            // happen after a link's layout has changed. Leaks are ignored, because a side that dies is never dropped.
            cargo.env("MIRIFLAGS", "-Zmiri-disable-weak-memory-emulation -Zmiri-ignore-leaks");
            cargo.arg("+nightly").args(words.split_whitespace());
            cargo
        }
        // A fixed seed, so that a change of the result is due to a change of the sources.
        Work::Fuzz(target) => fuzz::command(target, fuzz::SECONDS, Some(1))?,
        Work::Lint(lint) => lint::command(*lint)?,
        Work::Packages(words) => packages::command(words)?,
        Work::Oldest(words) => {
            let mut cargo = checkout()?.cargo();
            // Use a separate target folder. Otherwise, this compiler and the project's compiler would discard each
            // other's builds.
            cargo.arg(format!("+{OLDEST_RUST}")).args(words.split_whitespace()).args(["--target-dir", "target/oldest"]);
            cargo
        }
        Work::DocsRs(words) => {
            let mut cargo = checkout()?.cargo();
            cargo.arg("+nightly").args(words.split_whitespace()).args(["--target-dir", "target/docs.rs"]);
            cargo.env("RUSTDOCFLAGS", "--cfg docsrs -D warnings");
            cargo
        }
        Work::Amp(words) => {
            let mut amp = process::guarded("/proc/self/exe");
            amp.args(words.split_whitespace());
            amp
        }
        Work::Install | Work::Samples | Work::Twister => return Ok(None),
    };
    Ok(Some(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(script: &str, counted: Counted) -> End {
        let mut command = process::guarded("sh");
        command.args(["-c", script]);
        run_command(command, counted, Duration::from_millis(500)).unwrap()
    }

    #[test]
    fn a_job_counts_as_one_or_by_its_own_lines() {
        assert_eq!(job("echo fine", Counted::AsOne).count, Count::PASSED);
        let end = job("echo 'test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured'", Counted::ByLibtest);
        assert_eq!(end.count, Count { passed: 4, failed: 0, skipped: 1 });
        assert!(end.output.is_empty(), "what passes is quiet");
    }

    #[test]
    fn a_failure_shows_its_output_and_counts_even_if_nothing_was_counted() {
        let end = job("echo broken; exit 3", Counted::AsOne);
        assert_eq!((end.count, end.note.as_str()), (Count::FAILED, "FAILED: exit status 3"));
        assert_eq!(end.output, ["broken"]);
        assert_eq!(job("exit 101", Counted::ByLibtest).count, Count::FAILED);
    }

    #[test]
    fn a_job_that_hangs_is_stopped_with_its_children() {
        let begun = Instant::now();
        let end = job("echo begun; sleep 60 & wait", Counted::AsOne);
        assert!(end.note.contains("took longer"), "{}", end.note);
        assert_eq!(end.output, ["begun"]);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

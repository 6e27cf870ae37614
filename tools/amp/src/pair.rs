// SPDX-License-Identifier: Apache-2.0
//! `amp pair`: runs two Zephyr builds as a pair on a private server, with both consoles in one terminal.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp_ivshmem_server as server;
use anyhow::{Context, Error, Result, bail, ensure};
use regex::Regex;

use crate::console::Console;
use crate::folder::Folder;
use crate::process::{self, DRAIN, LastLines, Next, Running, check_interrupts};
use crate::server_options::parse_size;
use crate::zephyr::build::{self, Build};
use crate::{artifacts, output};

/// The options of `amp pair`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A west build folder for a QEMU board, or a sysbuild folder with the images of the pair
    #[arg(value_name = "BUILD_A")]
    pub first: PathBuf,
    /// The build folder of the other side [default: the second image of BUILD_A, or its only image a second time]
    #[arg(value_name = "BUILD_B")]
    pub second: Option<PathBuf>,
    /// Exit with success once a line on either console matches; if repeated, each expression must have matched
    #[arg(long, value_name = "REGEX")]
    pub until: Vec<Regex>,
    /// Exit after this many seconds, with failure if --until is given, and with success otherwise
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: Option<u64>,
    /// Size of the shared memory; not needed for a flat device, which has its size in devicetree
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub size: Option<u64>,
}

/// The options of `amp machine`.
#[derive(Clone, Debug, clap::Args)]
pub struct MachineOptions {
    /// A west build folder for a QEMU board
    pub build: PathBuf,
}

/// Replaces this process with the build's QEMU, started as by `west build -t run`, with the console on standard input
/// and output. Returns only on failure.
pub fn become_machine(options: &MachineOptions) -> Error {
    use std::os::unix::process::CommandExt;

    let command = Build::open(&options.build).and_then(|build| build.command(None, |program| Command::new(program)));
    // QEMU keeps the current folder, because Twister's tests expect a relative socket path to be relative to it.
    let here = std::env::current_dir().context("no current folder");
    match (command, here) {
        (Ok(mut command), Ok(here)) => Error::new(command.current_dir(here).exec()).context("QEMU did not start"),
        (Err(error), _) | (_, Err(error)) => error,
    }
}

/// Runs both sides until a condition in the options ends the run.
///
/// # Errors
/// Returns an error if the two builds do not fit together, if a machine exits, or if an expected line does not appear.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let sides = sides(&options.first, options.second.as_deref())?;
    let (size, vectors) = agree(&sides, options.size)?;
    let folder = Folder::new_in(&std::env::temp_dir())?;
    let socket = folder.socket();
    let server = server::Server::start(&server::Options { size, vectors, ..server::Options::new(&socket) })?;
    let commands = sides.each_ref().map(|side| side.command(Some(&socket), |program| process::guarded(program)));
    let [first, second] = commands;
    let result = watch(labels(&sides), [first?, second?], options);
    server.stop().context("the server ended")?;
    result
}

/// Returns the builds of the two images.
fn sides(first: &Path, second: Option<&Path>) -> Result<[Build; 2]> {
    let one = |folder: &Path| {
        let mut images = build::images(folder)?;
        let count = images.len();
        images.pop().filter(|_| count == 1).with_context(|| {
            format!("{} is a sysbuild folder with {count} images: name the one's own folder in it", folder.display())
        })
    };
    if let Some(second) = second {
        return Ok([one(first)?, one(second)?]);
    }
    let mut images = build::images(first)?;
    match (images.pop(), images.pop(), images.is_empty()) {
        (Some(second), Some(first), true) => Ok([first, second]),
        (Some(only), None, _) => Ok([only.clone(), only]),
        _ => bail!("{} has more than two images: name two of its folders", first.display()),
    }
}

/// Returns the size of the memory and the number of vectors for both images.
fn agree(sides: &[Build; 2], wanted: Option<u64>) -> Result<(u64, u16)> {
    let [first, second] = sides;
    let names = [first.name(), second.name()];
    if let (Some(role), true) = (first.role, first.role == second.role) {
        bail!("{} and {} are both the {role} of the link: build one of them as the other side", names[0], names[1]);
    }
    ensure!(
        first.vectors == second.vectors,
        "{} has {} doorbell vectors and {} has {}: set CONFIG_AMP_IVSHMEM_VECTORS to the same in both (a flat device has 1)",
        names[0],
        first.vectors,
        names[1],
        second.vectors
    );
    let sizes: Vec<_> = sides.iter().filter_map(|side| Some((side.name(), side.flat_size?))).collect();
    if let [(a, a_size), (b, b_size)] = &sizes[..] {
        ensure!(
            a_size == b_size,
            "{a} is built for {a_size} bytes of shared memory and {b} for {b_size}: make the sizes in their ivshmem nodes the same"
        );
    }
    match (sizes.first(), wanted) {
        (Some((name, size)), Some(wanted)) if *size != wanted => {
            bail!("{name} is built for {size} bytes of shared memory, and --size says {wanted}: leave --size out")
        }
        (Some((_, size)), _) => Ok((*size, first.vectors)),
        (None, wanted) => Ok((wanted.unwrap_or(artifacts::SHARED_MEMORY), first.vectors)),
    }
}

/// Returns the labels of the machines. A label is the folder's name, with a number if both names are equal.
fn labels(sides: &[Build; 2]) -> [String; 2] {
    let [first, second] = sides.each_ref().map(Build::name);
    if first == second { [format!("{first} 1"), format!("{second} 2")] } else { [first, second] }
}

struct Side {
    running: Running,
    ended: Option<Instant>,
    last_lines: LastLines,
}

/// Runs both commands and prints their lines, until a condition in `options` ends the run.
fn watch(labels: [String; 2], commands: [Command; 2], options: &Options) -> Result<()> {
    let console = Console::new(labels.clone(), false);
    let (sender, lines) = mpsc::sync_channel(256);
    let mut sides = Vec::new();
    for (index, command) in commands.into_iter().enumerate() {
        let mut running = Running::spawn(command).with_context(|| format!("{} did not start", labels[index]))?;
        let sender = sender.clone();
        running.read(move |_, line| {
            let _ = sender.send((index, line));
        });
        sides.push(Side { running, ended: None, last_lines: LastLines::default() });
    }
    let mut waiting: Vec<&Regex> = options.until.iter().collect();
    let end = options.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    loop {
        check_interrupts()?;
        if let Next::Item((index, Some(line))) = process::next(&lines) {
            console.show(index, &line);
            waiting.retain(|wanted| !wanted.is_match(&line));
            sides[index].last_lines.push(&line);
        }
        if waiting.is_empty() && !options.until.is_empty() {
            return Ok(());
        }
        if end.is_some_and(|end| Instant::now() > end) {
            return match waiting.first() {
                Some(wanted) => bail!("no line matched '{wanted}' within {} s", options.timeout.unwrap_or_default()),
                None => output::line("the time is up; both machines still ran"),
            };
        }
        for (side, label) in sides.iter_mut().zip(&labels) {
            let Some(status) = side.running.exit() else { continue };
            if side.ended.get_or_insert_with(Instant::now).elapsed() > DRAIN {
                bail!("{label} ended, {}; {}", process::describe(status), side.last_lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    fn build(folder: &str, role: Option<Role>, flat_size: Option<u64>, vectors: u16) -> Build {
        Build::for_tests(folder, role, flat_size, vectors)
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let remote = build("/b/r", Some(Role::Remote), Some(1 << 20), 1);
        let host = build("/b/h", Some(Role::Host), None, 1);
        let error = |a: &Build, b: &Build, size| agree(&[a.clone(), b.clone()], size).unwrap_err().to_string();
        assert_eq!(agree(&[host.clone(), remote.clone()], None).unwrap(), (1 << 20, 1));
        assert!(error(&remote, &remote, None).contains("both the remote"));
        assert!(error(&host, &remote, Some(1 << 21)).contains("leave --size out"));
        assert!(error(&host, &build("/b/x", None, None, 4), None).contains("CONFIG_AMP_IVSHMEM_VECTORS"));
        assert!(error(&remote, &build("/b/x", None, Some(1 << 14), 1), None).contains("16384"));
        assert_eq!(agree(&[host.clone(), build("/b/x", None, None, 1)], Some(1 << 14)).unwrap(), (1 << 14, 1));
    }

    fn options(until: &[&str], timeout: u64) -> Options {
        let until = until.iter().map(|regex| Regex::new(regex).unwrap()).collect();
        Options { first: PathBuf::new(), second: None, until, timeout: Some(timeout), size: None }
    }

    fn scripts(until: &[&str], first: &str, second: &str) -> Result<()> {
        let command = |script: &str| {
            let mut command = process::guarded("sh");
            command.args(["-c", script]);
            command
        };
        watch(["a".into(), "b".into()], [command(first), command(second)], &options(until, 2))
    }

    #[test]
    fn it_ends_with_what_was_waited_for_or_says_what_was_not() {
        scripts(&["count=[0-9]+", "^done"], "echo count=5; sleep 60", "echo done; sleep 60").unwrap();
        assert!(scripts(&["never"], "sleep 60", "sleep 60").unwrap_err().to_string().contains("'never' within 2 s"));
        let error = scripts(&["never"], "echo oops; exit 3", "sleep 60").unwrap_err().to_string();
        assert!(error.starts_with("a ended, exit status 3") && error.contains("oops"), "{error}");
        scripts(&[], "sleep 60", "sleep 60").unwrap();
    }
}

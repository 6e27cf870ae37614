// SPDX-License-Identifier: Apache-2.0
//! The `xtask` program, which `./amp` builds and runs. It adds the commands for developers of amp-ivshmem to the
//! commands for users, so that the help and the completions cover both.

mod bench;
mod check;
mod checkout;
mod fuzz;
mod images;
mod static_build;
mod test;
mod torture;
mod trial;

#[cfg(target_arch = "x86_64")]
use std::path::PathBuf;
use std::process::ExitCode;

use amp::{cli, process};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// Exchange rpmsg messages between two machines that share memory and doorbells: two QEMU machines, or a QEMU machine
/// and a Linux process.
#[derive(Debug, Parser)]
#[command(
    name = "amp",
    bin_name = "./amp",
    version,
    after_help = "\
The commands test, torture, bench, fuzz, images, static and check are for developers of amp-ivshmem. The others are for
users, and `cargo install --path tools/amp` installs them as `amp`.

Examples:
  ./amp demo                       exchange 10,000 messages between a Cortex-A53 and a Cortex-M3
  ./amp demo --pair host,m3        a Linux process takes the A53's place
  ./amp pair BUILD_A BUILD_B       run two Zephyr builds as a pair
  ./amp ping --help                exchange messages with a guest from the shell
  ./amp server --help              run a server for your own machines
  ./amp test                       run all tests"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    User(cli::Command),
    /// Run all tests: formatting, lints, unit tests, property tests, doc tests, and pairs of machines
    #[command(after_help = "\
The last line counts the tests. The exit status is 0 only if no test failed. The reason for each skipped test is printed.
Twister runs the Zephyr samples and tests if there is a workspace that can build Zephyr's hello_world; see ./amp demo --help.

Examples:
  ./amp test
  ./amp test clippy
  ./amp test 'pair a53,m3'
  ./amp test --list
  AMP_TWISTER_ARGS='--force-toolchain -s amp_ivshmem.ivshmem' ./amp test zephyr

Environment: AMP_TWISTER_ARGS has more arguments for Twister; -s selects scenarios.")]
    Test(test::Options),
    /// Kill, stop, reset and restart random sides of pairs that exchange messages, and check every message
    #[command(after_help = "\
Without --pair, the time is shared by all 9 pairs of a53, m3 and host. The exit status is 0 only if no message was
duplicated, corrupted, lost within a session or delivered to another session, no side hung, exited or reacted too late, and
no session ended because of a fault or for no reason.

Examples:
  ./amp torture --minutes 30
  ./amp torture --pair a53,m3 --cycles 1000 --seed 7
  ./amp torture --minutes 5 --hostile --json 2>/dev/null | jq .hung")]
    Torture(torture::Options),
    /// Check licences, the links and programs in the docs, the repository's address, and published crates, and look for
    /// import cycles
    #[command(after_help = "\
Each line gives the place, the cause and the remedy. `./amp test` runs each rule as a separate job.

Examples:
  ./amp check
  ./amp check links
  ./amp check licences --fix")]
    Check(check::Options),
    /// Measure instructions and doorbells per message, flash and RAM usage, and times
    #[command(after_help = "Examples:\n  ./amp bench\n  ./amp bench --json\n  ./amp bench --check flash")]
    Bench(bench::Options),
    /// Run the fuzz target TARGET, starting with its corpus
    #[command(after_help = "Examples:\n  ./amp fuzz link_native\n  ./amp fuzz client --seconds 3600")]
    Fuzz(fuzz::Options),
    /// Build the bare-metal images of the demo and the torture test, and print their paths
    #[command(after_help = "Examples:\n  ./amp images")]
    Images,
    /// Build amp as a static program for x86_64 and aarch64, test it outside the checkout, and print the paths
    #[command(after_help = "Examples:\n  ./amp static\n  ./amp static aarch64-unknown-linux-musl")]
    Static(static_build::Options),
    /// Execute PROGRAM while the parent process traces it
    #[cfg(target_arch = "x86_64")]
    #[command(hide = true)]
    Traced {
        /// Execute the program at this path
        program: PathBuf,
    },
    /// Run one side of a torture test as a Linux process
    #[command(hide = true)]
    Member(torture::linux::Options),
    /// Print the completion script for SHELL
    #[command(after_help = "Examples:\n  source <(./amp completions bash)\n  ./amp completions fish | source")]
    Completions {
        /// Print the completion script for this shell
        shell: Shell,
    },
}

fn main() -> ExitCode {
    process::enable_guard();
    cli::exit_code(match Cli::parse().command {
        Command::User(command) => command.run(),
        Command::Test(options) => test::run(&options),
        Command::Torture(options) => torture::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Fuzz(options) => fuzz::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Images => images::run().map(|()| ExitCode::SUCCESS),
        Command::Static(options) => static_build::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Check(options) => check::run(&options),
        #[cfg(target_arch = "x86_64")]
        Command::Traced { program } => Err(bench::become_traced(&program)),
        Command::Member(options) => torture::linux::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Completions { shell } => cli::completions(shell, Cli::command()),
    })
}

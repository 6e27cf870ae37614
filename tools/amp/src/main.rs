// SPDX-License-Identifier: Apache-2.0
//! The program `amp`, with the commands for users of amp-ivshmem.

use std::process::ExitCode;

use amp::{cli, process};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// Run rpmsg between machines that share memory and a doorbell, such as QEMU machines and Linux processes.
#[derive(Debug, Parser)]
#[command(
    name = "amp",
    version,
    after_help = "\
Examples:
  amp demo                       a Cortex-A53 and a Cortex-M3 exchange 10,000 messages
  amp demo --pair host,m3        a Linux process and a Cortex-M3 do
  amp pair BUILD_A BUILD_B       two Zephyr builds as a pair
  amp ping --help                this process as a guest's peer
  amp server --help              a server for machines of your own"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    User(cli::Command),
    /// Print a shell's completion script for this command line
    #[command(after_help = "Examples:\n  source <(amp completions bash)\n  amp completions fish | source")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

fn main() -> ExitCode {
    process::enable_guard();
    cli::exit_code(match Cli::parse().command {
        Command::User(command) => command.run(),
        Command::Completions { shell } => cli::completions(shell, Cli::command()),
    })
}

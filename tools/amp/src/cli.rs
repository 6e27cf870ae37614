// SPDX-License-Identifier: Apache-2.0
//! The command line of `amp`, with the commands for users. `xtask` offers the same commands and adds its own.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use clap_complete::Shell;

use crate::{client, demo, output, pair, peer, process, server_options};

/// The commands for users.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start two machines, let them exchange messages, and print the figures
    #[command(after_help = "\
All 9 pairs of a53, m3 and host are possible. The first machine is the rpmsg host, the second the rpmsg remote.
The exit status is 0 only if every message was echoed correctly.

The images are Zephyr's if there is a workspace, and bare-metal images otherwise. The first line of the output says which.
The command looks for a workspace as Zephyr's own tools do: ZEPHYR_BASE, the west workspace around the current folder,
CMake's package registry. Then it tries the workspace that --zephyr created.

Examples:
  amp demo
  amp demo --zephyr
  amp demo --bare-metal --pair m3,m3 --start remote-first
  amp demo --pair host,a53 --json 2>/dev/null | jq .median_us
  amp demo --runs 20

Environment: QEMU_BIN_PATH is the folder of another QEMU; NO_COLOR turns colours off.")]
    Demo(demo::Options),
    /// Serve shared memory and doorbells to QEMU machines and Linux processes
    #[command(after_help = "\
The server uses version 0 of QEMU's ivshmem protocol. It runs until SIGINT or SIGTERM.

Examples:
  amp server --socket /tmp/ivshmem
  amp server --socket /tmp/ivshmem --size 1M
  amp server --socket /tmp/ivshmem --fault lose=4,double=8,late=20
  qemu-system-aarch64 -machine virt … -chardev socket,path=/tmp/ivshmem,id=ivshmem \\
      -device ivshmem-doorbell,chardev=ivshmem,vectors=1")]
    Server(server_options::ServerOptions),
    /// Run two Zephyr builds as a pair, with a server and both consoles
    #[command(after_help = "\
The pair has a private server. The memory has the size that is set in devicetree. The pair runs until Ctrl-C, until the
time limit in --timeout expires, or until all lines of --until have appeared.

Examples:
  west build -S amp-ivshmem -b qemu_cortex_m3 -d remote samples/rpmsg_echo
  west build -S amp-ivshmem -b qemu_cortex_a53 -d host samples/rpmsg_echo -- -DCONFIG_SAMPLE_HOST=y
  amp pair host remote
  amp pair host remote --until '1000 messages came back' --timeout 60
  amp pair SYSBUILD_FOLDER       the two images of a build with --sysbuild

Environment: TMPDIR is the folder for the socket; NO_COLOR turns colours off.")]
    Pair(pair::Options),
    /// Run one Zephyr build on a running server, for example as the second machine of a test
    #[command(after_help = "\
The command starts the build's QEMU as `west build -t run` does, with the console on standard input and output. It takes
no lock, so the same build can run several times at once. The socket is the build's CONFIG_AMP_IVSHMEM_QEMU_SOCKET; a
relative path is relative to the current folder. A signal stops the machine.

Examples:
  amp server --socket /tmp/ivshmem_socket --size 1M
  amp machine BUILD_FOLDER")]
    Machine(pair::MachineOptions),
    /// Send messages to an endpoint that echoes them, as a peer on a running server, and check and time each one
    #[command(after_help = "\
The peer is a guest or another process. It uses C OpenAMP's library (--profile openamp) or this module (--profile native).
Each message is sent after the previous reply. The exit status is 0 only if every reply was correct and in time.

Examples:
  amp ping --socket /tmp/ivshmem --role host
  amp ping --socket /tmp/ivshmem --role host --endpoint amp.first --length 64 --count 100000
  amp ping --socket /tmp/ivshmem --role remote --profile openamp --length 1-496 --seed 7
  amp ping --socket /tmp/ivshmem --role host --profile openamp --address 0x8000000000
  amp ping --socket /tmp/ivshmem --role host --json 2>/dev/null | jq .median_us")]
    Ping(client::PingOptions),
    /// Echo each message that arrives at an endpoint, as a peer on a running server
    #[command(after_help = "\
The command runs until Ctrl-C, or until it has echoed --count messages. Peers may come and go. At the end it prints the
number of echoed messages.

Examples:
  amp echo --socket /tmp/ivshmem --role remote
  amp echo --socket /tmp/ivshmem --role remote --endpoint amp.first --count 1000
  amp echo --socket /tmp/ivshmem --role host --profile openamp --layout static-vrings --address 0")]
    Echo(client::EchoOptions),
    /// Run one side of the demo's pair in this process
    #[command(after_help = "\
The other side is a peer on the same server: a guest that runs tests/zephyr/workload, or a second `amp peer`. This side
prints its figures at the end, and continues to answer the other side until a signal stops it.

Examples:
  amp server --socket /tmp/ivshmem --size 1M
  amp peer --socket /tmp/ivshmem --role host
  amp peer --socket /tmp/ivshmem --role remote")]
    Peer(peer::Options),
    /// Execute a command that is killed when its parent exits
    #[command(hide = true)]
    Guard {
        /// The parent's process id
        parent: i32,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Returns the error of the command.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Self::Demo(options) => demo::run(&options)?,
            Self::Server(options) => amp_ivshmem_server::run(&options.into())?,
            Self::Pair(options) => pair::run(&options)?,
            Self::Ping(options) => client::ping(&options)?,
            Self::Echo(options) => client::echo(&options)?,
            Self::Machine(options) => return Err(pair::become_machine(&options)),
            Self::Peer(options) => peer::run(&options)?,
            Self::Guard { parent, command } => return Err(process::guard(parent, &command)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a shell's completion script for the command line `whole`.
///
/// # Errors
/// Returns an error if standard output cannot be written.
pub fn completions(shell: Shell, mut whole: clap::Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut whole, "amp", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the exit status of a program, and prints its error. After a signal, the status is 128 plus the signal's
/// number, as in a shell.
pub fn exit_code(result: Result<ExitCode>) -> ExitCode {
    let code = result.unwrap_or_else(|error| {
        output::show_error(&format!("amp: {error:#}"));
        match error.downcast_ref() {
            Some(process::Interrupted(signal)) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)),
            None => ExitCode::FAILURE,
        }
    });
    output::finish();
    code
}

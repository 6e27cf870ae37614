//! The `amp` tool's command line. What each command does is in the module of its name.

mod bench;
mod console;
mod demo;
mod folder;
mod machines;
mod output;
mod pair;
mod peer;
mod poke;
mod process;
mod qemu;
mod recent;
mod server_options;
mod test;
mod torture;
mod workspace;
mod zephyr;

use amp_ivshmem_server as server;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// rpmsg between machines that share memory and a doorbell: two QEMU machines, or one and a Linux process.
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
  amp test                       all tests
  amp server --help              a server for machines of your own"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start two machines, let them talk, and print the figures
    #[command(after_help = "\
Each of the 9 pairs of a53, m3 and host goes; the first named is the rpmsg host, the second the remote.
The exit status is 0 only if every message came back right.

The images are Zephyr's where a workspace is found, and bare-metal ones else; the first line says which. A workspace is looked
for as Zephyr's own tools do: ZEPHYR_BASE, the west workspace around the current folder, CMake's package registry; then the
one that --zephyr made.

Examples:
  amp demo
  amp demo --zephyr
  amp demo --bare-metal --pair m3,m3 --start remote-first
  amp demo --pair host,a53 --json 2>/dev/null | jq .median_us
  amp demo --runs 20

Environment: QEMU_BIN_PATH names the folder of another QEMU; NO_COLOR switches colours off.")]
    Demo(demo::Options),
    /// Serve shared memory and doorbells to QEMUs and Linux processes
    #[command(after_help = "\
It speaks version 0 of QEMU's ivshmem protocol, and runs until SIGINT or SIGTERM.

Examples:
  amp server --socket /tmp/ivshmem
  amp server --socket /tmp/ivshmem --size 1M
  amp server --socket /tmp/ivshmem --fault lose=4,double=8,late=20
  qemu-system-aarch64 -machine virt … -chardev socket,path=/tmp/ivshmem,id=ivshmem \\
      -device ivshmem-doorbell,chardev=ivshmem,vectors=1")]
    Server(server_options::ServerOptions),
    /// Run two Zephyr build folders as a pair, with a server and both consoles
    #[command(after_help = "\
The server is the pair's own, on a socket that nobody else sees; its memory has the size that devicetree says. It runs until
Ctrl-C, --timeout, or --until.

Examples:
  west build -S amp-ivshmem -b qemu_cortex_m3 -d remote samples/rpmsg_echo
  west build -S amp-ivshmem -b qemu_cortex_a53 -d host samples/rpmsg_echo -- -DCONFIG_SAMPLE_HOST=y
  amp pair host remote
  amp pair host remote --until 'role=host .*lost=0' --until 'role=remote .*lost=0' --timeout 60
  amp pair SYSBUILD_FOLDER       the two images of a build with --sysbuild

Environment: TMPDIR names the folder of the socket; NO_COLOR switches colours off.")]
    Pair(pair::Options),
    /// Run one Zephyr build folder on a server that is running: the second machine of a test
    #[command(after_help = "\
It becomes the build's QEMU, as west build -t run starts it, with the console on standard input and output and no lock file, so
that one build can run any number of times. The server's socket is the build's CONFIG_AMP_IVSHMEM_QEMU_SOCKET; a relative one counts
from the current folder. A signal ends it.

Examples:
  amp server --socket /tmp/ivshmem_socket --size 1M
  amp machine BUILD_FOLDER")]
    Machine(pair::MachineOptions),
    /// Send messages to an endpoint that echoes them, as a peer on a running server, and check and time each
    #[command(after_help = "\
The peer is a guest or another process: C OpenAMP's library in its layout (--profile openamp), or this module's.
Messages go one after the other. The exit status is 0 only if every one came back in time and right.

Examples:
  amp ping --socket /tmp/ivshmem --role host
  amp ping --socket /tmp/ivshmem --role host --endpoint amp.first --length 64 --count 100000
  amp ping --socket /tmp/ivshmem --role remote --profile openamp --length 1-496 --seed 7
  amp ping --socket /tmp/ivshmem --role host --profile openamp --address 0x8000000000
  amp ping --socket /tmp/ivshmem --role host --json 2>/dev/null | jq .median_us")]
    Ping(poke::PingOptions),
    /// Answer each message to an endpoint with itself, as a peer on a running server
    #[command(after_help = "\
It runs until Ctrl-C or --count, whatever peers come and go; then it prints how many messages it answered.

Examples:
  amp echo --socket /tmp/ivshmem --role remote
  amp echo --socket /tmp/ivshmem --role remote --endpoint amp.first --count 1000
  amp echo --socket /tmp/ivshmem --role host --profile openamp --layout static-vrings --address 0")]
    Echo(poke::EchoOptions),
    /// Run all tests: format, lints, unit, property and doc tests, and pairs of machines
    #[command(after_help = "\
The last line counts the tests. The exit status is 0 only if none failed; a test that is skipped says why.
Where a Zephyr workspace is found (as amp demo does) and can build Zephyr's own hello_world, Twister runs samples and tests.

Examples:
  amp test
  amp test clippy
  amp test 'pair a53,m3'
  amp test --list
  AMP_TWISTER_ARGS='--force-toolchain -s amp_ivshmem.ivshmem' amp test zephyr

Environment: AMP_TWISTER_ARGS has more words for Twister; -s among them chooses the scenarios.")]
    Test(test::Options),
    /// Kill, stop, reset and restart the sides of pairs at random while they talk, and check every message
    #[command(after_help = "\
Without --pair, all 9 pairs of a53, m3 and host share the time. The exit status is 0 only if nothing was duplicated,
lost within a session, corrupted or of another session, no side hung, ended by itself or was untimely, and no session ended by a fault
or for no reason.

Examples:
  amp torture --minutes 30
  amp torture --pair a53,m3 --cycles 1000 --seed 7
  amp torture --minutes 5 --hostile --json 2>/dev/null | jq .hung")]
    Torture(torture::Options),
    /// Measure: instructions and doorbells per message, flash and RAM, times
    #[command(after_help = "Examples:\n  amp bench\n  amp bench --json\n  amp bench --check flash")]
    Bench(bench::Options),
    /// Print the completion of this command line for a shell
    #[command(after_help = "Examples:\n  source <(./amp completions bash)\n  ./amp completions fish | source")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Be one side of a demo's pair, as this process
    #[command(hide = true)]
    Peer(peer::Options),
    /// Become a program that its parent traces
    #[cfg(target_arch = "x86_64")]
    #[command(hide = true)]
    Traced {
        /// The program
        program: PathBuf,
    },
    /// Become a command that dies with its parent
    #[command(hide = true)]
    Guard {
        /// The parent's process id
        parent: i32,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Server(options) => server::run(&options.into()).map(|()| ExitCode::SUCCESS),
        Command::Pair(options) => pair::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Ping(options) => poke::ping(&options).map(|()| ExitCode::SUCCESS),
        Command::Echo(options) => poke::echo(&options).map(|()| ExitCode::SUCCESS),
        Command::Machine(options) => Err(pair::become_machine(&options)),
        Command::Test(options) => test::run(&options),
        Command::Torture(options) => torture::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "amp", &mut script);
            output::print(&String::from_utf8_lossy(&script)).map(|()| ExitCode::SUCCESS)
        }
        Command::Peer(options) => peer::run(&options).map(|()| ExitCode::SUCCESS),
        #[cfg(target_arch = "x86_64")]
        Command::Traced { program } => Err(bench::become_traced(&program)),
        Command::Guard { parent, command } => Err(process::guard(parent, &command)),
    };
    result.unwrap_or_else(|error| {
        eprintln!("amp: {error:#}");
        match error.downcast_ref() {
            // As a shell counts it.
            Some(process::Interrupted(signal)) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)),
            None => ExitCode::FAILURE,
        }
    })
}

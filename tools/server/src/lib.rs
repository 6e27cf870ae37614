// SPDX-License-Identifier: Apache-2.0
//! The ivshmem server. It gives the shared memory and doorbells to every peer that connects to its socket.
//!
//! The server speaks version 0 of QEMU's protocol (QEMU's manual, "Inter-VM Shared Memory device";
//! `docs/specs/ivshmem-spec`, "Client-server protocol"). It does not access the contents of the memory.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod client;
mod error;
mod event;
mod fault;
mod faults;
mod ids;
pub mod memory;
mod options;
pub mod random;
mod serve;
mod server;
mod socket;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

use error::Explain;
pub use error::ServerError;
pub use event::{Event, Reason};
pub use faults::Faults;
pub use options::{Options, SIZE_MAX, SIZE_MIN, SOCKET_PATH_MAX, VECTORS_MAX};
pub use serve::Serving;
pub use server::{Running, Server, Stop};
pub use writer::Writer;

/// Time limit for writing the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Serves until SIGINT, SIGTERM or SIGHUP, and prints a line for each event. If nobody reads the lines, the server
/// continues, and drops lines.
///
/// # Errors
/// Returns the same errors as [`Server::bind`], and an error if polling fails.
pub fn run(options: &Options) -> Result<(), ServerError> {
    let mut stops = Vec::new();
    for (signal, name) in [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")] {
        let (ours, handlers) = UnixStream::pair().explain("no socket pair for signals")?;
        signal_hook::low_level::pipe::register(signal, handlers).explain(format_args!("cannot handle {name}"))?;
        stops.push(Stop { fd: Arc::new(ours.into()), name });
    }
    // With this handler, a call that exceeds the limit on file size returns an error. Otherwise, the signal would kill
    // the process.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).explain("cannot handle SIGXFSZ")?;
    let writer =
        Writer::start(std::io::stdout()).explain("no thread for the output; raise the limit with ulimit -u")?;
    let print_line = |line: fmt::Arguments<'_>| {
        writer.offer(format_args!("{line}\n"));
    };
    let mut serving = Serving::new(Server::bind(options)?, |event| print_line(format_args!("{event}")))?;
    let (plural, kind) =
        (if options.vectors == 1 { "" } else { "s" }, options.memory.as_ref().map_or("anonymous", |_| "file"));
    print_line(format_args!(
        "listening on {}: {} bytes ({kind}), {} vector{plural}",
        options.socket.display(),
        options.size,
        options.vectors
    ));
    if let Some(faults) = options.faults {
        print_line(format_args!("faults: {faults}"));
    }
    let stopped_by = loop {
        if let Some(name) = serving.turn(&stops, None)? {
            break name;
        }
    };
    // Removes the socket.
    drop(serving);
    print_line(format_args!("stopped by {stopped_by}; removed {}", options.socket.display()));
    // Exits even if nobody reads the last lines, which are then lost.
    let _ = writer.wait(LAST_LINES);
    Ok(())
}

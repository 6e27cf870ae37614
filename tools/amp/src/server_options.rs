// SPDX-License-Identifier: Apache-2.0
//! The command line of `amp server`. The server itself does not depend on a command line.

use std::path::PathBuf;

use amp_ivshmem_server as server;

/// The options of `amp server`.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerOptions {
    /// Path of the socket; only the user who runs the server can connect
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Size of the memory, a power of two from 4K to 2G, in bytes or with a suffix K, M or G
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = parse_size)]
    pub size: u64,
    /// Number of doorbell vectors per peer, 1 to 64; must be 1 if any peer is flat, and must equal QEMU's `vectors=`
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub vectors: u16,
    /// File to use as the memory, which is kept on exit; without it, the memory is anonymous and cannot be resized
    #[arg(long, value_name = "FILE")]
    pub memory: Option<PathBuf>,
    /// Faults to inject, separated by commas. `lose=N` and `double=N` affect one doorbell in N. `late=MS` and `join=MS`
    /// are the maximum delays of a doorbell and of a greeting. `drop=MS` is the average time between disconnections.
    /// With `stall=ID`, the server sends nothing to peer ID after the greeting. `seed=S` is the seed of the random
    /// numbers
    #[arg(long, value_name = "FAULTS")]
    pub fault: Option<server::Faults>,
}

impl From<ServerOptions> for server::Options {
    fn from(options: ServerOptions) -> Self {
        let ServerOptions { socket, size, vectors, memory, fault: faults } = options;
        Self { socket, size, vectors, memory, faults }
    }
}

/// Parses a size in bytes, or with a suffix K, M or G.
///
/// # Errors
/// Returns an error if the text is not a size.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 10),
        Some(digits) if text.ends_with('M') => (digits, 20),
        Some(digits) => (digits, 30),
        None => (text, 0),
    };
    let number: Option<u64> = digits.parse().ok();
    let size = number.and_then(|number| number.checked_mul(1 << shift));
    size.ok_or_else(|| "a size is a number of bytes, or one with K, M or G at its end, for example 4M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("4M"), Ok(4 << 20));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64K"), Ok(64 << 10));
        assert_eq!(parse_size("1G"), Ok(1 << 30));
        for wrong in ["", "M", "4m", "-1", "4 M", "99999999999G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}

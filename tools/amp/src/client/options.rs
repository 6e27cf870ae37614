// SPDX-License-Identifier: Apache-2.0
//! The options of `amp ping` and `amp echo`. This file does not depend on any link.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use crate::role::Role;

/// The layout and protocol of the shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// amp-ivshmem's own profile
    Native,
    /// C OpenAMP
    #[value(name = "openamp")]
    OpenAmp,
}

/// The location of C OpenAMP's rings and buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutName {
    /// Layout of OpenAMP's sample of this name: 16 buffers in each direction, with the vring to the host first
    DualQemuIvshmem,
    /// Layout of Zephyr's rpmsg_service: 16 buffers in each direction, with the vring to the remote first
    RpmsgService,
    /// Layout of Zephyr's ipc_rpmsg_static_vrings, which uses the whole memory
    StaticVrings,
}

/// Options for joining a link.
#[derive(Clone, Debug, clap::Args)]
pub struct JoinOptions {
    /// Path of the server's socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// This side's role; the peer has the other role
    #[arg(long, value_enum)]
    pub role: Role,
    /// Profile of the peer
    #[arg(long, value_enum, default_value = "native")]
    pub profile: Profile,
    /// Name of the endpoint on both sides, 1 to 31 bytes
    #[arg(long, value_name = "NAME", default_value = "echo")]
    pub endpoint: String,
    /// Time limit in seconds, which applies to the server, to the peer and its endpoint, and to each answer
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub timeout: f64,
    /// Size of a buffer in bytes; the rpmsg header takes 16 bytes of it
    #[arg(long, value_name = "BYTES", default_value_t = 512, value_parser = clap::value_parser!(u32).range(24..=65552))]
    pub buffer_size: u32,
    /// native: number of the link in the memory, 0 to 125
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=125))]
    pub link: u8,
    /// openamp: location of the vrings
    #[arg(long, value_enum, default_value = "dual-qemu-ivshmem")]
    pub layout: LayoutName,
    /// openamp: id of the peer to ring. By default, this is the only other peer. With several other peers, it is this
    /// peer's id + 1 as host or − 1 as remote, as in C's samples
    #[arg(long, value_name = "ID")]
    pub peer_id: Option<u16>,
    /// openamp: address of the memory at the peer, which C writes into descriptors. A remote detects it. A host must
    /// set it; use 0 for a peer that detects it, as amp-ivshmem's remotes do
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub address: Option<u64>,
    /// openamp, host: start even if the memory says that there is a host, for example after that host was killed
    #[arg(long)]
    pub take_over: bool,
}

/// The options of `amp ping`.
#[derive(Clone, Debug, clap::Args)]
pub struct PingOptions {
    #[command(flatten)]
    pub join: JoinOptions,
    /// Length of each message in bytes, such as `64`, or a range for random lengths, such as `1-496` [default: 1 to the
    /// link's maximum]
    #[arg(long, value_name = "BYTES", value_parser = lengths)]
    pub length: Option<RangeInclusive<u16>>,
    /// Number of messages
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Seed for the lengths and contents [default: random]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the figures as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The options of `amp echo`.
#[derive(Clone, Debug, clap::Args)]
pub struct EchoOptions {
    #[command(flatten)]
    pub join: JoinOptions,
    /// Exit after N messages [default: run until Ctrl-C]
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .filter(|seconds| (0.001..=86400.0).contains(seconds))
        .ok_or_else(|| "a time is a number of seconds from 0.001 to 86400".to_owned())
}

fn address(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "an address is a number of 64 bits, for example 0x8000000000".to_owned())
}

fn lengths(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("a length is a number of bytes from 0 to 65535, or two with - between, the smaller first".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_addresses_and_times_are_read() {
        assert_eq!(lengths("64"), Ok(64..=64));
        assert_eq!(lengths("0-496"), Ok(0..=496));
        assert_eq!(address("0x8000000000"), Ok(0x80_0000_0000));
        assert_eq!(address("4096"), Ok(4096));
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["", "-", "7-", "9-8", "65536", "1-2-3", "a"] {
            assert!(lengths(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0x", "-1", "x", "0x10000000000000000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0", "-1", "NaN", "inf", "1e9"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}

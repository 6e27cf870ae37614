// SPDX-License-Identifier: Apache-2.0
//! The machines of a pair, and the order in which they start.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Serialize, Serializer};

use crate::machine::Machine;
use crate::role::Role;

/// The machines for the rpmsg host and the rpmsg remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The machine that runs the rpmsg host.
    pub host: Machine,
    /// The machine that runs the rpmsg remote.
    pub remote: Machine,
}

impl Pair {
    /// Returns the host side and then the remote side.
    pub const fn sides(self) -> [(Machine, Role); 2] {
        [(self.host, Role::Host), (self.remote, Role::Remote)]
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.host.name(), self.remote.name())
    }
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let machine = |name: &str| match name.trim() {
            "a53" => Ok(Machine::A53),
            "m3" => Ok(Machine::M3),
            "host" => Ok(Machine::Linux),
            other => Err(format!("no machine is called '{other}': there are a53, m3 and host (a Linux process)")),
        };
        let (host, remote) = text.split_once(',').ok_or("a pair is HOST-SIDE,REMOTE-SIDE, for example a53,m3")?;
        Ok(Self { host: machine(host)?, remote: machine(remote)? })
    }
}

/// The order in which the machines start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The rpmsg host first; the remote once the host has printed a line
    HostFirst,
    /// The rpmsg remote first; the host once the remote has printed a line
    RemoteFirst,
    /// Both at the same time
    Together,
}

impl Start {
    /// Returns the order's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostFirst => "host-first",
            Self::RemoteFirst => "remote-first",
            Self::Together => "together",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_written() {
        for text in ["a53,m3", "a53,a53", "m3,m3", "host,m3", "host,a53", "m3,host"] {
            assert_eq!(text.parse::<Pair>().unwrap().to_string(), text);
        }
        assert_eq!(" a53 , m3 ".parse::<Pair>().unwrap().remote, Machine::M3);
        assert!("a53".parse::<Pair>().unwrap_err().contains("HOST-SIDE,REMOTE-SIDE"));
        assert!("a53,m4".parse::<Pair>().unwrap_err().contains("'m4'"));
        assert!("a53,m3,m3".parse::<Pair>().unwrap_err().contains("'m3,m3'"));
    }
}

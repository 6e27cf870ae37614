// SPDX-License-Identifier: Apache-2.0
//! The two sides of a link, and their names on the command line.

use std::fmt;

use amp_ivshmem::rpmsg;
use amp_ivshmem_workload::protocol::role_name;
use clap::ValueEnum;
use serde::Serialize;

/// The side of a link that a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The rpmsg host, which decides where the link is in the memory
    Host,
    /// The rpmsg remote, which reads the location of the link from the memory
    Remote,
}

impl Role {
    /// Returns the name of the image for this side.
    pub const fn image(self) -> &'static str {
        match self {
            Self::Host => "exchange-host",
            Self::Remote => "exchange-remote",
        }
    }
}

impl From<Role> for rpmsg::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Host => Self::Host,
            Role::Remote => Self::Remote,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(role_name((*self).into()))
    }
}

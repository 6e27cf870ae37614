// SPDX-License-Identifier: Apache-2.0
//! The kinds of machines that can be a side of a pair, and the QEMU that each needs.

use std::path::PathBuf;

use anyhow::Result;

use crate::qemu;
use crate::role::Role;

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// QEMU's `virt` with a Cortex-A53; the PCI device.
    A53,
    /// QEMU's `lm3s6965evb`, a Cortex-M3; the flat device.
    M3,
    /// A Linux process on this machine, named `host` in a pair.
    Linux,
}

impl Machine {
    /// The name in a pair.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A53 => "a53",
            Self::M3 => "m3",
            Self::Linux => "host",
        }
    }

    /// The Rust target of its images; none for a Linux process.
    pub const fn target(self) -> Option<&'static str> {
        match self {
            Self::A53 => Some("aarch64-unknown-none"),
            Self::M3 => Some("thumbv7m-none-eabi"),
            Self::Linux => None,
        }
    }

    /// Finds the QEMU that the machine needs, if any.
    ///
    /// # Errors
    /// QEMU is missing or unusable.
    pub fn check(self) -> Result<Option<PathBuf>> {
        match self {
            Self::A53 => qemu::find("qemu-system-aarch64").map(Some),
            Self::M3 => qemu::find_extensible("qemu-system-arm").map(Some),
            Self::Linux => Ok(None),
        }
    }

    /// The name in front of its console's lines.
    pub fn label(self, role: Role) -> String {
        // `host host` would tell nobody anything.
        format!("{} {role}", if self == Self::Linux { "linux" } else { self.name() })
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The kinds of machine that can be a side of a pair, and the QEMU program that each kind needs.

use std::path::PathBuf;

use anyhow::Result;

use crate::qemu;
use crate::role::Role;

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// QEMU's `virt` with a Cortex-A53 and the PCI device.
    A53,
    /// QEMU's `lm3s6965evb` with a Cortex-M3 and the flat device.
    M3,
    /// A Linux process, called `host` in the name of a pair.
    Linux,
}

impl Machine {
    /// Returns the machine's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A53 => "a53",
            Self::M3 => "m3",
            Self::Linux => "host",
        }
    }

    /// Returns the Rust target of the machine's images, or `None` for a Linux process.
    pub const fn target(self) -> Option<&'static str> {
        match self {
            Self::A53 => Some("aarch64-unknown-none"),
            Self::M3 => Some("thumbv7m-none-eabi"),
            Self::Linux => None,
        }
    }

    /// Finds the QEMU program that the machine needs, if any.
    ///
    /// # Errors
    /// Returns an error if QEMU is missing or unusable.
    pub fn check(self) -> Result<Option<PathBuf>> {
        match self {
            Self::A53 => qemu::find("qemu-system-aarch64").map(Some),
            Self::M3 => qemu::find_extensible("qemu-system-arm").map(Some),
            Self::Linux => Ok(None),
        }
    }

    /// Returns the prefix for the machine's console lines.
    pub fn label(self, role: Role) -> String {
        // Uses `linux` for a Linux process, because the label `host host` would be confusing.
        format!("{} {role}", if self == Self::Linux { "linux" } else { self.name() })
    }
}

// SPDX-License-Identifier: Apache-2.0
//! An image that runs one side of a timed pair. The machine's peer id selects the side. On a fresh server, the id is 0
//! or 1.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod side;

#[cfg(target_os = "none")]
mod image {
    use core::fmt::Write;

    use amp_ivshmem_bare_metal::{Console, Machine, image, park};

    image!(main);

    fn main(machine: Machine, mut console: Console) -> ! {
        let end = crate::side::run(machine, &mut console).err().unwrap_or("over");
        // The console cannot fail.
        let _ = writeln!(console, "{end}");
        park()
    }
}

#[cfg(not(target_os = "none"))]
include!("../../../ports/bare-metal/not_here.rs");

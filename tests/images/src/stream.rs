// SPDX-License-Identifier: Apache-2.0
//! Runs one side of the `amp torture` message stream, in either role, as an image's main function.

use amp_ivshmem::rpmsg::Role;
use amp_ivshmem_bare_metal::{Console, Machine, park};
use amp_ivshmem_workload::stream::{Stream, run_in};
use static_cell::StaticCell;

/// Storage for a side with `LINKS` links. The storage is static rather than on the stack, so that the image's size
/// includes it.
pub type Side<const LINKS: usize> = StaticCell<Stream<Machine, LINKS>>;

/// Returns the storage for a side that has not started yet.
pub const fn side<const LINKS: usize>() -> Side<LINKS> {
    StaticCell::new()
}

/// Runs the side with this role forever, on consecutive links starting with `first`.
pub fn run<const LINKS: usize>(
    side: &'static Side<LINKS>,
    role: Role,
    first: u8,
    mut machine: Machine,
    mut console: Console,
) -> ! {
    if let Some(place) = side.try_uninit() {
        run_in(place, &mut machine, role, first, &mut console, || true);
    }
    park()
}

/// Defines an image for the side with this role, on `links` consecutive links starting with `first`.
macro_rules! stream_image {
    ($role:ident, $first:literal, $links:literal) => {
        mod image {
            use amp_ivshmem::rpmsg::Role;
            use amp_ivshmem_bare_metal::{Console, Machine, image};

            use crate::stream::{Side, run, side};

            static SIDE: Side<$links> = side();

            image!(main);

            fn main(machine: Machine, console: Console) -> ! {
                run(&SIDE, Role::$role, $first, machine, console)
            }
        }
    };
}

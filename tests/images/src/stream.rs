// SPDX-License-Identifier: Apache-2.0
//! Runs one side of `amp torture`'s stream, in either role, as the main function of an image.

use amp_ivshmem::rpmsg::Role;
use amp_ivshmem_bare_metal::{Console, Machine, park};
use amp_ivshmem_workload::stream::{Stream, run_in};
use static_cell::StaticCell;

/// A side with `LINKS` links, in a static, so that the image's size includes it, and not on the stack.
pub type Side<const LINKS: usize> = StaticCell<Stream<Machine, LINKS>>;

/// Returns the place for a side that has not started.
pub const fn side<const LINKS: usize>() -> Side<LINKS> {
    StaticCell::new()
}

/// Runs the side with this role for ever, on the links from `first` on.
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

/// Makes an image of the side with this role, on `links` links from `first` on.
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

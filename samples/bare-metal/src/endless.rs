//! One side of `amp torture`'s traffic without end, whichever it is, as an image's main.

use amp_ivshmem::rpmsg::Role;
use amp_ivshmem_bare_metal::{Console, Machine, park};
use amp_ivshmem_conversation::{Endless, run_endless_in};
use static_cell::StaticCell;

/// A side of `LINKS` links, in memory that the image's size shows, and not on the stack.
pub type Side<const LINKS: usize> = StaticCell<Endless<Machine, LINKS>>;

/// The place for a side that has not begun.
pub const fn side<const LINKS: usize>() -> Side<LINKS> {
    StaticCell::new()
}

/// Plays `role` on the links from `first` on, for ever.
pub fn play<const LINKS: usize>(
    side: &'static Side<LINKS>,
    role: Role,
    first: u8,
    mut machine: Machine,
    mut console: Console,
) -> ! {
    if let Some(place) = side.try_uninit() {
        run_endless_in(place, &mut machine, role, first, &mut console, || true);
    }
    park()
}

/// An image that plays a role on so many links, from the first on.
macro_rules! endless_image {
    ($role:ident, $first:literal, $links:literal) => {
        mod image {
            use amp_ivshmem::rpmsg::Role;
            use amp_ivshmem_bare_metal::{Console, Machine, image};

            use crate::endless::{Side, play, side};

            static SIDE: Side<$links> = side();

            image!(main);

            fn main(machine: Machine, console: Console) -> ! {
                play(&SIDE, Role::$role, $first, machine, console)
            }
        }
    };
}

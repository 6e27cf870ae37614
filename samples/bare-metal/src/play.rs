//! One side of the conversation, whichever it is, as an image's main.

use amp_ivshmem::rpmsg::Role;
use amp_ivshmem_bare_metal::{Console, Machine, park};
use amp_ivshmem_conversation::{Party, run_in};
use static_cell::StaticCell;

/// The party, in memory that the image's size shows, and not on the stack.
static PARTY: StaticCell<Party<Machine>> = StaticCell::new();

/// Plays `role` for ever.
pub fn play(role: Role, mut machine: Machine, mut console: Console) -> ! {
    if let Some(place) = PARTY.try_uninit() {
        run_in(place, &mut machine, role, &mut console);
    }
    park()
}

/// An image that plays a role.
macro_rules! image_of {
    ($role:ident) => {
        mod image {
            use amp_ivshmem::rpmsg::Role;
            use amp_ivshmem_bare_metal::{Console, Machine, image};

            image!(main);

            fn main(machine: Machine, console: Console) -> ! {
                crate::play::play(Role::$role, machine, console)
            }
        }
    };
}

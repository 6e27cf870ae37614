// SPDX-License-Identifier: Apache-2.0
//! Runs one side of the exchange, in either role, as an image's main function.

use amp_ivshmem::rpmsg::Role;
use amp_ivshmem_bare_metal::{Console, Machine, park};
use amp_ivshmem_workload::{Node, run_in};
use static_cell::StaticCell;

/// The node is static rather than on the stack, so that the image's size includes it.
static NODE: StaticCell<Node<Machine>> = StaticCell::new();

/// Runs the side with this role forever.
pub fn run(role: Role, mut machine: Machine, mut console: Console) -> ! {
    if let Some(place) = NODE.try_uninit() {
        run_in(place, &mut machine, role, &mut console);
    }
    park()
}

/// Defines an image for the side with this role.
macro_rules! exchange_image {
    ($role:ident) => {
        mod image {
            use amp_ivshmem::rpmsg::Role;
            use amp_ivshmem_bare_metal::{Console, Machine, image};

            image!(main);

            fn main(machine: Machine, console: Console) -> ! {
                crate::exchange::run(Role::$role, machine, console)
            }
        }
    };
}

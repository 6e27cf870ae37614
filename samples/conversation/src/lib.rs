//! The talk that `amp demo` shows, written once for every port: three endpoints at once, both sides starting
//! conversations, messages of random lengths, and every byte checked at both ends.
//!
//! Knows the core and [`Port`], no machine. A party is one side; [`run`] is all that an image has to call.
#![no_std]
#![forbid(unsafe_code)]

mod console;
mod content;
mod conversation;
mod endless;
mod histogram;
mod party;

pub use content::{Content, MAX_MESSAGE};
pub use endless::{Endless, SILENCE, run_endless_in};
pub use histogram::Histogram;
pub use party::{Figures, Party, StartError};

use core::fmt::Write;
use core::mem::MaybeUninit;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::Role;

/// The endpoints' names, who starts on each, and how many messages.
pub const CONVERSATIONS: [(&str, Role, u32); 3] =
    [("amp.first", Role::Host, 3334), ("amp.second", Role::Host, 3333), ("amp.third", Role::Remote, 3333)];

/// How many messages are started in all, by both sides.
pub const MESSAGES: u32 = CONVERSATIONS[0].2 + CONVERSATIONS[1].2 + CONVERSATIONS[2].2;

/// Plays one side for ever: talks, prints its figures when all has been said, and goes on answering.
///
/// Returns only where the link cannot be in the port's memory, after it has said why.
pub fn run<P: Port>(port: &mut P, role: Role, console: &mut impl Write) {
    run_in(&mut MaybeUninit::uninit(), port, role, console);
}

/// As [`run`], with all that the party remembers in `place`: a static, on a machine with a small stack.
pub fn run_in<P: Port>(place: &mut MaybeUninit<Party<P>>, port: &mut P, role: Role, console: &mut impl Write) {
    match Party::new(port, role, console) {
        Ok(party) => {
            let party = place.write(party);
            loop {
                party.step(port.now(), console);
                port.wait(Some(party.deadline()));
            }
        }
        Err(error) => console::because(console, "error: ", &error, "no place for the link in the shared memory"),
    }
}

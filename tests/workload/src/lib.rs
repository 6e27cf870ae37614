// SPDX-License-Identifier: Apache-2.0
//! Checked test traffic, shared by all ports.
//!
//! * [`Node`] is one side of the exchange in `amp demo`. Both sides initiate messages of random lengths on three
//!   endpoints, and both check every byte.
//! * [`Stream`] is one side of the traffic in `amp torture`: an endless stream of numbered messages on one or several
//!   links.
//! * [`protocol`] defines the lines that [`Node`] and [`Stream`] print, so that tools can parse the lines.
//!
//! An image only has to call [`run`] or [`stream::run_in`].
#![no_std]
#![forbid(unsafe_code)]

mod console;
mod content;
mod exchange;
mod histogram;
mod node;
mod plan;
pub mod protocol;
pub mod stream;

pub use content::{Content, MAX_MESSAGE};
pub use histogram::Histogram;
pub use node::{Node, StartError};
pub use plan::{EXCHANGES, MESSAGES};
pub use stream::Stream;

use core::fmt::Write;
use core::mem::MaybeUninit;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::Role;

/// Runs one side forever: exchanges the messages, prints the figures, and then only answers the peer.
///
/// If the link does not fit in the port's memory, prints the reason and returns.
pub fn run<P: Port>(port: &mut P, role: Role, console: &mut impl Write) {
    run_in(&mut MaybeUninit::uninit(), port, role, console);
}

/// Does the same as [`run`], but keeps the state in `place`. On a machine with a small stack, `place` can be static.
pub fn run_in<P: Port>(place: &mut MaybeUninit<Node<P>>, port: &mut P, role: Role, console: &mut impl Write) {
    match Node::new(port, role, console) {
        Ok(node) => {
            let node = place.write(node);
            loop {
                node.step(port.now(), console);
                port.wait(Some(node.deadline()));
            }
        }
        Err(error) => console::because(console, protocol::ERROR, &error, "the link does not fit the shared memory"),
    }
}

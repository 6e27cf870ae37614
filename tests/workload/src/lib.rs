// SPDX-License-Identifier: Apache-2.0
//! Checked traffic for tests, written once for every port.
//!
//! * [`Node`] is one side of the exchange that `amp demo` shows. Both sides start messages of random lengths on three endpoints,
//!   and both check every byte.
//! * [`Stream`] is one side of the traffic of `amp torture`: numbered messages without end, on one or several links.
//! * [`protocol`] is the format of the lines that both print, for the tools that read them.
//!
//! An image calls [`run`] or [`stream::run_in`] and needs nothing else.
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

/// Runs one side for ever: exchanges the messages, prints the figures, and continues to answer.
///
/// Returns only if the link does not fit the port's memory, after it has printed the reason.
pub fn run<P: Port>(port: &mut P, role: Role, console: &mut impl Write) {
    run_in(&mut MaybeUninit::uninit(), port, role, console);
}

/// Runs one side as [`run`] does, with its state in `place`: a static, on a machine with a small stack.
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

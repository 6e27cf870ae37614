// SPDX-License-Identifier: Apache-2.0
//! `amp ping` and `amp echo`: this process as the peer of a guest or of another process, in either role and profile.

mod echo;
mod figures;
mod join;
mod options;
mod ping;
mod role_in_use;
mod side;

pub use echo::run as echo;
pub use options::{EchoOptions, PingOptions};
pub use ping::run as ping;

// SPDX-License-Identifier: Apache-2.0
//! An endpoint as its user sees it: a handle, and the configuration with which it is opened.

use super::Address;

/// An open endpoint: its address, and the bus that it belongs to. A closed endpoint's address is not given out again for a long
/// time, so that a closed endpoint is not mistaken for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub(super) address: Address,
    /// The number of the endpoint's bus.
    pub(super) bus: u32,
}

impl Endpoint {
    /// Returns the endpoint's address on this side.
    #[must_use]
    pub const fn address(self) -> Address {
        self.address
    }
}

/// Configuration of an endpoint. By default the endpoint has no name, its address is chosen by the bus, and the first
/// message binds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config<'a> {
    /// The name, of 1 to 31 bytes: announced to the peer, and bound to the peer's endpoint of the same name.
    pub name: Option<&'a str>,
    /// An address of the application's own choice, below 1024 and not 53.
    pub address: Option<Address>,
    /// The peer's address, if it is known beforehand.
    pub peer: Option<Address>,
}

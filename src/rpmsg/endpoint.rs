// SPDX-License-Identifier: Apache-2.0
//! An endpoint as its user sees it: a handle, and the configuration to open it with.

use super::Address;

/// An open endpoint: its address, and the bus that it belongs to. A closed endpoint's address is not given out again for a long
/// time, so that a closed endpoint is not mistaken for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub(super) address: Address,
    /// The number of its bus.
    pub(super) bus: u32,
}

impl Endpoint {
    /// Returns its address on this side.
    #[must_use]
    pub const fn address(self) -> Address {
        self.address
    }
}

/// Configuration of an endpoint. By default it has no name and an address of the bus's choice, and the first message binds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config<'a> {
    /// Announced to the peer, and bound to the peer's endpoint of the same name. 1 to 31 bytes.
    pub name: Option<&'a str>,
    /// An address of the application's own choice, below 1024 and not 53.
    pub address: Option<Address>,
    /// The peer's address, where it is known beforehand.
    pub peer: Option<Address>,
}

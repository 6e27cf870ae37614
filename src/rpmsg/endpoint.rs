// SPDX-License-Identifier: Apache-2.0
//! The public view of an endpoint: its handle and its configuration.

use super::Address;

/// A handle to an endpoint: its address and its bus. A closed endpoint's address is not reused for a long time, so that
/// an old handle does not refer to a new endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub(super) address: Address,
    /// Number of the endpoint's bus.
    pub(super) bus: u32,
}

impl Endpoint {
    /// Returns the endpoint's address on this side.
    #[must_use]
    pub const fn address(self) -> Address {
        self.address
    }
}

/// Configuration of an endpoint. By default, the endpoint has no name, the bus chooses its address, and the first
/// received message binds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config<'a> {
    /// Name, 1 to 31 bytes. It is announced to the peer, and the endpoint is bound to the peer's endpoint of the same
    /// name.
    pub name: Option<&'a str>,
    /// Fixed address, below 1024 and not 53.
    pub address: Option<Address>,
    /// The peer's address, if known in advance.
    pub peer: Option<Address>,
}

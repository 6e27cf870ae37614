//! An endpoint as its user knows it: a handle, and what it is to be.

use super::Address;

/// An open endpoint, by its address. An address that was handed out is not handed out again for long, so that one that
/// was closed is not mistaken for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint(pub(super) Address);

impl Endpoint {
    /// Its address on this side.
    #[must_use]
    pub const fn address(self) -> Address {
        self.0
    }
}

/// What an endpoint is to be. By default nameless, at an address of the bus's choice, bound by the first message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config<'a> {
    /// Announced to the peer, and bound to the peer's endpoint of the same name. 1 to 31 bytes.
    pub name: Option<&'a str>,
    /// An address of the application's own choice, below 1024 and not 53.
    pub address: Option<Address>,
    /// The peer's address, where it is known beforehand.
    pub peer: Option<Address>,
}

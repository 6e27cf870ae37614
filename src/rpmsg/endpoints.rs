// SPDX-License-Identifier: Apache-2.0
//! The endpoints of one side: their addresses, their names, and the peer to which each is bound.

use core::fmt::Debug;

use super::{Address, Config, Name, OpenError};
use crate::wire::rpmsg::NameService;

/// An announcement that an endpoint owes the peer; half of its number is its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announce {
    /// Nothing.
    Nothing = 0,
    /// The endpoint's address, announced by an empty message to the peer's endpoint to which it is bound.
    Greeting = 2,
    /// The endpoint's existence.
    Exists = 3,
    /// The endpoint's end, after which the slot is free.
    Gone = 4,
}

/// An address or none, in one word, so that one comparison is enough. None is all zeros, so start-up code clears an
/// unused table, and flash holds no copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Maybe(u32);

impl Maybe {
    const NONE: Self = Self(0);

    /// Returns `address`, or none if it is [`Address::ANY`].
    #[inline(always)]
    const fn from(address: Address) -> Self {
        Self(address.0.wrapping_add(1))
    }

    /// Returns the address, or [`Address::ANY`] if there is none.
    #[inline(always)]
    const fn or_any(self) -> Address {
        Address(self.0.wrapping_sub(1))
    }

    #[inline(always)]
    fn is_some(self) -> bool {
        self != Self::NONE
    }
}

/// The part of an endpoint that each message needs. These parts have a table of their own, in which one shift finds an entry.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The endpoint's address, or none in a free slot.
    address: Maybe,
    /// The peer's address. None if it is not known, if the slot is free, or if the endpoint is closed, so
    /// [`Endpoints::peer_of`] checks nothing else.
    peer: Maybe,
}

/// The other parts of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The endpoint's name, or [`Name::NONE`].
    name: Name,
    /// The peer's address given when the endpoint was opened; kept when the link goes down.
    configured: Maybe,
    /// Set once the application knows that the endpoint is bound.
    notified: bool,
    announce: Announce,
    /// Number of endpoints that had this slot before.
    generation: u16,
}

/// Room for the endpoints of a bus. A [`Profile`](super::Profile) chooses it, so a bus needs no parameter for it.
pub trait EndpointTable: Debug {
    /// The table without any endpoint.
    const EMPTY: Self;
    /// Number of endpoints that the table holds.
    const CAPACITY: usize;

    /// Returns the bindings, which each message needs.
    fn bindings(&self) -> &[Binding];

    /// Returns bindings and slots. The two parts of an endpoint have the same index.
    fn parts(&mut self) -> (&mut [Binding], &mut [Slot]);

    /// Returns the slots.
    fn slots(&self) -> &[Slot];
}

/// Room for at most `E` endpoints.
#[derive(Debug)]
pub struct Table<const E: usize> {
    bindings: [Binding; E],
    slots: [Slot; E],
}

impl<const E: usize> EndpointTable for Table<E> {
    const EMPTY: Self = Self { bindings: [Binding::FREE; E], slots: [Slot::free(0); E] };
    const CAPACITY: usize = E;

    #[inline(always)]
    fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    #[inline(always)]
    fn parts(&mut self) -> (&mut [Binding], &mut [Slot]) {
        (&mut self.bindings, &mut self.slots)
    }

    #[inline(always)]
    fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

/// All endpoints of one side.
#[derive(Debug)]
pub(super) struct Endpoints<T>(T);

impl<T: EndpointTable> Endpoints<T> {
    /// Distance between two addresses of a slot: a power of two, so that a slot is found without a division.
    const STRIDE: usize = T::CAPACITY.next_power_of_two();

    pub const fn new() -> Self {
        Self(T::EMPTY)
    }

    /// Opens an endpoint. `up` says whether there is a peer to which it is announced. `all` says whether it is
    /// announced even if its peer is known.
    pub fn open(&mut self, config: &Config<'_>, up: bool, all: bool) -> Result<Address, OpenError> {
        let name = config.name.map_or(Ok(Name::NONE), Name::new)?;
        if let Some(address) = config.address {
            if address.0 >= Address::FIRST_DYNAMIC.0 || address == Address::NAME_SERVICE {
                return Err(OpenError::AddressReserved(address));
            }
            if self.find(address).is_some() {
                return Err(OpenError::AddressInUse(address));
            }
        }
        let free = self.all().enumerate().find(|(_, (binding, _))| !binding.address.is_some());
        let (index, (binding, slot)) = free.ok_or(OpenError::Full)?;
        // CAST: an index below E. The first addresses are 1024, 1025, … as in C; the slot's later ones are `STRIDE` apart.
        let further = u32::from(slot.generation).wrapping_mul(Self::STRIDE as u32);
        let dynamic = Address::FIRST_DYNAMIC.0.wrapping_add(index as u32).wrapping_add(further);
        let address = config.address.unwrap_or(Address(dynamic));
        // A free slot has no peer, was not reported and owes no announcement.
        binding.address = Maybe::from(address);
        slot.name = name;
        slot.configured = Maybe::from(config.peer.unwrap_or(Address::ANY));
        if up {
            slot.up(binding, all);
        }
        Ok(address)
    }

    /// Closes an endpoint. Returns false if there is none at `address`. `up` says whether there is a peer to be told.
    pub fn close(&mut self, address: Address, up: bool) -> bool {
        let Some((binding, slot)) = self.open_at(address) else { return false };
        if up && slot.name.is_some() {
            slot.announce = Announce::Gone;
            slot.notified = false;
            binding.peer = Maybe::NONE;
        } else {
            slot.vacate(binding);
        }
        true
    }

    /// Returns the peer of the endpoint at `address`, if the endpoint exists and is bound.
    #[inline]
    pub fn peer_of(&self, address: Address) -> Option<Address> {
        let &Binding { address: own, peer } = self.0.bindings().get(self.index_of(address)?)?;
        (own == Maybe::from(address) && peer.is_some()).then(|| peer.or_any())
    }

    /// Returns the slot that an endpoint at `address` would have.
    #[inline]
    pub(super) fn index_of(&self, address: Address) -> Option<usize> {
        // A dynamic address contains the number of its slot; for the few others, the table is searched.
        match address.0.checked_sub(Address::FIRST_DYNAMIC.0) {
            Some(dynamic) => Some(dynamic as usize & Self::STRIDE.wrapping_sub(1)),
            None => self.0.bindings().iter().position(|binding| binding.address == Maybe::from(address)),
        }
    }

    /// Returns the slot of `address`, including one whose endpoint is closed but whose peer has not been told yet.
    fn find(&mut self, address: Address) -> Option<(&mut Binding, &mut Slot)> {
        let index = self.index_of(address)?;
        let (bindings, slots) = self.0.parts();
        let binding = bindings.get_mut(index).filter(|binding| binding.address == Maybe::from(address))?;
        Some((binding, slots.get_mut(index)?))
    }

    /// Returns the open endpoint at `address`.
    fn open_at(&mut self, address: Address) -> Option<(&mut Binding, &mut Slot)> {
        self.find(address).filter(|(binding, slot)| binding.address.is_some() && slot.announce != Announce::Gone)
    }

    /// Returns whether there is an open endpoint at `address`.
    pub fn is_open(&mut self, address: Address) -> bool {
        self.open_at(address).is_some()
    }

    /// Records that a message has come for the endpoint at `address`. If the sender is known, `peer` is its address, to
    /// which this endpoint now sends. Returns false if no endpoint is open at `address`.
    pub fn learn_peer(&mut self, address: Address, peer: Option<Address>) -> bool {
        let Some((binding, _)) = self.open_at(address) else { return false };
        if let Some(peer) = peer {
            binding.peer = Maybe::from(peer);
        }
        true
    }

    /// Returns all slots. A free slot has no name and no peer, and was not reported to the application.
    fn all(&mut self) -> impl Iterator<Item = (&mut Binding, &mut Slot)> {
        let (bindings, slots) = self.0.parts();
        bindings.iter_mut().zip(slots)
    }

    /// Returns an endpoint that was bound or unbound without a report to the application, together with its peer, and
    /// marks it as reported.
    pub fn take_unnotified(&mut self) -> Option<(Address, Option<Address>)> {
        let (binding, slot) = self.all().find(|(binding, slot)| slot.notified != binding.peer.is_some())?;
        slot.notified = !slot.notified;
        Some((binding.address.or_any(), slot.notified.then(|| binding.peer.or_any())))
    }

    /// Returns the sender and the destination of the next message that an endpoint owes the peer. The destination is
    /// the name service, for which `announcement` is filled in, or the peer's endpoint, for a greeting. Closed
    /// endpoints come first; otherwise an endpoint that was opened under the name of a closed one would look closed to
    /// the peer.
    pub fn due(&self, announcement: &mut NameService) -> Option<(Address, Address)> {
        // `max_by_key` returns the last of equal elements, which is the first one in reverse order.
        let all = self.0.bindings().iter().zip(self.0.slots()).rev();
        let (binding, slot) = all.max_by_key(|(_, slot)| slot.announce as u8 / 2)?;
        let address = binding.address.or_any();
        match slot.announce {
            Announce::Nothing => None,
            Announce::Greeting => Some((address, binding.peer.or_any())),
            announce => {
                announcement.set(&slot.name, address, announce == Announce::Exists);
                Some((address, Address::NAME_SERVICE))
            }
        }
    }

    /// Records that the peer has been told about the endpoint at `address`.
    pub fn announced(&mut self, address: Address) {
        if let Some((binding, slot)) = self.find(address) {
            match core::mem::replace(&mut slot.announce, Announce::Nothing) {
                Announce::Gone => slot.vacate(binding),
                Announce::Exists | Announce::Greeting | Announce::Nothing => (),
            }
        }
    }

    /// Records that a message has gone from the endpoint at `address` to the peer's endpoint at `peer`, which makes a
    /// greeting unnecessary.
    pub fn greeted(&mut self, address: Address, peer: Address) {
        if let Some((binding, slot)) = self.find(address)
            && slot.announce == Announce::Greeting
            && binding.peer == Maybe::from(peer)
        {
            slot.announce = Announce::Nothing;
        }
    }

    /// Handles the arrival of the peer; see [`Slot::up`].
    pub fn up(&mut self, all: bool) {
        self.all().for_each(|(binding, slot)| slot.up(binding, all));
    }

    /// Handles the loss of the peer: unbinds every endpoint and drops all pending announcements.
    pub fn down(&mut self) {
        for (binding, slot) in self.all() {
            binding.peer = Maybe::NONE;
            match slot.announce {
                Announce::Gone => slot.vacate(binding),
                _ => slot.announce = Announce::Nothing,
            }
        }
    }

    /// Binds an endpoint to the peer's endpoint at `peer`, which was announced as `name`. Returns true if an endpoint
    /// of this side is bound to it, now or already. An endpoint that is bound now owes the peer `answer`.
    #[inline(never)]
    pub fn bind(&mut self, name: &Name, peer: Address, answer: Announce) -> bool {
        let mut unbound = None;
        for (binding, slot) in self.all() {
            if slot.announce == Announce::Gone || slot.name != *name {
                continue;
            }
            if binding.peer == Maybe::from(peer) {
                return true;
            }
            if !binding.peer.is_some() && unbound.is_none() {
                unbound = Some((binding, slot));
            }
        }
        let Some((binding, slot)) = unbound else { return false };
        binding.peer = Maybe::from(peer);
        // The peer may have opened its endpoint after ours was announced, so the peer is told (again) where ours is.
        slot.announce = answer;
        true
    }

    /// Unbinds all endpoints from the peer's endpoint at `peer`, which is gone. Returns true if any was bound to it.
    pub fn unbind(&mut self, peer: Address) -> bool {
        let mut any = false;
        for (binding, slot) in self.all().filter(|(binding, _)| binding.peer == Maybe::from(peer)) {
            binding.peer = Maybe::NONE;
            if slot.announce == Announce::Greeting {
                slot.announce = Announce::Nothing;
            }
            any = true;
        }
        any
    }
}

impl Binding {
    const FREE: Self = Self { address: Maybe::NONE, peer: Maybe::NONE };
}

impl Slot {
    /// Returns a free slot to which `generation` endpoints have belonged before.
    const fn free(generation: u16) -> Self {
        Self { name: Name::NONE, configured: Maybe::NONE, notified: false, announce: Announce::Nothing, generation }
    }

    /// Prepares the slot for a new peer. If the peer's address was configured, the endpoint is bound to it. If the
    /// endpoint has a name, it is announced, unless `all` is false and the peer's address is known. No slot is closed
    /// and unannounced here: [`Endpoints::down`] has freed those.
    fn up(&mut self, binding: &mut Binding, all: bool) {
        binding.peer = self.configured;
        if self.name.is_some() && (all || !binding.peer.is_some()) {
            self.announce = Announce::Exists;
        }
    }

    /// Frees the slot for another endpoint.
    #[inline(never)]
    fn vacate(&mut self, binding: &mut Binding) {
        *binding = Binding::FREE;
        *self = Self::free(self.generation.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn what_is_gone_is_announced_first_and_equals_in_the_order_of_the_table() {
        let mut endpoints = Endpoints::<Table<4>>::new();
        let mut open = |name| endpoints.open(&Config { name: Some(name), ..Config::default() }, true, true).unwrap();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(&mut open);
        assert!(endpoints.close(c, true));
        let (binding, slot) = endpoints.find(b).unwrap();
        (binding.peer, slot.announce) = (Maybe::from(Address(7)), Announce::Greeting);
        let mut message = NameService::new_zeroed();
        for (from, to, exists) in [
            (c, Address::NAME_SERVICE, false),
            (a, Address::NAME_SERVICE, true),
            (b, Address(7), true),
            (d, Address::NAME_SERVICE, true),
        ] {
            assert_eq!(endpoints.due(&mut message), Some((from, to)));
            assert!(to != Address::NAME_SERVICE || message.exists() == exists, "{from}");
            endpoints.announced(from);
        }
        assert_eq!(endpoints.due(&mut message), None);
        assert!(endpoints.find(c).is_none(), "who is gone and announced as gone is free");
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The endpoints of one side: their addresses, their names, and the peer that each is bound to.

use core::fmt::Debug;

use super::{Address, Config, Name, OpenError};
use crate::wire::rpmsg::NameService;

/// An announcement that an endpoint owes the peer; half of its number is its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announce {
    /// Nothing.
    Nothing = 0,
    /// Its address, by an empty message to the peer's endpoint that it is bound to.
    Greeting = 2,
    /// That it exists.
    Exists = 3,
    /// Its end, after which the slot is free.
    Gone = 4,
}

/// An address, or none, in one word that is compared at once. None is all zeros, so that start-up code clears an unused table and
/// flash holds no copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Maybe(u32);

impl Maybe {
    const NONE: Self = Self(0);

    /// `address`; none for [`Address::ANY`].
    #[inline(always)]
    const fn from(address: Address) -> Self {
        Self(address.0.wrapping_add(1))
    }

    /// Returns the address; [`Address::ANY`] for none.
    #[inline(always)]
    const fn or_any(self) -> Address {
        Address(self.0.wrapping_sub(1))
    }

    #[inline(always)]
    fn is_some(self) -> bool {
        self != Self::NONE
    }
}

/// The part of an endpoint that each message needs. It has a table of its own, so that one shift finds it.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// None in a free slot.
    address: Maybe,
    /// None where it is not known, in a free slot, and in an endpoint that is closed: [`Endpoints::peer_of`] needs no other look.
    peer: Maybe,
}

/// All else of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// [`Name::NONE`] where it has none.
    name: Name,
    /// The peer's address given when it was opened; survives the link's going down.
    configured: Maybe,
    /// Set once the application knows that it is bound.
    notified: bool,
    announce: Announce,
    /// Number of endpoints that had this slot before.
    generation: u16,
}

/// Room for the endpoints of a bus. A [`Profile`](super::Profile) chooses it, so that a bus needs no parameter for it.
pub trait EndpointTable: Debug {
    /// The table without an endpoint.
    const EMPTY: Self;
    /// Number of endpoints that it holds.
    const CAPACITY: usize;

    /// Returns the bindings, which each message needs.
    fn bindings(&self) -> &[Binding];

    /// Returns bindings and slots: both have an endpoint's parts at the same index.
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

    /// Opens an endpoint; `up` is whether there is a peer to announce it to, `all` whether that is done although its
    /// peer is known.
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
        // CAST: an index below E. 1024, 1025, … at first, as in C; then the same again further on.
        let further = u32::from(slot.generation).wrapping_mul(Self::STRIDE as u32);
        let dynamic = Address::FIRST_DYNAMIC.0.wrapping_add(index as u32).wrapping_add(further);
        let address = config.address.unwrap_or(Address(dynamic));
        // A free one has no peer, was told nothing and owes nothing.
        binding.address = Maybe::from(address);
        slot.name = name;
        slot.configured = Maybe::from(config.peer.unwrap_or(Address::ANY));
        if up {
            slot.up(binding, all);
        }
        Ok(address)
    }

    /// Closes an endpoint; false where there is none. `up` is whether there is a peer to tell.
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

    /// The peer of the endpoint at `address`, where there is one that is bound.
    #[inline]
    pub fn peer_of(&self, address: Address) -> Option<Address> {
        let &Binding { address: own, peer } = self.0.bindings().get(self.index_of(address)?)?;
        (own == Maybe::from(address) && peer.is_some()).then(|| peer.or_any())
    }

    /// Returns the slot that an endpoint at `address` would have.
    #[inline]
    pub(super) fn index_of(&self, address: Address) -> Option<usize> {
        // A dynamic address says where its slot is; others are few.
        match address.0.checked_sub(Address::FIRST_DYNAMIC.0) {
            Some(dynamic) => Some(dynamic as usize & Self::STRIDE.wrapping_sub(1)),
            None => self.0.bindings().iter().position(|binding| binding.address == Maybe::from(address)),
        }
    }

    /// The slot of `address`, also where the endpoint is closed and the peer not told yet.
    fn find(&mut self, address: Address) -> Option<(&mut Binding, &mut Slot)> {
        let index = self.index_of(address)?;
        let (bindings, slots) = self.0.parts();
        let binding = bindings.get_mut(index).filter(|binding| binding.address == Maybe::from(address))?;
        Some((binding, slots.get_mut(index)?))
    }

    /// The open endpoint at `address`.
    fn open_at(&mut self, address: Address) -> Option<(&mut Binding, &mut Slot)> {
        self.find(address).filter(|(binding, slot)| binding.address.is_some() && slot.announce != Announce::Gone)
    }

    /// Returns whether there is an open endpoint at `address`.
    pub fn is_open(&mut self, address: Address) -> bool {
        self.open_at(address).is_some()
    }

    /// A message has come for the endpoint at `address` from the peer's at `peer`, where that is known: to it answers go.
    /// False where no endpoint is open there.
    pub fn learn_peer(&mut self, address: Address, peer: Option<Address>) -> bool {
        let Some((binding, _)) = self.open_at(address) else { return false };
        if let Some(peer) = peer {
            binding.peer = Maybe::from(peer);
        }
        true
    }

    /// All slots; a free one has no name and no peer, and none was told of.
    fn all(&mut self) -> impl Iterator<Item = (&mut Binding, &mut Slot)> {
        let (bindings, slots) = self.0.parts();
        bindings.iter_mut().zip(slots)
    }

    /// An endpoint that was bound, or unbound, since the application was told, which it is now; and its peer.
    pub fn take_unnotified(&mut self) -> Option<(Address, Option<Address>)> {
        let (binding, slot) = self.all().find(|(binding, slot)| slot.notified != binding.peer.is_some())?;
        slot.notified = !slot.notified;
        Some((binding.address.or_any(), slot.notified.then(|| binding.peer.or_any())))
    }

    /// The message that an endpoint owes the peer: from whom, and to whom, which is the name service, where it is
    /// `announcement`, or the peer's endpoint, where it is a greeting. Closed endpoints come first. Otherwise the peer
    /// would take an endpoint that was opened under a closed one's name for closed.
    pub fn due(&self, announcement: &mut NameService) -> Option<(Address, Address)> {
        // `max_by_key` returns the last of equals, which in reverse is the first.
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

    /// The peer was told of the endpoint at `address`.
    pub fn announced(&mut self, address: Address) {
        if let Some((binding, slot)) = self.find(address) {
            match core::mem::replace(&mut slot.announce, Announce::Nothing) {
                Announce::Gone => slot.vacate(binding),
                Announce::Exists | Announce::Greeting | Announce::Nothing => (),
            }
        }
    }

    /// A message has gone from the endpoint at `address` to the peer's at `peer`: it has said what a greeting would.
    pub fn greeted(&mut self, address: Address, peer: Address) {
        if let Some((binding, slot)) = self.find(address)
            && slot.announce == Announce::Greeting
            && binding.peer == Maybe::from(peer)
        {
            slot.announce = Announce::Nothing;
        }
    }

    /// The peer is there: see [`Slot::up`].
    pub fn up(&mut self, all: bool) {
        self.all().for_each(|(binding, slot)| slot.up(binding, all));
    }

    /// The peer is gone: nothing is bound, nothing is to be announced.
    pub fn down(&mut self) {
        for (binding, slot) in self.all() {
            binding.peer = Maybe::NONE;
            match slot.announce {
                Announce::Gone => slot.vacate(binding),
                _ => slot.announce = Announce::Nothing,
            }
        }
    }

    /// The peer has announced `name` at `peer`. True where an endpoint here is bound to it, now or already; one that is
    /// bound now has `answer` to tell.
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
        // The peer may have opened its endpoint after ours was announced: tell it (again) where ours is.
        slot.announce = answer;
        true
    }

    /// The peer's endpoint at `peer` is gone. True where one here was bound to it.
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
    /// A free one that had so many endpoints before.
    const fn free(generation: u16) -> Self {
        Self { name: Name::NONE, configured: Maybe::NONE, notified: false, announce: Announce::Nothing, generation }
    }

    /// There is a peer: what has one beforehand is bound to it, and what has a name is announced; unless `all` are, only
    /// where the peer's is not known. No slot is closed and unannounced then: [`Endpoints::down`] has freed those.
    fn up(&mut self, binding: &mut Binding, all: bool) {
        binding.peer = self.configured;
        if self.name.is_some() && (all || !binding.peer.is_some()) {
            self.announce = Announce::Exists;
        }
    }

    /// Its endpoint is gone, and another may have it.
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

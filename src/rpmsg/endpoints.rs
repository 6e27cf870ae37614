// SPDX-License-Identifier: Apache-2.0
//! One side's endpoints: their addresses, their names, and the peer endpoints to which they are bound.

use core::fmt::Debug;

use super::{Address, Config, Name, OpenError};
use crate::wire::rpmsg::NameService;

/// A message that an endpoint owes the peer. The priority is half the discriminant, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announce {
    /// No message.
    Nothing = 0,
    /// An empty message to the bound peer endpoint, which tells it this endpoint's address.
    Greeting = 2,
    /// An announcement that the endpoint exists.
    Exists = 3,
    /// An announcement that the endpoint has been closed. The slot is freed once this announcement has been sent.
    Gone = 4,
}

/// An optional address in one word, so that a single comparison is enough. The value for no address is 0, so an unused
/// table is placed in zero-initialised memory and takes no flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Maybe(u32);

impl Maybe {
    const NONE: Self = Self(0);

    /// Converts an address. [`Address::ANY`] is converted to `NONE`.
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

/// An endpoint's address plus 1, or 0 in a free slot. The bit [`UNBOUND`](Self::UNBOUND) is set while the endpoint has
/// no peer. Addresses of this side are below 2^31 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Own(u32);

impl Own {
    const FREE: Self = Self(0);
    /// Marks an endpoint that has no peer, so that one comparison on the message path finds a bound endpoint. A build
    /// that is optimised for size has no mark and makes two comparisons, because setting the mark takes more flash.
    const UNBOUND: u32 = if cfg!(for_size) { 0 } else { 1 << 31 };

    /// Returns the value for a bound endpoint at `address`.
    #[inline(always)]
    const fn bound(address: Address) -> Self {
        Self(address.0.wrapping_add(1))
    }

    /// Returns the address, or [`Address::ANY`] in a free slot.
    #[inline(always)]
    const fn or_any(self) -> Address {
        Address((self.0 & !Self::UNBOUND).wrapping_sub(1))
    }

    /// Returns whether `address` is dynamic. A peer may send to any address, including an address that would equal a
    /// marked value. The signed comparison excludes such an address.
    #[inline(always)]
    const fn is_dynamic(address: Address) -> bool {
        match cfg!(for_size) {
            true => address.0 >= Address::FIRST_DYNAMIC.0,
            false => Self::bound(address).0.cast_signed() > Address::FIRST_DYNAMIC.0.cast_signed(),
        }
    }
}

/// The part of an endpoint that is needed for each message. Bindings are kept in a separate table whose entry size is a
/// power of two, so indexing takes one shift.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The endpoint's address, if the slot is not free. It is marked while the endpoint has no peer, so that one
    /// comparison finds a bound endpoint.
    own: Own,
    /// The peer's address. None if it is unknown, if the slot is free, or if the endpoint is closed.
    peer: Maybe,
}

/// The rest of an endpoint, which is not needed for each message.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The name, or [`Name::NONE`].
    name: Name,
    /// The peer's address from the endpoint's configuration. It is kept when the link goes down.
    configured: Maybe,
    /// Set while the application regards the endpoint as bound.
    notified: bool,
    announce: Announce,
    /// Number of endpoints that have used this slot before.
    generation: u16,
}

/// Storage for a bus's endpoints. Each [`Profile`](super::Profile) selects a type, so that a bus does not need a
/// parameter for it.
pub trait EndpointTable: Debug {
    /// An empty table.
    const EMPTY: Self;
    /// Maximum number of endpoints.
    const CAPACITY: usize;

    /// Returns the bindings.
    fn bindings(&self) -> &[Binding];

    /// Returns the bindings and the slots. An endpoint has the same index in both.
    fn parts(&mut self) -> (&mut [Binding], &mut [Slot]);

    /// Returns the slots.
    fn slots(&self) -> &[Slot];
}

/// Storage for at most `E` endpoints.
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
    /// Step between successive addresses of a slot. It is a power of two, so that no division is needed to find the
    /// slot of an address.
    const STRIDE: usize = T::CAPACITY.next_power_of_two();

    pub const fn new() -> Self {
        Self(T::EMPTY)
    }

    /// Opens an endpoint. `up` is true if a peer is attached. `all` is [`ANNOUNCE_ALL`](super::Profile::ANNOUNCE_ALL).
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
        let free = self.all().enumerate().find(|(_, (binding, _))| binding.own.or_any() == Address::ANY);
        let (index, (binding, slot)) = free.ok_or(OpenError::Full)?;
        // CAST: the index is less than `CAPACITY`. The first addresses are 1024, 1025, and so on, as in C OpenAMP. The
        // later addresses of a slot are `STRIDE` apart, and start to repeat before they would reach the mark.
        let further =
            u32::from(slot.generation).wrapping_mul(Self::STRIDE as u32) & (Own::UNBOUND >> 1).wrapping_sub(1);
        let dynamic = Address::FIRST_DYNAMIC.0.wrapping_add(index as u32).wrapping_add(further);
        let address = config.address.unwrap_or(Address(dynamic));
        // In a free slot, `peer`, `notified` and `announce` already have their initial values.
        binding.own = Own::bound(address);
        binding.set_peer(Maybe::NONE);
        slot.name = name;
        slot.configured = Maybe::from(config.peer.unwrap_or(Address::ANY));
        if up {
            slot.up(binding, all);
        }
        Ok(address)
    }

    /// Closes an endpoint. Returns false if no endpoint is open at `address`. `up` is true if a peer is attached.
    pub fn close(&mut self, address: Address, up: bool) -> bool {
        let Some((binding, slot)) = self.open_at(address) else { return false };
        if up && slot.name.is_some() {
            slot.announce = Announce::Gone;
            slot.notified = false;
            binding.set_peer(Maybe::NONE);
        } else {
            slot.vacate(binding);
        }
        true
    }

    /// Returns the peer address of the endpoint at `address`, or `None` if the endpoint does not exist or is not bound.
    #[inline]
    pub fn peer_of(&self, address: Address) -> Option<Address> {
        let &Binding { own, peer } = self.0.bindings().get(self.index_of(address)?)?;
        (own == Own::bound(address) && (!cfg!(for_size) || peer.is_some())).then(|| peer.or_any())
    }

    /// Returns the index of the slot that an endpoint at `address` would use.
    #[inline]
    pub(super) fn index_of(&self, address: Address) -> Option<usize> {
        // A dynamic address determines its slot. Other addresses are few, so the table is searched for them.
        match Own::is_dynamic(address) {
            true => Some(address.0.wrapping_sub(Address::FIRST_DYNAMIC.0) as usize & Self::STRIDE.wrapping_sub(1)),
            false if address.0 >= Address::FIRST_DYNAMIC.0 => None,
            false => self.0.bindings().iter().position(|binding| binding.own.or_any() == address),
        }
    }

    /// Returns the slot of `address`, even if the endpoint is closed and the peer has not yet been told.
    fn find(&mut self, address: Address) -> Option<(&mut Binding, &mut Slot)> {
        let index = self.index_of(address)?;
        let (bindings, slots) = self.0.parts();
        let binding = bindings.get_mut(index).filter(|binding| binding.own.or_any() == address)?;
        Some((binding, slots.get_mut(index)?))
    }

    /// Returns the open endpoint at `address`.
    fn open_at(&mut self, address: Address) -> Option<(&mut Binding, &mut Slot)> {
        self.find(address).filter(|(_, slot)| address != Address::ANY && slot.announce != Announce::Gone)
    }

    /// Returns whether there is an open endpoint at `address`.
    pub fn is_open(&mut self, address: Address) -> bool {
        self.open_at(address).is_some()
    }

    /// Records that the endpoint at `address` has received a message. If `peer` is an address, the endpoint sends to it
    /// from now on. Returns false if no endpoint is open at `address`.
    pub fn learn_peer(&mut self, address: Address, peer: Option<Address>) -> bool {
        let Some((binding, _)) = self.open_at(address) else { return false };
        if let Some(peer) = peer {
            binding.set_peer(Maybe::from(peer));
        }
        true
    }

    /// Returns all slots. A free slot has no name and no peer, and its `notified` is false.
    fn all(&mut self) -> impl Iterator<Item = (&mut Binding, &mut Slot)> {
        let (bindings, slots) = self.0.parts();
        bindings.iter_mut().zip(slots)
    }

    /// Returns an endpoint that was bound or unbound since the application was last told. The second address is the
    /// address of the peer endpoint, or `None` if the endpoint was unbound. Marks the endpoint as reported.
    pub fn take_unnotified(&mut self) -> Option<(Address, Option<Address>)> {
        let (binding, slot) = self.all().find(|(binding, slot)| slot.notified != binding.peer.is_some())?;
        slot.notified = !slot.notified;
        Some((binding.own.or_any(), slot.notified.then(|| binding.peer.or_any())))
    }

    /// Returns the source and destination of the next message that an endpoint owes the peer. The destination is the
    /// name service or, for a greeting, the peer's endpoint. For the name service, `announcement` is filled in. Closed
    /// endpoints come first. Otherwise, a new endpoint with the name of a closed one would look closed to the peer.
    pub fn due(&self, announcement: &mut NameService) -> Option<(Address, Address)> {
        // `max_by_key` returns the last maximum, so `rev` makes it return the first one in table order.
        let all = self.0.bindings().iter().zip(self.0.slots()).rev();
        let (binding, slot) = all.max_by_key(|(_, slot)| slot.announce as u8 / 2)?;
        let address = binding.own.or_any();
        match slot.announce {
            Announce::Nothing => None,
            Announce::Greeting => Some((address, binding.peer.or_any())),
            announce => {
                announcement.set(&slot.name, address, announce == Announce::Exists);
                Some((address, Address::NAME_SERVICE))
            }
        }
    }

    /// Records that the message owed by the endpoint at `address` has been sent.
    pub fn announced(&mut self, address: Address) {
        if let Some((binding, slot)) = self.find(address) {
            match core::mem::replace(&mut slot.announce, Announce::Nothing) {
                Announce::Gone => slot.vacate(binding),
                Announce::Exists | Announce::Greeting | Announce::Nothing => (),
            }
        }
    }

    /// Records that the endpoint at `address` has sent a message to `peer`, which makes a greeting to `peer`
    /// unnecessary.
    pub fn greeted(&mut self, address: Address, peer: Address) {
        if let Some((binding, slot)) = self.find(address)
            && slot.announce == Announce::Greeting
            && binding.peer == Maybe::from(peer)
        {
            slot.announce = Announce::Nothing;
        }
    }

    /// Prepares all endpoints for a newly attached peer; see [`Slot::up`].
    pub fn up(&mut self, all: bool) {
        self.all().for_each(|(binding, slot)| slot.up(binding, all));
    }

    /// Unbinds all endpoints after the peer has gone, and drops all pending announcements.
    pub fn down(&mut self) {
        for (binding, slot) in self.all() {
            binding.set_peer(Maybe::NONE);
            match slot.announce {
                Announce::Gone => slot.vacate(binding),
                _ => slot.announce = Announce::Nothing,
            }
        }
    }

    /// Handles the announcement of the peer endpoint `name` at address `peer`. Binds it to an unbound endpoint of the
    /// same name, which then owes the peer `answer`. Returns whether an endpoint of this name is bound to `peer` after
    /// the call.
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
        binding.set_peer(Maybe::from(peer));
        // The peer may have opened its endpoint only after this endpoint was announced, so tell the peer this
        // endpoint's address again.
        slot.announce = answer;
        true
    }

    /// Unbinds all endpoints from the peer endpoint at `peer`, which has been closed. Returns whether any endpoint was
    /// bound to it.
    pub fn unbind(&mut self, peer: Address) -> bool {
        let mut any = false;
        for (binding, slot) in self.all().filter(|(binding, _)| binding.peer == Maybe::from(peer)) {
            binding.set_peer(Maybe::NONE);
            if slot.announce == Announce::Greeting {
                slot.announce = Announce::Nothing;
            }
            any = true;
        }
        any
    }
}

impl Binding {
    const FREE: Self = Self { own: Own::FREE, peer: Maybe::NONE };

    /// Sets or clears the peer's address.
    fn set_peer(&mut self, peer: Maybe) {
        self.peer = peer;
        self.own = match peer.is_some() {
            true => Own(self.own.0 & !Own::UNBOUND),
            false => Own(self.own.0 | Own::UNBOUND),
        };
    }
}

impl Slot {
    /// Returns a free slot that `generation` endpoints have used before.
    const fn free(generation: u16) -> Self {
        Self { name: Name::NONE, configured: Maybe::NONE, notified: false, announce: Announce::Nothing, generation }
    }

    /// Prepares the slot for a newly attached peer. If the peer's address was configured, the endpoint is bound to it.
    /// A named endpoint is then due to be announced, unless `all` is false and the peer's address is known. No slot is
    /// in the state [`Announce::Gone`] here, because [`Endpoints::down`] has freed such slots.
    fn up(&mut self, binding: &mut Binding, all: bool) {
        binding.set_peer(self.configured);
        if self.name.is_some() && (all || !binding.peer.is_some()) {
            self.announce = Announce::Exists;
        }
    }

    /// Frees the slot for a new endpoint.
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
    fn no_address_of_the_peers_choice_finds_a_free_or_an_unbound_slot() {
        let mut endpoints = Endpoints::<Table<1>>::new();
        let never = [Address::ANY, Address(0x7fff_ffff), Address(0x8000_0000), Address(0x8000_0400), Address(0)];
        let none = |endpoints: &mut Endpoints<Table<1>>| {
            never.iter().all(|&address| endpoints.peer_of(address).is_none() && !endpoints.is_open(address))
        };
        assert!(none(&mut endpoints), "all slots are free");
        endpoints.up(true);
        endpoints.down();
        assert!(none(&mut endpoints), "free slots are marked as unbound");
        let own = endpoints.open(&Config::default(), true, true).unwrap();
        assert!(none(&mut endpoints) && endpoints.is_open(own) && endpoints.peer_of(own).is_none());
        assert!(endpoints.learn_peer(own, Some(Address(7))));
        assert!(none(&mut endpoints) && endpoints.peer_of(own) == Some(Address(7)));
        assert!(endpoints.close(own, false) && endpoints.peer_of(own).is_none());
        let fixed = Config { address: Some(Address(3)), peer: Some(Address(9)), ..Config::default() };
        assert_eq!(endpoints.open(&fixed, true, true).map(|own| endpoints.peer_of(own)), Ok(Some(Address(9))));
        endpoints.down();
        assert!(endpoints.is_open(Address(3)) && endpoints.peer_of(Address(3)).is_none());
    }

    #[test]
    fn what_is_gone_is_announced_first_and_equals_in_the_order_of_the_table() {
        let mut endpoints = Endpoints::<Table<4>>::new();
        let mut open = |name| endpoints.open(&Config { name: Some(name), ..Config::default() }, true, true).unwrap();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(&mut open);
        assert!(endpoints.close(c, true));
        let (binding, slot) = endpoints.find(b).unwrap();
        binding.set_peer(Maybe::from(Address(7)));
        slot.announce = Announce::Greeting;
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

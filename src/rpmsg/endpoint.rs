//! The endpoints of one side: addresses, names, and whom each is bound to. Knows nothing of queues.

use super::{Address, Name, OpenError};
use crate::wire::rpmsg::NameService;

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

/// What the peer is still to be told of an endpoint; its half is how soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announce {
    /// Nothing.
    Nothing = 0,
    /// Its address, by an empty message to the peer's endpoint that it is bound to.
    Greeting = 2,
    /// That it exists.
    Exists = 3,
    /// That it is gone, after which the slot is free.
    Gone = 4,
}

/// An address, or none: all zeros, so that a table which is not used yet lies in memory that start-up clears, and not as a
/// copy in flash; and one word, so that it is compared in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Maybe(u32);

impl Maybe {
    pub const NONE: Self = Self(0);

    /// `address`; none for [`Address::ANY`].
    #[inline(always)]
    pub const fn from(address: Address) -> Self {
        Self(address.0.wrapping_add(1))
    }

    /// What it is, which for none is [`Address::ANY`].
    #[inline(always)]
    pub const fn or_any(self) -> Address {
        Address(self.0.wrapping_sub(1))
    }

    #[inline(always)]
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }
}

/// One endpoint's place in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// None in a free slot.
    address: Maybe,
    /// [`Name::NONE`] where it has none.
    pub name: Name,
    /// The peer's address given when it was opened; survives the link's going down.
    configured: Maybe,
    /// None where it is not known, and in an endpoint that is closed.
    pub peer: Maybe,
    /// Whether the application was told that it is bound.
    pub told: bool,
    pub announce: Announce,
    /// How many endpoints had this slot before.
    generation: u16,
}

/// All endpoints of one side, at most `E`.
#[derive(Debug)]
pub(super) struct Endpoints<const E: usize> {
    slots: [Slot; E],
}

impl<const E: usize> Endpoints<E> {
    /// How much further on a slot's next address is: a power of two, so that a slot is found without a division.
    const STRIDE: usize = E.next_power_of_two();

    pub const fn new() -> Self {
        let free = Slot {
            address: Maybe::NONE,
            name: Name::NONE,
            configured: Maybe::NONE,
            peer: Maybe::NONE,
            told: false,
            announce: Announce::Nothing,
            generation: 0,
        };
        Self { slots: [free; E] }
    }

    /// Opens an endpoint; `up` is whether there is a peer to announce it to, `all` whether that is done although its
    /// peer is known.
    pub fn open(&mut self, config: &Config<'_>, up: bool, all: bool) -> Result<Endpoint, OpenError> {
        let name = config.name.map_or(Ok(Name::NONE), Name::new)?;
        if let Some(address) = config.address {
            if address.0 >= Address::FIRST_DYNAMIC.0 || address == Address::NAME_SERVICE {
                return Err(OpenError::AddressReserved(address));
            }
            if self.find(address).is_some() {
                return Err(OpenError::AddressInUse(address));
            }
        }
        let free = self.slots.iter_mut().enumerate().find(|(_, slot)| !slot.address.is_some());
        let (index, slot) = free.ok_or(OpenError::Full)?;
        // CAST: an index below E. 1024, 1025, … at first, as in C; then the same again further on.
        let dynamic = Address::FIRST_DYNAMIC.0 + index as u32 + u32::from(slot.generation) * Self::STRIDE as u32;
        let address = config.address.unwrap_or(Address(dynamic));
        *slot = Slot {
            address: Maybe::from(address),
            name,
            configured: Maybe::from(config.peer.unwrap_or(Address::ANY)),
            peer: Maybe::NONE,
            told: false,
            announce: Announce::Nothing,
            generation: slot.generation,
        };
        if up {
            slot.up(all);
        }
        Ok(Endpoint(address))
    }

    /// Closes an endpoint; false where there is none. `up` is whether there is a peer to tell.
    pub fn close(&mut self, endpoint: Endpoint, up: bool) -> bool {
        let Some(slot) = self.open_at(endpoint.0) else { return false };
        if up && slot.name.is_some() {
            slot.announce = Announce::Gone;
            slot.peer = Maybe::NONE;
            slot.told = false;
        } else {
            slot.free();
        }
        true
    }

    /// The slot of `address`, also where the endpoint is closed and the peer not told yet.
    #[inline]
    pub fn find(&mut self, address: Address) -> Option<&mut Slot> {
        // A dynamic address says where its slot is; others are few.
        let index = match address.0.checked_sub(Address::FIRST_DYNAMIC.0) {
            Some(dynamic) => dynamic as usize % Self::STRIDE,
            None => self.slots.iter().position(|slot| slot.address == Maybe::from(address))?,
        };
        self.slots.get_mut(index).filter(|slot| slot.address == Maybe::from(address))
    }

    /// The open endpoint at `address`.
    #[inline]
    pub fn open_at(&mut self, address: Address) -> Option<&mut Slot> {
        self.find(address).filter(|slot| slot.address.is_some() && slot.announce != Announce::Gone)
    }

    /// All slots; a free one has no name and no peer, and none was told of.
    pub fn slots(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }

    /// The message that an endpoint owes the peer: from whom, and to whom, which is the name service, where it is
    /// `announcement`, or the peer's endpoint, where it is a greeting. What is gone comes first: an endpoint that has been
    /// closed and another opened under its name would else be taken for closed.
    pub fn due(&self, announcement: &mut NameService) -> Option<(Address, Address)> {
        // Of equals the first, which is the last of those in reverse.
        let urgency = |slot: &&Slot| slot.announce as u8 / 2;
        let slot = self.slots.iter().rev().max_by_key(urgency)?;
        let address = slot.address.or_any();
        match slot.announce {
            Announce::Nothing => None,
            Announce::Greeting => Some((address, slot.peer.or_any())),
            announce => {
                announcement.set(&slot.name, address, announce == Announce::Exists);
                Some((address, Address::NAME_SERVICE))
            }
        }
    }

    /// The peer was told of the endpoint at `address`.
    pub fn announced(&mut self, address: Address) {
        if let Some(slot) = self.find(address) {
            match core::mem::replace(&mut slot.announce, Announce::Nothing) {
                Announce::Gone => slot.free(),
                Announce::Exists | Announce::Greeting | Announce::Nothing => (),
            }
        }
    }

    /// The peer is there: see [`Slot::up`].
    pub fn up(&mut self, all: bool) {
        self.slots.iter_mut().for_each(|slot| slot.up(all));
    }

    /// The peer is gone: nothing is bound, nothing is to be announced.
    pub fn down(&mut self) {
        for slot in &mut self.slots {
            slot.peer = Maybe::NONE;
            match slot.announce {
                Announce::Gone => slot.free(),
                _ => slot.announce = Announce::Nothing,
            }
        }
    }

    /// The peer has announced `name` at `peer`. True where an endpoint here is bound to it, now or already; one that is
    /// bound now has `answer` to tell.
    #[inline(never)]
    pub fn bind(&mut self, name: &Name, peer: Address, answer: Announce) -> bool {
        let mut unbound = None;
        for slot in &mut self.slots {
            if slot.announce == Announce::Gone || slot.name != *name {
                continue;
            }
            if slot.peer == Maybe::from(peer) {
                return true;
            }
            if !slot.peer.is_some() && unbound.is_none() {
                unbound = Some(slot);
            }
        }
        let Some(slot) = unbound else { return false };
        slot.peer = Maybe::from(peer);
        // The peer may have opened its endpoint after ours was announced: tell it (again) where ours is.
        slot.announce = answer;
        true
    }

    /// The peer's endpoint at `peer` is gone. True where one here was bound to it.
    pub fn unbind(&mut self, peer: Address) -> bool {
        let mut any = false;
        for slot in self.slots.iter_mut().filter(|slot| slot.peer == Maybe::from(peer)) {
            slot.peer = Maybe::NONE;
            if slot.announce == Announce::Greeting {
                slot.announce = Announce::Nothing;
            }
            any = true;
        }
        any
    }
}

impl Slot {
    /// Its own handle.
    pub const fn endpoint(&self) -> Endpoint {
        Endpoint(self.address.or_any())
    }

    /// There is a peer: what has one beforehand is bound to it, and what has a name is announced; unless `all` are, only
    /// where the peer's is not known.
    fn up(&mut self, all: bool) {
        self.peer = self.configured;
        if self.name.is_some() && (all || !self.peer.is_some()) {
            self.announce = Announce::Exists;
        }
    }

    #[inline(never)]
    pub fn free(&mut self) {
        self.address = Maybe::NONE;
        self.name = Name::NONE;
        self.configured = Maybe::NONE;
        self.peer = Maybe::NONE;
        self.told = false;
        self.announce = Announce::Nothing;
        self.generation = self.generation.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn what_is_gone_is_announced_first_and_equals_in_the_order_of_the_table() {
        let mut endpoints = Endpoints::<4>::new();
        let mut open = |name| endpoints.open(&Config { name: Some(name), ..Config::default() }, true, true).unwrap();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(&mut open).map(Endpoint::address);
        assert!(endpoints.close(Endpoint(c), true));
        endpoints.find(b).unwrap().announce = Announce::Greeting;
        endpoints.find(b).unwrap().peer = Maybe::from(Address(7));
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

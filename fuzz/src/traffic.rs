// SPDX-License-Identifier: Apache-2.0
//! A record of the sent messages that may still arrive, and the format of messages: a stamp, the destination, and
//! filler bytes. The stamp determines the length. This file does not depend on any link.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use amp_ivshmem::rpmsg::Address;

/// Number of endpoints per side. It is a power of two, so that each address maps to a slot, even if no endpoint has
/// this address.
pub const ENDPOINTS: usize = 4;

/// Maximum payload length in bytes.
pub const MOST: usize = 48;
/// A flag in the stamp of a message that may be lost because its destination may not exist.
pub const STRAY: u32 = 1 << 31;

/// Messages that may still arrive, for each role of the sender. Each entry is a stamp and the sender's session.
#[derive(Debug, Default)]
pub struct Traffic {
    stamp: Cell<u32>,
    sent: [RefCell<VecDeque<(u32, u32)>>; 2],
}

/// Returns the length and the bytes of a message. At least 8 bytes identify the message.
pub fn write(stamp: u32, to: u32, length: usize) -> (usize, [u8; MOST]) {
    let (mut bytes, length) = ([0; MOST], length.clamp(8, MOST));
    for (byte, at) in bytes.iter_mut().zip(0_u8..) {
        *byte = (stamp as u8) ^ at;
    }
    bytes[..4].copy_from_slice(&stamp.to_le_bytes());
    bytes[4..8].copy_from_slice(&to.to_le_bytes());
    bytes[length..].fill(0);
    (length, bytes)
}

/// Returns the length of the message with this stamp.
pub fn length(stamp: u32) -> usize {
    8 + stamp as usize * 7 % (MOST - 7)
}

/// Returns the stamp and the destination of a message.
pub fn read(bytes: &[u8; MOST]) -> (u32, u32) {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (word(0), word(4))
}

/// Addresses that may have no endpoint. The first eight never have one.
const ADDRESSES: [u32; 16] = {
    const FIRST: u32 = Address::FIRST_DYNAMIC.0;
    // The distance to the next address that maps to the same slot.
    const OTHERS: u32 = ENDPOINTS.next_power_of_two() as u32;
    [
        Address::ANY.0,
        Address::ANY.0 - 1,
        0,
        7,
        FIRST - 1,
        FIRST + OTHERS,
        FIRST + 2 * OTHERS,
        FIRST + 65535 * OTHERS,
        FIRST,
        FIRST + 1,
        FIRST + 2,
        FIRST + 1 + OTHERS,
        FIRST + 2 + OTHERS,
        FIRST + 1 + 2 * OTHERS,
        FIRST + 1 + 3 * OTHERS,
        Address::NAME_SERVICE.0,
    ]
};

/// A message to an address that may have no endpoint, or a false announcement.
#[derive(Debug)]
pub struct Stray {
    pub to: Address,
    pub length: usize,
    pub bytes: [u8; MOST],
}

impl Stray {
    /// Makes a stray. `kind` selects its destination, and `argument` selects its length or the announced address.
    pub fn new(stamp: u32, kind: u8, argument: u8) -> Self {
        let index = usize::from(kind & 0x0f);
        let (to, short) = (ADDRESSES[index], usize::from(argument) % (MOST + 1));
        let (mut length, mut bytes) = write(stamp | STRAY, to, short);
        if index < 8 {
            // No side reads this message, so it may be too short to be identified.
            length = short;
        }
        if to == Address::NAME_SERVICE.0 && kind & 0x10 != 0 {
            let address = ADDRESSES[usize::from(argument & 0x0f)];
            (length, bytes) = (40, [0; MOST]);
            bytes[..4].copy_from_slice(b"more");
            bytes[32..36].copy_from_slice(&address.to_le_bytes());
            // Withdraws an endpoint, but never the endpoint that the test needs.
            bytes[36] = u8::from(kind & 0x20 != 0 && address != Address::FIRST_DYNAMIC.0);
        }
        Self { to: Address(to), length, bytes }
    }
}

impl Traffic {
    pub fn clear(&self) {
        self.stamp.set(0);
        self.sent.iter().for_each(|sent| sent.borrow_mut().clear());
    }

    /// Returns the next stamp.
    pub fn next(&self) -> u32 {
        self.stamp.set(self.stamp.get() + 1);
        self.stamp.get()
    }

    /// Returns the last stamp.
    pub fn last(&self) -> u32 {
        self.stamp.get()
    }

    /// Records a message that is about to be sent.
    pub fn leaves(&self, role: usize, stamp: u32, session: u32) {
        self.sent[role].borrow_mut().push_back((stamp, session));
    }

    /// Removes the record of a message that was not sent after all.
    pub fn unsent(&self, role: usize, stamp: u32) {
        self.sent[role].borrow_mut().retain(|(noted, _)| *noted != stamp);
    }

    /// Voids all messages in flight from `role`.
    pub fn void(&self, role: usize) {
        self.sent[role].borrow_mut().clear();
    }

    /// Checks a message that arrives from `role`. The message must have been sent and not received before, and no
    /// earlier message of its session may be missing.
    pub fn arrives(&self, role: usize, stamp: u32) {
        let mut sent = self.sent[role].borrow_mut();
        let Some(&(_, session)) = sent.iter().find(|(noted, _)| *noted == stamp) else {
            panic!("{stamp} of role {role} arrived, which is not for here; under way: {sent:?}");
        };
        while let Some((noted, in_session)) = sent.pop_front() {
            if noted == stamp {
                break;
            }
            assert_ne!(in_session, session, "{stamp} of role {role} arrived, and never {noted}");
        }
    }
}

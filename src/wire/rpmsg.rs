// SPDX-License-Identifier: Apache-2.0
//! rpmsg's bytes: the header before each payload, and the name service's message.
//!
//! Source: OpenAMP's rpmsg protocol and Linux' `include/linux/rpmsg/{byteorder,ns}.h`; all fields little-endian.

use core::fmt;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An endpoint's number on one side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub u32);

impl Address {
    /// No address: never a valid destination on the wire.
    pub const ANY: Self = Self(u32::MAX);
    /// The address of the name service, the same on both sides.
    pub const NAME_SERVICE: Self = Self(53);
    /// The first address that is assigned dynamically; lower addresses are for an application's own choice.
    pub const FIRST_DYNAMIC: Self = Self(1024);
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The 16 bytes before each payload: {source u32, destination u32, reserved u32, length u16, flags u16}. Reserved and flags
/// are 0 when sent and ignored when received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The sending endpoint's address.
    pub source: Address,
    /// The receiving endpoint's address.
    pub destination: Address,
    /// Payload length in bytes, excluding this header.
    pub length: u16,
}

impl Header {
    /// Bytes of a header.
    pub const SIZE: u32 = 16;
    /// Offset of the source.
    pub const SOURCE: u32 = 0;
    /// Offset of the destination.
    pub const DESTINATION: u32 = 4;
    /// Offset of the word with the length.
    pub const LENGTH: u32 = 12;

    /// Returns the header as words, which are little-endian in memory.
    #[must_use]
    #[inline(always)]
    pub const fn to_words(self) -> [u32; 4] {
        [self.source.0, self.destination.0, 0, self.length as u32]
    }

    /// Returns the header in these words. The third word, which is reserved, is left out.
    #[must_use]
    #[inline(always)]
    pub const fn from_words([source, destination, length]: [u32; 3]) -> Self {
        // CAST: the flags are in the high half.
        Self { source: Address(source), destination: Address(destination), length: length as u16 }
    }
}

/// Bytes of a name field, terminating NUL included.
pub const NAME_SIZE: usize = 32;

/// An endpoint's name: 1 to 31 bytes, without NUL. It is padded with zeros, as in a message.
#[derive(Clone, Copy, Eq)]
pub struct Name([u8; NAME_SIZE]);

impl core::hash::Hash for Name {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

// Does the same as a derived implementation, but without `memcmp`, which nothing else in a small image uses.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, others)| own == others)
    }
}

/// The error that a name is not valid in a name service message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint's name has 1 to 31 bytes, and no NUL among them")]
pub struct BadName;

impl Name {
    /// No name.
    pub(crate) const NONE: Self = Self([0; NAME_SIZE]);

    /// Returns whether this name is not empty.
    pub(crate) fn is_some(&self) -> bool {
        self.0[0] != 0
    }

    /// Returns `name` as an endpoint's name.
    ///
    /// # Errors
    /// Returns [`BadName`] if it is empty, is longer than 31 bytes, or contains a NUL.
    pub fn new(name: &str) -> Result<Self, BadName> {
        let mut field = Self::NONE;
        let length = field.fill(name.as_bytes());
        if length > 0 && length == name.len() { Ok(field) } else { Err(BadName) }
    }

    /// Copies the name at the start of `bytes`, up to a NUL and at most 31 bytes, and returns its length.
    fn fill(&mut self, bytes: &[u8]) -> usize {
        let mut length = 0_usize;
        for (place, &byte) in self.0.iter_mut().zip(bytes).take(NAME_SIZE.wrapping_sub(1)) {
            if byte == 0 {
                break;
            }
            *place = byte;
            length = length.wrapping_add(1);
        }
        length
    }

    /// Returns the name in a received field: the bytes before the first NUL. Any bytes after it are dropped, and a
    /// field without a NUL loses its last byte, as in Linux. Returns `None` if the name is empty.
    #[must_use]
    pub fn from_field(field: &[u8; NAME_SIZE]) -> Option<Self> {
        let mut name = Self::NONE;
        (name.fill(field) > 0).then_some(name)
    }

    /// Returns the name's bytes, without NUL.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// Returns the name as text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(self.as_bytes()).ok()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The name service's message, which is the 40 bytes of payload sent to address 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct NameService {
    /// The endpoint's name, NUL-terminated.
    pub name: [u8; NAME_SIZE],
    /// The endpoint's address.
    pub address: U32,
    /// Bit 0 is 0 if the endpoint exists, and 1 if it is gone. Other bits are ignored.
    pub flags: U32,
}

impl NameService {
    /// Bytes of a message.
    pub const SIZE: u32 = 40;
    const DESTROY: u32 = 1;

    /// Returns the message that an endpoint exists (`exists`) or is gone.
    #[must_use]
    pub fn new(name: Name, address: Address, exists: bool) -> Self {
        let mut message = Self { name: [0; NAME_SIZE], address: U32::ZERO, flags: U32::ZERO };
        message.set(&name, address, exists);
        message
    }

    /// Makes this the message that an endpoint exists (`exists`) or is gone.
    pub fn set(&mut self, name: &Name, address: Address, exists: bool) {
        self.name = name.0;
        self.address = U32::new(address.0);
        self.flags = U32::new(if exists { 0 } else { Self::DESTROY });
    }

    /// Returns true if the endpoint exists, and false if it is gone.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.flags.get() & Self::DESTROY == 0
    }
}

const _: () = assert!(size_of::<NameService>() == NameService::SIZE as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_bytes_are_those_of_the_golden_trace() {
        let header = Header { source: Address(0x400), destination: Address(53), length: 40 };
        assert_eq!(
            header.to_words().map(u32::to_le_bytes).concat(),
            [0x00, 4, 0, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0x28, 0, 0, 0],
            "OpenAMP's `00040000 35000000 00000000 28000000`"
        );
        assert_eq!(Header::from_words([0x400, 53, 0xffff_0028]), header, "the flags are ignored");
    }

    #[test]
    fn a_name_ends_at_its_nul_and_hides_what_is_behind() {
        let mut field = [0xaa; NAME_SIZE];
        field[..2].copy_from_slice(b"k\0");
        assert_eq!(Name::from_field(&field), Name::new("k").ok());
        assert_eq!(Name::from_field(&[0; NAME_SIZE]), None);
        assert_eq!(Name::from_field(&[b'x'; NAME_SIZE]).map(|name| name.as_bytes().len()), Some(31));
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        assert_eq!(Name::new(""), Err(BadName));
        assert_eq!(Name::new("a\0b"), Err(BadName));
        assert!(Name::new(&"x".repeat(31)).is_ok());
        assert_eq!(Name::new(&"x".repeat(32)), Err(BadName));
    }

    #[test]
    fn name_service_message_is_openamps() {
        let message = NameService::new(Name::new("k").unwrap(), Address(0x400), false);
        assert_eq!(message.as_bytes()[..4], [b'k', 0, 0, 0]);
        assert_eq!(message.as_bytes()[32..], [0, 4, 0, 0, 1, 0, 0, 0]);
        assert!(!message.exists());
    }
}

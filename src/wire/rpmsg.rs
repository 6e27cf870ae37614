// SPDX-License-Identifier: Apache-2.0
//! The rpmsg wire format: the header that precedes each payload, and the name service message.
//!
//! Source: OpenAMP's rpmsg protocol and `include/linux/rpmsg/{byteorder,ns}.h` in Linux. All fields are little-endian.

use core::fmt;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The address of an endpoint on one side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub u32);

impl Address {
    /// No address. This value is never a valid destination on the wire.
    pub const ANY: Self = Self(u32::MAX);
    /// The address of the name service on both sides.
    pub const NAME_SERVICE: Self = Self(53);
    /// The first address that is assigned dynamically. An application can choose lower addresses itself.
    pub const FIRST_DYNAMIC: Self = Self(1024);
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The 16-byte header that precedes each payload: {source u32, destination u32, reserved u32, length u16, flags u16}.
/// The fields "reserved" and "flags" are sent as 0 and ignored on reception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The address of the sending endpoint.
    pub source: Address,
    /// The address of the receiving endpoint.
    pub destination: Address,
    /// Length of the payload in bytes, excluding the header.
    pub length: u16,
}

impl Header {
    /// Size of a header in bytes.
    pub const SIZE: u32 = 16;
    /// Offset of the source address.
    pub const SOURCE: u32 = 0;
    /// Offset of the destination address.
    pub const DESTINATION: u32 = 4;
    /// Offset of the word that contains the length.
    pub const LENGTH: u32 = 12;

    /// Returns the header as four words in native byte order.
    #[must_use]
    #[inline(always)]
    pub const fn to_words(self) -> [u32; 4] {
        [self.source.0, self.destination.0, 0, self.length as u32]
    }

    /// Makes a header from its first, second and fourth words. The third word is reserved.
    #[must_use]
    #[inline(always)]
    pub const fn from_words([source, destination, length]: [u32; 3]) -> Self {
        // CAST: drops the flags in the high half.
        Self { source: Address(source), destination: Address(destination), length: length as u16 }
    }
}

/// Size of a name field in bytes, including the terminating NUL.
pub const NAME_SIZE: usize = 32;

/// The name of an endpoint: 1 to 31 bytes without NUL, padded with zeros to the size of the field.
#[derive(Clone, Copy, Eq)]
pub struct Name([u8; NAME_SIZE]);

impl core::hash::Hash for Name {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

// Equivalent to a derived implementation, but does not call `memcmp`. This saves flash in a small image, which may not
// need `memcmp` for anything else.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, others)| own == others)
    }
}

/// The name cannot be sent in a name service message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint's name must have 1 to 31 bytes, none of them NUL")]
pub struct BadName;

impl Name {
    /// The empty name.
    pub(crate) const NONE: Self = Self([0; NAME_SIZE]);

    /// Returns true if the name is not empty.
    pub(crate) fn is_some(&self) -> bool {
        self.0[0] != 0
    }

    /// Makes an endpoint name from `name`.
    ///
    /// # Errors
    /// Returns [`BadName`] if `name` is empty, is longer than 31 bytes, or contains a NUL.
    pub fn new(name: &str) -> Result<Self, BadName> {
        let mut field = Self::NONE;
        let length = field.fill(name.as_bytes());
        if length > 0 && length == name.len() { Ok(field) } else { Err(BadName) }
    }

    /// Copies the name at the start of `bytes`, up to the first NUL and at most 31 bytes. Returns the length of the
    /// name.
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

    /// Returns the name in a received field: the bytes before the first NUL. Bytes after the NUL are ignored, as in
    /// Linux. If there is no NUL, the last byte of the field is ignored. Returns `None` if the name is empty.
    #[must_use]
    pub fn from_field(field: &[u8; NAME_SIZE]) -> Option<Self> {
        let mut name = Self::NONE;
        (name.fill(field) > 0).then_some(name)
    }

    /// Returns the bytes of the name, without the NUL.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// Returns the name as text, or `None` if it is not valid UTF-8.
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

/// The name service message: the 40-byte payload sent to address 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct NameService {
    /// The name of the endpoint, terminated by NUL.
    pub name: [u8; NAME_SIZE],
    /// The address of the endpoint.
    pub address: U32,
    /// Bit 0 is 0 if the endpoint is announced, and 1 if it is withdrawn. The other bits are ignored.
    pub flags: U32,
}

impl NameService {
    /// Size of a name service message in bytes.
    pub const SIZE: u32 = 40;
    const DESTROY: u32 = 1;

    /// Makes a message that announces the endpoint (`exists` is true) or withdraws it.
    #[must_use]
    pub fn new(name: Name, address: Address, exists: bool) -> Self {
        let mut message = Self { name: [0; NAME_SIZE], address: U32::ZERO, flags: U32::ZERO };
        message.set(&name, address, exists);
        message
    }

    /// Turns this message into one that announces the endpoint (`exists` is true) or withdraws it.
    pub fn set(&mut self, name: &Name, address: Address, exists: bool) {
        self.name = name.0;
        self.address = U32::new(address.0);
        self.flags = U32::new(if exists { 0 } else { Self::DESTROY });
    }

    /// Returns true if the message announces the endpoint, and false if it withdraws it.
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

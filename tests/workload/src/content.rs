// SPDX-License-Identifier: Apache-2.0
//! Message content. The length and the bytes are derived from two numbers that both sides know.

/// Maximum message length in bytes: the payload of rpmsg's usual 512-byte buffers.
pub const MAX_MESSAGE: usize = 496;

/// The content of one message.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    state: u32,
}

impl Content {
    /// Returns the content of message `number` in exchange `index`.
    pub fn new(index: usize, number: u32) -> Self {
        // The exact mixing does not matter, but the state must not be 0. CAST: the index is small.
        let mut content = Self { state: (number ^ 0x9e37_79b9).wrapping_mul(2 * index as u32 + 0x85eb_ca6b) | 1 };
        for _ in 0..4 {
            content.next();
        }
        content
    }

    /// Returns the next value of Marsaglia's xorshift32.
    fn next(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state
    }

    /// Returns the message length in bytes. Lengths are uniformly distributed from 0 to [`MAX_MESSAGE`].
    pub fn length(&self) -> usize {
        self.state as usize % (MAX_MESSAGE + 1)
    }

    /// Writes the message to the start of `buffer`, and returns the written part.
    pub fn write(mut self, buffer: &mut [u8; MAX_MESSAGE]) -> &[u8] {
        let length = self.length();
        for (index, place) in buffer.iter_mut().take(length).enumerate() {
            *place = self.byte(index);
        }
        buffer.get(..length).unwrap_or_default()
    }

    /// Returns true if `bytes` equals the message.
    pub fn is(mut self, bytes: &[u8]) -> bool {
        bytes.len() == self.length() && bytes.iter().enumerate().all(|(index, &byte)| byte == self.byte(index))
    }

    /// Returns byte `index`. Each random word supplies four bytes, so the caller must request the bytes in order.
    fn byte(&mut self, index: usize) -> u8 {
        let word = if index.is_multiple_of(4) { self.next() } else { self.state };
        // CAST: only the low eight bits are used.
        (word >> (index % 4 * 8)) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_reach_both_ends_and_one_wrong_byte_is_noticed() {
        let mut buffer = [0; MAX_MESSAGE];
        let (mut shortest, mut longest) = (MAX_MESSAGE, 0);
        for number in 0..3334 {
            let content = Content::new(1, number);
            let length = content.write(&mut buffer).len();
            shortest = shortest.min(length);
            longest = longest.max(length);
            assert!(content.is(&buffer[..length]));
            assert!(!Content::new(0, number).is(&buffer[..length]) || length == 0);
            if length > 0 {
                assert!(!content.is(&buffer[..length - 1]), "one byte short");
                buffer[length / 2] ^= 1;
                assert!(!content.is(&buffer[..length]));
            }
        }
        assert_eq!((shortest, longest), (0, MAX_MESSAGE));
    }
}

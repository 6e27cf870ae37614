// SPDX-License-Identifier: Apache-2.0
//! Prints console lines without the formatting code in `core::fmt`, which would take 2 KiB of flash on a small machine.

use core::fmt::Write;
use core::num::NonZeroU32;

#[cfg(not(feature = "small"))]
use amp_ivshmem::rpmsg::Name;

/// A line that is being printed. Console errors are ignored, because the caller cannot act on them.
pub struct Line<'c, W: Write>(&'c mut W);

/// Begins a line.
pub fn line<W: Write>(console: &mut W) -> Line<'_, W> {
    Line(console)
}

impl<W: Write> Line<'_, W> {
    /// Prints text.
    pub fn text(self, text: &str) -> Self {
        let _ = self.0.write_str(text);
        self
    }

    /// Prints an endpoint's name. Replaces each unprintable byte with `?`.
    #[cfg(not(feature = "small"))]
    pub fn name(self, name: &Name) -> Self {
        for &byte in name.as_bytes() {
            let _ = self.0.write_char(if byte.is_ascii_graphic() { byte.into() } else { '?' });
        }
        self
    }

    /// Prints a number in decimal.
    pub fn number(self, number: u32) -> Self {
        self.digits(number, TEN)
    }

    /// Prints a number in hexadecimal, with the prefix `0x`.
    pub fn hex(self, number: u32) -> Self {
        self.text("0x").digits(number, SIXTEEN)
    }

    /// Ends the line.
    pub fn end(self) {
        let _ = self.0.write_str("\n");
    }

    fn digits(self, mut number: u32, base: NonZeroU32) -> Self {
        let mut text = [0; 10];
        let mut unused = text.len();
        for place in text.iter_mut().rev() {
            // CAST: one digit.
            let digit = (number % base) as u8;
            *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
            number /= base;
            unused -= 1;
            if number == 0 {
                break;
            }
        }
        for &digit in text.iter().skip(unused) {
            let _ = self.0.write_char(digit.into());
        }
        self
    }
}

const TEN: NonZeroU32 = NonZeroU32::new(10).unwrap();
const SIXTEEN: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// Prints `what` and the cause. With the `small` feature, only the kind of the cause is printed.
#[cfg(not(feature = "small"))]
pub fn because(console: &mut impl Write, what: &str, cause: &impl core::fmt::Display, _: &str) {
    let _ = writeln!(console, "{what}{cause}");
}

/// Prints `what` and the kind of the cause. Without the `small` feature, the whole cause is printed.
#[cfg(feature = "small")]
pub fn because<C>(console: &mut impl Write, what: &str, _: &C, kind: &str) {
    line(console).text(what).text(kind).end();
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn numbers_are_written_as_format_does() {
        for number in [0, 1, 9, 10, 15, 16, 496, 1024, 65_535, u32::MAX] {
            let mut text = std::string::String::new();
            line(&mut text).text("a ").number(number).text(" b ").hex(number).end();
            assert_eq!(text, std::format!("a {number} b {number:#x}\n"));
        }
    }
}

//! Lines for a console, put together without `core::fmt`'s formatting, which costs a small machine 2 KiB of flash.

use core::fmt::Write;

#[cfg(not(feature = "terse"))]
use amp_ivshmem::rpmsg::Name;

/// A line that is being written. A console that fails is nothing that its writer could act on.
pub struct Line<'c, W: Write>(&'c mut W);

/// Begins a line.
pub fn line<W: Write>(console: &mut W) -> Line<'_, W> {
    Line(console)
}

impl<W: Write> Line<'_, W> {
    /// Text as it stands.
    pub fn text(self, text: &str) -> Self {
        let _ = self.0.write_str(text);
        self
    }

    /// An endpoint's name, as far as it is printable.
    #[cfg(not(feature = "terse"))]
    pub fn name(self, name: &Name) -> Self {
        for &byte in name.as_bytes() {
            let _ = self.0.write_char(if byte.is_ascii_graphic() { byte.into() } else { '?' });
        }
        self
    }

    /// A number in decimal.
    pub fn number(self, number: u32) -> Self {
        self.digits(number, 10)
    }

    /// A number in hexadecimal, with `0x`.
    pub fn hex(self, number: u32) -> Self {
        self.text("0x").digits(number, 16)
    }

    /// Ends the line.
    pub fn end(self) {
        let _ = self.0.write_str("\n");
    }

    fn digits(self, number: u32, base: u32) -> Self {
        let mut unit = 1;
        while number / unit >= base {
            unit *= base;
        }
        while let Some(quotient) = number.checked_div(unit) {
            let _ = self.0.write_char(char::from_digit(quotient % base, base).unwrap_or('?'));
            unit /= base;
        }
        self
    }
}

/// What to say of a cause: all of it, or with the feature `terse` only what kind it is.
#[cfg(not(feature = "terse"))]
pub fn because(console: &mut impl Write, what: &str, cause: &impl core::fmt::Display, _: &str) {
    let _ = writeln!(console, "{what}{cause}");
}

/// What to say of a cause: all of it, or with the feature `terse` only what kind it is.
#[cfg(feature = "terse")]
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

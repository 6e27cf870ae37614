// SPDX-License-Identifier: GPL-2.0-or-later
//! Parses the settings from an environment variable. This file does not depend on QEMU.

use std::ffi::CString;

/// Name of the environment variable.
pub const VARIABLE: &str = "AMP_QEMU_FLAT";

/// Size of the device's registers in bytes (QEMU 10.0: `ivshmem-mmio`).
pub const REGISTERS_SIZE: u64 = 0x10;

/// Highest possible input of an NVIC (ARMv7-M: 496 external interrupts).
pub const IRQ_MAX: u32 = 495;

/// The addresses and connections of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The `id=` of the `-chardev socket` that is connected to the ivshmem server.
    pub chardev: CString,
    /// Guest address of the 16 bytes of registers, 4-byte aligned.
    pub registers: u64,
    /// Guest address of the shared memory, 4096-byte aligned.
    pub memory: u64,
    /// Size of the shared memory in bytes, a power of two from 4096 to 2 GiB. It must equal the server's size.
    pub size: u64,
    /// Number of the NVIC input, starting at 0.
    pub irq: u32,
}

/// An error in the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// An entry is not `key=value`.
    #[error("`{0}` in {VARIABLE} is not key=value; write {EXAMPLE}")]
    NotKeyValue(String),
    /// The key is unknown.
    #[error("{VARIABLE} has no key `{0}`; write {EXAMPLE}")]
    UnknownKey(String),
    /// The key is given twice.
    #[error("{VARIABLE} gives `{0}` twice; give it once")]
    Twice(&'static str),
    /// The key is missing.
    #[error("{VARIABLE} lacks `{0}=`; write {EXAMPLE}")]
    Missing(&'static str),
    /// The value is not a number, or the number is not valid.
    #[error("`{key}={value}` in {VARIABLE} must be {must}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value as given.
        value: String,
        /// The requirement that the value does not meet.
        must: &'static str,
    },
    /// The registers overlap the memory.
    #[error("registers={registers:#x} in {VARIABLE} is within the memory at {memory:#x}; choose another address")]
    Overlap {
        /// Address of the registers.
        registers: u64,
        /// Address of the memory.
        memory: u64,
    },
}

const EXAMPLE: &str = "chardev=ID,registers=ADDRESS,memory=ADDRESS,size=BYTES,irq=NUMBER";
const KEYS: [&str; 5] = ["chardev", "registers", "memory", "size", "irq"];
const SPACE: u64 = 1 << 32;

/// Parses `chardev=ID,registers=ADDRESS,memory=ADDRESS,size=BYTES,irq=NUMBER`, with the keys in any order. Numbers are
/// decimal, or hexadecimal with the prefix `0x`. The suffixes K, M and G multiply a number by powers of 1024.
///
/// # Errors
/// Returns the first error. Its message says how to correct it.
pub fn parse(text: &str) -> Result<Settings, SettingsError> {
    let mut values: [(&'static str, Option<&str>); KEYS.len()] = KEYS.map(|key| (key, None));
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| SettingsError::NotKeyValue(part.to_owned()))?;
        let known = values.iter_mut().find(|(known, _)| *known == key);
        let (key, place) = known.ok_or_else(|| SettingsError::UnknownKey(key.to_owned()))?;
        if place.replace(value).is_some() {
            return Err(SettingsError::Twice(key));
        }
    }
    let get = |key: &'static str| {
        let found = values.iter().find(|(known, _)| *known == key).and_then(|(_, value)| *value);
        found.ok_or(SettingsError::Missing(key))
    };
    let in_range = |key: &'static str, must: &'static str, accept: &dyn Fn(u64) -> bool| {
        let value = get(key)?;
        let accepted = number(value).filter(|&n| accept(n));
        accepted.ok_or_else(|| SettingsError::Value { key, value: value.to_owned(), must })
    };

    let chardev = get("chardev")?;
    let chardev = CString::new(chardev).ok().filter(|id| !id.is_empty()).ok_or_else(|| SettingsError::Value {
        key: "chardev",
        value: chardev.to_owned(),
        must: "the id of a -chardev socket",
    })?;
    let registers = in_range("registers", "an address below 4 GiB, a multiple of 4", &|n| {
        n.is_multiple_of(4) && n <= SPACE - REGISTERS_SIZE
    })?;
    let size =
        in_range("size", "a power of two from 4K to 2G", &|n| n.is_power_of_two() && (4096..=SPACE / 2).contains(&n))?;
    let memory = in_range("memory", "an address, a multiple of 4096, with all of the memory below 4 GiB", &|n| {
        n.is_multiple_of(4096) && n <= SPACE.saturating_sub(size)
    })?;
    let irq = in_range("irq", "the number of an NVIC input, 0 to 495", &|n| n <= u64::from(IRQ_MAX))?;
    if registers < memory.saturating_add(size) && memory < registers.saturating_add(REGISTERS_SIZE) {
        return Err(SettingsError::Overlap { registers, memory });
    }
    let irq = u32::try_from(irq).unwrap_or(IRQ_MAX);
    Ok(Settings { chardev, registers, memory, size, irq })
}

fn number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return if hex.starts_with('+') { None } else { u64::from_str_radix(hex, 16).ok() };
    }
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 'K' | 'k') => (&text[..at], 1 << 10),
        (at, 'M' | 'm') => (&text[..at], 1 << 20),
        (at, 'G' | 'g') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    if digits.starts_with('+') { None } else { digits.parse::<u64>().ok()?.checked_mul(unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "chardev=ivshmem,registers=0x400ff000,memory=0x60000000,size=1M,irq=40";

    #[test]
    fn reads_the_settings_in_any_order() {
        let want = Settings {
            chardev: c"ivshmem".to_owned(),
            registers: 0x400f_f000,
            memory: 0x6000_0000,
            size: 1 << 20,
            irq: 40,
        };
        assert_eq!(parse(GOOD), Ok(want.clone()));
        let reversed: Vec<&str> = GOOD.rsplit(',').collect();
        assert_eq!(parse(&reversed.join(",").replace("1M", "0x100000")), Ok(want));
    }

    #[test]
    fn names_what_is_wrong() {
        for (from, to, message) in [
            (GOOD, "", "`` in AMP_QEMU_FLAT is not key=value"),
            ("size=1M", "1M", "`1M` in AMP_QEMU_FLAT is not key=value"),
            ("irq=", "line=", "has no key `line`"),
            (",irq=40", "", "lacks `irq=`"),
            ("irq=40", "irq=40,irq=41", "gives `irq` twice"),
            ("irq=40", "irq=496", "`irq=496`"),
            ("irq=40", "irq=-1", "`irq=-1`"),
            ("irq=40", "irq=+1", "`irq=+1`"),
            ("size=1M", "size=3M", "must be a power of two from 4K to 2G"),
            ("size=1M", "size=2K", "must be a power of two from 4K to 2G"),
            ("size=1M", "size=4G", "must be a power of two from 4K to 2G"),
            ("size=1M", "size=99999999999999G", "must be a power of two from 4K to 2G"),
            ("size=1M", "size=", "`size=`"),
            ("memory=0x60000000", "memory=0xfff80000", "below 4 GiB"),
            ("memory=0x60000000", "memory=0x60000001", "a multiple of 4096"),
            ("registers=0x400ff000", "registers=0x400ff002", "a multiple of 4"),
            ("registers=0x400ff000", "registers=0x600ffff8", "is within the memory"),
            ("registers=0x400ff000", "registers=0x5ffffff4", "is within the memory"),
            ("chardev=ivshmem", "chardev=", "the id of a -chardev socket"),
        ] {
            let text = GOOD.replace(from, to);
            let error = parse(&text).expect_err(&text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
//! Creates the device, and wires its memory, registers and interrupt as a board would.

use std::ffi::CStr;

use crate::qemu::Qemu;
use crate::settings::{REGISTERS_SIZE, Settings, SettingsError, VARIABLE};

const CLASS: &CStr = c"ivshmem-flat";

/// The reason why the device could not be created or wired.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment variable contains an error.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// This QEMU does not export the required symbols, unlike the builds of distributions.
    #[error(
        "this QEMU does not export `{0}`: it is stripped or too old; use a distribution's qemu-system-arm of 10.0 or later"
    )]
    NoSymbol(&'static str),
    /// This QEMU is older than 10.0.
    #[error("this QEMU has no ivshmem-flat device; use QEMU 10.0 or later")]
    NoClass,
    /// The chardev is not on QEMU's command line.
    #[error("QEMU has no chardev `{0}`; add -chardev socket,path=SOCKET,id={0} or correct chardev= in {VARIABLE}")]
    NoChardev(String),
    /// The chardev is not a socket, but for example a file or a terminal.
    #[error("chardev `{0}` is not a socket; give QEMU -chardev socket,path=SOCKET,id={0}")]
    NotASocket(String),
    /// The machine has no M-profile CPU, or more than one.
    #[error(
        "this machine does not have exactly one ARMv7-M CPU; use -machine lm3s6965evb or mps2-an385, or unset {VARIABLE}"
    )]
    NoCpu,
    /// The NVIC does not have the requested input.
    #[error("irq={irq} in {VARIABLE}: this machine's NVIC has inputs 0 to {last}; choose one of these")]
    NoIrq {
        /// The requested input.
        irq: u32,
        /// The highest input of the NVIC.
        last: u32,
    },
    /// A different memory region already uses the address.
    #[error(
        "{key}={start:#x} in {VARIABLE}: {size:#x} bytes there overlap `{name}` of this machine; choose a free address"
    )]
    Occupied {
        /// The key of the address, `registers` or `memory`.
        key: &'static str,
        /// The address.
        start: u64,
        /// The length in bytes.
        size: u64,
        /// The name of the existing region.
        name: String,
    },
    /// QEMU could not create the device.
    #[error("QEMU refused the device: {message}{}", hint(message))]
    Refused {
        /// QEMU's error message.
        message: String,
    },
}

/// Returns advice on how to fix the problem, because QEMU's message only describes it.
fn hint(message: &str) -> &'static str {
    let message = message.to_ascii_lowercase();
    if message.contains("size") {
        "; give the server and size= the same size"
    } else if message.contains("in use") {
        "; give this device a chardev of its own"
    } else {
        "; check that chardev= is a socket to a running ivshmem server (`amp server`)"
    }
}

/// Puts the device on the machine's bus.
///
/// # Errors
/// Returns the first error. The device may then be incomplete, so QEMU must not continue.
pub fn wire(qemu: &Qemu, settings: &Settings) -> Result<(), Error> {
    if !qemu.has_class(CLASS) {
        return Err(Error::NoClass);
    }
    let id = || settings.chardev.to_string_lossy().into_owned();
    let chardev = qemu.chardev(&settings.chardev).ok_or_else(|| Error::NoChardev(id()))?;
    // The device reads the server's greeting while it is created. On any other kind of chardev, it would wait forever.
    if !qemu.is_a(chardev, c"chardev-socket") {
        return Err(Error::NotASocket(id()));
    }
    let cpu = qemu.only_object_of(c"armv7m").ok_or(Error::NoCpu)?;
    let inputs = qemu.inputs(cpu);
    if settings.irq >= inputs {
        return Err(Error::NoIrq { irq: settings.irq, last: inputs.saturating_sub(1) });
    }
    for (key, start, size) in
        [("registers", settings.registers, REGISTERS_SIZE), ("memory", settings.memory, settings.size)]
    {
        if let Some(name) = qemu.region_in(start, size) {
            return Err(Error::Occupied { key, start, size, name });
        }
    }
    let device = qemu.realize(CLASS, &settings.chardev, settings.size).map_err(|message| Error::Refused { message })?;
    qemu.map(device, 0, settings.registers);
    qemu.map(device, 1, settings.memory);
    qemu.connect_irq(device, cpu, settings.irq);
    Ok(())
}

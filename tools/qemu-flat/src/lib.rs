// SPDX-License-Identifier: GPL-2.0-or-later
//! A preload object that puts QEMU's compiled-in `ivshmem-flat` device on the bus of an Arm M-profile machine.
//!
//! QEMU has included the device since 10.0, but it cannot be created from the command line, and no board uses it. QEMU
//! exports dynamic symbols for its modules. A shared object loaded with `LD_PRELOAD` can therefore create and wire the
//! device, as a board would:
//!
//! ```text
//! LD_PRELOAD=libamp_qemu_flat.so \
//! AMP_QEMU_FLAT=chardev=ivshmem,registers=0x400ff000,memory=0x60000000,size=1M,irq=40 \
//!     qemu-system-arm -machine lm3s6965evb -chardev socket,path=SOCKET,id=ivshmem ...
//! ```
//!
//! `LD_PRELOAD` affects every process of a command. The object does nothing if `AMP_QEMU_FLAT` is not set, or if the
//! process is not a QEMU system emulator.
#![allow(unsafe_code, reason = "it calls functions of the QEMU that it is loaded into")]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod qemu;
mod settings;
mod wire;

use std::ffi::c_void;
use std::sync::OnceLock;
use std::{env, process};

use qemu::Qemu;
use settings::{Settings, VARIABLE};
use wire::Error;

/// State that the constructor stores for the callback. QEMU calls the callback after it has created the machine.
static PENDING: OnceLock<(Qemu, Settings)> = OnceLock::new();

/// The dynamic loader runs this function before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    let Some(text) = env::var_os(VARIABLE).filter(|text| !text.is_empty()) else { return };
    // A QEMU without exported symbols is recognised by its name, so that the object can report why there is no device.
    if !Qemu::is_here() && !is_named_qemu() {
        return;
    }
    if let Err(error) = prepare(&text.to_string_lossy()) {
        give_up(&error);
    }
}

fn prepare(text: &str) -> Result<(), Error> {
    let qemu = Qemu::find().map_err(Error::NoSymbol)?;
    let settings = settings::parse(text)?;
    PENDING.get_or_init(|| (qemu, settings));
    qemu.when_machine_is_done(machine_done);
    Ok(())
}

fn is_named_qemu() -> bool {
    env::current_exe()
        .is_ok_and(|path| path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"qemu-system-")))
}

/// Prints the error and exits QEMU, because a machine without the device would fail later with a less clear error.
fn give_up(error: &Error) -> ! {
    eprintln!("amp-qemu-flat: {error}");
    process::exit(1)
}

/// Adds the device. QEMU calls this once, on its main thread and with its big lock held, after it has created the board
/// and all `-device`s.
extern "C" fn machine_done(_notifier: *mut qemu::Notifier, _data: *mut c_void) {
    if let Some((qemu, settings)) = PENDING.get()
        && let Err(error) = wire::wire(qemu, settings)
    {
        give_up(&error);
    }
}

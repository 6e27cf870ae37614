// SPDX-License-Identifier: Apache-2.0
//! Device addresses on `lm3s6965evb`.

use core::ptr::{NonNull, without_provenance_mut};

use amp_ivshmem::ivshmem::flat::Place;

/// The addresses and the interrupt of the flat device. They must match `AMP_QEMU_FLAT`, the environment variable of the
/// preload object.
pub const PLACE: Place = Place { registers: 0x400f_f000, memory: 0x6000_0000, size: 1 << 20, interrupt: 40 };

/// Returns a pointer to `address`.
pub const fn address<T>(address: usize) -> NonNull<T> {
    match NonNull::new(without_provenance_mut(address)) {
        Some(pointer) => pointer,
        None => NonNull::dangling(),
    }
}

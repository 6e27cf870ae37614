// SPDX-License-Identifier: Apache-2.0
//! Checks the copy functions for this architecture on this machine. `cargo run --target TARGET` runs the check in QEMU
//! (see `.cargo/config.toml`) and returns its exit status.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![allow(unsafe_code, reason = "makes pointers of the machine's addresses")]

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod cortex_m;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod virt;

#[cfg(target_os = "none")]
mod image {
    use core::ptr::{NonNull, without_provenance_mut};

    use amp_ivshmem::mem::SharedMemory;
    use amp_ivshmem_test_copies::check;
    use semihosting::{eprintln, println, process};

    /// Size of the shared memory in bytes.
    pub const SIZE: u32 = 4096;

    /// Returns a pointer to `address`.
    pub const fn address(address: usize) -> NonNull<u8> {
        match NonNull::new(without_provenance_mut(address)) {
            Some(pointer) => pointer,
            None => NonNull::dangling(),
        }
    }

    /// Checks the copies to and from `memory`. Exits with status 1 if a copy was wrong.
    pub fn expect(memory: &impl SharedMemory, name: &str) {
        if check(memory).is_none() {
            eprintln!("{name}: payload does not arrive as it left");
            process::exit(1);
        }
        println!("{name}: all copies are right");
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    let heap = amp_ivshmem::mem::fake::Heap::new(4096);
    let right = amp_ivshmem_test_copies::check(&heap.region()).is_some();
    println!("normal memory: {}", if right { "all copies are right" } else { "payload does not arrive as it left" });
    std::process::exit(i32::from(!right));
}

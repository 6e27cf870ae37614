// SPDX-License-Identifier: Apache-2.0
//! `cargo fuzz run link_native`: see the library's module of that name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amp_ivshmem_fuzz::link_native::run(data));

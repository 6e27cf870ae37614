// SPDX-License-Identifier: Apache-2.0
//! `cargo fuzz run chain_device`: see the library's module of that name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amp_ivshmem_fuzz::chain_device::run(data));

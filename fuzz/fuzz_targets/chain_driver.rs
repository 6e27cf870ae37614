// SPDX-License-Identifier: Apache-2.0
//! `cargo fuzz run chain_driver`: see the library's module of that name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amp_ivshmem_fuzz::chain_driver::run(data));

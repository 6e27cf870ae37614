// SPDX-License-Identifier: Apache-2.0
//! `cargo fuzz run link_openamp`: see the library's module of that name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amp_ivshmem_fuzz::link_openamp::run(data));

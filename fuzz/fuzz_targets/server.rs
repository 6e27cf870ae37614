// SPDX-License-Identifier: Apache-2.0
//! `cargo fuzz run server`: see the library's module of that name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amp_ivshmem_fuzz::server::run(data));

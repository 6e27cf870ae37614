// SPDX-License-Identifier: Apache-2.0
//! Tells the crate two facts that cargo knows and `cfg` does not: whether the build is for size, and for which Arm it
//! is.

use std::env;

/// The Arm architectures, as the beginnings of target triples, that load and store unaligned words of Normal memory and
/// have all of Thumb-2. Armv6-M and Armv8-M Baseline have neither, and no Arm before Armv7 has both.
const UNALIGNED: [&str; 6] = ["armv7", "armebv7", "armv8r", "thumbv7", "thumbv8m.main", "thumbv8r"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(for_size)");
    println!("cargo::rustc-check-cfg=cfg(arm_unaligned)");
    if matches!(env::var("OPT_LEVEL").as_deref(), Ok("s" | "z")) {
        println!("cargo::rustc-cfg=for_size");
    }
    let target = env::var("TARGET").unwrap_or_default();
    let arm = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "arm");
    if arm && UNALIGNED.iter().any(|begin| target.starts_with(begin)) {
        println!("cargo::rustc-cfg=arm_unaligned");
    }
}

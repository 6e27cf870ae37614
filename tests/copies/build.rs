// SPDX-License-Identifier: Apache-2.0
//! Puts a memory map where the linker finds it. The target selects the machine that runs the image.

use std::path::Path;
use std::{env, fs};

/// QEMU's `virt`. The first 2 MiB of its memory are left for the devicetree that QEMU puts there.
const VIRT: &str = "MEMORY { image : ORIGIN = 0x40200000, LENGTH = 2M }";
/// QEMU's `microbit`. The image copies to and from the last 4 KiB of its memory.
const MICROBIT: &str = "MEMORY { FLASH : ORIGIN = 0, LENGTH = 256K RAM : ORIGIN = 0x20000000, LENGTH = 12K }";
/// QEMU's `mps2-an505`, its secure side. The image uses the first 64 KiB of the second external memory in the same way.
const AN505: &str = "MEMORY { FLASH : ORIGIN = 0x10000000, LENGTH = 256K RAM : ORIGIN = 0x38000000, LENGTH = 60K }";
/// QEMU's `lm3s6965evb`. The image uses its 64 KiB in the same way.
const LM3S: &str = "MEMORY { FLASH : ORIGIN = 0, LENGTH = 256K RAM : ORIGIN = 0x20000000, LENGTH = 60K }";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(trap_unaligned)");
    let target = env::var("TARGET").unwrap_or_default();
    let (map, text, scripts): (_, _, &[_]) = match &*target {
        "thumbv6m-none-eabi" => ("memory.x", MICROBIT, &["link.x"]),
        "thumbv7m-none-eabi" => ("memory.x", LM3S, &["link.x"]),
        "thumbv8m.base-none-eabi" | "thumbv8m.main-none-eabi" => ("memory.x", AN505, &["link.x"]),
        "aarch64-unknown-none-softfloat" => ("memory.ld", VIRT, &["image.ld", "memory.ld"]),
        _ => return,
    };
    let out = env::var("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join(map), text).unwrap_or_else(|error| panic!("writing {map} to {out}: {error}"));
    println!("cargo::rustc-link-search={out}");
    if target == "thumbv8m.base-none-eabi" {
        println!("cargo::rustc-cfg=trap_unaligned");
    }
    for script in scripts {
        println!("cargo::rustc-link-arg-bins=-T{script}");
    }
}

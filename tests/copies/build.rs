// SPDX-License-Identifier: Apache-2.0
//! Writes the target machine's memory map to a folder that the linker searches.

use std::path::Path;
use std::{env, fs};

/// QEMU's `virt`. The first 2 MiB of RAM are reserved for QEMU's devicetree.
const VIRT: &str = "MEMORY { image : ORIGIN = 0x40200000, LENGTH = 2M }";
/// QEMU's `microbit`. The image uses the last 4 KiB of RAM as shared memory.
const MICROBIT: &str = "MEMORY { FLASH : ORIGIN = 0, LENGTH = 256K RAM : ORIGIN = 0x20000000, LENGTH = 12K }";
/// The secure side of QEMU's `mps2-an505`. The image uses the first 64 KiB of the second external RAM. The last 4 KiB
/// of this part are the shared memory.
const AN505: &str = "MEMORY { FLASH : ORIGIN = 0x10000000, LENGTH = 256K RAM : ORIGIN = 0x38000000, LENGTH = 60K }";
/// QEMU's `lm3s6965evb`. The image uses the last 4 KiB of the machine's 64 KiB of RAM as shared memory.
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

// SPDX-License-Identifier: Apache-2.0
//! Writes the target's linker scripts to a folder that the linker searches. The image's build script selects them by
//! name.

use std::path::Path;
use std::{env, fs};

fn main() {
    let target = |key: &str| env::var(key).unwrap_or_default();
    let scripts: &[(&str, &str)] = match (&*target("CARGO_CFG_TARGET_OS"), &*target("CARGO_CFG_TARGET_ARCH")) {
        ("none", "aarch64") => &[("memory.ld", include_str!("memory-aarch64-virt.ld"))],
        // cortex-m-rt also includes a script with the interrupt names. It is empty, because the port has its own vector
        // table.
        ("none", "arm") => &[("memory.x", include_str!("memory-lm3s6965.x")), ("device.x", "")],
        _ => &[],
    };
    let out = target("OUT_DIR");
    for (name, text) in scripts {
        fs::write(Path::new(&out).join(name), text).unwrap_or_else(|error| panic!("writing {name} to {out}: {error}"));
    }
    println!("cargo::rustc-link-search={out}");
    println!("cargo::rerun-if-changed=build.rs");
}

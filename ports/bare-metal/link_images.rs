// SPDX-License-Identifier: Apache-2.0
//! The build script that all crates with bare-metal images share. It links an image with the target's start-up script
//! from the start-up crate, and with the memory map from the bare-metal port.

fn main() {
    let scripts: &[&str] = match std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("aarch64") => &["image.ld", "memory.ld"],
        Ok("arm") => &["link.x"],
        _ => &[],
    };
    for script in scripts {
        println!("cargo::rustc-link-arg-bins=-T{script}");
    }
    println!("cargo::rerun-if-changed=../../ports/bare-metal/link_images.rs");
}

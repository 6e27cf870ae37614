// SPDX-License-Identifier: Apache-2.0
//! The build script for every crate of bare-metal images, which links them with their target's start-up script. The
//! scripts come from the start-up crates, and the matching memory maps from the bare-metal port.

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

// SPDX-License-Identifier: Apache-2.0
//! Generates constants from the sizes in the Kconfig output `.config`. Zephyr's build passes the path of this file.
//! The constants have Kconfig's default values if there is no `.config` (plain cargo) or no device is enabled.

use std::path::PathBuf;
use std::{env, fs};

const SIZES: [(&str, usize); 3] =
    [("AMP_IVSHMEM_RUST_ENDPOINTS", 4), ("AMP_IVSHMEM_RUST_BUFFERS", 16), ("AMP_IVSHMEM_RUST_BUFFER_SIZE", 512)];

fn main() {
    println!("cargo::rerun-if-env-changed=DOTCONFIG");
    let config = env::var_os("DOTCONFIG").map(|path| {
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    let config = config.filter(|config| {
        let enabled = config.lines().any(|line| line == "CONFIG_AMP_IVSHMEM=y");
        if !enabled {
            println!("cargo::warning=CONFIG_AMP_IVSHMEM is off: no device's node is enabled, and whoever takes one will not link");
        }
        enabled
    });
    let mut constants = String::new();
    for (name, default) in SIZES {
        let value = match &config {
            None => default,
            Some(config) => value(config, name).unwrap_or_else(|| panic!("CONFIG_{name} is not set")),
        };
        constants +=
            &format!("/// `CONFIG_{name}`.\npub const {}: usize = {value};\n", &name["AMP_IVSHMEM_RUST_".len()..]);
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(folder.join("sizes.rs"), constants).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}

/// Returns the number in the line `CONFIG_name=number`.
fn value(config: &str, name: &str) -> Option<usize> {
    config.lines().find_map(|line| line.strip_prefix("CONFIG_")?.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

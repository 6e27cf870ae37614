// SPDX-License-Identifier: Apache-2.0
//! Exposes boolean Kconfig options to the code, for example as `#[cfg(CONFIG_SAMPLE_HOST)]`.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(CONFIG_SAMPLE_HOST)");
    zephyr_build::export_kconfig_bool_options();
}

// SPDX-License-Identifier: Apache-2.0
//! Makes Kconfig options available as `cfg` options.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(CONFIG_SIZE_BARE,CONFIG_SIZE_HOST)");
    zephyr_build::export_kconfig_bool_options();
}

// SPDX-License-Identifier: Apache-2.0
//! Makes Kconfig options available as `cfg` options, for example `#[cfg(CONFIG_TEST_HOST)]`.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(CONFIG_TEST_HOST, CONFIG_TEST_LAYOUTS)");
    zephyr_build::export_kconfig_bool_options();
}

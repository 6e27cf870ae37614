// SPDX-License-Identifier: Apache-2.0
//! Makes Kconfig's options available to the code, as `#[cfg(CONFIG_TEST_HOST)]`.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(CONFIG_TEST_HOST)");
    zephyr_build::export_kconfig_bool_options();
}

//! Lets the code ask for Kconfig's options.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(CONFIG_SIZE_BARE,CONFIG_SIZE_HOST)");
    zephyr_build::export_kconfig_bool_options();
}

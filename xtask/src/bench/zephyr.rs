// SPDX-License-Identifier: Apache-2.0
//! Measures how much rpmsg adds to a Zephyr image. Builds the remote and the host in `tests/zephyr/size`, and subtracts
//! the size of the same application without rpmsg.

use amp::machine::Machine;
use amp::zephyr::images;
use amp::zephyr::tree::Zephyr;
use anyhow::Result;

use crate::bench::context::Context;
use crate::bench::figure::Figure;
use crate::bench::images::size;
use crate::checkout::checkout;

/// Increases in size over the application without rpmsg, on `qemu_cortex_m3`.
pub const KEYS: &[&str] = &["flash.m3.remote", "ram.m3.remote", "flash.m3.host", "ram.m3.host"];

/// Checks that a working Zephyr workspace with zephyr-lang-rust can build the images.
///
/// # Errors
/// Returns an error that names the missing part and the remedy.
pub fn check() -> Result<()> {
    let zephyr = Zephyr::find(checkout()?)?;
    let lang_rust = zephyr.lang_rust()?;
    zephyr.check_targets()?;
    images::probe(&zephyr, &lang_rust, Machine::M3)
}

/// Builds the three images and measures them.
///
/// # Errors
/// Returns an error if an image does not build or is not an ELF file, or if the user interrupts the run (Ctrl-C).
pub fn measure(bench: &Context) -> Result<Vec<Figure>> {
    let zephyr = Zephyr::find(checkout()?)?;
    let board = images::board(Machine::M3)?;
    let image = |name: &str, setting| images::build(&zephyr, name, board, "tests/zephyr/size", setting);
    let built = [
        image("size-bare", "-DCONFIG_SIZE_BARE=y")?,
        image("size-remote", "-DCONFIG_SIZE_REMOTE=y")?,
        image("size-host", "-DCONFIG_SIZE_HOST=y")?,
    ];
    let mut sizes = [(0, 0); 3];
    for (size_of, folder) in sizes.iter_mut().zip(&built) {
        *size_of = size(&folder.join("zephyr/zephyr.elf"))?;
        if bench.verbose {
            amp::output::show_error(&format!(
                "amp: {}: {} bytes of flash, {} of RAM",
                folder.display(),
                size_of.0,
                size_of.1
            ));
        }
    }
    let [bare, remote, host] = sizes;
    let over = [
        remote.0.saturating_sub(bare.0),
        remote.1.saturating_sub(bare.1),
        host.0.saturating_sub(bare.0),
        host.1.saturating_sub(bare.1),
    ];
    Ok(KEYS.iter().zip(over).map(|(key, bytes)| Figure::exact(key, bytes as f64)).collect())
}

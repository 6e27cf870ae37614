//! What rpmsg takes of a Zephyr image: the application `tests/zephyr/size` as echo remote and as host, less the same bare.

use anyhow::Result;

use super::{Zephyr, images};
use crate::bench::figure::Figure;
use crate::bench::images::size;
use crate::bench::{Context, Outcome};
use crate::machines::Machine;
use crate::process;

/// Over the bare application, on `qemu_cortex_m3`.
pub const KEYS: &[&str] = &["flash.m3.remote", "ram.m3.remote", "flash.m3.host", "ram.m3.host"];

/// Builds the three images and measures them.
///
/// # Errors
/// An image that is no ELF file, or an interrupt. What does not build here is not measured, and says why.
pub fn measure(bench: &Context) -> Result<Outcome> {
    let built = Zephyr::find().and_then(|zephyr| {
        zephyr.lang_rust()?;
        let board = images::board(Machine::M3)?;
        let image = |name: &str, setting| images::build(&zephyr, name, board, "tests/zephyr/size", setting);
        Ok([
            image("size-bare", "-DCONFIG_SIZE_BARE=y")?,
            image("size-remote", "-DCONFIG_SIZE_REMOTE=y")?,
            image("size-host", "-DCONFIG_SIZE_HOST=y")?,
        ])
    });
    process::check_interrupts()?;
    let built = match built {
        Ok(built) => built,
        Err(error) => return Ok(Outcome::Missing(format!("{error:#}"))),
    };
    let mut sizes = [(0, 0); 3];
    for (size_of, folder) in sizes.iter_mut().zip(&built) {
        *size_of = size(&folder.join("zephyr/zephyr.elf"))?;
        if bench.verbose {
            eprintln!(
                "amp: {}: {} bytes of flash, {} of RAM without its stacks",
                folder.display(),
                size_of.0,
                size_of.1
            );
        }
    }
    let [bare, remote, host] = sizes;
    let over = [
        remote.0.saturating_sub(bare.0),
        remote.1.saturating_sub(bare.1),
        host.0.saturating_sub(bare.0),
        host.1.saturating_sub(bare.1),
    ];
    Ok(Outcome::Measured(KEYS.iter().zip(over).map(|(key, bytes)| Figure::exact(key, bytes as f64)).collect()))
}

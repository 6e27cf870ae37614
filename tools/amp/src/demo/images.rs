// SPDX-License-Identifier: Apache-2.0
//! Selects the images for the demo. It uses Zephyr images if a workspace can build them, and bare-metal images
//! otherwise.

use anyhow::Result;

use super::options::Options;
use crate::artifacts::Artifacts;
use crate::checkout::Checkout;
use crate::machine::Machine;
use crate::process;
use crate::zephyr::create;
use crate::zephyr::tree::Zephyr;

/// The files that the demo needs to start.
pub struct Prepared {
    /// The images and programs for the machines.
    pub artifacts: Artifacts,
    /// The kind of images: `zephyr`, `bare-metal`, or `none`.
    pub images: &'static str,
    /// A line that tells the user the kind of images, and why it was selected.
    pub said: String,
}

/// Finds, builds and checks the images.
///
/// # Errors
/// Returns an error if a QEMU is missing or unsuitable, or if a build fails. With `--zephyr`, also returns an error if
/// no workspace can be found or created.
pub fn prepare(options: &Options) -> Result<Prepared> {
    let sides = options.pair.sides();
    if sides.iter().all(|(machine, _)| *machine == Machine::Linux) {
        let said = "two Linux processes, no images".to_owned();
        return Ok(Prepared { artifacts: Artifacts::default(), images: "none", said });
    }
    let checkout = Checkout::find()?;
    let bare_metal = |why: String| {
        let artifacts = Artifacts::prepare(&checkout, &[options.pair.host, options.pair.remote].into())?;
        Ok(Prepared { artifacts, images: "bare-metal", said: format!("bare-metal images{why}") })
    };
    if options.bare_metal {
        return bare_metal(String::new());
    }
    let zephyr = match Zephyr::find(&checkout) {
        Err(_) if options.zephyr && std::env::var_os("ZEPHYR_BASE").is_none_or(|base| base.is_empty()) => {
            create::create(&checkout)
        }
        found => found,
    };
    let prepared = zephyr.and_then(|zephyr| Ok((Artifacts::prepare_zephyr(&zephyr, &sides)?, zephyr)));
    match prepared {
        Ok((artifacts, zephyr)) => {
            Ok(Prepared { artifacts, images: "zephyr", said: format!("Zephyr images: {zephyr}") })
        }
        Err(error) if options.zephyr => Err(error),
        Err(error) => {
            process::check_interrupts()?;
            bare_metal(format!(" ({error:#})"))
        }
    }
}

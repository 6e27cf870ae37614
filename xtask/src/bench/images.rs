// SPDX-License-Identifier: Apache-2.0
//! Flash and RAM sizes of the bare-metal images, read from their ELF files.

use std::path::Path;

use amp::artifacts;
use amp::machine::Machine;
use amp::role::Role;
use anyhow::{Context, Result};
use object::{Object, ObjectSection, SectionFlags, SectionKind, elf};

use super::context::Context as Bench;
use super::figure::Figure;
use crate::checkout::{checkout, find};

/// Sizes of the M3's `echo` image, which is the smallest remote. The image includes the core, the port and the start-up
/// code.
pub const KEYS: &[&str] = &["flash.m3.echo_remote", "ram.m3.echo_remote"];

/// Builds the bare-metal samples and measures the M3's `echo` image. With `verbose`, prints the sizes of all images,
/// including the demo's.
///
/// # Errors
/// Returns an error if an image does not build or is not an ELF file.
pub fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let machines: &[_] = if bench.verbose { &[Machine::M3, Machine::A53] } else { &[Machine::M3] };
    for &machine in machines {
        let target = machine.target().context("a machine without images")?;
        let what = ["--profile", "guest", "-p", "amp-ivshmem-sample-bare-metal", "--bins"];
        let files = checkout()?.build("the bare-metal samples", Some(target), &what)?;
        let mut images = vec![("echo", find(&files, "echo")?)];
        if bench.verbose {
            let [host, remote] = artifacts::images(checkout()?, machine, target)?;
            images.push(("ping", find(&files, "ping")?));
            images.extend([(Role::Host.image(), host), (Role::Remote.image(), remote)]);
        }
        for (name, path) in &images {
            let (flash, ram) = size(path)?;
            if bench.verbose {
                let machine = machine.name();
                amp::output::show_error(&format!(
                    "amp: {name} on {machine}: {flash} bytes of flash, {ram} of RAM without its stack"
                ));
            }
            if (machine, *name) == (Machine::M3, "echo") {
                figures = KEYS.iter().zip([flash, ram]).map(|(key, size)| Figure::exact(key, size as f64)).collect();
            }
        }
    }
    Ok(figures)
}

/// Returns the flash and RAM usage in bytes. Flash includes code, constants and the initial values of variables. RAM
/// includes variables but not the stack.
///
/// # Errors
/// Returns an error if the file cannot be read or is not an ELF file.
pub fn size(path: &Path) -> Result<(u64, u64)> {
    let data = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let image = object::File::parse(&*data).with_context(|| format!("{} is no ELF file", path.display()))?;
    let (mut flash, mut ram) = (0, 0);
    for section in image.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        let is_stack = section.name().is_ok_and(|name| name.contains("stack"));
        if (sh_flags & elf::SHF_ALLOC).0 == 0 || is_stack {
            continue;
        }
        // A variable with an initial value uses both flash and RAM.
        if section.kind() != SectionKind::UninitializedData {
            flash += section.size();
        }
        if (sh_flags & elf::SHF_WRITE).0 != 0 {
            ram += section.size();
        }
    }
    Ok((flash, ram))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_code_and_variables() {
        let (flash, ram) = size(&std::env::current_exe().unwrap()).unwrap();
        assert!(flash > ram && ram > 0);
    }
}

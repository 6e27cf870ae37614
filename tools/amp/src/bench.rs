//! `amp bench`: what the images take of a machine, read from their ELF files.

use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, SectionFlags, SectionKind, elf};
use serde::Serialize;

use crate::machines::{self, Machine, Role};
use crate::{output, process};

/// The most flash, in bytes, that the M3 echo remote may take.
const FLASH_LIMIT: u64 = 16 * 1024;
/// The most RAM, in bytes, that the M3 echo remote may take beside its stack.
const RAM_LIMIT: u64 = 4 * 1024;

/// What `amp bench` can be told.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Fail if the M3 echo remote takes more than 16 KiB of flash, or 4 KiB of RAM beside its stack
    #[arg(long)]
    pub check: bool,
}

/// One image's size, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Size {
    machine: &'static str,
    role: Role,
    /// Code, constants, and the initial values of variables.
    flash: u64,
    /// Variables; the stack is not among them.
    ram: u64,
}

/// Builds the images, measures them, and prints.
///
/// # Errors
/// An image that does not build or is no ELF file; with `check`, one that is too large.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let mut sizes = Vec::new();
    for machine in [Machine::M3, Machine::A53] {
        let target = machine.target().context("a machine without images")?;
        for (path, role) in machines::images(machine, target)?.iter().zip([Role::Host, Role::Remote]) {
            let (flash, ram) = measure(path)?;
            sizes.push(Size { machine: machine.name(), role, flash, ram });
        }
    }
    if options.json {
        output::line(&serde_json::to_string(&sizes)?);
    } else {
        output::line("image       flash     RAM   in bytes, RAM beside the stack");
        for Size { machine, role, flash, ram } in &sizes {
            output::line(&format!("{:10} {flash:6} {ram:7}", format!("{machine} {role}")));
        }
    }
    if options.check {
        sizes.iter().try_for_each(check)?;
    }
    Ok(())
}

fn check(size: &Size) -> Result<()> {
    if size.machine == Machine::M3.name()
        && size.role == Role::Remote
        && (size.flash > FLASH_LIMIT || size.ram > RAM_LIMIT)
    {
        bail!(
            "the m3 remote takes {} bytes of flash and {} of RAM, {FLASH_LIMIT} and {RAM_LIMIT} are the most",
            size.flash,
            size.ram
        );
    }
    Ok(())
}

/// Bytes of flash and of RAM.
fn measure(path: &Path) -> Result<(u64, u64)> {
    let data = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let image = object::File::parse(&*data).with_context(|| format!("{} is no ELF file", path.display()))?;
    let (mut flash, mut ram) = (0, 0);
    for section in image.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        let is_stack = section.name().is_ok_and(|name| name.contains("stack"));
        if (sh_flags & elf::SHF_ALLOC).0 == 0 || is_stack {
            continue;
        }
        // A variable with an initial value takes both.
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
    fn only_the_m3_remote_is_held_to_the_limits() {
        let size = Size { machine: "m3", role: Role::Remote, flash: FLASH_LIMIT, ram: RAM_LIMIT };
        assert!(check(&size).is_ok());
        assert!(check(&Size { flash: FLASH_LIMIT + 1, ..size }).is_err());
        assert!(check(&Size { ram: RAM_LIMIT + 1, ..size }).is_err());
        assert!(check(&Size { flash: FLASH_LIMIT + 1, role: Role::Host, ..size }).is_ok());
    }

    #[test]
    fn a_program_has_code_and_variables() {
        let (flash, ram) = measure(&std::env::current_exe().unwrap()).unwrap();
        assert!(flash > ram && ram > 0);
    }
}

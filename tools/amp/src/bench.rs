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
    /// What is left of the limits, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Left>,
}

/// What is left of an image's limits, in bytes; less than 0 where it is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Left {
    flash: i64,
    ram: i64,
}

impl Size {
    fn new(machine: Machine, role: Role, flash: u64, ram: u64) -> Self {
        let limited = machine == Machine::M3 && role == Role::Remote;
        let left = |limit: u64, taken: u64| limit.cast_signed().saturating_sub_unsigned(taken);
        let left = limited.then(|| Left { flash: left(FLASH_LIMIT, flash), ram: left(RAM_LIMIT, ram) });
        Self { machine: machine.name(), role, flash, ram, left }
    }
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
            sizes.push(Size::new(machine, role, flash, ram));
        }
    }
    if options.json {
        output::line(&serde_json::to_string(&sizes)?)?;
    } else {
        output::line("image       flash     RAM   in bytes")?;
        sizes.iter().try_for_each(|size| output::line(&line(size)))?;
        output::line("The stack is not measured: RAM is what lies beside it.")?;
    }
    if options.check {
        sizes.iter().try_for_each(check)?;
    }
    Ok(())
}

fn line(size: &Size) -> String {
    let Size { machine, role, flash, ram, left } = size;
    let left = left.map(|Left { flash, ram }| {
        format!("   left of the limits of {FLASH_LIMIT} and {RAM_LIMIT}: {flash} of flash, {ram} of RAM")
    });
    format!("{:10} {flash:6} {ram:7}{}", format!("{machine} {role}"), left.unwrap_or_default())
}

fn check(size: &Size) -> Result<()> {
    if size.left.is_some_and(|left| left.flash < 0 || left.ram < 0) {
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
        let checked = |machine, role, flash, ram| check(&Size::new(machine, role, flash, ram));
        assert!(checked(Machine::M3, Role::Remote, FLASH_LIMIT, RAM_LIMIT).is_ok());
        assert!(checked(Machine::M3, Role::Remote, FLASH_LIMIT + 1, RAM_LIMIT).is_err());
        assert!(checked(Machine::M3, Role::Remote, FLASH_LIMIT, RAM_LIMIT + 1).is_err());
        assert!(checked(Machine::M3, Role::Host, FLASH_LIMIT + 1, RAM_LIMIT).is_ok());
        assert!(checked(Machine::A53, Role::Remote, FLASH_LIMIT + 1, RAM_LIMIT).is_ok());
    }

    #[test]
    fn a_line_says_what_is_left_of_the_limits() {
        let size = Size::new(Machine::M3, Role::Remote, FLASH_LIMIT - 34, RAM_LIMIT + 5);
        let said = "m3 remote   16350    4101   left of the limits of 16384 and 4096: 34 of flash, -5 of RAM";
        assert_eq!(line(&size), said);
        assert_eq!(line(&Size::new(Machine::A53, Role::Host, 1, 2)), "a53 host        1       2");
    }

    #[test]
    fn a_program_has_code_and_variables() {
        let (flash, ram) = measure(&std::env::current_exe().unwrap()).unwrap();
        assert!(flash > ram && ram > 0);
    }
}

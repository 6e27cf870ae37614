//! The memory that the peers share: anonymous and sealed, or a named file.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;

/// Memory that nobody can resize: a peer that could would kill every QEMU with SIGBUS.
pub fn anonymous(size: u64) -> Result<OwnedFd> {
    let memory = memfd_create("amp-ivshmem", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .context("cannot make anonymous memory; name a file for it instead")?;
    ftruncate(&memory, size).with_context(|| format!("cannot make a memory of {size} bytes; choose a smaller one"))?;
    fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .context("cannot seal the memory against resizing")?;
    Ok(memory)
}

/// The file at `path`: made with mode 0600 where there is none, taken with its contents where its size is right. Never
/// resized otherwise: it may be somebody's data. A file cannot be sealed, so its peers must trust one another.
pub fn file(path: &Path, size: u64) -> Result<OwnedFd> {
    let name = path.display();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        // A FIFO would else wait for a writer.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .with_context(|| format!("cannot open {name} as the memory"))?;
    let found = file.metadata().with_context(|| format!("cannot look at {name}"))?;
    if !found.is_file() {
        bail!("{name} is not a regular file and cannot be the memory; name another");
    }
    match found.len() {
        0 => {
            // Takes the space now: a full file system would else kill the peers later, with SIGBUS.
            match fallocate(&file, FallocateFlags::empty(), 0, size) {
                Err(Errno::OPNOTSUPP) => ftruncate(&file, size),
                other => other,
            }
            .with_context(|| format!("cannot make {name} {size} bytes long; make room or choose a smaller size"))?;
        }
        len if len == size => {}
        len => bail!("{name} has {len} bytes and not {size}; give that size, or remove the file"),
    }
    Ok(file.into())
}

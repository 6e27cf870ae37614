// SPDX-License-Identifier: Apache-2.0
//! The memory that the peers share. It is either anonymous and sealed, or a named file.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;

use crate::error::{Explain, ServerError};

/// Creates anonymous memory of a fixed size. If a peer could shrink the memory, it could kill every QEMU with SIGBUS.
pub fn anonymous(size: u64) -> Result<OwnedFd, ServerError> {
    let memory = memfd_create("amp-ivshmem", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .explain("cannot make anonymous memory; name a file for it instead")?;
    ftruncate(&memory, size).explain(format_args!("cannot make a memory of {size} bytes; choose a smaller one"))?;
    fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .explain("cannot seal the memory against resizing")?;
    Ok(memory)
}

/// Opens the memory file at `path`, or creates it with mode 0600. An existing file of the right size is used with its
/// contents. Unless it is empty, an existing file is never resized, because it may hold someone's data. A file cannot
/// be sealed, so the peers must trust each other.
pub fn file(path: &Path, size: u64) -> Result<OwnedFd, ServerError> {
    let name = path.display();
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        // Without this flag, opening a FIFO would wait for a writer.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let cannot = || format!("cannot open {name} as the memory; name a file of yours in a folder that exists");
    // `create_new` does not follow a symbolic link, so `path` itself is the new file and can be removed on an error.
    let (file, made) = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => (options.open(path).explain(cannot())?, false),
        new => (new.explain(cannot())?, true),
    };
    let sized = give_size(&file, path, size);
    if made && sized.is_err() {
        let _ = std::fs::remove_file(path);
    }
    sized.map(|()| file.into())
}

/// Extends an empty file to `size` bytes, and checks the size of any other file.
fn give_size(file: &File, path: &Path, size: u64) -> Result<(), ServerError> {
    let name = path.display();
    let found = file.metadata().explain(format_args!("cannot look at {name}"))?;
    if !found.is_file() {
        return Err(ServerError::NotFile { path: path.to_owned() });
    }
    match found.len() {
        0 => {
            // Allocates the space now. Otherwise, peers would be killed by SIGBUS later if the file system is full.
            match fallocate(file, FallocateFlags::empty(), 0, size) {
                Err(Errno::OPNOTSUPP) => ftruncate(file, size),
                other => other,
            }
            .explain(format_args!("cannot make {name} {size} bytes long; make room or choose a smaller size"))?;
            // A file in a virtual file system, such as /proc, keeps the size 0.
            if file.metadata().explain(format_args!("cannot look at {name}"))?.len() != size {
                return Err(ServerError::NotFile { path: path.to_owned() });
            }
        }
        len if len == size => {}
        len => return Err(ServerError::FileSize { path: path.to_owned(), found: len, wanted: size }),
    }
    Ok(())
}

// SPDX-License-Identifier: Apache-2.0
//! The mapping of the shared memory in this process.
#![allow(unsafe_code, reason = "a port maps the memory and answers for what is behind the mapping")]

use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use amp_ivshmem::mem::{Forward, Region};
use rustix::fs::fstat;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::error::ConnectError;

/// The shared memory, or a part of it. The memory is unmapped when the last `Mapping` of it is dropped.
///
/// `amp server` seals its memory against resizing. If a different server does not, any process that has the memory's
/// descriptor can shrink the memory. An access beyond the new end then kills this process with SIGBUS.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Valid only as long as `whole` exists, so no function returns it by value.
    region: Region<'static>,
    whole: Arc<Whole>,
}

/// Unmaps the memory when dropped.
#[derive(Debug)]
struct Whole {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: `Whole` uses the address only to unmap the memory once. All accesses go through `Region`, which is `Sync`.
unsafe impl Send for Whole {}
// SAFETY: as for `Send`.
unsafe impl Sync for Whole {}

impl Mapping {
    pub(crate) fn new(memory: &OwnedFd) -> Result<Self, ConnectError> {
        let system = |what| move |errno| ConnectError::System { what, errno };
        let size = fstat(memory).map_err(system("look at the server's memory"))?.st_size;
        let size = u64::try_from(size).unwrap_or(0);
        if !(4096..=1 << 31).contains(&size) {
            return Err(ConnectError::Size { size });
        }
        let too_large = |_| ConnectError::Size { size };
        let (len, len_u32) = (usize::try_from(size).map_err(too_large)?, u32::try_from(size).map_err(too_large)?);
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
        let start = unsafe { mmap(ptr::null_mut(), len, rights, MapFlags::SHARED, memory, 0) }
            .map_err(system("map the server's memory"))?;
        let start = NonNull::new(start.cast()).ok_or(ConnectError::NoMemory)?;
        let whole = Arc::new(Whole { start, len });
        // SAFETY: the memory stays mapped until `whole` is dropped, and every user of the region holds `whole`. The
        // memory is page-aligned Normal memory, and not a Rust allocation.
        let region = unsafe { Region::new(start, len_u32) };
        Ok(Self { region, whole })
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // SAFETY: `new` has mapped the memory, and the last `Mapping` has been dropped, so no region uses it.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

// SAFETY: the region is a field, and `whole` keeps its memory mapped.
unsafe impl Forward for Mapping {
    type Inner = Region<'static>;

    #[inline(always)]
    fn inner(&self) -> &Region<'static> {
        &self.region
    }

    #[inline(always)]
    fn with_inner(&self, region: Region<'static>) -> Self {
        Self { region, whole: Arc::clone(&self.whole) }
    }
}

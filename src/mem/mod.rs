// SPDX-License-Identifier: Apache-2.0
//! Shared memory: the only code that accesses it, and the core's only `unsafe`.
//!
//! The other side may write any byte at any time. Therefore:
//! * There is never a reference or slice into shared memory; all accesses use byte offsets.
//! * Indices and flags are accessed only with atomic loads and stores. Read-modify-write operations are never used, and
//!   a given address is always accessed with the same width.
//! * Payload is copied by code that is opaque to the compiler (see [`Region`]).
//! * Bounds are checked once: the constructor of a [`Table`] checks its location, and its accesses cannot leave it.
//!
//! `docs/explanation/memory-model.md` gives the reasons and the interleavings.
#![allow(unsafe_code, reason = "this is the one room of the core that may touch shared memory")]

mod buffers;
mod bytes;
mod copy;
mod error;
#[cfg(any(test, feature = "fakes"))]
pub mod fake;
mod forward;
mod memory_type;
mod order;
mod read;
mod region;
mod shared_memory;
mod source;
mod table;
mod words;

pub use buffers::BufferArray;
pub use bytes::Bytes;
pub use error::MemoryError;
pub use forward::Forward;
pub use memory_type::{DeviceMemory, MemoryType, NormalMemory};
pub use order::{Load, Store};
pub use read::{ReadMemory, ReadOnlyRegion, SavedMemory};
pub use region::Region;
pub use shared_memory::SharedMemory;
pub use source::Source;
pub use table::{Record, Table};
pub use words::WordAccess;

// SPDX-License-Identifier: Apache-2.0
//! Shared memory: the only code that touches it, and the core's only `unsafe`.
//!
//! The other side may write any byte at any time. Therefore:
//! * there is never a reference or slice into shared memory: it is addressed by byte offset;
//! * indices and flags are atomic loads and stores, never read-modify-write, and never two widths at one address;
//! * payload is copied by code that the compiler cannot see into (see [`Region`]);
//! * bounds are proven once: a [`Table`] checks its place when it is made, and then its accesses cannot leave it.
//!
//! The reasons, with the interleavings, are in `docs/explanation/memory-model.md`.
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

// SPDX-License-Identifier: Apache-2.0
//! amp-ivshmem: rpmsg between machines that share memory and a doorbell.
//!
//! The crate is `no_std` and has neither an allocator nor a clock: the caller passes in the memory, the doorbell and
//! the time. The same core therefore runs on bare metal, under Zephyr and in a Linux process, and its tests run in
//! virtual time. Every function returns immediately. No function blocks or invokes a callback; the port does the
//! waiting.
//!
//! The table lists the modules from the lowest layer up. Each module depends only on modules listed before it:
//!
//! | module | contents |
//! |---|---|
//! | [`mem`] | the only code that accesses shared memory, and the core's only `unsafe` |
//! | [`platform`] | the traits that a port implements: memory, doorbell, clock, waiting |
//! | [`wire`] | layouts as types and constants; no state |
//! | [`inspect`] | a read-only view of any shared memory: directory, blocks, rings, messages in flight; and trace events |
//! | [`virtqueue`] | one split ring: driver side, device side, event suppression |
//! | [`session`] | how two sides find each other, agree on a session, restart, and detect a dead peer; a session carries one service |
//! | [`rpmsg`] | a service: the bus, its endpoints and their names; zero-copy buffers |
//! | [`openamp`] | the C library's memory layout and handshake: another way to bring up an rpmsg bus |
//! | [`ivshmem`] | the device: registers, doorbell, PCI and flat (depends on `platform` only) |
//!
//! # Features
//!
//! All features are off by default. Without features, the crate needs no `std`, no allocator and no logger.
//!
//! | feature | adds |
//! |---|---|
//! | `pci` | `ivshmem::pci`, which finds the device on PCI and sets up its MSI-X table (uses the crate `pci_types`) |
//! | `async` | `rpmsg::tasks`: a runner, and a handle for each endpoint, for any executor (uses the crate `embassy-sync`) |
//! | `io` | endpoints as byte streams that implement the traits of `embedded-io` and `embedded-io-async`; enables `async` |
//! | `log` | life-cycle events, logged through the crate `log`; the message path logs nothing |
//! | `trace` | `inspect::Trace`, a recorder of each step of a link |
//! | `fakes` | `mem::fake`: shared memory on the heap, for tests; needs `std` |
//!
//! Requires Rust 1.88 or newer.
//!
//! # Example
//!
//! This example runs both sides of a link in one process. On a real machine, the port supplies the memory, the doorbell
//! and the peer id, and a side sleeps at the point where this example polls the other side.
//!
#![cfg_attr(feature = "fakes", doc = "```")]
#![cfg_attr(not(feature = "fakes"), doc = "```ignore")]
//! use amp_ivshmem::mem::fake::Heap;
//! use amp_ivshmem::platform::fake::NoDoorbell;
//! use amp_ivshmem::platform::{Instant, PeerId};
//! use amp_ivshmem::rpmsg::{Event, Link, Role, Settings};
//!
//! let memory = Heap::new(64 * 1024);
//! // At most 4 endpoints, and 16 buffers in each direction.
//! let mut host: Link<_, _, 4, 16> = Link::new(memory.region(), NoDoorbell, PeerId(0), Settings::new(Role::Host))?;
//! let mut remote: Link<_, _, 4, 16> = Link::new(memory.region(), NoDoorbell, PeerId(1), Settings::new(Role::Remote))?;
//! let ping = host.bus().open("echo")?;
//! remote.bus().open("echo")?;
//!
//! let mut answer = None;
//! for micros in 0.. {
//!     let now = Instant::from_micros(micros);
//!     match host.poll(now) {
//!         Some(Event::Bound { endpoint, .. }) => host.bus().send(endpoint, b"hello")?,
//!         Some(Event::Message(message)) => {
//!             let mut bytes = [0; 5];
//!             host.bus().recv(message, &mut bytes)?;
//!             answer = Some(bytes);
//!             break;
//!         }
//!         _ => (),
//!     }
//!     if let Some(Event::Message(message)) = remote.poll(now) {
//!         let mut bytes = [0; 5];
//!         remote.bus().read(&message, 0, &mut bytes)?;
//!         remote.bus().reply(message, &bytes).map_err(|(error, _)| error)?;
//!     }
//! }
//! assert_eq!(answer, Some(*b"hello"));
//! host.bus().close(ping);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![cfg_attr(not(any(test, feature = "fakes")), no_std)]
// docs.rs shows which feature each item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod inspect;
pub mod ivshmem;
pub mod mem;
pub mod openamp;
pub mod platform;
pub mod rpmsg;
pub mod session;
pub mod virtqueue;
pub mod wire;

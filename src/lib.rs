// SPDX-License-Identifier: Apache-2.0
//! amp-ivshmem: rpmsg between machines that share memory and a doorbell.
//!
//! The crate is `no_std` and has no allocator and no clock: memory, doorbell and time are passed in. So the same core
//! runs on bare metal, under Zephyr and in a Linux process, and its tests run in virtual time. Every function returns
//! at once, and the port waits: nothing here blocks or calls back.
//!
//! The modules, from the bottom up; each uses only those above it in this list:
//!
//! | module | contents |
//! |---|---|
//! | [`mem`] | the only place that touches shared memory, and the core's only `unsafe` |
//! | [`platform`] | what a port supplies: memory, a doorbell, the time, waiting |
//! | [`wire`] | bytes and layouts as types; no state |
//! | [`virtqueue`] | one split ring: driver side, device side, event suppression |
//! | [`session`] | how two sides find each other, agree, start, reset and notice death; carries a service |
//! | [`rpmsg`] | a service: the bus, its endpoints and their names; zero-copy buffers |
//! | [`openamp`] | the C library's layout and habits: another way for rpmsg to come up |
//! | [`inspect`] | a read-only view of any memory: directory, blocks, rings, messages in flight (knows only `wire` and `mem`) |
//! | [`ivshmem`] | the device: registers, doorbell, PCI and flat (knows only `platform`) |
//!
//! # Features
//!
//! None is on by default; with none of them the crate needs no `std`, no allocator and no logger.
//!
//! | feature | adds |
//! |---|---|
//! | `pci` | discovery of the device on PCI and its MSI-X table: `ivshmem::pci` (with the crate `pci_types`) |
//! | `async` | `rpmsg::tasks`: a runner and a handle for each endpoint, for any executor (with the crate `embassy-sync`) |
//! | `io` | endpoints as byte streams of the crates `embedded-io` and `embedded-io-async`; includes `async` |
//! | `log` | life-cycle events through the crate `log`; the message path logs nothing |
//! | `fakes` | shared memory in the heap, to test against: `mem::fake`; needs `std` |
//!
//! Rust 1.88 or newer.
//!
//! # Example
//!
//! This example runs both sides of a link in one process. On a machine, memory, doorbell and id come from its port, and
//! a side sleeps where this one lets the other side run.
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
// docs.rs shows the feature that an item needs.
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

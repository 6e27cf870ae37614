//! amp-ivshmem: rpmsg between machines that share memory and a doorbell.
//!
//! `no_std`, no allocator, no clock: memory, doorbell and time are passed in, so the same core runs on bare metal,
//! under Zephyr and in a Linux process, and its tests run in virtual time. A layer returns, and the port waits:
//! nothing here blocks and nothing calls back up.
//!
//! The rooms, from the bottom up; each knows only those above it in this list:
//!
//! | room | holds |
//! |---|---|
//! | [`mem`] | the only place that touches shared memory, and the core's only `unsafe` |
//! | [`platform`] | what a port supplies: memory, a doorbell, the time, waiting |
//! | [`wire`] | bytes and layouts as types; no state |
//! | [`virtqueue`] | one split ring: driver side, device side, event suppression |
//! | [`rpmsg`] | the bus, its endpoints and their names; zero-copy buffers |
//! | [`link`] | how two sides find each other, agree, start, reset and notice death |
//! | [`ivshmem`] | the device: registers, doorbell, PCI and flat (knows only `mem` and `platform`) |
#![cfg_attr(not(any(test, feature = "fakes")), no_std)]
#![deny(unsafe_code)]

pub mod ivshmem;
pub mod link;
pub mod mem;
pub mod platform;
pub mod rpmsg;
pub mod virtqueue;
pub mod wire;

//! The Zephyr port: what Zephyr's drivers, which are C where its macros force it, call to decide. Knows nothing of rings
//! or messages.
//!
//! The C side (`drivers/`) makes the instances from devicetree, connects the interrupts and holds the locks; it calls the
//! `extern "C"` functions of this crate, which `include/amp_ivshmem.h` declares, and these call nothing back: they
//! return what is to be done.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]
#![allow(unsafe_code, reason = "C calls it, with pointers that C answers for")]

pub mod ipc;
pub mod ivshmem;

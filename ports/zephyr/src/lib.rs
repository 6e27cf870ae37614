//! The Zephyr port: what Zephyr's C calls to decide. Knows no Zephyr: what it needs of it C passes in, or is declared here.
//!
//! The C side (`drivers/`, `ipc/`) makes the instances from devicetree, connects interrupts, has threads and locks, and
//! calls the application; it calls the `extern "C"` functions of this crate, which `include/` declares. These return what
//! is to be done. The one thing that they call is the doorbell.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]

#[cfg(feature = "ipc")]
pub use amp_ivshmem_capi as ipc;
pub mod ivshmem;

//! Traffic without end for `amp torture`: the host of link 0.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[macro_use]
mod endless;

#[cfg(target_os = "none")]
endless_image!(Host, 0, 1);

#[cfg(not(target_os = "none"))]
include!("not_here.rs");

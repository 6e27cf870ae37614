//! The conversation's rpmsg host as an image for bare metal.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[macro_use]
mod play;

#[cfg(target_os = "none")]
image_of!(Host);

#[cfg(not(target_os = "none"))]
include!("not_here.rs");

//! The conversation's rpmsg remote as an image for bare metal.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[macro_use]
mod play;

#[cfg(target_os = "none")]
image_of!(Remote);

#[cfg(not(target_os = "none"))]
include!("not_here.rs");

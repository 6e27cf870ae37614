// SPDX-License-Identifier: Apache-2.0
//! Message stream for `amp torture`: this image is the host of links 0, 1 and 2 at the same time.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[macro_use]
mod stream;

#[cfg(target_os = "none")]
stream_image!(Host, 0, 3);

#[cfg(not(target_os = "none"))]
include!("../../../ports/bare-metal/not_here.rs");

// SPDX-License-Identifier: Apache-2.0
//! Message stream for `amp torture`: this image is the remote of link 1.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[macro_use]
mod stream;

#[cfg(target_os = "none")]
stream_image!(Remote, 1, 1);

#[cfg(not(target_os = "none"))]
include!("../../../ports/bare-metal/not_here.rs");

// SPDX-License-Identifier: Apache-2.0
//! The rpmsg remote of the exchange, as a bare-metal image.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[macro_use]
mod exchange;

#[cfg(target_os = "none")]
exchange_image!(Remote);

#[cfg(not(target_os = "none"))]
include!("../../../ports/bare-metal/not_here.rs");

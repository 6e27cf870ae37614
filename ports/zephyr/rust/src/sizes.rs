// SPDX-License-Identifier: Apache-2.0
//! The link sizes that are set in Kconfig.

include!(concat!(env!("OUT_DIR"), "/sizes.rs"));

// SPDX-License-Identifier: Apache-2.0
//! Maximum numbers of endpoints and buffers per instance, taken from the build environment.

/// Maximum number of endpoints per instance. Set by AMP_IPC_ENDPOINTS in the build environment. Default: 8.
pub const ENDPOINTS: usize = setting(option_env!("AMP_IPC_ENDPOINTS"), 8);

/// Maximum number of buffers per side. Set by AMP_IPC_BUFFERS_MAX in the build environment. Default: 16.
pub const BUFFERS: usize = setting(option_env!("AMP_IPC_BUFFERS_MAX"), 16);

/// Returns the build setting `value`, or `default` if it is not set.
#[allow(clippy::panic, clippy::indexing_slicing, reason = "evaluated by the compiler only, which reports it")]
const fn setting(value: Option<&str>, default: usize) -> usize {
    let Some(value) = value else { return default };
    match usize::from_str_radix(value, 10) {
        Ok(value) => value,
        Err(_) => panic!("not a number"),
    }
}

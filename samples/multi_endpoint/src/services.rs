// SPDX-License-Identifier: Apache-2.0
//! The names of the services, and the size of their messages.

/// Service names. All tables list the services in this order.
pub const SERVICES: [&str; 4] = ["sum", "reverse", "uptime", "slow"];
/// Index of the slow service, which must come last.
pub const SLOW: usize = 3;

/// Maximum length of a request or an answer, in bytes.
pub const LONGEST: usize = 64;

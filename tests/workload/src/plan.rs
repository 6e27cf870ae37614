// SPDX-License-Identifier: Apache-2.0
//! The exchanges of the demo and the number of messages in each.

use amp_ivshmem::rpmsg::Role;

/// Endpoint name, initiator and number of messages for each exchange.
pub const EXCHANGES: [(&str, Role, u32); 3] =
    [("amp.first", Role::Host, 3334), ("amp.second", Role::Host, 3333), ("amp.third", Role::Remote, 3333)];

/// Total number of messages that the two sides initiate.
pub const MESSAGES: u32 = EXCHANGES[0].2 + EXCHANGES[1].2 + EXCHANGES[2].2;

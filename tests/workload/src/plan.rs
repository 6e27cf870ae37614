// SPDX-License-Identifier: Apache-2.0
//! The exchanges of the demo, and their number of messages.

use amp_ivshmem::rpmsg::Role;

/// The exchanges: the endpoint's name, the side that starts the messages, and their number.
pub const EXCHANGES: [(&str, Role, u32); 3] =
    [("amp.first", Role::Host, 3334), ("amp.second", Role::Host, 3333), ("amp.third", Role::Remote, 3333)];

/// The number of messages that both sides together start.
pub const MESSAGES: u32 = EXCHANGES[0].2 + EXCHANGES[1].2 + EXCHANGES[2].2;

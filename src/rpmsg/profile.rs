// SPDX-License-Identifier: Apache-2.0
//! Policies of the layer above the rings. They differ between wire profiles, and are constants, so that each image
//! contains only the code for the profile that it uses.

use core::fmt::Debug;

use super::endpoints::EndpointTable;
#[cfg(feature = "async")]
use super::tasks::MailboxTable;
use super::{Incoming, Outgoing};

/// The two ends of a bus, and the policies of its name service.
pub trait Profile: Debug {
    /// Storage for the endpoints.
    type Endpoints: EndpointTable;
    /// Storage for received messages that tasks have not taken yet.
    #[cfg(feature = "async")]
    type Mailboxes: MailboxTable;
    /// The sending end.
    type Outgoing: Outgoing + Debug;
    /// The receiving end.
    type Incoming: Incoming + Debug;
    /// If true, every named endpoint is announced when the peer attaches, and again when it is bound by the peer's
    /// announcement. If false, only endpoints without a known peer are announced, and an empty message confirms a
    /// binding.
    const ANNOUNCE_ALL: bool;
    /// True if the link restarts automatically after its indices have been overwritten. Until the restart, the link
    /// does not send announcements.
    const AUTO_RESTART: bool;
}

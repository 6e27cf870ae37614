// SPDX-License-Identifier: Apache-2.0
//! Policies above the rings in which wire profiles differ. They are constants, so an image contains code for only one.

use core::fmt::Debug;

use super::endpoints::EndpointTable;
#[cfg(feature = "async")]
use super::tasks::MailboxTable;
use super::{Incoming, Outgoing};

/// The two ends of a bus, and its name service's policies.
pub trait Profile: Debug {
    /// Room for the endpoints.
    type Endpoints: EndpointTable;
    /// Room for messages that endpoints have received and tasks have not taken yet.
    #[cfg(feature = "async")]
    type Mailboxes: MailboxTable;
    /// The sending end.
    type Outgoing: Outgoing + Debug;
    /// The receiving end.
    type Incoming: Incoming + Debug;
    /// True if every named endpoint is announced, and announced again to a peer that has just bound to it. Otherwise
    /// only an endpoint with an unknown peer is announced, and an empty message confirms a binding.
    const ANNOUNCE_ALL: bool;
    /// True if the link restarts by itself after its indices were overwritten. Until then it announces nothing.
    const AUTO_RESTART: bool;
}

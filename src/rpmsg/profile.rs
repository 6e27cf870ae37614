// SPDX-License-Identifier: Apache-2.0
//! Policies in which wire profiles differ, above the rings. They are constants, so that an image pays for one only.

use core::fmt::Debug;

use super::endpoints::EndpointTable;
#[cfg(feature = "async")]
use super::tasks::MailboxTable;
use super::{Incoming, Outgoing};

/// The ends of a bus, and the habits of its name service.
pub trait Profile: Debug {
    /// Room for the endpoints.
    type Endpoints: EndpointTable;
    /// Room for what endpoints have received and tasks have not taken.
    #[cfg(feature = "async")]
    type Mailboxes: MailboxTable;
    /// The sending end.
    type Outgoing: Outgoing + Debug;
    /// The receiving end.
    type Incoming: Incoming + Debug;
    /// Announces every named endpoint, and announces it again to a peer that has just bound to it. Otherwise only an endpoint with an
    /// unknown peer is announced, and an empty message confirms a binding.
    const ANNOUNCE_ALL: bool;
    /// The link restarts by itself if its indices were overwritten. Until then it announces nothing.
    const AUTO_RESTART: bool;
}

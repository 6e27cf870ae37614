// SPDX-License-Identifier: Apache-2.0
//! A link with one endpoint, for a task. It waits for events with a time limit, and for the peer's endpoint.

use std::time::Duration;

use amp_ivshmem::platform::{Instant, PeerId, Port};
use amp_ivshmem::rpmsg::{self, Address, AnyLink, Endpoint, Event, Message};
use amp_ivshmem_host::Peer;
use anyhow::{Error, Result, anyhow, bail};

use super::options::{JoinOptions, Profile};
use crate::output;
use crate::process::check_interrupts;

/// Number of endpoints on the link. The task uses only one.
pub const ENDPOINTS: usize = 1;
/// Maximum number of the peer's endpoints that an error lists.
const NAMES: usize = 16;
/// Maximum time for which this side keeps polling a link that it is leaving.
const LEAVE: Duration = Duration::from_millis(100);

/// One side of a link.
pub struct Side<'a, L: AnyLink> {
    peer: &'a mut Peer,
    /// The link, for sending and receiving.
    pub link: &'a mut L,
    /// The endpoint that the task uses.
    pub endpoint: Endpoint,
    options: &'a JoinOptions,
    pace: Option<Duration>,
}

impl<'a, L: AnyLink> Side<'a, L> {
    /// Opens the endpoint. The side polls the link at least once every `pace`.
    ///
    /// # Errors
    /// Returns an error if the endpoint's name is invalid.
    pub fn open(peer: &'a mut Peer, link: &'a mut L, options: &'a JoinOptions, pace: Option<Duration>) -> Result<Self> {
        let endpoint = link.bus().open(&options.endpoint)?;
        Ok(Self { peer, link, endpoint, options, pace })
    }

    /// Returns the current time.
    pub fn now(&self) -> Instant {
        self.peer.now()
    }

    /// Returns the time limit for each wait.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.options.timeout)
    }

    /// Returns true if an empty message is a greeting, as with C OpenAMP.
    pub fn empty_is_greeting(&self) -> bool {
        self.options.profile == Profile::OpenAmp
    }

    /// Returns the next event, or `None` if there is no event before `end`.
    ///
    /// # Errors
    /// Returns an error if a signal interrupts the wait.
    pub fn next(&mut self, end: Instant) -> Result<Option<Event>> {
        loop {
            check_interrupts()?;
            let now = self.peer.now();
            if let Some(event) = self.link.poll(now) {
                return Ok(Some(event));
            }
            if now >= end {
                return Ok(None);
            }
            if self.peer.server_has_gone() {
                output::show_error("amp: the server has gone; this goes on with the peers that are known");
            }
            let paced = self.pace.map_or(end, |pace| now + pace);
            self.peer.wait(Some(self.link.deadline().min(paced).min(end)));
        }
    }

    /// Waits for the peer's endpoint. Returns the peer's id and the endpoint's address.
    ///
    /// # Errors
    /// Returns an error if the time limit expires. The error lists the endpoints that the peer has announced.
    pub fn bind(&mut self) -> Result<(PeerId, Address)> {
        let end = self.now() + self.timeout();
        let (mut up, mut names) = (None, Vec::new());
        while let Some(event) = self.next(end)? {
            match event {
                Event::Up { peer } => up = Some(peer),
                Event::Down(_) => (up, names) = (None, Vec::new()),
                Event::Incompatible(refusal) => bail!(refusal),
                Event::Bound { peer: address, .. } => {
                    if let Some(peer) = up {
                        return Ok((peer, address));
                    }
                }
                Event::Announced { name, .. } if names.len() < NAMES => names.push(name.to_string()),
                Event::Message(message) => self.link.bus().release(message),
                _ => (),
            }
        }
        let JoinOptions { endpoint, role, timeout, profile, .. } = self.options;
        let others: Vec<_> = self.peer.others().iter().map(ToString::to_string).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        match up {
            _ if others == "none" => Err(nobody(self.options)),
            Some(peer) if !names.is_empty() => bail!(
                "peer {peer} has no endpoint {endpoint} after {timeout} s, but {}: choose one by --endpoint",
                names.join(", ")
            ),
            Some(peer) => bail!(
                "peer {peer} has announced no endpoint {endpoint} after {timeout} s: check its name, and the peer's \
                 --profile and --layout; others on the server: {others}"
            ),
            None => bail!(
                "no peer for the {role} after {timeout} s (others on the server: {others}): check that one plays the \
                 other role, and speaks {}",
                if *profile == Profile::Native { "native on this --link" } else { "openamp in this --layout" }
            ),
        }
    }

    /// Reads a message's bytes without releasing the message.
    ///
    /// # Errors
    /// Returns an error if the link has gone down since the message arrived.
    pub fn read(&mut self, message: &Message, bytes: &mut Vec<u8>) -> Result<(), rpmsg::ReadError> {
        bytes.clear();
        bytes.resize(message.length.into(), 0);
        self.link.bus().read(message, 0, bytes)
    }

    /// Closes the endpoint, and tells the peer if a buffer is free or becomes free soon.
    pub fn leave(&mut self) {
        self.link.bus().close(self.endpoint);
        let end = self.now() + LEAVE;
        while self.now() < end
            && let Some(event) = self.link.poll(self.peer.now())
        {
            if let Event::Message(message) = event {
                self.link.bus().release(message);
            }
        }
    }
}

/// Returns the error for a server without other peers.
pub fn nobody(options: &JoinOptions) -> Error {
    anyhow!("nobody else is on the server after {} s: start the peer there", options.timeout)
}

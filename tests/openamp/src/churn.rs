// SPDX-License-Identifier: Apache-2.0
//! Short-lived endpoints. This side opens endpoints, and also answers the endpoints that the peer opens.

use core::fmt::{self, Write};

use amp_ivshmem::platform::Doorbell;
use amp_ivshmem::rpmsg::{Address, Bus, Config, Endpoint, Message, Name, OpenError, Profile};

/// Maximum number of endpoints that the peer has open at the same time.
const VISITORS: usize = 6;

/// A text that is not longer than an endpoint's name.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    bytes: [u8; 31],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let to = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        to.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
struct Visitor {
    endpoint: Endpoint,
    name: Name,
    answered: bool,
}

/// The short-lived endpoints that the two sides have opened.
#[derive(Debug, Default)]
pub struct Churn {
    own: Option<(Endpoint, Text)>,
    visitors: [Option<Visitor>; VISITORS],
    /// Number of endpoints that this side has opened and closed.
    pub own_count: u32,
    /// Number of endpoints that the peer has opened and closed.
    pub their_count: u32,
}

impl Churn {
    /// Closes all endpoints when a new peer connects.
    pub fn restart<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>) {
        let own = self.own.take().map(|(endpoint, _)| endpoint);
        for endpoint in own.into_iter().chain(self.visitors.iter().flatten().map(|visitor| visitor.endpoint)) {
            bus.close(endpoint);
        }
        *self = Self::default();
    }

    pub const fn is_open(&self) -> bool {
        self.own.is_some()
    }

    /// Handles the announcement of an endpoint that does not match a local endpoint. Returns an error if no endpoint
    /// can be opened for the answer.
    pub fn announced<P: Profile, D: Doorbell>(
        &mut self,
        bus: &mut Bus<P, D>,
        name: Name,
        address: Address,
    ) -> Result<(), OpenError> {
        let Some(text) = core::str::from_utf8(name.as_bytes()).ok().filter(|name| name.starts_with("churn.")) else {
            return Ok(());
        };
        let place = self.visitors.iter_mut().find(|place| place.is_none()).ok_or(OpenError::Full)?;
        let endpoint = bus.open_with(&Config { name: Some(text), peer: Some(address), ..Config::default() })?;
        *place = Some(Visitor { endpoint, name, answered: false });
        Ok(())
    }

    /// Closes a local endpoint if it was unbound because the peer has closed the other endpoint.
    pub fn unbound<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, endpoint: Endpoint) {
        for place in &mut self.visitors {
            if place.is_some_and(|visitor| visitor.endpoint == endpoint) {
                *place = None;
                bus.close(endpoint);
                self.their_count += 1;
            }
        }
    }

    /// Handles a message. Returns whether the message is correct, or `None` if its endpoint is not a short-lived one.
    pub fn receive<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, message: &Message) -> Option<bool> {
        if let Some((own, name)) = self.own
            && own == message.endpoint
        {
            let mut bytes = [0; 31];
            let bytes = bytes.get_mut(..message.length.into());
            let right = bytes.is_some_and(|to| bus.read(message, 0, to).is_ok() && to == name.as_bytes());
            // Close the endpoint while one of its messages is still being processed.
            bus.close(own);
            self.own = None;
            self.own_count += 1;
            return Some(right);
        }
        self.visitors.iter().flatten().any(|visitor| visitor.endpoint == message.endpoint).then_some(false)
    }

    /// Answers announcements. If `begin` is set and this side has no open endpoint, opens an endpoint whose name
    /// contains `begin`.
    pub fn step<P: Profile, D: Doorbell>(
        &mut self,
        bus: &mut Bus<P, D>,
        begin: Option<&str>,
    ) -> Result<bool, OpenError> {
        let mut any = false;
        for visitor in self.visitors.iter_mut().flatten().filter(|visitor| !visitor.answered) {
            visitor.answered = bus.send(visitor.endpoint, visitor.name.as_bytes()).is_ok();
            any |= visitor.answered;
        }
        if let Some(prefix) = begin.filter(|_| self.own.is_none()) {
            let mut name = Text::default();
            let _ = write!(name, "churn.{prefix}{}", self.own_count);
            let endpoint = bus.open(core::str::from_utf8(name.as_bytes()).unwrap_or_default())?;
            self.own = Some((endpoint, name));
            any = true;
        }
        Ok(any)
    }
}

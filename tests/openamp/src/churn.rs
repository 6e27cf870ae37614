// SPDX-License-Identifier: Apache-2.0
//! Endpoints that come and go: the endpoints opened by this side, and the answers to the endpoints opened by the peer.

use core::fmt::{self, Write};

use amp_ivshmem::platform::Doorbell;
use amp_ivshmem::rpmsg::{Address, Bus, Config, Endpoint, Message, Name, OpenError, Profile};

/// Maximum number of the peer's endpoints at the same time.
const VISITORS: usize = 6;

/// A text no longer than a name.
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

/// The endpoints opened by each side.
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

    /// Handles the announcement of an endpoint that matches no local one. Returns an error if no endpoint can be opened
    /// for the answer.
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

    /// Handles an endpoint that was unbound because the peer closed its counterpart.
    pub fn unbound<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, endpoint: Endpoint) {
        for place in &mut self.visitors {
            if place.is_some_and(|visitor| visitor.endpoint == endpoint) {
                *place = None;
                bus.close(endpoint);
                self.their_count += 1;
            }
        }
    }

    /// Handles a message. Returns whether it was correct, or `None` if it is for an endpoint of another kind.
    pub fn receive<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, message: &Message) -> Option<bool> {
        if let Some((own, name)) = self.own
            && own == message.endpoint
        {
            let mut bytes = [0; 31];
            let bytes = bytes.get_mut(..message.length.into());
            let right = bytes.is_some_and(|to| bus.read(message, 0, to).is_ok() && to == name.as_bytes());
            // Close the endpoint while its own message is being processed.
            bus.close(own);
            self.own = None;
            self.own_count += 1;
            return Some(right);
        }
        self.visitors.iter().flatten().any(|visitor| visitor.endpoint == message.endpoint).then_some(false)
    }

    /// Answers announcements. If `begin` is set and this side has no endpoint open, opens the next one, with `begin` in
    /// its name.
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

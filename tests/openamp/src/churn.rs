//! Endpoints that come and go: this side's own, and those that answer the peer's.

use core::fmt::{self, Write};

use amp_ivshmem::platform::Doorbell;
use amp_ivshmem::rpmsg::{Address, Bus, Config, Endpoint, Message, Name, OpenError, Profile};

/// How many of the peer's can be there at once.
const VISITORS: usize = 6;

/// A text that is as long as a name at most.
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

/// Both kinds.
#[derive(Debug, Default)]
pub struct Churn {
    own: Option<(Endpoint, Text)>,
    visitors: [Option<Visitor>; VISITORS],
    /// Opened and closed here.
    pub own_count: u32,
    /// Opened and closed by the peer.
    pub their_count: u32,
}

impl Churn {
    /// There is a new peer: what is open here is closed.
    pub fn restart<P: Profile, D: Doorbell, const E: usize>(&mut self, bus: &mut Bus<P, D, E>) {
        let own = self.own.take().map(|(endpoint, _)| endpoint);
        for endpoint in own.into_iter().chain(self.visitors.iter().flatten().map(|visitor| visitor.endpoint)) {
            bus.close(endpoint);
        }
        *self = Self::default();
    }

    pub const fn is_open(&self) -> bool {
        self.own.is_some()
    }

    /// The peer has announced an endpoint that none here matches; whether there is room for it.
    pub fn announced<P: Profile, D: Doorbell, const E: usize>(
        &mut self,
        bus: &mut Bus<P, D, E>,
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

    /// The peer has closed an endpoint that one here was bound to.
    pub fn unbound<P: Profile, D: Doorbell, const E: usize>(&mut self, bus: &mut Bus<P, D, E>, endpoint: Endpoint) {
        for place in &mut self.visitors {
            if place.is_some_and(|visitor| visitor.endpoint == endpoint) {
                *place = None;
                bus.close(endpoint);
                self.their_count += 1;
            }
        }
    }

    /// A message for one of these came; whether it was right, none where it is for another.
    pub fn receive<P: Profile, D: Doorbell, const E: usize>(
        &mut self,
        bus: &mut Bus<P, D, E>,
        message: &Message,
    ) -> Option<bool> {
        if let Some((own, name)) = self.own
            && own == message.endpoint
        {
            let mut bytes = [0; 31];
            let bytes = bytes.get_mut(..message.length.into());
            let right = bytes.is_some_and(|to| bus.read(message, 0, to).is_ok() && to == name.as_bytes());
            // Closed while its own message is being looked at.
            bus.close(own);
            self.own = None;
            self.own_count += 1;
            return Some(right);
        }
        self.visitors.iter().flatten().any(|visitor| visitor.endpoint == message.endpoint).then_some(false)
    }

    /// Answers, and opens the next one where one is to begin, under a name with this in it.
    pub fn step<P: Profile, D: Doorbell, const E: usize>(
        &mut self,
        bus: &mut Bus<P, D, E>,
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

// SPDX-License-Identifier: Apache-2.0
//! The server's loop. One thread serves all clients with a single `poll`, and never blocks on one client.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, sockopt};

use crate::client::{Client, Sent};
use crate::error::{Explain, ServerError};
use crate::event::{Event, Reason};
use crate::fault::FaultInjector;
use crate::ids::Ids;
use crate::server::{Server, Stop};

/// Size of the kernel's send buffer per client, in bytes. It holds about five messages. Further messages are queued in
/// this process, where their eventfds do not count towards the user's limit on descriptors in flight.
const SEND_BUFFER: usize = 4096;

/// Pause before the next attempt when the system has run out of resources. Timed faults are checked at this interval.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Maximum number of clients to accept before the server serves the other clients again.
const ACCEPTS: usize = 16;

impl Server {
    /// Serves until one of `stops` is readable, and returns its name.
    ///
    /// # Errors
    /// Returns an error if polling fails. Clients cannot cause this error.
    pub fn serve(self, stops: &[Stop], report: impl FnMut(Event)) -> Result<&'static str, ServerError> {
        let mut serving = Serving::new(self, report)?;
        loop {
            if let Some(name) = serving.turn(stops, None)? {
                return Ok(name);
            }
        }
    }
}

/// A running server, which the caller drives one turn at a time.
pub struct Serving<R> {
    server: Server,
    memory: Rc<OwnedFd>,
    ids: Ids,
    /// The clients, in the order in which they joined.
    clients: Vec<Client>,
    report: R,
    /// True if a client could not be accepted because no descriptor was left. The server then does not poll the
    /// listener for a while, because `poll` would keep returning at once.
    full: bool,
    /// True if the lack of descriptors has been reported since a client was last accepted.
    full_said: bool,
    /// Clients to disconnect before the end of this turn.
    pending_disconnects: Vec<(u16, Reason)>,
    /// The faults to inject, if any.
    injector: Option<FaultInjector>,
}

impl<R: FnMut(Event)> Serving<R> {
    /// Creates a server without clients. It calls `report` with each event.
    ///
    /// # Errors
    /// Returns an error if the process has no descriptor left, or cannot create a thread.
    pub fn new(server: Server, report: R) -> Result<Self, ServerError> {
        let memory = Rc::new(server.memory.try_clone().explain("no descriptor left for the memory")?);
        let injector = server.faults.map(FaultInjector::new).transpose()?;
        Ok(Self {
            server,
            memory,
            ids: Ids::default(),
            clients: Vec::new(),
            report,
            full: false,
            full_said: false,
            pending_disconnects: Vec::new(),
            injector,
        })
    }

    /// Waits up to `limit` for something to do, and does it. If one of `stops` is readable, returns its name.
    ///
    /// # Errors
    /// Returns an error if polling fails. Clients cannot cause this error.
    pub fn turn(&mut self, stops: &[Stop], limit: Option<Timespec>) -> Result<Option<&'static str>, ServerError> {
        let mut ready = self.wait(stops, limit)?.into_iter();
        if let Some((stop, _)) = stops.iter().zip(ready.by_ref()).find(|(_, flags)| !flags.is_empty()) {
            return Ok(Some(stop.name));
        }
        let listener = ready.next().unwrap_or(PollFlags::empty());
        for (client, flags) in self.clients.iter_mut().zip(ready) {
            if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
                && let Some(reason) = client.look()
            {
                self.pending_disconnects.push((client.id, reason));
            }
        }
        self.reap();
        if self.full || !listener.is_empty() {
            self.full = false;
            self.accept();
        }
        self.inject();
        for client in &mut self.clients {
            if client.is_behind() && client.send() == Sent::Broken {
                self.pending_disconnects.push((client.id, Reason::Closed));
            }
        }
        self.reap();
        Ok(None)
    }

    /// Polls all descriptors, and returns their events in the order stops, listener, clients.
    fn wait(&self, stops: &[Stop], limit: Option<Timespec>) -> Result<Vec<PollFlags>, ServerError> {
        let mut fds: Vec<PollFd<'_>> = stops.iter().map(|stop| PollFd::new(&*stop.fd, PollFlags::IN)).collect();
        let listener = if self.full { PollFlags::empty() } else { PollFlags::IN };
        fds.push(PollFd::new(self.server.listener.socket(), listener));
        let mut pause = self.full || self.injector.as_ref().is_some_and(FaultInjector::is_timed);
        for client in &self.clients {
            let writable = client.is_behind() && !client.crowded;
            pause |= client.crowded;
            let events = if writable { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            fds.push(PollFd::new(client.connection(), events));
        }
        match poll(&mut fds, limit.as_ref().or(pause.then_some(&PAUSE))) {
            Ok(_) => Ok(fds.iter().map(PollFd::revents).collect()),
            Err(Errno::INTR | Errno::AGAIN | Errno::NOMEM) => Ok(vec![PollFlags::empty(); fds.len()]),
            Err(error) => Err(error).explain("cannot poll"),
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match accept_with(self.server.listener.socket(), flags) {
                Ok(connection) => {
                    self.full_said = false;
                    let now_or_later = match &mut self.injector {
                        Some(injector) => injector.defer(connection),
                        None => Some(connection),
                    };
                    let Some(connection) = now_or_later else { continue };
                    let event = self.admit(connection).map_or_else(Event::Refused, Event::Joined);
                    (self.report)(event);
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    // The connection stays in the backlog until another client leaves.
                    self.full = true;
                    if !std::mem::replace(&mut self.full_said, true) {
                        (self.report)(Event::Refused(
                            "no descriptor for it until another leaves; raise the limit with ulimit -n".to_owned(),
                        ));
                    }
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// Turns a connected client into a peer. Queues its greeting, and announces the new peer and the existing peers to
    /// each other, in the protocol's order.
    fn admit(&mut self, connection: OwnedFd) -> Result<u16, String> {
        let _ = sockopt::set_socket_send_buffer_size(&connection, SEND_BUFFER);
        let eventfds: Vec<_> = (0..self.server.vectors)
            .map(|_| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Rc::new))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("no eventfd for it ({error}); raise the limit with ulimit -n"))?;
        let id = self.ids.take().ok_or("all 65536 ids are used or remembered; restart the oldest peers")?;
        let mut client = Client::new(id, connection, eventfds);
        if let Some(injector) = &self.injector {
            client.doorbells =
                injector.relay(id, &client.eventfds).map_err(|error| format!("no relay for it: {error}"))?;
        }
        let greeting = (|| {
            client.push(0, None)?;
            client.push(i64::from(id), None)?;
            client.push(-1, Some(&self.memory))?;
            for other in &self.clients {
                client.push_peer(other.id, &other.doorbells)?;
            }
            client.push_peer(id, &client.eventfds.clone())
        })();
        if greeting.is_err() {
            self.ids.give_back(id);
            return Err("too many peers for it to be told of".to_owned());
        }
        // Set only now, because even a stalled client must get its greeting.
        client.stalled = self.injector.as_ref().is_some_and(|injector| injector.stalled() == Some(id));
        for other in &mut self.clients {
            if let Err(reason) = other.push_peer(id, &client.doorbells) {
                self.pending_disconnects.push((other.id, reason));
            }
        }
        self.clients.push(client);
        Ok(id)
    }

    /// Injects the faults that are due now, which are disconnections and delayed greetings.
    fn inject(&mut self) {
        let Some(injector) = &mut self.injector else { return };
        let ids: Vec<u16> = self.clients.iter().map(|client| client.id).collect();
        if let Some(id) = injector.victim(&ids) {
            self.pending_disconnects.push((id, Reason::Fault));
        }
        for connection in injector.due() {
            let event = self.admit(connection).map_or_else(Event::Refused, Event::Joined);
            (self.report)(event);
        }
    }

    /// Disconnects the clients in `pending_disconnects`, and tells the other clients.
    fn reap(&mut self) {
        while let Some((id, reason)) = self.pending_disconnects.pop() {
            let Some(at) = self.clients.iter().position(|client| client.id == id) else { continue };
            let gone = self.clients.remove(at);
            self.ids.give_back(id);
            if let Some(injector) = &self.injector {
                injector.remove_peer(id);
            }
            for client in &mut self.clients {
                if let Err(reason) = client.drop_queued_for(id, gone.eventfds.len()) {
                    self.pending_disconnects.push((client.id, reason));
                }
            }
            (self.report)(Event::Left(id, reason));
        }
    }
}

//! The async form: a doorbell that wakes a task, and a link that is awaited instead of polled. Any executor will do.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;

use super::{Endpoint, Event, Link, SendError};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant};
use crate::session::Roles;

/// A signal from a port's interrupt handler to the one task that waits on it; usually a `static`. Signal it on each doorbell,
/// and from a timer at the link's [`deadline`](Link::deadline).
pub type Arrival = Signal<CriticalSectionRawMutex, ()>;

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> Link<M, D, E, N, R> {
    /// Waits for the next event; `now` tells the time, as for [`poll`](Self::poll).
    ///
    /// Something must ring `arrival` at the [`deadline`](Self::deadline), too: an executor's timer, or a periodic tick.
    pub async fn next(&mut self, arrival: &Arrival, mut now: impl FnMut() -> Instant) -> Event {
        loop {
            if let Some(event) = self.poll(now()) {
                return event;
            }
            if !self.has_more() {
                arrival.wait().await;
            }
        }
    }

    /// Sends, and waits for a free buffer if need be; `now` and `arrival` as for [`next`](Self::next). Messages that
    /// arrive meanwhile stay in their ring for `next`.
    ///
    /// # Errors
    /// See [`SendError`], but never [`SendError::NoBuffer`]: a peer that goes away meanwhile ends the wait.
    pub async fn send(
        &mut self,
        endpoint: Endpoint,
        payload: &[u8],
        arrival: &Arrival,
        mut now: impl FnMut() -> Instant,
    ) -> Result<(), SendError> {
        loop {
            match self.bus().send(endpoint, payload) {
                Err(SendError::NoBuffer) => {}
                result => return result,
            }
            // A caller that waits here does not poll, so the session is kept alive here.
            let now = now();
            if self.found.is_none() && self.session.is_due(now) {
                self.found = self.session.tick(&mut self.rings, now);
            }
            if self.found.is_none() {
                self.found = self.session.resync(&mut self.rings, now);
            }
            if self.found.is_none() {
                arrival.wait().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};
    use std::cell::RefCell;

    use super::*;
    use crate::mem::Region;
    use crate::mem::fake::Heap;
    use crate::platform::{PeerId, Vector, VectorOutOfRange};
    use crate::rpmsg::Settings;
    use crate::session::{DownReason, Role};

    struct Bell<'a>([&'a Arrival; 2]);

    impl Doorbell for Bell<'_> {
        fn ring(&self, peer: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
            self.0[usize::from(peer.0)].signal(());
            Ok(())
        }
    }

    type TestLink<'a> = Link<Region<'a>, Bell<'a>, 1, 16>;

    async fn until_bound(link: &mut TestLink<'_>, arrival: &Arrival) {
        while !matches!(link.next(arrival, Instant::default).await, Event::Bound { .. }) {}
    }

    /// Two tasks, each polled only in turn: one sends more than there are buffers and waits for each, the other reads.
    #[test]
    fn a_sender_waits_for_buffers_and_a_reader_for_messages() {
        let (heap, arrivals) = (Heap::new(64 * 1024), [Arrival::new(), Arrival::new()]);
        let bell = || Bell([&arrivals[0], &arrivals[1]]);
        let received = RefCell::new(0u32);
        let new = |id, role| TestLink::new(heap.region(), bell(), PeerId(id), Settings::new(role)).unwrap();
        let mut sender = pin!(async {
            let mut link = new(0, Role::Host);
            let endpoint = link.bus().open("stream").unwrap();
            until_bound(&mut link, &arrivals[0]).await;
            for number in 0..100u32 {
                link.send(endpoint, &number.to_le_bytes(), &arrivals[0], Instant::default).await.unwrap();
            }
            core::future::pending::<()>().await;
        });
        let mut reader = pin!(async {
            let mut link = new(1, Role::Remote);
            link.bus().open("stream").unwrap();
            loop {
                if let Event::Message(message) = link.next(&arrivals[1], Instant::default).await {
                    let mut bytes = [0; 4];
                    link.bus().read(&message, 0, &mut bytes).unwrap();
                    link.bus().release(message);
                    assert_eq!(u32::from_le_bytes(bytes), *received.borrow());
                    *received.borrow_mut() += 1;
                }
            }
        });
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..200 {
            assert!(sender.as_mut().poll(&mut context).is_pending());
            assert!(Future::poll(reader.as_mut(), &mut context).is_pending());
        }
        assert_eq!(*received.borrow(), 100);
    }
    /// A sender that waits for a buffer is told when the peer leaves, and the next event says so.
    #[test]
    fn a_waiting_sender_ends_with_its_peer() {
        let (heap, arrivals) = (Heap::new(64 * 1024), [Arrival::new(), Arrival::new()]);
        let new = |id, role| {
            TestLink::new(heap.region(), Bell([&arrivals[0], &arrivals[1]]), PeerId(id), Settings::new(role)).unwrap()
        };
        let mut context = Context::from_waker(Waker::noop());
        let (mut host, mut remote) = (new(0, Role::Host), new(1, Role::Remote));
        let endpoint = host.bus().open("stream").unwrap();
        remote.bus().open("stream").unwrap();
        for _ in 0..20 {
            let _ = (host.poll(Instant::default()), remote.poll(Instant::default()));
        }
        for _ in 0..16 {
            host.bus().send(endpoint, b"full").unwrap();
        }
        {
            let mut sending = pin!(host.send(endpoint, b"no more", &arrivals[0], Instant::default));
            assert!(sending.as_mut().poll(&mut context).is_pending());
            drop(remote);
            assert_eq!(sending.as_mut().poll(&mut context), Poll::Ready(Err(SendError::Down)));
        }
        assert_eq!(host.poll(Instant::default()), Some(Event::Down(DownReason::PeerLeft)));
    }
}

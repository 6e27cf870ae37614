//! The bus for an executor's tasks: awaited instead of waited for. Knows no executor.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::time::Duration;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::{Arrival, Endpoint, Event, OpenError, SendError, Settings, SetupError};

use crate::bus::Link;
use crate::device::{Ivshmem, now};

/// A link and the device that it is on, for one task. Doorbells and deadlines wake it through Zephyr's system work queue,
/// so any executor will do, and it needs no timer of its own.
///
/// Each future may be dropped before it is ready, as `select` does: nothing is lost, and nothing was sent.
///
/// ```no_run
/// use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::{Arrival, Event, Role};
/// use amp_ivshmem_zephyr_rust::{AsyncBus, Ivshmem, Link, settings};
///
/// static ARRIVAL: Arrival = Arrival::new();
///
/// async fn hello(link: &mut Link, device: Ivshmem) -> Result<(), Box<dyn core::error::Error>> {
///     let mut bus = AsyncBus::new(link, device, &settings(Role::Host), &ARRIVAL)?;
///     bus.open("hello")?;
///     loop {
///         if let Event::Bound { endpoint, .. } = bus.next().await {
///             bus.send(endpoint, b"hello").await?;
///         }
///     }
/// }
/// ```
pub struct AsyncBus<'l> {
    link: &'l mut Link,
    heartbeat: Duration,
    arrival: &'static Arrival,
    device: Ivshmem,
}

impl<'l> AsyncBus<'l> {
    /// One side of a link, which is opened; `arrival` is this bus' alone. Nothing waits for the peer.
    ///
    /// # Errors
    /// Settings that do not fit the memory or Kconfig's sizes.
    pub fn new(
        link: &'l mut Link,
        device: Ivshmem,
        settings: &Settings,
        arrival: &'static Arrival,
    ) -> Result<Self, SetupError> {
        link.open(device.memory(), device.doorbell(), device.id(), settings)?;
        Ok(Self { link, heartbeat: settings.heartbeat, arrival, device })
    }

    /// The link, for all that is not awaited.
    pub const fn link(&mut self) -> &mut Link {
        self.link
    }

    /// Opens an endpoint that is announced under `name` and bound to the peer's of the same name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, name: &str) -> Result<Endpoint, OpenError> {
        self.link.bus().open(name)
    }

    /// The next event.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.link.poll(self.device.now()) {
                return event;
            }
            self.device.watch(self.arrival, self.link.deadline());
            self.arrival.wait().await;
        }
    }

    /// Sends to the peer of `endpoint`, when a buffer is free. What happens meanwhile is kept for [`next`](Self::next).
    ///
    /// # Errors
    /// See [`SendError`], but never [`SendError::NoBuffer`]: a peer that goes away meanwhile ends the wait.
    pub async fn send(&mut self, endpoint: Endpoint, payload: &[u8]) -> Result<(), SendError> {
        let Self { link, heartbeat, arrival, device } = self;
        let mut sent = pin!(link.send(endpoint, payload, arrival, now));
        poll_fn(|context| {
            let result = sent.as_mut().poll(context);
            if result.is_pending() {
                device.watch(arrival, now() + *heartbeat);
            }
            result
        })
        .await
    }
}

impl Drop for AsyncBus<'_> {
    fn drop(&mut self) {
        // By the device, which is given back after it.
        self.link.close();
    }
}

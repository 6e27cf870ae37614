//! A link for an executor's tasks: a runner that owns the device, and endpoints that are awaited. Knows no executor.

use core::future::pending;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::tasks::{self, Arrival};
use amp_ivshmem::rpmsg::{Event, Settings, SetupError};

use crate::bus::Link;
use crate::device::{Ivshmem, now};

/// A link that the tasks of one executor share, of the sizes that Kconfig has. Tasks [open](tasks::Shared::open) their
/// endpoints on it; a [`Runner`] drives it.
pub type Shared = tasks::Shared<Link>;

/// The task that drives a [`Shared`] link, and the device that the link is on. Dropped, it leaves its peer.
///
/// Doorbells and deadlines wake the task through Zephyr's system work queue. So any executor will do, and it needs no timer.
///
/// ```no_run
/// use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::Role;
/// use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::tasks::Arrival;
/// use amp_ivshmem_zephyr_rust::{Ivshmem, Runner, Shared, settings};
///
/// static ARRIVAL: Arrival = Arrival::new();
///
/// // One task.
/// async fn run(link: &Shared, device: Ivshmem) {
///     match Runner::new(link, device, &settings(Role::Host), &ARRIVAL) {
///         Ok(mut runner) => runner.run().await,
///         Err(error) => log::error!("{error}"),
///     }
/// }
///
/// // Another one.
/// async fn hello(link: &Shared) -> Result<(), Box<dyn core::error::Error>> {
///     let hello = link.open("hello")?;
///     hello.bound().await;
///     hello.send(b"hello").await?;
///     let answer = hello.recv().await;
///     log::info!("{} bytes", answer.len());
///     Ok(())
/// }
/// ```
pub struct Runner<'l> {
    shared: &'l Shared,
    arrival: &'static Arrival,
    device: Ivshmem,
}

impl<'l> Runner<'l> {
    /// Opens the link on `device`; `arrival` is this runner's alone. Nothing waits for the peer.
    ///
    /// # Errors
    /// Settings that do not fit the memory or Kconfig's sizes.
    pub fn new(
        shared: &'l Shared,
        device: Ivshmem,
        settings: &Settings,
        arrival: &'static Arrival,
    ) -> Result<Self, SetupError> {
        shared.with(|link| link.open(device.memory(), device.doorbell(), device.id(), settings))?;
        Ok(Self { shared, arrival, device })
    }

    /// Drives the link for ever, and drops its events.
    pub async fn run(&mut self) {
        loop {
            self.next().await;
        }
    }

    /// Drives the link until its next event that is no message of a task's endpoint.
    pub async fn next(&mut self) -> Event {
        let Self { shared, arrival, device } = self;
        let sleep_until = |deadline| {
            device.watch(arrival, deadline);
            // The deadline signals `arrival`, too.
            pending()
        };
        shared.runner().next(arrival, now, sleep_until).await
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        // By the device, which is given back after it.
        self.shared.with(Link::close);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! A link for the tasks of any executor: a runner that owns the device, and endpoints whose functions are awaited.

use core::future::pending;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::tasks::{self, Arrival};
use amp_ivshmem::rpmsg::{Event, Settings, SetupError};

use crate::bus::Link;
use crate::device::{Ivshmem, now};

/// A link that the tasks of one executor share, with the sizes in Kconfig. Tasks [open](tasks::Shared::open) their
/// endpoints on it, and a [`Runner`] drives it.
pub type Shared = tasks::Shared<Link>;

/// The runner of a [`Shared`] link, which owns the link's device. Dropping it tells the peer that this side has left.
///
/// Doorbells and deadlines wake the runner's task through Zephyr's system work queue. So any executor works, even
/// without a timer.
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
    /// Opens the link on `device`. `arrival` belongs to this runner alone. Does not wait for the peer.
    ///
    /// # Errors
    /// Returns an error if the settings do not fit the memory or Kconfig's sizes.
    pub fn new(
        shared: &'l Shared,
        device: Ivshmem,
        settings: &Settings,
        arrival: &'static Arrival,
    ) -> Result<Self, SetupError> {
        shared.with(|link| link.open(device.memory(), device.doorbell(), device.id(), settings))?;
        Ok(Self { shared, arrival, device })
    }

    /// Drives the link forever, and drops its events.
    pub async fn run(&mut self) {
        loop {
            self.next().await;
        }
    }

    /// Drives the link until its next event. Messages for the tasks' endpoints do not count as events here.
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
        // Closing uses the device, which is given back afterwards.
        self.shared.with(Link::close);
    }
}

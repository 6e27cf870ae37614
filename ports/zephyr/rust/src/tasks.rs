// SPDX-License-Identifier: Apache-2.0
//! A link for tasks of any async executor, with a runner that owns the device, and async endpoints.

use core::future::pending;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::tasks::{self, Arrival};
use amp_ivshmem::rpmsg::{Event, Settings, SetupError};

use crate::bus::Link;
use crate::device::{Ivshmem, now};

/// A link that the tasks of an executor share, with the sizes from Kconfig. Tasks [open](tasks::Shared::open) their
/// endpoints on it, and a [`Runner`] drives it.
pub type Shared = tasks::Shared<Link>;

/// Drives a [`Shared`] link, and owns the link's device. Dropping the runner tells the peer that this side has left.
///
/// Doorbells and deadlines wake the runner's task through Zephyr's system work queue. The runner therefore works with
/// any executor, even one without a timer.
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
    /// Opens the link on `device`. Only this runner may use `arrival`. Does not wait for the peer.
    ///
    /// # Errors
    /// Returns an error if the link does not fit in the shared memory, or the settings exceed the sizes in Kconfig.
    pub fn new(
        shared: &'l Shared,
        device: Ivshmem,
        settings: &Settings,
        arrival: &'static Arrival,
    ) -> Result<Self, SetupError> {
        shared.with(|link| link.open(device.memory(), device.doorbell(), device.id(), settings))?;
        Ok(Self { shared, arrival, device })
    }

    /// Drives the link forever, and discards its events.
    pub async fn run(&mut self) {
        loop {
            self.next().await;
        }
    }

    /// Drives the link until its next event. Messages to the endpoints of tasks are not events here.
    pub async fn next(&mut self) -> Event {
        let Self { shared, arrival, device } = self;
        let sleep_until = |deadline| {
            device.watch(arrival, deadline);
            // The future never has to complete, because the device signals `arrival` at the deadline.
            pending()
        };
        shared.runner().next(arrival, now, sleep_until).await
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        // The link must close first, because closing it uses the device.
        self.shared.with(Link::close);
    }
}

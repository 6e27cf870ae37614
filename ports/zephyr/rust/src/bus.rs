// SPDX-License-Identifier: Apache-2.0
//! The bus for one thread. Its calls block in Zephyr, up to a limit.

use core::time::Duration;

use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{self, Endpoint, Event, OpenError, Role, Roles, Settings, SetupError};

use crate::device::{Bell, Ivshmem};
use crate::{sizes, sys};

/// A link with the sizes in Kconfig. [`OnlyHost`](rpmsg::OnlyHost) or [`OnlyRemote`](rpmsg::OnlyRemote) as `R` saves flash.
pub type Link<R = Role> = rpmsg::Link<Region<'static>, Bell, { sizes::ENDPOINTS }, { sizes::BUFFERS }, R>;

/// A limit that never ends.
pub const FOREVER: Duration = Duration::MAX;

const _: () = assert!(sizes::BUFFERS.is_power_of_two(), "CONFIG_AMP_IVSHMEM_RUST_BUFFERS is a power of two");
const _: () = assert!(sizes::BUFFER_SIZE.is_multiple_of(8), "CONFIG_AMP_IVSHMEM_RUST_BUFFER_SIZE is a multiple of 8");

/// Returns the settings for one side, with the buffers in Kconfig and otherwise the defaults of [`Settings`].
#[must_use]
pub const fn settings<R: Roles>(role: R) -> Settings<R> {
    // CAST: Kconfig's ranges end at 256 and 65552.
    Settings { buffer_count: sizes::BUFFERS as u16, buffer_size: sizes::BUFFER_SIZE as u32, ..Settings::new(role) }
}

/// The reason for a wait that ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The caller's limit has passed.
    #[error("nothing arrived within the limit")]
    TimedOut,
    /// The call came from an interrupt handler, which cannot wait. It had no effect.
    #[error("an interrupt handler cannot wait: call this in a thread")]
    InIsr,
}

/// The reason why a message was not sent. No message is lost or truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No buffer became free, or the caller cannot wait for one.
    #[error("the message was not sent: {0}")]
    Wait(#[from] WaitError),
    /// The bus refuses the message.
    #[error(transparent)]
    Bus(#[from] rpmsg::SendError),
}

/// A link and its device, for one thread. Dropping it tells the peer that this side has left.
///
/// The application supplies the memory of the link, best in a static, because few stacks have room for it.
///
/// ```no_run
/// use core::time::Duration;
///
/// use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::{Event, Role};
/// use amp_ivshmem_zephyr_rust::{Bus, FOREVER, Ivshmem, Link, settings};
///
/// # const ORD: usize = 0;
/// // In an application: `static LINK: ConstStaticCell<Link>`, of the crate static_cell.
/// let mut link = Link::unopened();
/// // In an application: zephyr::devicetree::labels::ivshmem0::ORD.
/// let mut bus = Bus::new(&mut link, Ivshmem::take(ORD)?, &settings(Role::Remote))?;
/// bus.open("echo")?;
/// loop {
///     if let Event::Message(message) = bus.next(FOREVER)? {
///         let (endpoint, mut bytes) = (message.endpoint, [0; 496]);
///         let bytes = &mut bytes[..message.length.into()];
///         bus.link().bus().read(&message, 0, bytes)?;
///         bus.link().bus().release(message);
///         bus.send(endpoint, bytes, Duration::from_millis(100))?;
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Bus<'l, R: Roles = Role> {
    link: &'l mut Link<R>,
    /// Events that occurred while a sender waited.
    early: Option<Event>,
    device: Ivshmem,
}

impl<'l, R: Roles> Bus<'l, R> {
    /// Opens one side of a link. Does not wait for the peer.
    ///
    /// # Errors
    /// Returns an error if the settings do not fit the memory or Kconfig's sizes.
    pub fn new(link: &'l mut Link<R>, device: Ivshmem, settings: &Settings<R>) -> Result<Self, SetupError> {
        link.open(device.memory(), device.doorbell(), device.id(), settings)?;
        Ok(Self { link, early: None, device })
    }

    /// Returns the link, for everything that does not wait: endpoints, buffers that are filled and read in place, and
    /// counters.
    pub const fn link(&mut self) -> &mut Link<R> {
        self.link
    }

    /// Returns the current time, which [`Link::poll`](rpmsg::Link::poll) needs.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.device.now()
    }

    /// Opens an endpoint that is announced as `name` and bound to the peer's endpoint of the same name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, name: &str) -> Result<Endpoint, OpenError> {
        self.link.bus().open(name)
    }

    /// Waits for the next event, up to `limit`. A limit of 0 does not wait. If no call is made for longer than the
    /// peer's timeout, the peer considers this side dead.
    ///
    /// # Errors
    /// See [`WaitError`].
    pub fn next(&mut self, limit: Duration) -> Result<Event, WaitError> {
        let deadline = self.until(limit)?;
        self.next_until(deadline).ok_or(WaitError::TimedOut)
    }

    fn next_until(&mut self, deadline: Instant) -> Option<Event> {
        loop {
            let now = self.now();
            if let Some(event) = self.early.take().or_else(|| self.poll(now)) {
                return Some(event);
            }
            if now >= deadline {
                return None;
            }
            self.device.wait(Some(deadline.min(self.link.deadline())));
        }
    }

    /// Waits for the next message, up to `limit`, and copies it to the front of `to`. Returns its endpoint and its
    /// length. A message longer than `to` is truncated; the returned length is then greater than the length of `to`.
    /// All other events are skipped.
    ///
    /// ```no_run
    /// # use core::time::Duration;
    /// # use amp_ivshmem_zephyr_rust::{Bus, WaitError};
    /// # fn echo(bus: &mut Bus<'_>) -> Result<(), WaitError> {
    /// let mut bytes = [0; 496];
    /// let (endpoint, length) = bus.receive(&mut bytes, Duration::from_secs(1))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`WaitError`].
    pub fn receive(&mut self, to: &mut [u8], limit: Duration) -> Result<(Endpoint, usize), WaitError> {
        let deadline = self.until(limit)?;
        loop {
            let event = self.next_until(deadline).ok_or(WaitError::TimedOut)?;
            if let Event::Message(message) = event {
                let endpoint = message.endpoint;
                if let Ok(length) = self.link.bus().recv(message, to) {
                    return Ok((endpoint, length));
                }
            }
            // The limit also ends the wait if a peer causes an endless series of other events.
            if self.now() >= deadline {
                return Err(WaitError::TimedOut);
            }
        }
    }

    /// Sends to the peer of `endpoint`. If no buffer is free, waits for one, up to `limit`. Events that occur during
    /// the wait are kept for [`next`](Self::next).
    ///
    /// # Errors
    /// See [`SendError`]. If no buffer becomes free, the error is [`WaitError::TimedOut`].
    pub fn send(&mut self, endpoint: Endpoint, payload: &[u8], limit: Duration) -> Result<(), SendError> {
        use amp_ivshmem::rpmsg::SendError::NoBuffer;

        let deadline = self.until(limit)?;
        loop {
            match self.link.bus().send(endpoint, payload) {
                Err(NoBuffer) => {}
                result => return Ok(result?),
            }
            let now = self.now();
            if now >= deadline {
                return Err(WaitError::TimedOut.into());
            }
            // The link is polled during the wait, until an event occurs that the caller must see first.
            if self.early.is_none() {
                self.early = self.poll(now);
                self.device.wait(Some(deadline.min(self.link.deadline())));
            } else {
                self.device.wait(Some(deadline));
            }
        }
    }

    // One function for all waits, because each inlined copy would be large.
    #[inline(never)]
    fn poll(&mut self, now: Instant) -> Option<Event> {
        self.link.poll(now)
    }

    /// Returns the time at which `limit` ends.
    // Inlined, so that no sum is computed if there is no limit.
    #[inline(always)]
    fn until(&self, limit: Duration) -> Result<Instant, WaitError> {
        if sys::amp_rust_in_isr() { Err(WaitError::InIsr) } else { Ok(self.now() + limit) }
    }
}

impl<R: Roles> Drop for Bus<'_, R> {
    fn drop(&mut self) {
        // Closing uses the device, which is given back afterwards.
        self.link.close();
    }
}

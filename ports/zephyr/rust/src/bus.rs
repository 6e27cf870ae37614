// SPDX-License-Identifier: Apache-2.0
//! The bus for a single thread. Its calls block the thread in Zephyr, up to a time limit.

use core::time::Duration;

use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{self, Endpoint, Event, OpenError, Role, Roles, Settings, SetupError};

use crate::device::{Bell, Ivshmem};
use crate::{sizes, sys};

/// A link with the sizes from Kconfig. Set `R` to [`OnlyHost`](rpmsg::OnlyHost) or
/// [`OnlyRemote`](rpmsg::OnlyRemote) to save flash.
pub type Link<R = Role> = rpmsg::Link<Region<'static>, Bell, { sizes::ENDPOINTS }, { sizes::BUFFERS }, R>;

/// A time limit that never expires.
pub const FOREVER: Duration = Duration::MAX;

const _: () = assert!(sizes::BUFFERS.is_power_of_two(), "CONFIG_AMP_IVSHMEM_RUST_BUFFERS is a power of two");
const _: () = assert!(sizes::BUFFER_SIZE.is_multiple_of(8), "CONFIG_AMP_IVSHMEM_RUST_BUFFER_SIZE is a multiple of 8");

/// Returns settings for one side, with the number and size of buffers from Kconfig and otherwise the defaults of
/// [`Settings`].
#[must_use]
pub const fn settings<R: Roles>(role: R) -> Settings<R> {
    // CAST: Kconfig limits the values to 256 and 65552.
    Settings { buffer_count: sizes::BUFFERS as u16, buffer_size: sizes::BUFFER_SIZE as u32, ..Settings::new(role) }
}

/// The reason why a wait ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The caller's time limit has expired.
    #[error("nothing arrived within the time limit")]
    TimedOut,
    /// The call came from an interrupt handler, which cannot wait. It had no effect.
    #[error("an interrupt handler cannot wait: call this in a thread")]
    InIsr,
}

/// The reason why a message was not sent. The caller can send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No buffer became free, or the caller cannot wait for one.
    #[error("the message was not sent: {0}")]
    Wait(#[from] WaitError),
    /// The bus rejected the message.
    #[error(transparent)]
    Bus(#[from] rpmsg::SendError),
}

/// A link and its device, for use by one thread. Dropping it tells the peer that this side has left.
///
/// The application supplies the storage for the link. Use a static, because a link is too large for most stacks.
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
    /// An event that occurred while [`send`](Self::send) waited for a buffer.
    early: Option<Event>,
    device: Ivshmem,
}

impl<'l, R: Roles> Bus<'l, R> {
    /// Opens one side of a link. Does not wait for the peer.
    ///
    /// # Errors
    /// Returns an error if the link does not fit in the shared memory, or the settings exceed the sizes in Kconfig.
    pub fn new(link: &'l mut Link<R>, device: Ivshmem, settings: &Settings<R>) -> Result<Self, SetupError> {
        link.open(device.memory(), device.doorbell(), device.id(), settings)?;
        Ok(Self { link, early: None, device })
    }

    /// Returns the link, for operations that do not wait: managing endpoints, filling and reading buffers in place,
    /// and reading counters.
    pub const fn link(&mut self) -> &mut Link<R> {
        self.link
    }

    /// Returns the current time, which [`Link::poll`](rpmsg::Link::poll) needs.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.device.now()
    }

    /// Opens an endpoint. It is announced as `name`, and bound to the peer's endpoint of the same name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, name: &str) -> Result<Endpoint, OpenError> {
        self.link.bus().open(name)
    }

    /// Waits up to `limit` for the next event. With a limit of 0, it does not wait. If the application makes no calls
    /// for longer than the peer's timeout, the peer considers this side dead.
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

    /// Waits up to `limit` for the next message, and copies it to the start of `to`. Returns the message's endpoint
    /// and length. A message that does not fit in `to` is truncated, and the returned length then exceeds the length
    /// of `to`. All other events are skipped.
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
            // The limit must also apply if the peer causes an endless series of other events.
            if self.now() >= deadline {
                return Err(WaitError::TimedOut);
            }
        }
    }

    /// Sends `payload` to the peer of `endpoint`. If no buffer is free, waits up to `limit` for one. Events that occur
    /// during the wait are kept for [`next`](Self::next).
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
            // Polls the link during the wait, until there is an event that the caller must handle first.
            if self.early.is_none() {
                self.early = self.poll(now);
                self.device.wait(Some(deadline.min(self.link.deadline())));
            } else {
                self.device.wait(Some(deadline));
            }
        }
    }

    // Not inlined, because each copy would be large.
    #[inline(never)]
    fn poll(&mut self, now: Instant) -> Option<Event> {
        self.link.poll(now)
    }

    /// Returns the time at which `limit` expires.
    // Inlined, so that the compiler can drop the addition if there is no limit.
    #[inline(always)]
    fn until(&self, limit: Duration) -> Result<Instant, WaitError> {
        if sys::amp_rust_in_isr() { Err(WaitError::InIsr) } else { Ok(self.now() + limit) }
    }
}

impl<R: Roles> Drop for Bus<'_, R> {
    fn drop(&mut self) {
        // The link must close first, because closing it uses the device.
        self.link.close();
    }
}

//! The bus for one thread: what it waits for, it waits for in Zephyr, and no longer than it says. Knows nothing of rings.

use core::time::Duration;

use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{self, Endpoint, Event, OpenError, Role, Roles, Settings, SetupError};

use crate::device::{Bell, Ivshmem};
use crate::{sizes, sys};

/// A link of the sizes that Kconfig has. [`OnlyHost`](rpmsg::OnlyHost) or [`OnlyRemote`](rpmsg::OnlyRemote) as `R` takes less
/// flash.
pub type Link<R = Role> = rpmsg::Link<Region<'static>, Bell, { sizes::ENDPOINTS }, { sizes::BUFFERS }, R>;

/// Waits without limit.
pub const FOREVER: Duration = Duration::MAX;

const _: () = assert!(sizes::BUFFERS.is_power_of_two(), "CONFIG_AMP_IVSHMEM_RUST_BUFFERS is a power of two");
const _: () = assert!(sizes::BUFFER_SIZE.is_multiple_of(8), "CONFIG_AMP_IVSHMEM_RUST_BUFFER_SIZE is a multiple of 8");

/// One side of a link with the buffers that Kconfig has; the rest is [`Settings`]' default.
#[must_use]
pub const fn settings<R: Roles>(role: R) -> Settings<R> {
    // CAST: Kconfig's ranges end at 256 and 65552.
    Settings { buffer_count: sizes::BUFFERS as u16, buffer_size: sizes::BUFFER_SIZE as u32, ..Settings::new(role) }
}

/// Why a wait ended with nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The caller's limit is over.
    #[error("nothing came within the time given")]
    TimedOut,
    /// Called in an interrupt handler, which cannot wait; nothing was done.
    #[error("an interrupt handler cannot wait: use the bus in a thread")]
    InIsr,
}

/// Why a message was not sent. None of these loses or truncates anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No buffer became free, or no thread may wait for one.
    #[error("the message was not sent: {0}")]
    Wait(#[from] WaitError),
    /// The bus does not take it.
    #[error(transparent)]
    Bus(#[from] rpmsg::SendError),
}

/// A link and the device that it is on, for one thread. Dropped, it leaves its peer.
///
/// The link lies where the application puts it, best in a static, because few stacks have room for it.
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
    /// What happened while a sender waited.
    early: Option<Event>,
    device: Ivshmem,
}

impl<'l, R: Roles> Bus<'l, R> {
    /// One side of a link, which is opened. Nothing waits for the peer.
    ///
    /// # Errors
    /// Settings that do not fit the memory or Kconfig's sizes.
    pub fn new(link: &'l mut Link<R>, device: Ivshmem, settings: &Settings<R>) -> Result<Self, SetupError> {
        link.open(device.memory(), device.doorbell(), device.id(), settings)?;
        Ok(Self { link, early: None, device })
    }

    /// The link, for all that never waits: its bus' endpoints, buffers filled and read in place, counters.
    pub const fn link(&mut self) -> &mut Link<R> {
        self.link
    }

    /// The time, as [`Link::poll`](rpmsg::Link::poll) wants it.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.device.now()
    }

    /// Opens an endpoint that is announced under `name` and bound to the peer's of the same name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, name: &str) -> Result<Endpoint, OpenError> {
        self.link.bus().open(name)
    }

    /// Waits for the next event, for `limit` at most; with a limit of 0 it only looks. A link that nobody looks at for
    /// longer than its peer allows seems dead to the peer.
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

    /// Waits for the next message, for `limit` at most, and copies it to the front of `to`: for which endpoint it is, and
    /// how long it was, of which `to` may hold the beginning only. All other events are passed over.
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
            // A peer that makes other events without end does not hold the caller beyond its limit.
            if self.now() >= deadline {
                return Err(WaitError::TimedOut);
            }
        }
    }

    /// Sends to the peer of `endpoint`, and waits for a free buffer where there is none, for `limit` at most. What happens
    /// meanwhile is kept for [`next`](Self::next).
    ///
    /// # Errors
    /// See [`SendError`]; that there is no buffer is [`WaitError::TimedOut`].
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
            // The link lives on meanwhile, until something has happened that the caller must hear first.
            if self.early.is_none() {
                self.early = self.poll(now);
                self.device.wait(Some(deadline.min(self.link.deadline())));
            } else {
                self.device.wait(Some(deadline));
            }
        }
    }

    // Once for all who wait, because it is large where it is inlined.
    #[inline(never)]
    fn poll(&mut self, now: Instant) -> Option<Event> {
        self.link.poll(now)
    }

    /// The end of `limit`.
    // Inlined, so that without a limit nothing is added up.
    #[inline(always)]
    fn until(&self, limit: Duration) -> Result<Instant, WaitError> {
        if sys::amp_rust_in_isr() { Err(WaitError::InIsr) } else { Ok(self.now() + limit) }
    }
}

impl<R: Roles> Drop for Bus<'_, R> {
    fn drop(&mut self) {
        // By the device, which is given back after it.
        self.link.close();
    }
}

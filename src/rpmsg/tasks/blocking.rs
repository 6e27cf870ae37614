// SPDX-License-Identifier: Apache-2.0
//! The blocking variant of the async API, for a thread or a main loop. It waits through the port.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::runner::Turn;
use super::shared::Shared;
use crate::platform::{Port, micros};
use crate::rpmsg::AnyLink;

/// The error returned when a wait's time limit expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time limit has expired; try again, or allow more time")]
pub struct TimedOut;

impl<L: AnyLink> Shared<L> {
    /// Drives the link until `future` is ready, and sleeps through `port` between polls. Discards the link's events,
    /// except messages for endpoints that have a handle.
    ///
    /// # Errors
    /// Returns [`TimedOut`] when `limit` expires. `future` is then dropped, which neither loses nor sends a message.
    pub fn block_on<P: Port, T>(
        &self,
        port: &mut P,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        let end = port.now().plus_micros(micros(limit));
        let mut future = pin!(future);
        loop {
            let now = port.now();
            let turn = self.state.borrow_mut().turn(now);
            if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Ok(result);
            }
            if now >= end {
                return Err(TimedOut);
            }
            match turn {
                Turn::Idle(deadline) if !self.state.borrow().kicked => port.wait(Some(deadline.min(end))),
                _ => (),
            }
        }
    }
}

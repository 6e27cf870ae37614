// SPDX-License-Identifier: Apache-2.0
//! Brings up both sides of a link, in either profile, and binds their endpoints.

use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::openamp::{self, Host, Remote};
use amp_ivshmem::platform::{Doorbell, Instant, PeerId};
use amp_ivshmem::rpmsg::{AnyLink, Endpoint, Link, Settings};

use crate::bench::Bench;

/// Size of a link's memory in bytes. Each link's memory is aligned to this size.
pub const PART: u32 = 256 * 1024;
/// Size of the memory for the large ring, which follows the memory of the other links.
#[cfg(not(target_os = "none"))]
pub const LARGE: u32 = 2 * 1024 * 1024;
/// Ids of peers that do not exist.
const HOST: u16 = 0xfffd;
const REMOTE: u16 = 0xfffe;
/// Heartbeat interval, which is longer than a benchmark run, so that no counted section contains a heartbeat.
pub const HEARTBEAT: core::time::Duration = core::time::Duration::from_secs(3600);

/// Two linked sides. Each has an endpoint that is bound to the endpoint of the other side.
pub struct Sides<A, B> {
    pub a: A,
    pub b: B,
    pub at_a: Endpoint,
    pub at_b: Endpoint,
}

pub type Native<M, D, const E: usize, const N: usize> = Sides<Link<M, D, E, N>, Link<M, D, E, N>>;
pub type OpenAmp<M, D, const E: usize, const N: usize> = Sides<Host<M, D, E, N>, Remote<M, D, E, N>>;

/// An error message. No error is expected.
pub type Wrong = &'static str;

impl<M: SharedMemory, D: Doorbell + Copy, N: Fn() -> Instant, T: FnMut(&str, u32)> Bench<M, D, N, T> {
    /// Returns part number `part` of the memory.
    pub fn part(&self, part: u32) -> Result<M, Wrong> {
        self.memory.part(part * PART, PART).ok_or("the memory is smaller than 1 MiB")
    }

    /// Brings up a native link with `endpoints` endpoints per side.
    #[inline(never)]
    pub fn native<const E: usize, const COUNT: usize>(
        &self,
        memory: M,
        host: Settings,
        remote: Settings,
        endpoints: u32,
    ) -> Result<Native<M, D, E, COUNT>, Wrong> {
        let link = |id, settings| Link::new(memory.clone(), self.doorbell, PeerId(id), settings);
        let a = link(HOST, host).map_err(|_| "the native host cannot be")?;
        let b = link(REMOTE, remote).map_err(|_| "the native remote cannot be")?;
        self.bind(a, b, endpoints)
    }

    /// Brings up a link that uses the `openamp` profile.
    #[inline(never)]
    pub fn openamp<const E: usize, const COUNT: usize>(&self, part: u32) -> Result<OpenAmp<M, D, E, COUNT>, Wrong> {
        let memory = self.part(part)?;
        // The ids are consecutive, as in the C sample.
        let settings = openamp::Settings::dual_qemu_ivshmem(PART).ok_or("the memory is too small for C's layout")?;
        let host =
            Host::new(memory.clone(), self.doorbell, PeerId(HOST), settings).map_err(|_| "C's host cannot be")?;
        let remote =
            Remote::new(memory, self.doorbell, PeerId(REMOTE), settings).map_err(|_| "C's remote cannot be")?;
        self.bind(host, remote, 1)
    }

    /// Opens `endpoints` endpoints per side and polls both sides until the last endpoints are bound.
    fn bind<A: AnyLink, B: AnyLink>(&self, mut a: A, mut b: B, endpoints: u32) -> Result<Sides<A, B>, Wrong> {
        let mut last = None;
        for number in 0..endpoints {
            let digits = [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8);
            let name = core::str::from_utf8(&digits).map_err(|_| "a name of digits is text")?;
            let at_a = a.bus().open(name).map_err(|_| "no endpoint at the host")?;
            let at_b = b.bus().open(name).map_err(|_| "no endpoint at the remote")?;
            last = Some((at_a, at_b));
        }
        let (at_a, at_b) = last.ok_or("no endpoint asked for")?;
        #[cfg(feature = "trace")]
        {
            a.bus().set_trace(&crate::recorder::RECORDER);
            b.bus().set_trace(&crate::recorder::RECORDER);
        }
        for _ in 0..100_000 {
            let now = (self.now)();
            while a.poll(now).is_some() {}
            while b.poll(now).is_some() {}
            if a.bus().peer_of(at_a).is_some() && b.bus().peer_of(at_b).is_some() {
                // Sends all pending announcements before the counted sections begin.
                while a.poll(now).is_some() || b.poll(now).is_some() {}
                return Ok(Sides { a, b, at_a, at_b });
            }
        }
        Err("the two sides did not find together")
    }
}

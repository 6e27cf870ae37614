// SPDX-License-Identifier: Apache-2.0
//! One side: its link, its user, and its current epoch.

use std::time::Duration;

use amp_ivshmem::mem::fake::Hooked;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::{Config, Link, Role, Settings};

use super::view::{Bell, VIEWS, View};
use crate::memory;
use crate::user::{BUFFERS, ENDPOINTS, SIZE, User};

pub type SideLink = Link<Hooked<'static, View>, Bell, ENDPOINTS, BUFFERS>;

pub struct Side {
    which: usize,
    pub user: User<SideLink>,
    /// The epoch that the peer had confirmed when the link came up.
    pub epoch: Option<u32>,
}

fn settings(which: usize, silence: bool) -> Settings {
    let role = if which & 1 == 0 { Role::Host } else { Role::Remote };
    let peer_timeout = silence.then_some(Duration::from_millis(300));
    Settings { buffer_count: BUFFERS as u16, buffer_size: SIZE, peer_timeout, ..Settings::new(role) }
}

fn view(which: usize) -> Hooked<'static, View> {
    Hooked::new(memory::heap().region(), &VIEWS[which])
}

impl Side {
    pub fn new(which: usize, silence: bool) -> Self {
        let link = Link::new(view(which), Bell(which), PeerId(which as u16), settings(which, silence))
            .expect("an honest peer's memory");
        let user = User::new(link, &Config { name: Some("talk"), ..Config::default() });
        Self { which, user, epoch: None }
    }

    /// Closes and reopens the link as a new incarnation. Endpoints stay open. Messages and buffers become void.
    pub fn reopen(&mut self, silence: bool) {
        let link = &mut self.user.link;
        link.close();
        link.open(view(self.which), Bell(self.which), PeerId(self.which as u16), &settings(self.which, silence))
            .expect("an honest peer's memory");
        self.user.told.left();
        self.user.void();
        self.epoch = None;
        self.user.wake = Instant::default();
    }
}

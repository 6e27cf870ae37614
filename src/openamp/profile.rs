// SPDX-License-Identifier: Apache-2.0
//! Policies that match the behaviour of C OpenAMP.

use core::marker::PhantomData;

use crate::mem::SharedMemory;
use crate::rpmsg::Table;
use crate::rpmsg::policy::DescriptorPolicy;
use crate::rpmsg::profile::Profile;
#[cfg(feature = "async")]
use crate::rpmsg::tasks::Mailboxes;
use crate::rpmsg::{DeviceIncoming, DeviceOutgoing, DriverIncoming, DriverOutgoing};
use crate::virtqueue::Flags;

/// The profile of C OpenAMP's host, which is the driver of both queues. It has at most `E` endpoints, and at most `N`
/// buffers in each direction.
#[derive(Debug)]
pub struct HostProfile<M, const E: usize, const N: usize>(PhantomData<M>);

/// The profile of C OpenAMP's remote, which is the device of both queues. It has at most `E` endpoints, and at most `N`
/// buffers in each direction.
#[derive(Debug)]
pub struct RemoteProfile<M, const E: usize, const N: usize>(PhantomData<M>);

/// C OpenAMP's descriptor policy.
#[derive(Debug)]
pub struct Policy;

impl DescriptorPolicy for Policy {
    const REUSE_USED_FIRST: bool = true;
    const FIXED: bool = false;
    type Map<const N: usize> = [u16; N];
    type Suppression = Flags;
    const SUPPRESSION: Flags = Flags;
}

impl<M: SharedMemory, const E: usize, const N: usize> Profile for HostProfile<M, E, N> {
    type Endpoints = Table<E>;
    #[cfg(feature = "async")]
    type Mailboxes = Mailboxes<E, N>;
    type Outgoing = DriverOutgoing<M, N, Policy>;
    type Incoming = DriverIncoming<M, N>;
    const ANNOUNCE_ALL: bool = false;
    const AUTO_RESTART: bool = false;
}

impl<M: SharedMemory, const E: usize, const N: usize> Profile for RemoteProfile<M, E, N> {
    type Endpoints = Table<E>;
    #[cfg(feature = "async")]
    type Mailboxes = Mailboxes<E, N>;
    type Outgoing = DeviceOutgoing<M, N>;
    type Incoming = DeviceIncoming<M, N, Policy>;
    const ANNOUNCE_ALL: bool = false;
    const AUTO_RESTART: bool = true;
}

//! What differs between the two wire profiles, above the rings. Constants only, so that an image pays for one.

use core::fmt::Debug;
use core::marker::PhantomData;

use super::{DeviceIncoming, DeviceOutgoing, DriverIncoming, DriverOutgoing, Incoming, Outgoing};
use crate::mem::SharedMemory;
use crate::virtqueue::{Events, Flags, Suppress};

/// How a driver uses its descriptors.
pub trait DescriptorPolicy: Debug {
    /// Whether buffers that came back are used before those never used.
    const REUSE_USED_FIRST: bool;
    /// Whether descriptor `n` is buffer `n` once and for all: written before the queue is used, never again, and not looked
    /// at by the device.
    const FIXED: bool;
    /// Which buffer each taken descriptor named, where that is not fixed.
    type Map<const N: usize>: DescriptorMap;
    /// How notifications are asked for.
    type Suppression: Suppress;
    /// That.
    const SUPPRESSION: Self::Suppression;
}

/// Which buffer each taken descriptor named.
pub trait DescriptorMap: Debug {
    /// Before any was taken.
    const NEW: Self;

    /// Descriptor `id` named `slot`.
    fn set(&mut self, id: u16, slot: u16);

    /// What `id` named last.
    fn slot(&self, id: u16) -> u16;
}

/// Descriptor `n` is buffer `n`.
impl DescriptorMap for () {
    const NEW: Self = ();

    #[inline(always)]
    fn set(&mut self, _: u16, _: u16) {}

    #[inline(always)]
    fn slot(&self, id: u16) -> u16 {
        id
    }
}

impl<const N: usize> DescriptorMap for [u16; N] {
    const NEW: Self = [0; N];

    #[inline(always)]
    fn set(&mut self, id: u16, slot: u16) {
        if let Some(note) = self.get_mut(usize::from(id)) {
            *note = slot;
        }
    }

    #[inline(always)]
    fn slot(&self, id: u16) -> u16 {
        self.get(usize::from(id)).copied().unwrap_or_default()
    }
}

/// Which ends a bus sends and receives by, and what its name service does.
pub trait Profile: Debug {
    /// The sending end.
    type Outgoing: Outgoing + Debug;
    /// The receiving end.
    type Incoming: Incoming + Debug;
    /// Whether every named endpoint is announced, and announced again to a peer that has just bound to it; otherwise only
    /// one whose peer is not known, and a binding is confirmed by an empty message.
    const ANNOUNCE_ALL: bool;
    /// Whether a link of this profile begins anew where its indices do not stand. Until then it announces nothing.
    const AUTO_RESTART: bool;
}

/// The native profile: the sender is the driver.
#[derive(Debug)]
pub struct Native<M, const N: usize>(PhantomData<M>);

/// C OpenAMP's host: the driver of both queues.
#[derive(Debug)]
pub struct OpenAmpHost<M, const N: usize>(PhantomData<M>);

/// C OpenAMP's remote: the device of both queues.
#[derive(Debug)]
pub struct OpenAmpRemote<M, const N: usize>(PhantomData<M>);

/// Descriptors as the native profile has them.
#[derive(Debug)]
pub struct NativePolicy;

/// Descriptors as C OpenAMP writes them.
#[derive(Debug)]
pub struct OpenAmpPolicy;

impl DescriptorPolicy for NativePolicy {
    const REUSE_USED_FIRST: bool = false;
    const FIXED: bool = true;
    type Map<const N: usize> = ();
    type Suppression = Events;
    const SUPPRESSION: Events = Events;
}

impl DescriptorPolicy for OpenAmpPolicy {
    const REUSE_USED_FIRST: bool = true;
    const FIXED: bool = false;
    type Map<const N: usize> = [u16; N];
    type Suppression = Flags;
    const SUPPRESSION: Flags = Flags;
}

impl<M: SharedMemory, const N: usize> Profile for Native<M, N> {
    type Outgoing = DriverOutgoing<M, N, NativePolicy>;
    type Incoming = DeviceIncoming<M, N, NativePolicy>;
    const ANNOUNCE_ALL: bool = true;
    const AUTO_RESTART: bool = true;
}

impl<M: SharedMemory, const N: usize> Profile for OpenAmpHost<M, N> {
    type Outgoing = DriverOutgoing<M, N, OpenAmpPolicy>;
    type Incoming = DriverIncoming<M, N>;
    const ANNOUNCE_ALL: bool = false;
    const AUTO_RESTART: bool = false;
}

impl<M: SharedMemory, const N: usize> Profile for OpenAmpRemote<M, N> {
    type Outgoing = DeviceOutgoing<M, N>;
    type Incoming = DeviceIncoming<M, N, OpenAmpPolicy>;
    const ANNOUNCE_ALL: bool = false;
    const AUTO_RESTART: bool = true;
}

//! `virtio-drivers`' queue with memory from this process' heap, and its rings' bytes to look at and to write. Knows nothing of
//! this module's device.
#![allow(unsafe_code, reason = "virtio-drivers leaves it to its user to keep buffers alive and to bring memory")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ptr::NonNull;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Error, Hal, PAGE_SIZE, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Descriptors of the queue.
pub const SIZE: u16 = 8;
/// Bytes that the driver writes: descriptors, then the available ring.
pub const DRIVERS: usize = SIZE as usize * 16 + 6 + SIZE as usize * 2;
/// Bytes that the device writes: the used ring.
pub const DEVICES: usize = 6 + SIZE as usize * 8;

/// Memory whose address is the same for driver and device.
#[derive(Debug)]
struct HeapHal;

fn pages_layout(pages: usize) -> Layout {
    Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap()
}

// SAFETY: each allocation is fresh, zeroed, of whole pages and aligned to one; the rest takes no memory.
unsafe impl Hal for HeapHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let layout = pages_layout(pages);
        assert!(layout.size() > 0);
        // SAFETY: not of size 0.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        (start.as_ptr().expose_provenance() as PhysAddr, start)
    }

    unsafe fn dma_dealloc(_: PhysAddr, start: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: the caller's promise: from `dma_alloc`, with as many pages.
        unsafe { dealloc(start.as_ptr(), pages_layout(pages)) };
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        panic!("no registers here")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr().addr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// A transport that only hears where the queue is; the device is called by the test.
#[derive(Debug, Default)]
struct Places {
    driver: PhysAddr,
    used: PhysAddr,
}

impl Transport for Places {
    fn device_type(&self) -> DeviceType {
        DeviceType::Rpmsg
    }

    fn read_device_features(&mut self) -> u64 {
        0
    }

    fn write_driver_features(&mut self, _: u64) {}

    fn max_queue_size(&mut self, _: u16) -> u32 {
        SIZE.into()
    }

    fn notify(&mut self, _: u16) {}

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::DRIVER_OK
    }

    fn set_status(&mut self, _: DeviceStatus) {}

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(&mut self, _: u16, size: u32, descriptors: PhysAddr, available: PhysAddr, used: PhysAddr) {
        assert_eq!(size, SIZE.into());
        assert_eq!(available, descriptors + 16 * PhysAddr::from(SIZE), "one behind the other");
        (self.driver, self.used) = (descriptors, used);
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, _: u16) -> bool {
        false
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::empty()
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, _: usize) -> Result<T> {
        Err(Error::ConfigSpaceMissing)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        Err(Error::ConfigSpaceMissing)
    }
}

/// The driver's queue, and the buffers that it has lent.
#[derive(Debug)]
pub struct Rings {
    queue: VirtQueue<HeapHal, { SIZE as usize }>,
    places: Places,
    /// By token; whether the device may write it.
    lent: HashMap<u16, (Vec<u8>, bool)>,
    /// Those of a chain, which never comes back.
    chained: [Vec<u8>; 2],
}

impl Rings {
    /// An empty queue.
    pub fn new(events: bool) -> Self {
        let mut places = Places::default();
        let queue = VirtQueue::new(&mut places, 0, false, events).unwrap();
        Self { queue, places, lent: HashMap::new(), chained: [vec![0; 1], vec![0; 1]] }
    }

    /// Adds a buffer: its descriptor and address; none where the queue is full.
    pub fn add(&mut self, length: usize, write: bool) -> Option<(u16, u64)> {
        let mut buffer = vec![0; length];
        let address = buffer.as_ptr().addr() as u64;
        let added = if write {
            // SAFETY: the buffer is kept in `lent`, untouched, until it is popped.
            unsafe { self.queue.add(&[], &mut [&mut buffer]) }
        } else {
            // SAFETY: likewise.
            unsafe { self.queue.add(&[&buffer], &mut []) }
        };
        match added {
            Ok(token) => {
                assert!(self.lent.insert(token, (buffer, write)).is_none(), "token {token} is lent already");
                Some((token, address))
            }
            Err(Error::QueueFull) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Adds two buffers in a chain.
    pub fn add_chain(&mut self) {
        let [first, second] = &self.chained;
        // SAFETY: both live as long as the queue, and nobody touches them.
        unsafe { self.queue.add(&[first, second], &mut []) }.unwrap();
    }

    /// Pops the next buffer that came back: its descriptor, and the length that the device said.
    pub fn pop(&mut self) -> Option<(u16, u32)> {
        let token = self.queue.peek_used()?;
        let (mut buffer, write) = self.lent.remove(&token).unwrap();
        let length = if write {
            // SAFETY: the buffer that was added as this token.
            unsafe { self.queue.pop_used(token, &[], &mut [&mut buffer]) }
        } else {
            // SAFETY: likewise.
            unsafe { self.queue.pop_used(token, &[&buffer], &mut []) }
        };
        Some((token, length.unwrap()))
    }

    /// Whether the driver would notify the device now.
    pub fn must_notify(&self) -> bool {
        self.queue.should_notify()
    }

    /// Whether the device is to notify the driver; by flags.
    pub fn want_interrupts(&mut self, wanted: bool) {
        self.queue.set_dev_notify(wanted);
    }

    /// What the driver has written.
    pub fn read_driver_area(&self) -> [u8; DRIVERS] {
        let start = std::ptr::with_exposed_provenance::<[u8; DRIVERS]>(self.places.driver as usize);
        // SAFETY: from `dma_alloc`, for as long as the queue lives, and the queue is not at work.
        unsafe { start.read() }
    }

    /// Writes the device's ring.
    pub fn write_used(&mut self, bytes: &[u8; DEVICES]) {
        let start = std::ptr::with_exposed_provenance_mut::<[u8; DEVICES]>(self.places.used as usize);
        // SAFETY: as above.
        unsafe { start.write(*bytes) };
    }
}

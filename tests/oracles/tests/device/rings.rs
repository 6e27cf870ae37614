// SPDX-License-Identifier: Apache-2.0
//! A queue of `virtio-drivers` in heap memory, with access to the raw bytes of its rings. This file does not depend on
//! this module's device.
#![allow(unsafe_code, reason = "virtio-drivers leaves it to its user to keep buffers alive and to bring memory")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ptr::{NonNull, with_exposed_provenance, with_exposed_provenance_mut};

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Error, Hal, PAGE_SIZE, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Number of descriptors in the queue.
pub const SIZE: u16 = 8;
/// Size of the area that the driver writes: the descriptors and the available ring.
pub const DRIVERS: usize = SIZE as usize * 16 + 6 + SIZE as usize * 2;
/// Size of the area that the device writes: the used ring.
pub const DEVICES: usize = 6 + SIZE as usize * 8;

/// Allocates DMA memory on the heap. The memory has the same address for the driver and the device.
#[derive(Debug)]
struct HeapHal;

fn pages_layout(pages: usize) -> Layout {
    Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap()
}

// SAFETY: each allocation is new, zeroed and page-aligned, and consists of whole pages. The other functions do not
// allocate.
unsafe impl Hal for HeapHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let layout = pages_layout(pages);
        assert!(layout.size() > 0);
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        (start.as_ptr().expose_provenance() as PhysAddr, start)
    }

    unsafe fn dma_dealloc(_: PhysAddr, start: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: the caller guarantees that the memory comes from `dma_alloc` with the same number of pages.
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

/// A transport that only records the queue's addresses. The test itself acts as the device.
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

/// The elements of one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elements {
    /// Elements that the device reads.
    pub readable: Vec<Vec<u8>>,
    /// Elements that the device writes.
    pub writable: Vec<Vec<u8>>,
}

/// The driver's queue, and the buffers that the driver has added.
#[derive(Debug)]
pub struct Rings {
    queue: VirtQueue<HeapHal, { SIZE as usize }>,
    places: Places,
    /// Buffers keyed by token.
    lent: HashMap<u16, Elements>,
}

impl Rings {
    /// Creates an empty queue.
    pub fn new(events: bool, indirect: bool) -> Self {
        let mut places = Places::default();
        let queue = VirtQueue::new(&mut places, 0, indirect, events).unwrap();
        Self { queue, places, lent: HashMap::new() }
    }

    /// Adds a buffer with a single element. Returns the descriptor and the element's address, or `None` if the queue is
    /// full.
    pub fn add(&mut self, length: usize, write: bool) -> Option<(u16, u64)> {
        let (element, mut elements) = (vec![0; length], Elements::default());
        if write { &mut elements.writable } else { &mut elements.readable }.push(element);
        self.add_chain(elements).map(|(token, addresses)| (token, addresses[0]))
    }

    /// Adds a buffer. Returns the first descriptor and the elements' addresses, or `None` if the queue is full.
    pub fn add_chain(&mut self, mut elements: Elements) -> Option<(u16, Vec<u64>)> {
        let addresses = elements.readable.iter().chain(&elements.writable);
        let addresses = addresses.map(|element| element.as_ptr().expose_provenance() as u64).collect();
        let Elements { readable, writable } = &mut elements;
        let readable: Vec<&[u8]> = readable.iter().map(Vec::as_slice).collect();
        let mut writable: Vec<&mut [u8]> = writable.iter_mut().map(Vec::as_mut_slice).collect();
        // SAFETY: the elements stay alive in `lent`, and only `write` accesses them before they are popped.
        match unsafe { self.queue.add(&readable, &mut writable) } {
            Ok(token) => {
                assert!(self.lent.insert(token, elements).is_none(), "token {token} is lent already");
                Some((token, addresses))
            }
            Err(Error::QueueFull) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Writes to an element of an added buffer, as the device would.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        let start = with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: the element is in `lent`, is as long as `bytes`, and nothing else accesses it.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Reads the indirect table of an added buffer.
    pub fn read_table(&self, address: u64, length: usize) -> Vec<u8> {
        let start = with_exposed_provenance::<u8>(address as usize);
        // SAFETY: the driver keeps the table alive and unchanged until the buffer is popped.
        unsafe { std::slice::from_raw_parts(start, length) }.to_vec()
    }

    /// Pops the next used buffer, which has a single element. Returns the descriptor, and the length that the device
    /// has reported.
    pub fn pop(&mut self) -> Option<(u16, u32)> {
        self.pop_chain().map(|(token, length, _)| (token, length))
    }

    /// Pops the next used buffer. Returns the first descriptor, the length that the device has reported, and the
    /// elements.
    pub fn pop_chain(&mut self) -> Option<(u16, u32, Elements)> {
        let token = self.queue.peek_used()?;
        let mut elements = self.lent.remove(&token).unwrap();
        let Elements { readable, writable } = &mut elements;
        let readable: Vec<&[u8]> = readable.iter().map(Vec::as_slice).collect();
        let mut writable: Vec<&mut [u8]> = writable.iter_mut().map(Vec::as_mut_slice).collect();
        // SAFETY: these elements were added with this token.
        let length = unsafe { self.queue.pop_used(token, &readable, &mut writable) };
        Some((token, length.unwrap(), elements))
    }

    /// Returns true if the driver would notify the device now.
    pub fn must_notify(&self) -> bool {
        self.queue.should_notify()
    }

    /// Sets the flag that tells the device whether to notify the driver.
    pub fn want_interrupts(&mut self, wanted: bool) {
        self.queue.set_dev_notify(wanted);
    }

    /// Returns the area that the driver writes.
    pub fn read_driver_area(&self) -> [u8; DRIVERS] {
        let start = with_exposed_provenance::<[u8; DRIVERS]>(self.places.driver as usize);
        // SAFETY: the memory comes from `dma_alloc` and lives as long as the queue. Nothing else accesses it meanwhile.
        unsafe { start.read() }
    }

    /// Writes the used ring.
    pub fn write_used(&mut self, bytes: &[u8; DEVICES]) {
        let start = with_exposed_provenance_mut::<[u8; DEVICES]>(self.places.used as usize);
        // SAFETY: the memory comes from `dma_alloc` and lives as long as the queue. Nothing else accesses it meanwhile.
        unsafe { start.write(*bytes) };
    }
}

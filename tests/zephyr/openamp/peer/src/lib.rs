// SPDX-License-Identifier: Apache-2.0
//! This module's side of the test against C OpenAMP, under Zephyr: the traffic is the crate `amp-ivshmem-test-openamp`.
#![no_std]

use core::fmt::Write;
use core::time::Duration;

use amp_ivshmem_test_openamp::{Exchange, rendezvous};
use amp_ivshmem_zephyr_rust::amp_ivshmem::link::openamp::{self, Settings};
use amp_ivshmem_zephyr_rust::amp_ivshmem::link::{AnyLink, Role};
use amp_ivshmem_zephyr_rust::amp_ivshmem::mem::{Region, SharedMemory};
use amp_ivshmem_zephyr_rust::amp_ivshmem::platform::Port;
use amp_ivshmem_zephyr_rust::{Bell, Console, Ivshmem, sizes};

const ROLE: Role = if cfg!(CONFIG_TEST_HOST) { Role::Host } else { Role::Remote };

type Doorbell = rendezvous::Doorbell<Region<'static>, Bell>;

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    if let Err(error) = play() {
        let _ = writeln!(Console, "error: {error}");
    }
}

fn play() -> Result<(), &'static str> {
    let mut device =
        Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD).map_err(|_| "no device: see the driver's lines")?;
    let memory = device.memory();
    let doorbell = Doorbell::new(&memory, device.doorbell(), device.id()).map_err(|_| "a memory that is too small")?;
    let peer = Settings::neighbour(ROLE, device.id());
    let mut settings = Settings::dual_qemu_ivshmem(memory.len(), peer).ok_or("a memory that is too small")?;
    if ROLE == Role::Remote {
        let mut link = openamp::Remote::<_, _, { sizes::ENDPOINTS }, 16>::new(memory, doorbell, settings)
            .map_err(|_| "a layout that does not fit")?;
        return exchange(&mut device, &mut link);
    }
    loop {
        // A remote that an earlier start of this side left sees that it must begin anew.
        openamp::reset(&memory, &settings.layout).map_err(|_| "a layout that does not fit")?;
        pause(&mut device, Duration::from_millis(500));
        // C's remote takes the addresses in descriptors for its own.
        let _ = writeln!(Console, "waiting for where C has the memory");
        settings.address = loop {
            match doorbell.address() {
                Some(address) => break Some(address),
                None => pause(&mut device, Duration::from_millis(10)),
            }
        };
        let mut link = openamp::Host::<_, _, { sizes::ENDPOINTS }, 16>::new(memory, doorbell.clone(), &settings)
            .map_err(|_| "a layout that does not fit")?;
        exchange(&mut device, &mut link)?;
    }
}

/// Talks until the link is of no use any more.
fn exchange<L: AnyLink<{ sizes::ENDPOINTS }>>(device: &mut Ivshmem, link: &mut L) -> Result<(), &'static str> {
    let mut exchange = Exchange::new(ROLE, link).map_err(|_| "too few endpoints in Kconfig")?;
    while exchange.step(link, device.now(), &mut Console).is_ok() {
        device.wait(Some(exchange.deadline(link)));
    }
    Ok(())
}

fn pause(device: &mut Ivshmem, time: Duration) {
    let end = device.now() + time;
    while device.now() < end {
        device.wait(Some(end));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! This module's side of the test against C OpenAMP, as a Zephyr application. The `amp-ivshmem-test-openamp` crate
//! contains the traffic.
#![no_std]

use core::fmt::Write;
use core::time::Duration;

use amp_ivshmem_test_openamp::layouts::{self, DESCRIPTORS};
use amp_ivshmem_test_openamp::{ENDPOINTS, Exchange, Plan, rendezvous};
use amp_ivshmem_zephyr_rust::amp_ivshmem::mem::{Region, SharedMemory};
use amp_ivshmem_zephyr_rust::amp_ivshmem::openamp::{self, Layout, Settings};
use amp_ivshmem_zephyr_rust::amp_ivshmem::platform::{Port, Vector};
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::{AnyLink, Role};
use amp_ivshmem_zephyr_rust::{Bell, Console, Ivshmem};

const ROLE: Role = if cfg!(CONFIG_TEST_HOST) { Role::Host } else { Role::Remote };
const LAYOUTS: bool = cfg!(CONFIG_TEST_LAYOUTS);
/// Delay before the link is polled or set up again.
const SOON: Duration = Duration::from_millis(10);

type Doorbell = rendezvous::Doorbell<Region<'static>, Bell>;

/// This side of the test in one layout. The doorbell also reports when both sides have finished the layout.
struct Stage {
    device: Ivshmem,
    doorbell: Doorbell,
    number: u32,
}

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
    if ROLE == Role::Host {
        // Reset the host's status. A remote that was connected to an earlier run of this side then starts again.
        let layout = Layout::dual_qemu_ivshmem(memory.len()).ok_or("a memory that is too small")?;
        openamp::reset(&memory, &layout).map_err(|_| "a layout that does not fit")?;
        pause(&mut device, Duration::from_millis(500));
    }
    let mut stage = Stage { device, doorbell, number: 0 };
    if !LAYOUTS {
        return stage.play(Plan::LONG);
    }
    while stage.number < layouts::COUNT {
        stage.play(layouts::plan(stage.number))?;
        stage.number += 1;
    }
    let _ = writeln!(Console, "all layouts");
    Ok(())
}

impl Stage {
    fn play(&mut self, plan: Plan) -> Result<(), &'static str> {
        if ROLE == Role::Host {
            while !self.host(plan)? {
                pause(&mut self.device, Duration::from_millis(500));
            }
            // The host's link has reset the status, so the C side can continue.
            self.doorbell.through(self.number);
            return Ok(());
        }
        let memory = self.device.memory();
        let layout = match layouts::layout(self.number, memory.len()) {
            Some(layout) => layout,
            None => {
                layouts::publish(&memory).map_err(|_| "a memory that is too small")?;
                let vdev = layouts::published(&memory).map_err(|_| "a table that is not what was published")?;
                layouts::tabled(&vdev).map_err(|_| "a table whose vrings are not in the memory")?
            }
        };
        let settings = self.settings(layout, None);
        let mut link = openamp::Remote::<_, _, ENDPOINTS, DESCRIPTORS>::new(
            memory,
            self.doorbell.clone(),
            self.device.id(),
            settings,
        )
        .map_err(|_| "a layout that does not fit")?;
        self.exchange(plan, &mut link)?;
        Ok(())
    }

    /// Runs one link as the host. Returns true if the layout is finished.
    fn host(&mut self, plan: Plan) -> Result<bool, &'static str> {
        let memory = self.device.memory();
        // A C remote uses the addresses in descriptors directly as pointers.
        let _ = writeln!(Console, "waiting for where C has the memory");
        let address = loop {
            match self.doorbell.address(self.number) {
                Some(address) => break address,
                None => pause(&mut self.device, SOON),
            }
        };
        let layout = match layouts::layout(self.number, memory.len()) {
            Some(layout) => layout,
            None => {
                let vdev = layouts::published(&memory).map_err(|_| "no table of C's")?;
                let vdev = layouts::accept(&memory, vdev).map_err(|_| "a memory that is too small")?;
                layouts::tabled(&vdev).map_err(|_| "a table whose vrings are not in the memory")?
            }
        };
        let settings = self.settings(layout, Some(address));
        let mut link = openamp::Host::<_, _, ENDPOINTS, DESCRIPTORS>::new(
            memory,
            self.doorbell.clone(),
            self.device.id(),
            settings,
        )
        .map_err(|_| "a layout that does not fit")?;
        self.exchange(plan, &mut link)
    }

    fn settings(&self, layout: Layout, address: Option<u64>) -> Settings {
        Settings { layout, peer: None, vector: Vector(0), address }
    }

    /// Runs the traffic until both sides have finished a layout or the link is unusable. Returns true if both sides
    /// have finished the layout.
    fn exchange<L: AnyLink>(&mut self, plan: Plan, link: &mut L) -> Result<bool, &'static str> {
        let mut exchange = Exchange::new(ROLE, plan, link).map_err(|_| "too few endpoints")?;
        let mut said = false;
        while exchange.step(link, self.device.now(), &mut Console).is_ok() {
            let soon = self.device.now() + SOON;
            if exchange.is_finished() && LAYOUTS {
                if !said && let Ok(vdev) = layouts::published(&self.device.memory()) {
                    let (status, features) = (vdev.status, vdev.guest_features);
                    let _ = writeln!(Console, "resource table: status={status} features={features}");
                }
                // The remote reports first. The host reports only after it has reset its status.
                if !said && ROLE == Role::Remote {
                    self.doorbell.through(self.number);
                }
                said = true;
                if self.doorbell.is_through(self.number) {
                    return Ok(true);
                }
            }
            self.device.wait(Some(exchange.deadline(link).min(soon)));
        }
        Ok(false)
    }
}

fn pause(device: &mut Ivshmem, time: Duration) {
    let end = device.now() + time;
    while device.now() < end {
        device.wait(Some(end));
    }
}

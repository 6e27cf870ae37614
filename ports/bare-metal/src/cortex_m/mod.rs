// SPDX-License-Identifier: Apache-2.0
//! Cortex-M3 on QEMU's `lm3s6965evb`: start-up, and the machine as a [`Port`].
//!
//! This code runs only in QEMU, because real chips do not have an `ivshmem-flat`. It does not set up clock gates and
//! pin functions, because QEMU does not need them. To keep images small, the port does not use `core::fmt` for numbers,
//! and its messages are short.

mod alarm;
mod clock;
mod console;
mod map;
mod memory;
mod park;
mod vectors;

use core::sync::atomic::Ordering;

use amp_ivshmem::ivshmem::flat;
use amp_ivshmem::ivshmem::{Device, Registers};
use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Instant, PeerId, Port};
use safe_mmio::UniqueMmioPointer;

use self::alarm::Alarm;
pub use self::console::Console;
use self::map::{PLACE, address};
pub use self::park::{panicked, park};
use crate::self_test::{Sleep, doorbell_loopback_test};

const NO_DEVICE: &str = "no ivshmem-flat here: start the server, then QEMU with the preload object, as `amp` does";

/// QEMU's `lm3s6965evb` with an `ivshmem-flat`, as one side of a link.
///
/// The registers are at 0x400F_F000, 1 MiB of shared memory is at 0x6000_0000, and the interrupt is NVIC input 40.
pub struct Machine {
    device: &'static Device<'static>,
    memory: Region<'static>,
    alarm: Alarm,
}

impl Machine {
    /// Finds the device and enables its interrupt. On failure, returns the reason.
    ///
    /// # Safety
    /// Must be called only once, on QEMU's `lm3s6965evb`.
    unsafe fn start(place: &'static mut Option<Device<'static>>) -> Result<Self, &'static str> {
        // SAFETY: the registers are at this address, and nothing else accesses them. If the device is missing, reads
        // return 0 and writes are ignored.
        let registers = unsafe { UniqueMmioPointer::new(address::<Registers>(PLACE.registers)) };
        let device = place.insert(flat::device(registers).map_err(|_| NO_DEVICE)?);
        // SAFETY: the memory is at this address, which is 8-byte aligned, and Normal memory in the default map. If the
        // device is missing, reads return 0 and writes are ignored. The linker does not place anything there.
        let memory = unsafe { Region::new(address(PLACE.memory), PLACE.size) };

        // SAFETY: this function is called only once, so `clock::start` is called only once, too.
        unsafe { clock::start() };
        // SAFETY: for the same reason, `Alarm::new` is called only once.
        let alarm = unsafe { Alarm::new() };
        vectors::enable_doorbell();
        let mut machine = Self { device, memory, alarm };
        // Only this test can tell a device with id 0 from a missing device. On this machine, accesses to a missing
        // device do not fault.
        if doorbell_loopback_test(&mut machine) { Ok(machine) } else { Err(NO_DEVICE) }
    }
}

impl Sleep for Machine {
    fn sleep(&mut self, deadline: Option<Instant>) -> bool {
        let rung = loop {
            // Interrupts are masked from the check until `wfi`, so that no doorbell is missed between the two. `wfi`
            // also returns for a masked interrupt. The interrupt handler runs after this closure.
            let over = ::cortex_m::interrupt::free(|_| {
                if vectors::RUNG.load(Ordering::Relaxed) {
                    vectors::RUNG.store(false, Ordering::Relaxed);
                    return Some(true);
                }
                if let Some(deadline) = deadline {
                    let now = clock::now();
                    if now >= deadline {
                        return Some(false);
                    }
                    self.alarm.set(deadline.micros_since(now));
                }
                ::cortex_m::asm::dsb();
                ::cortex_m::asm::wfi();
                None
            });
            if let Some(rung) = over {
                break rung;
            }
        };
        if deadline.is_some() {
            self.alarm.silence();
        }
        rung
    }
}

impl Port for Machine {
    type Memory = Region<'static>;
    type Doorbell = &'static Device<'static>;

    fn memory(&self) -> Self::Memory {
        self.memory
    }

    fn doorbell(&self) -> Self::Doorbell {
        self.device
    }

    fn id(&self) -> PeerId {
        self.device.id()
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn wait(&mut self, deadline: Option<Instant>) {
        self.sleep(deadline);
    }
}

unsafe extern "Rust" {
    /// Calls the main function that was passed to [`image!`](crate::image). Only `image!` defines this function, with
    /// this signature.
    fn __amp_main(machine: Machine, console: Console) -> !;
}

/// Starts the machine and calls main. `cortex-m-rt` calls this after it has set up the memory.
#[cortex_m_rt::entry]
fn start() -> ! {
    // `entry` turns this into a `&'static mut`, because this function runs only once.
    static mut DEVICE: Option<Device<'static>> = None;
    // SAFETY: this runs once, and no other console exists.
    let console = unsafe { Console::new() };
    // SAFETY: this runs once.
    match unsafe { Machine::start(DEVICE) } {
        // SAFETY: this runs once.
        Ok(machine) => unsafe { __amp_main(machine, console) },
        Err(why) => park::stop(console, why),
    }
}

// SPDX-License-Identifier: Apache-2.0
//! AArch64 on QEMU's `virt`: start-up, and the machine as a [`Port`].

mod clock;
mod console;
mod ecam;
mod error;
mod interrupts;
mod map;
mod park;

use core::fmt::Write;
use core::sync::atomic::{Ordering, fence};

use aarch64_rt::entry;
use amp_ivshmem::ivshmem::pci::{self, MsixEntry, PciDevice, PciError};
use amp_ivshmem::ivshmem::{Device, Registers};
use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Instant, PeerId, Port};
use safe_mmio::UniqueMmioPointer;
use static_cell::StaticCell;

use self::clock::Clock;
pub use self::console::Console;
use self::ecam::Ecam;
use self::error::{MIN_MEMORY, StartError};
use self::interrupts::Interrupts;
pub use self::park::{panicked, park};
use crate::self_test::{Sleep, doorbell_loopback_test};

static DEVICE: StaticCell<Device<'static>> = StaticCell::new();

/// QEMU's `virt` with its first PCI `ivshmem-doorbell`, which is one side of a link.
///
/// Interrupts always stay masked in the core, and [`wait`](Port::wait) takes them from the interrupt controller. So no
/// handler interrupts main, and a doorbell stays pending until `wait` looks for it.
pub struct Machine {
    device: &'static Device<'static>,
    memory: Region<'static>,
    interrupts: Interrupts,
    clock: Clock,
}

impl Machine {
    /// Finds the device, places its BARs, and enables its interrupt.
    ///
    /// # Safety
    /// Called once, while the map of [`map`] is in force, on QEMU's `virt`.
    unsafe fn start() -> Result<Self, StartError> {
        match park::exception_level() {
            1 => {}
            other => return Err(StartError::NotEl1(other)),
        }
        let clock = Clock::new().ok_or(StartError::NoFrequency)?;
        // SAFETY: this function is called only once, and so is `Interrupts::new`.
        let interrupts = unsafe { Interrupts::new() }?;
        // SAFETY: likewise.
        let mut config = unsafe { Ecam::new() };

        let found = pci::find(&mut config, ecam::BUSES).next().ok_or(PciError::NoDevice)?;
        let PciDevice { registers, memory, msix } = found.attach(&mut config, &mut map::pci_windows())?;
        let msix = msix.ok_or(PciError::NoMsix)?;
        let memory_size =
            u32::try_from(memory.size).map_err(|_| PciError::WindowTooSmall { bar: 2, size: memory.size })?;
        if memory.size < MIN_MEMORY {
            return Err(StartError::MemoryTooSmall(memory.size));
        }

        // SAFETY: `attach` has placed BAR0 in the narrow window, which is mapped at its own address, as Device memory;
        // nobody else uses it.
        let registers = unsafe { UniqueMmioPointer::new(map::narrow::<Registers>(registers.address)) };
        let device = DEVICE.init(Device::new(registers, msix.vectors)?);
        // SAFETY: `attach` has placed BAR2 in the wide window. The map has that window as Normal, write-back memory for
        // the whole run, and the linker puts nothing there. A BAR lies at a multiple of its size, and therefore of 8.
        let memory = unsafe { Region::new(map::wide(memory.address), memory_size) };

        // SAFETY: `attach` has checked that the table is in BAR1, and has placed BAR1 in the narrow window.
        let entry = unsafe { UniqueMmioPointer::new(map::narrow::<MsixEntry>(msix.table)) };
        let (address, data) = interrupts.doorbell_message();
        MsixEntry::route(entry, address, data);
        msix.enable(&mut config);
        let mut machine = Self { device, memory, interrupts, clock };
        if doorbell_loopback_test(&mut machine) { Ok(machine) } else { Err(StartError::NoLoopback) }
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
        self.clock.now()
    }

    fn wait(&mut self, deadline: Option<Instant>) {
        self.sleep(deadline);
    }
}

impl Sleep for Machine {
    fn sleep(&mut self, deadline: Option<Instant>) -> bool {
        loop {
            let rung = self.interrupts.take_doorbell();
            // Orders the poll's loads after the access to the interrupt controller. An exception would do so, but none
            // is taken.
            fence(Ordering::Acquire);
            if rung || deadline.is_some_and(|deadline| self.now() >= deadline) {
                return rung;
            }
            if let Some(deadline) = deadline {
                self.clock.alarm(deadline);
            }
            // A doorbell that rings from here on is pending in the interrupt controller, so this call returns at once.
            clock::sleep();
            self.clock.silence();
        }
    }
}

// 32 KiB of stack. A link's state and the formatting of a line need a small part of it.
entry!(start, 8);

unsafe extern "Rust" {
    /// Calls the main function that was passed to [`image!`](crate::image). Only `image!` defines it, with this type.
    fn __amp_main(machine: Machine, console: Console) -> !;
}

/// Starts the machine and calls main. `aarch64-rt` calls this once the map is in force and the stack is ready.
fn start(_: u64, _: u64, _: u64, _: u64) -> ! {
    // SAFETY: this runs once, on the only core, with the map in force; nobody else has a console yet.
    let mut console = unsafe { Console::new() };
    // SAFETY: likewise.
    match unsafe { Machine::start() } {
        // SAFETY: likewise.
        Ok(machine) => unsafe { __amp_main(machine, console) },
        Err(error) => {
            // The console never fails.
            let _ = writeln!(console, "amp: {error}");
            park()
        }
    }
}

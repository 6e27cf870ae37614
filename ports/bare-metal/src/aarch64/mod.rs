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

/// QEMU's `virt` with its first PCI `ivshmem-doorbell`, as one side of a link.
///
/// Interrupts always stay masked in the core, and [`wait`](Port::wait) reads them from the interrupt controller. Main
/// is therefore never interrupted, and a doorbell stays pending until `wait` acknowledges it.
pub struct Machine {
    device: &'static Device<'static>,
    memory: Region<'static>,
    interrupts: Interrupts,
    clock: Clock,
}

impl Machine {
    /// Finds the device, assigns its BARs, and enables its interrupt.
    ///
    /// # Safety
    /// Must be called only once, on QEMU's `virt`, while the memory map of [`map`] is active.
    unsafe fn start() -> Result<Self, StartError> {
        match park::exception_level() {
            1 => {}
            other => return Err(StartError::NotEl1(other)),
        }
        let clock = Clock::new().ok_or(StartError::NoFrequency)?;
        // SAFETY: this function is called only once, so `Interrupts::new` is called only once, too.
        let interrupts = unsafe { Interrupts::new() }?;
        // SAFETY: for the same reason, `Ecam::new` is called only once.
        let mut config = unsafe { Ecam::new() };

        let found = pci::find(&mut config, ecam::BUSES).next().ok_or(PciError::NoDevice)?;
        let PciDevice { registers, memory, msix } = found.attach(&mut config, &mut map::pci_windows())?;
        let msix = msix.ok_or(PciError::NoMsix)?;
        let memory_size =
            u32::try_from(memory.size).map_err(|_| PciError::WindowTooSmall { bar: 2, size: memory.size })?;
        if memory.size < MIN_MEMORY {
            return Err(StartError::MemoryTooSmall(memory.size));
        }

        // SAFETY: `attach` has placed BAR0 in the 32-bit window, which is identity-mapped as Device memory. Nothing
        // else accesses BAR0.
        let registers = unsafe { UniqueMmioPointer::new(map::narrow::<Registers>(registers.address)) };
        let device = DEVICE.init(Device::new(registers, msix.vectors)?);
        // SAFETY: `attach` has placed BAR2 in the 64-bit window, which stays mapped as Normal, write-back memory. The
        // linker does not place anything there. A BAR is aligned to its size, so it is 8-byte aligned.
        let memory = unsafe { Region::new(map::wide(memory.address), memory_size) };

        // SAFETY: `attach` has checked that the table is in BAR1, and has placed BAR1 in the 32-bit window.
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
            // Orders later loads of shared memory after the access to the interrupt controller. Taking an exception
            // would also order them, but no exception is taken here.
            fence(Ordering::Acquire);
            if rung || deadline.is_some_and(|deadline| self.now() >= deadline) {
                return rung;
            }
            if let Some(deadline) = deadline {
                self.clock.alarm(deadline);
            }
            // If a doorbell rings from here on, it is pending in the interrupt controller, and this call returns at
            // once.
            clock::sleep();
            self.clock.silence();
        }
    }
}

// The stack has 8 pages (32 KiB). A link's state and formatting a line need only a small part of it.
entry!(start, 8);

unsafe extern "Rust" {
    /// Calls the main function that was passed to [`image!`](crate::image). Only `image!` defines this function, with
    /// this signature.
    fn __amp_main(machine: Machine, console: Console) -> !;
}

/// Starts the machine and calls main. `aarch64-rt` calls this after it has set up the memory map and the stack.
fn start(_: u64, _: u64, _: u64, _: u64) -> ! {
    // SAFETY: this runs once, on the only core, with the memory map active, and no other console exists.
    let mut console = unsafe { Console::new() };
    // SAFETY: this runs once, on `virt`, with the memory map active.
    match unsafe { Machine::start() } {
        // SAFETY: this runs once.
        Ok(machine) => unsafe { __amp_main(machine, console) },
        Err(error) => {
            // The console never fails.
            let _ = writeln!(console, "amp: {error}");
            park()
        }
    }
}

//! AArch64 on QEMU's `virt`: start-up, and the machine as a [`Port`]. Knows no rings and no messages.

mod clock;
mod console;
mod ecam;
mod interrupts;
mod map;
mod park;

use core::fmt::Write;
use core::sync::atomic::{Ordering, fence};

use aarch64_rt::entry;
use amp_ivshmem::ivshmem::pci::{self, MsixEntry, PciDevice, PciError};
use amp_ivshmem::ivshmem::{Device, DeviceError, Registers};
use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Instant, PeerId, Port};
use safe_mmio::UniqueMmioPointer;

use self::clock::Clock;
pub use self::console::Console;
use self::ecam::Ecam;
use self::interrupts::Interrupts;
pub use self::park::{panicked, park};
use crate::one_core::OneCore;
use crate::self_test::{Sleep, doorbell_loopback_test};

/// The least shared memory that is worth mapping: one page, in bytes.
const MIN_MEMORY: u64 = 4096;

static DEVICE: OneCore<Device<'static>> = OneCore::new();

/// Why the machine cannot be started. Each ends in a line on the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum StartError {
    #[error("the machine is at EL{0}, this image is for EL1: start QEMU without virtualization=on and secure=on")]
    NotEl1(u64),
    #[error(
        "the interrupt controller is not a GICv2 (its PIDR2 says {0}): start QEMU with -machine virt,gic-version=2"
    )]
    NotGicV2(u32),
    #[error("the GIC has no frame for MSIs (GICv2m): start QEMU with -machine virt,gic-version=2")]
    NoMsiFrame,
    #[error("interrupt {0} cannot be enabled: this is no machine that QEMU calls virt")]
    Interrupt(u32),
    #[error("the timer has no frequency, or one below 1 MHz (CNTFRQ_EL0): firmware must set it")]
    NoFrequency,
    #[error("ivshmem has {0} bytes of memory, at least {MIN_MEMORY} are needed: start the server with more")]
    MemoryTooSmall(u64),
    #[error("ivshmem's own doorbell does not come back: start the server with at least one vector")]
    NoLoopback,
    #[error(transparent)]
    Pci(#[from] PciError),
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// QEMU's `virt` with its first PCI `ivshmem-doorbell`: one side of a link.
///
/// Interrupts stay masked in the core all the time, and [`wait`](Port::wait) takes them from the interrupt controller
/// itself. So nothing runs beside main, and a doorbell that rings at any moment stays pending until it is looked for.
pub struct Machine {
    device: &'static Device<'static>,
    memory: Region<'static>,
    interrupts: Interrupts,
    clock: Clock,
}

impl Machine {
    /// Finds the device, places it, and enables its interrupt.
    ///
    /// # Safety
    /// Called once, with the map of [`map`] in force, on QEMU's `virt`.
    unsafe fn start() -> Result<Self, StartError> {
        match park::exception_level() {
            1 => {}
            other => return Err(StartError::NotEl1(other)),
        }
        let clock = Clock::new().ok_or(StartError::NoFrequency)?;
        // SAFETY: called once, as this function.
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

        // SAFETY: `attach` has placed BAR0 in the narrow window, which is mapped where it is, as Device memory; nobody
        // else uses it.
        let registers = unsafe { UniqueMmioPointer::new(map::narrow::<Registers>(registers.address)) };
        let device = DEVICE.set(Device::new(registers, msix.vectors)?);
        // SAFETY: `attach` has placed BAR2 in the wide window, all of which `wide` finds mapped for ever as Normal,
        // write-back memory; it is no Rust allocation, and a multiple of its size, hence of 8.
        let memory = unsafe { Region::new(map::wide(memory.address), memory_size) };

        // SAFETY: `attach` has found that the table lies in BAR1, and placed that in the narrow window.
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
            // What a poll looks at is looked at after the interrupt controller: nothing is taken as an exception, which would
            // order them.
            fence(Ordering::Acquire);
            if rung || deadline.is_some_and(|deadline| self.now() >= deadline) {
                return rung;
            }
            if let Some(deadline) = deadline {
                self.clock.alarm(deadline);
            }
            // A doorbell that rings from here on is pending in the interrupt controller, and then this returns at once.
            clock::sleep();
            self.clock.silence();
        }
    }
}

// 32 KiB: a link's state and the formatting of a line need a small part of it.
entry!(start, 8);

/// What `aarch64-rt` calls once the map is in force and the stack is there.
fn start(_: u64, _: u64, _: u64, _: u64) -> ! {
    // SAFETY: this runs once, on the only core, with the map in force; nobody else has a console yet.
    let mut console = unsafe { Console::new() };
    // SAFETY: likewise.
    match unsafe { Machine::start() } {
        Ok(machine) => crate::__amp_main(machine, console),
        Err(error) => {
            // The console never fails.
            let _ = writeln!(console, "amp: {error}");
            park()
        }
    }
}

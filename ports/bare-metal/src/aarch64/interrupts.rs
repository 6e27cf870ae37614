// SPDX-License-Identifier: Apache-2.0
//! The interrupt controller, which is a GICv2 with a GICv2m frame. The frame turns the doorbell's MSI write into an
//! interrupt. Only the doorbell and the timer use interrupts. The core acknowledges both without taking an exception.
//!
//! Both interrupts stay masked in the core, for two reasons:
//! * An interrupt cannot be missed between the check for a pending interrupt and `wfi`, because `wfi` also returns for
//!   a masked interrupt.
//! * An exception handler in Rust may use vector registers, which the exception vectors of `aarch64-rt` do not save.

use arm_gic::gicv2::GicV2;
use arm_gic::gicv2::registers::{Gicc, Gicd};
use arm_gic::{IntId, InterruptGroup, Trigger};
use safe_mmio::fields::{ReadPure, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field, field_shared};

use super::error::StartError;
use super::map;

/// Interrupt of the virtual timer (INTID 27).
const TIMER: IntId = IntId::ppi(11);

/// Priority of both interrupts. 0 is the highest priority. QEMU's GICv2 implements at least the upper four bits.
const PRIORITY: u8 = 0x80;

/// Offset of the PIDR2 register in the distributor. Bits 7:4 are the architecture version.
const PIDR2: usize = 0xfe8;

/// Registers of the GICv2m frame. Source: Arm Server Base System Architecture, appendix "GICv2m Architecture".
#[repr(C)]
struct V2m {
    _0: [u32; 2],
    /// MSI_TYPER: bits 25:16 are the first interrupt, bits 9:0 the number of interrupts.
    typer: ReadPure<u32>,
    _1: [u32; 13],
    /// MSI_SETSPI_NS: a device writes the number of an interrupt here to raise it.
    setspi: WriteOnly<u32>,
}

const SETSPI: u64 = (map::V2M + core::mem::offset_of!(V2m, setspi)) as u64;
const _: () = assert!(SETSPI == 0x0802_0040);

/// The interrupt controller, with the doorbell and timer interrupts enabled.
pub struct Interrupts {
    gic: GicV2<'static>,
    doorbell: IntId,
}

impl Interrupts {
    /// Sets up the interrupt controller.
    ///
    /// # Safety
    /// Must be called only once, while the memory map is active.
    pub unsafe fn new() -> Result<Self, StartError> {
        // SAFETY: GIC versions 2 and 3 have the PIDR2 register at this address, which is mapped as Device memory.
        let pidr2 = unsafe { UniqueMmioPointer::new(map::device::<ReadPure<u32>>(map::GICD + PIDR2)) }.read();
        if pidr2 >> 4 & 0xf != 2 {
            return Err(StartError::NotGicV2(pidr2));
        }
        // SAFETY: `virt` has the GICv2m frame at this address, mapped as Device memory, and nothing else accesses it.
        let v2m = unsafe { UniqueMmioPointer::new(map::device::<V2m>(map::V2M)) };
        let typer = field_shared!(v2m, typer).read();
        let (first, count) = (typer >> 16 & 0x3ff, typer & 0x3ff);
        let Some(doorbell) = IntId::try_from(first).ok().filter(|first| count > 0 && first.is_spi()) else {
            return Err(StartError::NoMsiFrame);
        };

        // SAFETY: the distributor is mapped as Device memory, and this pointer is dropped before the driver accesses
        // it.
        unsafe { Self::target_this_core(UniqueMmioPointer::new(map::device(map::GICD)), doorbell) };
        // SAFETY: the GICv2's registers are at these addresses, mapped as Device memory, and from here on only the
        // driver accesses them.
        let mut gic =
            unsafe { GicV2::new(map::device::<Gicd>(map::GICD).as_ptr(), map::device::<Gicc>(map::GICC).as_ptr()) };
        gic.setup();
        for (id, trigger) in [(doorbell, Trigger::Edge), (TIMER, Trigger::Level)] {
            gic.set_interrupt_priority(id, PRIORITY);
            gic.set_trigger(id, trigger);
            gic.enable_interrupt(id, true).map_err(|_| StartError::Interrupt(id.raw_value()))?;
        }
        Ok(Self { gic, doorbell })
    }

    /// Routes the shared interrupt `id` to this core, because the driver has no function for this. On a machine with
    /// several cores, the interrupt would otherwise not reach any core. With one core, these registers read as 0 and
    /// ignore writes.
    fn target_this_core(mut distributor: UniqueMmioPointer<'_, Gicd>, id: IntId) {
        let mut targets = field!(distributor, itargetsr);
        // For a private interrupt, the target byte identifies the core that reads it.
        // SAFETY: the register can be read at any time.
        let this_core = targets.get(0).map_or(0, |mut word| unsafe { word.read_unsafe() }) & 0xff;
        let shift = id.raw_value() % 4 * 8;
        if let Some(mut word) = targets.get(id.raw_value() as usize / 4) {
            // SAFETY: as above.
            let others = unsafe { word.read_unsafe() } & !(0xff << shift);
            // SAFETY: the interrupt is not enabled yet, so it cannot be in flight while its target changes.
            unsafe { word.write_unsafe(others | this_core << shift) };
        }
    }

    /// Returns the address and data of the MSI write that raises the doorbell interrupt.
    pub fn doorbell_message(&self) -> (u64, u32) {
        (SETSPI, self.doorbell.raw_value())
    }

    /// Acknowledges all pending interrupts, and returns whether the doorbell interrupt was pending. Cancel the alarm
    /// first, because the timer interrupt stays pending while an alarm is due.
    pub fn take_doorbell(&mut self) -> bool {
        let mut rung = false;
        // This core sees only one interrupt group, and controls it through the group 0 registers.
        while let Some(id) = self.gic.get_and_acknowledge_interrupt(InterruptGroup::Group0) {
            self.gic.end_interrupt(id, InterruptGroup::Group0);
            if id != self.doorbell {
                break;
            }
            rung = true;
        }
        rung
    }
}

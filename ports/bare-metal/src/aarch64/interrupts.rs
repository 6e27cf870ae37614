// SPDX-License-Identifier: Apache-2.0
//! The interrupt controller: a GICv2 whose GICv2m frame turns the doorbell's message into an interrupt. There are two
//! interrupts, for the doorbell and for the timer. The core handles them without leaving its thread.
//!
//! Both interrupts stay masked in the core, for two reasons:
//! * No interrupt can arrive between the check for a pending one and `wfi`, because `wfi` also returns for a masked
//!   interrupt.
//! * An exception handler in Rust may use vector registers, which `aarch64-rt`'s vectors do not save.

use arm_gic::gicv2::GicV2;
use arm_gic::gicv2::registers::{Gicc, Gicd};
use arm_gic::{IntId, InterruptGroup, Trigger};
use safe_mmio::fields::{ReadPure, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field, field_shared};

use super::error::StartError;
use super::map;

/// The virtual timer's interrupt: INTID 27.
const TIMER: IntId = IntId::ppi(11);

/// The priority of both interrupts. 0 is the highest, and QEMU's GICv2 implements the upper four bits or more.
const PRIORITY: u8 = 0x80;

/// Offset of the distributor's PIDR2 in its 4 KiB block. Bits 7:4 are the version of the architecture.
const PIDR2: usize = 0xfe8;

/// The GICv2m frame. Source: Arm Server Base System Architecture, appendix "GICv2m Architecture".
#[repr(C)]
struct V2m {
    _0: [u32; 2],
    /// MSI_TYPER: bits 25:16 are the first interrupt, bits 9:0 the number of interrupts.
    typer: ReadPure<u32>,
    _1: [u32; 13],
    /// MSI_SETSPI_NS: a device writes the number of the interrupt to raise here.
    setspi: WriteOnly<u32>,
}

const SETSPI: u64 = (map::V2M + core::mem::offset_of!(V2m, setspi)) as u64;
const _: () = assert!(SETSPI == 0x0802_0040);

/// The interrupt controller, with the interrupts for doorbell and timer enabled.
pub struct Interrupts {
    gic: GicV2<'static>,
    doorbell: IntId,
}

impl Interrupts {
    /// Sets up the interrupt controller.
    ///
    /// # Safety
    /// Called once, while the map is in force.
    pub unsafe fn new() -> Result<Self, StartError> {
        // SAFETY: versions 2 and 3 of the GIC have their identification at this address, mapped as Device memory.
        let pidr2 = unsafe { UniqueMmioPointer::new(map::device::<ReadPure<u32>>(map::GICD + PIDR2)) }.read();
        if pidr2 >> 4 & 0xf != 2 {
            return Err(StartError::NotGicV2(pidr2));
        }
        // SAFETY: a GICv2's frame is at this address on `virt`, mapped as Device memory, and nobody else uses it.
        let v2m = unsafe { UniqueMmioPointer::new(map::device::<V2m>(map::V2M)) };
        let typer = field_shared!(v2m, typer).read();
        let (first, count) = (typer >> 16 & 0x3ff, typer & 0x3ff);
        let Some(doorbell) = IntId::try_from(first).ok().filter(|first| count > 0 && first.is_spi()) else {
            return Err(StartError::NoMsiFrame);
        };

        // SAFETY: the distributor is mapped as Device memory, and this pointer is gone before the driver makes its own.
        unsafe { Self::target_this_core(UniqueMmioPointer::new(map::device(map::GICD)), doorbell) };
        // SAFETY: a GICv2's registers are at these addresses, mapped as Device memory, and from here on only the driver
        // has them.
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

    /// Routes the shared interrupt `id` to the core on which this runs. The driver has no function for this. With
    /// several cores the interrupt would otherwise go to none. With one core these registers read 0 and ignore writes.
    fn target_this_core(mut distributor: UniqueMmioPointer<'_, Gicd>, id: IntId) {
        let mut targets = field!(distributor, itargetsr);
        // The bytes of a core's private interrupts contain that core's own number.
        // SAFETY: the register can be read at any time.
        let this_core = targets.get(0).map_or(0, |mut word| unsafe { word.read_unsafe() }) & 0xff;
        let shift = id.raw_value() % 4 * 8;
        if let Some(mut word) = targets.get(id.raw_value() as usize / 4) {
            // SAFETY: as above.
            let others = unsafe { word.read_unsafe() } & !(0xff << shift);
            // SAFETY: the interrupt is not enabled yet, so none can be in flight while its route changes.
            unsafe { word.write_unsafe(others | this_core << shift) };
        }
    }

    /// Returns the address and the data of the message that raises the doorbell's interrupt.
    pub fn doorbell_message(&self) -> (u64, u32) {
        (SETSPI, self.doorbell.raw_value())
    }

    /// Acknowledges all pending interrupts. Returns true if one of them was the doorbell's. The timer's interrupt stays
    /// pending while its alarm is due, so the caller silences the alarm first.
    pub fn take_doorbell(&mut self) -> bool {
        let mut rung = false;
        // The registers of group 0 control the only group that this core can see.
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

// SPDX-License-Identifier: Apache-2.0
//! An ivshmem device from devicetree, as a [`Port`] with a doorbell, Zephyr's clock, and a wait function.

use core::fmt;
use core::ptr::NonNull;

use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Port, Vector, VectorOutOfRange};

use crate::sys::{self, Handle, Status, Taken};

/// The devicetree name of a device. The name is looked up only when it is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name(Handle);

impl Name {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        sys::name(self.0).to_str().unwrap_or("?")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reason why a device cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// No ivshmem node with a driver has this ordinal.
    #[error(
        "devicetree node {ordinal} is not an ivshmem device with a driver: set its status to okay, and see \
         CONFIG_AMP_IVSHMEM"
    )]
    NoDevice {
        /// The requested ordinal.
        ordinal: usize,
    },
    /// The driver could not start the device. It has logged the cause.
    #[error("{name} is not ready: its driver has logged the cause")]
    NotReady {
        /// The device.
        name: Name,
    },
    /// The device already has an owner.
    #[error("{name} is taken: drop its Ivshmem first, because a device has one owner")]
    Taken {
        /// The device.
        name: Name,
    },
    /// The device does not have a doorbell.
    #[error(
        "{name} has no doorbell: use ivshmem-doorbell with at least one vector, and on PCI set CONFIG_PCIE_MSI_X=y"
    )]
    NoDoorbell {
        /// The device.
        name: Name,
    },
    /// The call came from an interrupt handler.
    #[error("an interrupt handler cannot take a device: take it in a thread")]
    InIsr,
}

/// An ivshmem device with exclusive ownership. After this value has been dropped, the device can be taken again.
///
/// ```no_run
/// use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
/// use amp_ivshmem_zephyr_rust::Ivshmem;
///
/// # const ORD: usize = 0;
/// // In an application: zephyr::devicetree::labels::ivshmem0::ORD.
/// let mut device = Ivshmem::take(ORD)?;
/// device.doorbell().ring(PeerId(1), Vector(0)).unwrap();
/// device.wait(Some(device.now().plus_micros(1_000_000)));
/// # Ok::<(), amp_ivshmem_zephyr_rust::TakeError>(())
/// ```
#[derive(Debug)]
pub struct Ivshmem {
    device: Handle,
    memory: Region<'static>,
    id: PeerId,
}

impl Ivshmem {
    /// Takes the device with this ordinal, which is the node's `ORD` in the generated module `zephyr::devicetree`. From
    /// then on, a doorbell of the device ends the next [`wait`](Port::wait), even if it rings before the wait.
    ///
    /// # Errors
    /// See [`TakeError`].
    pub fn take(ordinal: usize) -> Result<Self, TakeError> {
        let mut taken = Taken { device: None, memory: 0, size: 0, id: 0 };
        let number = u32::try_from(ordinal).map_err(|_| TakeError::NoDevice { ordinal })?;
        let status = sys::amp_rust_take(number, &mut taken);
        let Some(device) = taken.device else {
            return Err(if status == Status::InIsr { TakeError::InIsr } else { TakeError::NoDevice { ordinal } });
        };
        let name = Name(device);
        match status {
            Status::Ok => (),
            Status::NoDoorbell => return Err(TakeError::NoDoorbell { name }),
            Status::Taken => return Err(TakeError::Taken { name }),
            _ => return Err(TakeError::NotReady { name }),
        }
        let start = NonNull::new(taken.memory as *mut u8).ok_or(TakeError::NotReady { name })?;
        // CAST: the driver never returns an id above 65535.
        let id = PeerId(taken.id as u16);
        // SAFETY: the driver has mapped the memory permanently, 8-byte aligned, as Normal memory that is shared with
        // the other machines. The linker does not place anything in it.
        let memory = unsafe { Region::new(start, taken.size) };
        Ok(Self { device, memory, id })
    }

    /// Returns the device's name in devicetree.
    #[must_use]
    pub fn name(&self) -> &'static str {
        Name(self.device).as_str()
    }

    /// Returns the number of vectors, which is at least 1. Vectors are numbered from 0.
    #[must_use]
    pub fn vectors(&self) -> u16 {
        sys::amp_rust_vectors(self.device)
    }

    /// Signals `arrival` once, when a doorbell rings or at `deadline`, whichever comes first. If a doorbell has rung
    /// since the last signal, signals at once.
    #[cfg(feature = "async")]
    pub fn watch(&mut self, arrival: &'static amp_ivshmem::rpmsg::tasks::Arrival, deadline: Instant) {
        sys::watch(self.device, arrival, deadline.as_micros());
    }
}

impl Drop for Ivshmem {
    fn drop(&mut self) {
        #[cfg(feature = "async")]
        sys::amp_rust_unwatch(self.device);
        sys::amp_rust_give_back(self.device);
    }
}

/// Returns the time since boot. [`Port::now`] of every device returns the same time.
///
/// ```no_run
/// let start = amp_ivshmem_zephyr_rust::now();
/// let micros = amp_ivshmem_zephyr_rust::now().micros_since(start);
/// ```
#[must_use]
pub fn now() -> Instant {
    Instant::from_micros(sys::amp_rust_micros())
}

/// The doorbell of a taken device.
#[derive(Clone, Copy, Debug)]
pub struct Bell(Handle);

impl Doorbell for Bell {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        match sys::amp_rust_ring(self.0, peer.0.into(), vector.0) {
            0 => Ok(()),
            // Every `PeerId` is valid, and the device has a doorbell.
            _ => Err(VectorOutOfRange { vector, vectors: sys::amp_rust_vectors(self.0) }),
        }
    }
}

impl Port for Ivshmem {
    type Memory = Region<'static>;
    type Doorbell = Bell;

    fn memory(&self) -> Self::Memory {
        self.memory
    }

    fn doorbell(&self) -> Self::Doorbell {
        Bell(self.device)
    }

    fn id(&self) -> PeerId {
        self.id
    }

    /// Returns the time since boot, derived from the cycle counter.
    fn now(&self) -> Instant {
        now()
    }

    /// Puts the thread to sleep, so that other threads can run. The deadline is rounded up to the next tick. A tick is
    /// 10 ms on the QEMU boards; see `CONFIG_SYS_CLOCK_TICKS_PER_SEC`. In an interrupt handler, this returns at once.
    fn wait(&mut self, deadline: Option<Instant>) {
        sys::amp_rust_wait(self.device, deadline.map_or(u64::MAX, Instant::as_micros));
    }
}

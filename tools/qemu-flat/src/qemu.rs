// SPDX-License-Identifier: GPL-2.0-or-later
//! The QEMU functions that the object calls. They are looked up by name at run time, and QEMU's types stay opaque.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::{MaybeUninit, transmute_copy};
use std::ptr;

use crate::settings::IRQ_MAX;

/// A QEMU object of any type. A device's `DeviceState *` and `SysBusDevice *` point to the same address as its
/// `Object *`.
#[derive(Clone, Copy, Debug)]
pub struct Object(*mut c_void);

/// The function that [`Qemu::when_machine_is_done`] calls.
pub type Callback = extern "C" fn(*mut Notifier, *mut c_void);

/// QEMU's `Notifier`, which consists of a callback and list pointers that QEMU fills in.
#[repr(C)]
pub struct Notifier {
    notify: Callback,
    next: *mut c_void,
    previous: *mut c_void,
}

/// QEMU's `MemoryRegionSection`, which begins with a 128-bit size and the region. QEMU writes the struct. This type is
/// larger than the real struct of 64 bytes, in case a later version is larger.
#[repr(C, align(16))]
struct Section {
    size: [u64; 2],
    region: *mut c_void,
    rest: [u64; 29],
}

/// Declares a struct of function pointers, and a function that looks up all of them.
macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Pointers to QEMU's functions.
        #[derive(Clone, Copy, Debug)]
        pub struct Qemu {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Qemu {
            /// Looks up every function.
            ///
            /// # Errors
            /// Returns the name of the first function that this process does not export.
            pub fn find() -> Result<Self, &'static str> {
                Ok(Self {
                    $($name: {
                        let name = concat!(stringify!($name), "\0");
                        let address = symbol(CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default());
                        if address.is_null() {
                            return Err(stringify!($name));
                        }
                        // SAFETY: a function pointer has the same size as a data pointer here. The symbol is QEMU's
                        // function of this name, which has this signature in QEMU 10.
                        unsafe { transmute_copy::<*mut c_void, unsafe extern "C" fn($($argument),*) $(-> $result)?>(&address) }
                    },)*
                })
            }
        }
    };
}

functions! {
    error_get_pretty: fn(*const c_void) -> *const c_char;
    get_system_memory: fn() -> *mut c_void;
    memory_region_find: fn(*mut c_void, u64, u64) -> MaybeUninit<Section>;
    memory_region_name: fn(*const c_void) -> *const c_char;
    memory_region_unref: fn(*mut c_void);
    object_dynamic_cast: fn(*mut c_void, *const c_char) -> *mut c_void;
    module_object_class_by_name: fn(*const c_char) -> *mut c_void;
    object_property_find: fn(*mut c_void, *const c_char) -> *mut c_void;
    object_property_set_str: fn(*mut c_void, *const c_char, *const c_char, *mut *mut c_void) -> bool;
    object_property_set_uint: fn(*mut c_void, *const c_char, u64, *mut *mut c_void) -> bool;
    object_resolve_path_type: fn(*const c_char, *const c_char, *mut bool) -> *mut c_void;
    qdev_get_gpio_in: fn(*mut c_void, c_int) -> *mut c_void;
    qdev_new: fn(*const c_char) -> *mut c_void;
    qemu_add_machine_init_done_notifier: fn(*mut Notifier);
    qemu_chr_find: fn(*const c_char) -> *mut c_void;
    sysbus_connect_irq: fn(*mut c_void, c_int, *mut c_void);
    sysbus_mmio_map: fn(*mut c_void, c_int, u64);
    sysbus_realize_and_unref: fn(*mut c_void, *mut *mut c_void) -> bool;
}

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: the name is NUL-terminated, and the call does not load or run anything.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

// Except for `is_here` and `when_machine_is_done`, these functions must be called on QEMU's main thread with its big
// lock held. The only caller is `wire`, which runs in the notifier's callback.
impl Qemu {
    /// Returns true if this process is a QEMU system emulator with exported symbols.
    pub fn is_here() -> bool {
        !symbol(c"qemu_add_machine_init_done_notifier").is_null()
    }

    /// Makes QEMU call `callback` after it has created the machine.
    pub fn when_machine_is_done(&self, callback: Callback) {
        let notifier = Box::new(Notifier { notify: callback, next: ptr::null_mut(), previous: ptr::null_mut() });
        // SAFETY: the notifier is never freed. QEMU's list of notifiers is static and does not need initialisation.
        unsafe { (self.qemu_add_machine_init_done_notifier)(Box::leak(notifier)) };
    }

    /// Returns true if QEMU has a class called `name`.
    pub fn has_class(&self, name: &CStr) -> bool {
        // SAFETY: the name is NUL-terminated.
        !unsafe { (self.module_object_class_by_name)(name.as_ptr()) }.is_null()
    }

    /// Returns the chardev with this id.
    pub fn chardev(&self, id: &CStr) -> Option<Object> {
        // SAFETY: the id is NUL-terminated.
        let chardev = unsafe { (self.qemu_chr_find)(id.as_ptr()) };
        (!chardev.is_null()).then_some(Object(chardev))
    }

    /// Returns true if `object` is an instance of `class`.
    pub fn is_a(&self, object: Object, class: &CStr) -> bool {
        // SAFETY: an `Object` comes from QEMU and is valid as long as the machine. The name is NUL-terminated.
        !unsafe { (self.object_dynamic_cast)(object.0, class.as_ptr()) }.is_null()
    }

    /// Returns the object of `class` if there is exactly one.
    pub fn only_object_of(&self, class: &CStr) -> Option<Object> {
        let mut ambiguous = false;
        // SAFETY: both strings are NUL-terminated, and QEMU writes the flag only during the call.
        let object = unsafe { (self.object_resolve_path_type)(c"".as_ptr(), class.as_ptr(), &raw mut ambiguous) };
        (!object.is_null() && !ambiguous).then_some(Object(object))
    }

    /// Returns the number of inputs of the CPU's interrupt controller. QEMU exposes each input as a property. `num-irq`
    /// cannot be used, because QEMU adds the 16 exceptions to it when it creates the CPU.
    pub fn inputs(&self, cpu: Object) -> u32 {
        let has = |n: &u32| {
            let name = CString::new(format!("unnamed-gpio-in[{n}]")).unwrap_or_default();
            // SAFETY: an `Object` comes from QEMU and is valid as long as the machine. The name is NUL-terminated.
            !unsafe { (self.object_property_find)(cpu.0, name.as_ptr()) }.is_null()
        };
        u32::try_from((0..=IRQ_MAX).take_while(has).count()).unwrap_or(0)
    }

    /// Returns the name of a memory region that overlaps the `size` bytes at `start`, if any.
    pub fn region_in(&self, start: u64, size: u64) -> Option<String> {
        // SAFETY: the board has already created the system memory.
        let system = unsafe { (self.get_system_memory)() };
        // SAFETY: QEMU writes the result to the caller's memory, and `Section` is at least as large as the result.
        let section = unsafe { (self.memory_region_find)(system, start, size) };
        // SAFETY: `MemoryRegionSection` begins with a 128-bit size and the region, which QEMU always writes.
        let region = unsafe { (*section.as_ptr()).region };
        if region.is_null() {
            return None;
        }
        // SAFETY: `memory_region_find` has taken a reference to the region, so the region is valid.
        let name = self.text(unsafe { (self.memory_region_name)(region) });
        // SAFETY: this releases the reference, and the region is not used afterwards.
        unsafe { (self.memory_region_unref)(region) };
        Some(name)
    }

    /// Creates the device and realizes it, which connects it to the server.
    ///
    /// # Errors
    /// Returns QEMU's error message.
    pub fn realize(&self, class: &CStr, chardev: &CStr, size: u64) -> Result<Object, String> {
        // SAFETY: the caller has checked with `has_class` that the class exists. QEMU would abort otherwise.
        let device = unsafe { (self.qdev_new)(class.as_ptr()) };
        let mut error = ptr::null_mut();
        // SAFETY: `device` is the new object, and this function owns it until it is realized.
        unsafe { (self.object_property_set_str)(device, c"chardev".as_ptr(), chardev.as_ptr(), &raw mut error) };
        self.check(error)?;
        // SAFETY: this function still owns `device`.
        unsafe { (self.object_property_set_uint)(device, c"shmem-size".as_ptr(), size, &raw mut error) };
        self.check(error)?;
        // SAFETY: the device is a sysbus device. The call takes over the reference to it.
        unsafe { (self.sysbus_realize_and_unref)(device, &raw mut error) };
        self.check(error)?;
        Ok(Object(device))
    }

    /// Maps memory region `index` of a realized sysbus device at `address`.
    pub fn map(&self, device: Object, index: c_int, address: u64) {
        // SAFETY: the device is realized and has regions 0 (registers) and 1 (memory).
        unsafe { (self.sysbus_mmio_map)(device.0, index, address) };
    }

    /// Connects the device's interrupt to input `irq` of `cpu`, which has that input.
    pub fn connect_irq(&self, device: Object, cpu: Object, irq: u32) {
        // SAFETY: the caller has compared `irq` with `inputs`.
        let input = unsafe { (self.qdev_get_gpio_in)(cpu.0, c_int::try_from(irq).unwrap_or(c_int::MAX)) };
        // SAFETY: the device is realized and has interrupt 0.
        unsafe { (self.sysbus_connect_irq)(device.0, 0, input) };
    }

    fn check(&self, error: *mut c_void) -> Result<(), String> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: QEMU has set the error. The error is not freed, because the process is about to exit.
        Err(self.text(unsafe { (self.error_get_pretty)(error) }))
    }

    fn text(&self, text: *const c_char) -> String {
        if text.is_null() {
            return "(unnamed)".to_owned();
        }
        // SAFETY: QEMU's strings are NUL-terminated, and the caller still holds the object that owns this string.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
//! A QEMU plugin that counts what a guest executes between markers. It counts the instructions at each address, and the
//! loads from and stores to shared memory and device registers. It does not look up symbols, because the program that
//! starts QEMU can read them from the ELF file.
//!
//! ```text
//! qemu-system-aarch64 -plugin libamp_qemu_count.so,out=FILE,shared=80000000-100000000 ...
//! ```
//!
//! `out` is the file to write. `shared` is the range of the guest's shared memory, as two virtual addresses in
//! hexadecimal. The second address is one past the end.
//!
//! The markers are hint instructions, which have no effect on a real machine. They are `hint #120`, `#121` and `#122`
//! in A64 code, and `dbg #5`, `#6` and `#7` in Thumb code. The first marker starts counting, and the second one stops
//! it. The third marker writes the counts since the last section as a new section. A section consists of a line
//! `section N`, lines `instruction ADDRESS COUNT`, and lines `loads|stores shared|device COUNT BYTES`. Markers are not
//! counted.
#![allow(unsafe_code, reason = "QEMU finds a plugin by a constructor and by symbols, which `register!` makes")]

mod count;

use std::process;
use std::sync::Arc;

use count::{Counts, Marker};
use qemu_plugin::{
    Args, HasCallbacks, Info, Instruction, MemRW, PluginId, Register, Result, TranslationBlock, register,
};

/// The functions that QEMU calls.
struct Plugin {
    /// `None` until QEMU has passed the arguments.
    counts: Option<Arc<Counts>>,
}

impl Register for Plugin {
    fn register(&mut self, _: PluginId, args: &Args, info: &Info) -> Result<()> {
        match Counts::new(&args.raw, &info.target_name) {
            Ok(counts) => self.counts = Some(Arc::new(counts)),
            Err(error) => {
                eprintln!("amp-qemu-count: {error}");
                process::exit(1);
            }
        }
        Ok(())
    }
}

impl HasCallbacks for Plugin {
    fn on_translation_block_translate(&mut self, _: PluginId, block: TranslationBlock<'_>) -> Result<()> {
        if let Some(counts) = &self.counts {
            block.instructions().for_each(|instruction| watch(&instruction, counts));
        }
        Ok(())
    }
}

/// Counts every execution of `instruction`, or handles it as a marker.
fn watch(instruction: &Instruction<'_>, counts: &Arc<Counts>) {
    let all = Arc::clone(counts);
    match counts.marker(&instruction.data()) {
        Some(Marker::Begin) => instruction.register_execute_callback(move |_| all.switch(true)),
        Some(Marker::End) => instruction.register_execute_callback(move |_| all.switch(false)),
        Some(Marker::Section) => instruction.register_execute_callback(move |_| {
            if let Err(error) = all.write_section() {
                eprintln!("amp-qemu-count: {error}");
                process::exit(1);
            }
        }),
        None => {
            let place = counts.place(instruction.vaddr());
            instruction.register_execute_callback(move |_| all.executed(&place));
            let all = Arc::clone(counts);
            instruction.register_memory_access_callback(
                move |_, access, address| {
                    let device = access.hwaddr(address).is_some_and(|place| place.is_io());
                    all.accessed(access.is_store(), device, address, 1 << access.size_shift());
                },
                MemRW::QEMU_PLUGIN_MEM_RW,
            );
        }
    }
}

register!(Plugin { counts: None });

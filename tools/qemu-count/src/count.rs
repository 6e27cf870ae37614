// SPDX-License-Identifier: GPL-2.0-or-later
//! Counts the instructions that run while counting is on, and their loads and stores. This file does not depend on
//! QEMU.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A hint instruction used as a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Starts counting.
    Begin,
    /// Stops counting.
    End,
    /// Ends a section and writes its counts.
    Section,
}

/// Number and total size of loads or stores.
#[derive(Debug, Default)]
struct Accesses {
    count: AtomicU64,
    bytes: AtomicU64,
}

/// All counters.
#[derive(Debug)]
pub struct Counts {
    /// The markers' bytes, in the order in which they are in the guest's memory.
    markers: [([u8; 4], Marker); 3],
    shared: Range<u64>,
    on: AtomicBool,
    /// The execution count of each instruction, keyed by address. An instruction that is translated again keeps its
    /// count.
    places: Mutex<BTreeMap<u64, Arc<AtomicU64>>>,
    /// The first index is 0 for loads and 1 for stores. The second index is 0 for shared memory and 1 for devices.
    accesses: [[Accesses; 2]; 2],
    out: Mutex<(BufWriter<File>, u32)>,
}

impl Counts {
    /// Creates counters from the plugin's `arguments`, for QEMU's target `target`. Counting is off.
    pub fn new(arguments: &[String], target: &str) -> Result<Self, String> {
        let value = |key: &str| {
            let found = arguments.iter().find_map(|argument| argument.strip_prefix(key)?.strip_prefix('='));
            found.ok_or_else(|| format!("no argument {key}=: give out=FILE and shared=FIRST-END"))
        };
        let shared = value("shared")?;
        let address = |text: &str| u64::from_str_radix(text, 16).ok();
        let shared = shared.split_once('-').and_then(|(first, end)| Some(address(first)?..address(end)?));
        let shared = shared.ok_or("shared= is not two hexadecimal addresses, as 60000000-60100000")?;
        let out = value("out")?;
        let file = File::create(out).map_err(|error| format!("{out} cannot be written: {error}"))?;
        let markers = match target {
            // hint #120, #121, #122
            "aarch64" => [0xd503_2f1f_u32, 0xd503_2f3f, 0xd503_2f5f].map(u32::to_le_bytes),
            // dbg #5, #6, #7: two halfwords
            "arm" => [0x80f5_f3af_u32, 0x80f6_f3af, 0x80f7_f3af].map(u32::to_le_bytes),
            other => return Err(format!("no markers are known for {other}: count aarch64 or arm guests")),
        };
        let [begin, end, section] = markers;
        Ok(Self {
            markers: [(begin, Marker::Begin), (end, Marker::End), (section, Marker::Section)],
            shared,
            on: AtomicBool::new(false),
            places: Mutex::default(),
            accesses: Default::default(),
            out: Mutex::new((BufWriter::new(file), 0)),
        })
    }

    /// Returns the marker if `bytes` are a marker instruction.
    pub fn marker(&self, bytes: &[u8]) -> Option<Marker> {
        self.markers.iter().find(|(marker, _)| marker == bytes).map(|&(_, marker)| marker)
    }

    /// Returns the execution count of the instruction at `address`.
    pub fn place(&self, address: u64) -> Arc<AtomicU64> {
        Arc::clone(lock(&self.places).entry(address).or_default())
    }

    /// Starts or stops counting.
    pub fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Counts one execution of an instruction.
    pub fn executed(&self, place: &AtomicU64) {
        if self.on.load(Ordering::Relaxed) {
            place.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a load or store.
    pub fn accessed(&self, store: bool, device: bool, address: u64, bytes: u64) {
        if !self.on.load(Ordering::Relaxed) || !(device || self.shared.contains(&address)) {
            return;
        }
        let accesses = &self.accesses[usize::from(store)][usize::from(device)];
        accesses.count.fetch_add(1, Ordering::Relaxed);
        accesses.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Writes the counts since the last section.
    pub fn write_section(&self) -> io::Result<()> {
        let mut out = lock(&self.out);
        let (file, section) = &mut *out;
        writeln!(file, "section {section}")?;
        *section += 1;
        for (address, place) in &*lock(&self.places) {
            let count = place.swap(0, Ordering::Relaxed);
            if count != 0 {
                writeln!(file, "instruction {address:x} {count}")?;
            }
        }
        for (kind, of_kind) in ["loads", "stores"].iter().zip(&self.accesses) {
            for (what, accesses) in ["shared", "device"].iter().zip(of_kind) {
                let [count, bytes] = [&accesses.count, &accesses.bytes].map(|count| count.swap(0, Ordering::Relaxed));
                writeln!(file, "{kind} {what} {count} {bytes}")?;
            }
        }
        file.flush()
    }
}

/// Locks the mutex, even after a panic in another thread, because a panic never leaves a count inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

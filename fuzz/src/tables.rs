// SPDX-License-Identifier: Apache-2.0
//! Real resource tables as seeds for the `resource_table` corpus. The tables are built here and stored as files.

use std::path::PathBuf;

use amp_ivshmem::wire::resource_table::{BadTable, Vdev};

/// The first bytes of the target's input. They place the table at 0x4000 and 256-byte buffers at 0x1000, and make
/// addresses start at 0.
const HEAD: [u8; 4] = [0x40, 0, 32, 0];
/// Entry type of a carveout in remoteproc.
const CARVEOUT: u32 = 0;
/// Offset of the entry in a table with a single entry.
const ONLY_ENTRY: usize = 20;

/// The table that this project publishes, with vring addresses.
fn vdev() -> Vdev {
    Vdev::new([0x3000, 0x3800], 16, 16)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Returns a version 1 table with two consecutive entries.
fn of_two(first: &[u8], second: &[u8]) -> Vec<u8> {
    let offset = 24 + first.len() as u32;
    [&words(&[1, 2, 0, 0, 24, offset]), first, second].concat()
}

/// Returns the name of each seed, its table, and the expected offset of the entry that is found.
fn tables() -> [(&'static str, Vec<u8>, Result<u32, BadTable>); 4] {
    let native = vdev().table();
    let rpmsg = &native[ONLY_ENTRY..];
    // Device and physical address, length, flags, reserved, and a 32-byte name.
    let mut carveout = words(&[CARVEOUT, 0x2000, 0x2000, 0x1000, 0, 0]);
    carveout.extend(b"text".iter().copied().chain([0; 28]));
    // The virtio id follows the entry type. Id 1 is a network card, which also has two vrings.
    let mut network = rpmsg.to_vec();
    network[4] = 1;
    let short = native[..native.len() - 10].to_vec();
    let found = Vdev::find(&short).map(|vdev| vdev.offset);
    assert!(matches!(found, Err(BadTable::Short { .. })), "{found:?}");
    [
        ("native", native.to_vec(), Ok(20)),
        ("carveout-first", of_two(&carveout, rpmsg), Ok(24 + 56)),
        ("two-vdevs", of_two(&network, rpmsg), Ok(24 + 68)),
        ("cut-short", short, found),
    ]
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus", "resource_table", name].iter().collect()
}

/// Checks that the files match the tables. If the environment variable `AMP_WRITE_SEEDS` is set, writes the files
/// first.
#[test]
fn the_corpus_has_real_tables() {
    for (name, table, found) in tables() {
        assert_eq!(Vdev::find(&table).map(|vdev| vdev.offset), found, "{name}");
        if let Ok(vdev) = Vdev::find(&table) {
            assert!(vdev.layout(0x4000, 0).is_ok(), "{name}");
        }
        let seed = [&HEAD[..], &table].concat();
        if std::env::var_os("AMP_WRITE_SEEDS").is_some() {
            std::fs::write(path(name), &seed).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let kept = std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(kept, seed, "{name}");
    }
}

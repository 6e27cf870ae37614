//! The seeds of `resource_table`'s corpus that are real tables: each is made here, and kept as a file.

use std::path::PathBuf;

use amp_ivshmem::wire::resource_table::{BadTable, Vdev};

/// The target's first bytes: the table at 0x4000 of the memory and its buffers at 0x1000, addresses from 0 on, buffers of 256 bytes.
const HEAD: [u8; 4] = [0x40, 0, 32, 0];
/// remoteproc's types of entries.
const CARVEOUT: u32 = 0;
/// Where a table of one entry has it.
const ONLY_ENTRY: usize = 20;

/// As the native side publishes it, with its vrings placed.
fn vdev() -> Vdev {
    Vdev::new([0x3000, 0x3800], 16, 16)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Version 1, two entries one behind the other.
fn of_two(first: &[u8], second: &[u8]) -> Vec<u8> {
    let offset = 24 + first.len() as u32;
    [&words(&[1, 2, 0, 0, 24, offset]), first, second].concat()
}

/// Name, table, and what is found in it: where the entry is.
fn tables() -> [(&'static str, Vec<u8>, Result<u32, BadTable>); 4] {
    let native = vdev().table();
    let rpmsg = &native[ONLY_ENTRY..];
    // Device and physical address, length, flags, reserved, and a name of 32 bytes.
    let mut carveout = words(&[CARVEOUT, 0x2000, 0x2000, 0x1000, 0, 0]);
    carveout.extend(b"text".iter().copied().chain([0; 28]));
    // Virtio's id behind the entry's type: 1, a network card, with two vrings, too.
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

/// What is kept is what is made here; with `AMP_WRITE_SEEDS` in the environment it is written first.
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

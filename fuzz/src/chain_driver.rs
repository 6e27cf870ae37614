// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the driver side of chains. The device writes random values at any time. Each chain must complete at most
//! once, its written length must not exceed its writable bytes, and no descriptor may be in two chains.

use amp_ivshmem::virtqueue::Suppression;
use amp_ivshmem::virtqueue::chain::{AddError, ChainDriver, ChainToken, Element, IndirectTables, QueueId};

use crate::memory;
use crate::queue::{LAYOUT, prepare};
use crate::scribbler::{Scribbler, Target};

const TABLES: u32 = 0x200;
/// Number of entries in an indirect table.
const ENTRIES: u16 = 4;

const TARGETS: &[Target] = &[
    // Index, entries and event of the used ring.
    Target { at: 0x102, stride: 2, slots: 1 },
    Target { at: 0x104, stride: 8, slots: 8 },
    Target { at: 0x108, stride: 8, slots: 8 },
    Target { at: 0x100, stride: 2, slots: 35 },
    // The parts that only the driver writes, and that it never reads back.
    Target { at: 0, stride: 2, slots: 64 },
    Target { at: 0x80, stride: 2, slots: 11 },
    Target { at: TABLES, stride: 4, slots: 128 },
];

/// The maximum number of memory accesses per call: five words for each of eight descriptors, and the ring.
const MOST_ACCESSES: u32 = 8 * 5 + 8;

/// A chain that the device holds.
struct Pending {
    token: ChainToken,
    /// Number of descriptors that the chain occupies.
    cost: u16,
    writable: u32,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let peer = Scribbler::start(data, TARGETS);
    let Some(first) = peer.input.byte() else { return };
    let suppression = if first & 1 == 0 { Suppression::Events } else { Suppression::Flags };
    memory::clear(TABLES + IndirectTables::<amp_ivshmem::mem::Region<'_>>::bytes(LAYOUT.size, ENTRIES));
    prepare(suppression);
    let view = peer.view();
    let indirect = first & 2 == 0;
    let tables =
        indirect.then(|| IndirectTables::new(&view, TABLES, TABLES.into(), LAYOUT.size, ENTRIES).expect("inside"));
    let mut driver: ChainDriver<_, 8> = ChainDriver::new(&view, LAYOUT, suppression, tables, QueueId(1)).expect("fits");
    peer.arm();
    let (mut pending, mut done): (Vec<Pending>, Vec<ChainToken>) = (Vec::new(), Vec::new());
    while let Some(byte) = peer.input.byte() {
        let broken = driver.fault();
        match byte & 3 {
            0 | 1 => {
                let (readable, writable) = (usize::from(byte >> 2 & 7), usize::from(byte >> 5));
                let element = |length| Element { address: 0x1000 * u64::from(byte), length };
                let (readable, writable) = (vec![element(3); readable], vec![element(5); writable]);
                let count = (readable.len() + writable.len()) as u16;
                let cost = if indirect && (2..=ENTRIES).contains(&count) { 1 } else { count };
                let free = driver.free();
                match driver.add(&readable, &writable) {
                    Ok(added) => {
                        assert!(broken.is_none() && cost <= free && driver.is_pending(added.token));
                        assert!(pending.iter().all(|it| it.token.head() != added.token.head()), "added twice");
                        pending.push(Pending { token: added.token, cost, writable: 5 * writable.len() as u32 });
                    }
                    Err(AddError::Broken) => assert!(broken.is_some()),
                    Err(AddError::Empty) => assert_eq!(count, 0),
                    Err(AddError::TooManyElements { max }) => assert!(count > max && max == 8),
                    Err(error) => assert!(error == AddError::NoDescriptors && cost > free),
                }
            }
            2 => match driver.pop_used() {
                Ok(Some(completion)) => {
                    assert!(broken.is_none() && !driver.is_pending(completion.token));
                    let place = pending.iter().position(|it| it.token == completion.token);
                    let chain = pending.swap_remove(place.expect("completed without being pending"));
                    assert!(completion.written <= chain.writable, "more written than there is");
                    done.push(chain.token);
                }
                Ok(None) => assert_eq!(broken, None),
                Err(fault) => {
                    assert!(driver.fault() == Some(fault) && broken.is_none_or(|broken| broken == fault));
                }
            },
            _ if byte & 4 == 0 => {
                let _ = driver.enable_notification();
            }
            _ => driver.disable_notification(),
        }
        peer.bounded(MOST_ACCESSES);
        assert!(done.iter().all(|token| !driver.is_pending(*token)), "pending again");
        if driver.fault().is_none() {
            let taken: u16 = pending.iter().map(|it| it.cost).sum();
            assert_eq!(driver.free() + taken, LAYOUT.size, "a descriptor in two chains, or in none");
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Tests chains with random sequences of operations: two honest sides against a model, and each side against a peer
//! that writes random values.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The driver adds a chain. The arguments are the lengths of the readable and of the writable elements.
    Add(Vec<u32>, Vec<u32>),
    /// The device pops a chain. If the flag is set and no chain is available, the device requests a notification.
    Pop(bool),
    /// The device walks some elements of one of its chains.
    Walk(usize, usize),
    /// The device returns one of its chains and reports a written length.
    Return(usize, u32),
    /// The driver pops a completion.
    Complete,
    DriverSleeps,
    DeviceSleeps,
}

fn step() -> impl Strategy<Value = Step> {
    let lengths = || proptest::collection::vec(1..200u32, 0..6);
    prop_oneof![
        4 => (lengths(), lengths()).prop_map(|(readable, writable)| Step::Add(readable, writable)),
        3 => any::<bool>().prop_map(Step::Pop),
        4 => (any::<usize>(), 1..5usize).prop_map(|(which, count)| Step::Walk(which, count)),
        3 => (any::<usize>(), 0..400u32).prop_map(|(which, written)| Step::Return(which, written)),
        4 => Just(Step::Complete),
        1 => Just(Step::DriverSleeps),
        1 => Just(Step::DeviceSleeps),
    ]
}

/// The expected state of a chain.
#[derive(Debug)]
struct Expected {
    token: ChainToken,
    segments: VecDeque<Segment>,
    /// Number of writable bytes walked so far.
    walked: u32,
}

/// Returns elements of these lengths at arbitrary places in the buffer area, and the matching segments.
fn lay_out(stamp: &mut u32, lengths: &[u32], writable: bool) -> (Vec<Element>, Vec<Segment>) {
    let of = |&length: &u32| {
        *stamp = (*stamp + 37) % 0x900;
        (element(*stamp, length), segment(*stamp, length, writable))
    };
    lengths.iter().map(of).unzip()
}

proptest! {
    /// Checks that each chain arrives once, in order and intact, and comes back once with the written length. Also
    /// checks that no descriptor is lost, and that a sleeping side is notified of the next event.
    #[test]
    fn behaves_as_two_queues_of_chains(
        steps in proptest::collection::vec(step(), 1..300),
        flags in any::<bool>(),
        tables in any::<bool>(),
        start in prop_oneof![15 => Just(0u16), 1 => 65500..=65535u16],
    ) {
        let heap = Heap::new(MEMORY);
        let suppression = if flags { Suppression::Flags } else { Suppression::Events };
        let indirect = if tables { Indirect::Allowed } else { Indirect::Forbidden };
        let (mut driver, mut device) = pair(&heap, suppression, indirect);
        for _ in 0..start {
            let token = driver.add(&[element(0, 1)], &[]).unwrap().token;
            let chain = device.pop().unwrap().unwrap();
            prop_assert!(device.add_used(chain, 0).is_ok());
            prop_assert_eq!(driver.pop_used(), Ok(Some(Completion { token, written: 0 })));
        }
        let (mut added, mut held, mut returned) = (VecDeque::<Expected>::new(), Vec::<(Chain, Expected)>::new(), VecDeque::new());
        let (mut driver_sleeps, mut device_sleeps, mut stamp) = (false, false, 0);
        let mut costs = std::collections::HashMap::new();
        for step in steps {
            match step {
                Step::Add(readable, writable) => {
                    let count = readable.len() + writable.len();
                    let cost = if tables && (2..=usize::from(LENGTH)).contains(&count) { 1 } else { count };
                    let (readable, mut segments) = lay_out(&mut stamp, &readable, false);
                    let (writable, more) = lay_out(&mut stamp, &writable, true);
                    segments.extend(more);
                    let free = usize::from(driver.free());
                    match driver.add(&readable, &writable) {
                        Ok(Added { token, notify }) => {
                            prop_assert!(cost <= free && driver.is_pending(token));
                            prop_assert!(notify || !device_sleeps, "a sleeping device was not notified");
                            device_sleeps &= !notify;
                            prop_assert!(costs.insert(token, cost).is_none(), "a token of another chain");
                            added.push_back(Expected { token, segments: segments.into(), walked: 0 });
                        }
                        Err(AddError::Empty) => prop_assert_eq!(count, 0),
                        Err(AddError::TooManyElements { max: SIZE }) => prop_assert!(count > 8),
                        Err(error) => prop_assert!(error == AddError::NoDescriptors && cost > free),
                    }
                }
                Step::Pop(ask) => {
                    match if ask { device.pop_or_enable() } else { device.pop() }.unwrap() {
                        Some(chain) => {
                            let expected = added.pop_front().unwrap();
                            prop_assert_eq!(chain.head(), expected.token.head());
                            held.push((chain, expected));
                        }
                        None => {
                            prop_assert!(added.is_empty());
                            device_sleeps |= ask;
                        }
                    }
                }
                Step::Walk(which, count) => if !held.is_empty() {
                    let which = which % held.len();
                    let (chain, expected) = &mut held[which];
                    for segment in device.walk(chain).unwrap().take(count) {
                        let segment = segment.unwrap();
                        prop_assert_eq!(Some(segment), expected.segments.pop_front());
                        expected.walked += if segment.writable { segment.length } else { 0 };
                    }
                    prop_assert_eq!(chain.writable(), expected.walked);
                },
                Step::Return(which, written) => if !held.is_empty() {
                    let (chain, expected) = held.swap_remove(which % held.len());
                    let notified = device.add_used(chain, written).unwrap();
                    prop_assert!(notified || !driver_sleeps, "a sleeping driver was not notified");
                    driver_sleeps &= !notified;
                    returned.push_back(Completion { token: expected.token, written: written.min(expected.walked) });
                },
                Step::Complete => {
                    let completion = driver.pop_used().unwrap();
                    prop_assert_eq!(completion, returned.pop_front());
                    if let Some(Completion { token, .. }) = completion {
                        prop_assert!(!driver.is_pending(token));
                        costs.remove(&token);
                    }
                }
                Step::DriverSleeps => {
                    driver_sleeps = driver.enable_notification();
                    prop_assert_eq!(driver_sleeps, returned.is_empty());
                }
                Step::DeviceSleeps => {
                    device_sleeps = device.enable_notification();
                    prop_assert_eq!(device_sleeps, added.is_empty());
                }
            }
            prop_assert_eq!(usize::from(driver.free()) + costs.values().sum::<usize>(), usize::from(SIZE));
        }
    }

    /// Checks a peer that writes random values to rings, descriptors and indirect tables. Nothing may panic, no chain
    /// may arrive twice, and each walk may yield only valid elements.
    #[test]
    fn survives_a_peer_that_writes_anything(
        scribbles in proptest::collection::vec((0..0x400u32, prop_oneof![0..16u16, any::<u16>()], step()), 1..300),
        tables in any::<bool>(),
    ) {
        let heap = Heap::new(MEMORY);
        let bytes = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
        let indirect = if tables { Indirect::Allowed } else { Indirect::Forbidden };
        let (mut driver, mut device) = pair(&heap, Suppression::Events, indirect);
        let (mut pending, mut held, mut stamp) = (Vec::new(), Vec::<Chain>::new(), 0);
        for (offset, value, step) in scribbles {
            bytes.write(offset & !1, &value.to_le_bytes()).unwrap();
            match step {
                Step::Add(readable, writable) => {
                    let (readable, _) = lay_out(&mut stamp, &readable, false);
                    let (writable, _) = lay_out(&mut stamp, &writable, true);
                    if let Ok(added) = driver.add(&readable, &writable) {
                        pending.push((added.token, writable.iter().map(|it| it.length).sum::<u32>()));
                    }
                }
                Step::Pop(_) => if let Ok(Some(chain)) = device.pop() {
                    prop_assert!(held.iter().all(|other| other.head() != chain.head()), "twice");
                    held.push(chain);
                },
                Step::Walk(which, _) => if !held.is_empty() {
                    let which = which % held.len();
                    if let Ok(all) = Segments::<8>::gather(device.walk(&mut held[which]).unwrap()) {
                        prop_assert!(all.readable().iter().all(|it| !it.writable) && all.writable().iter().all(|it| it.writable));
                        let inside = |it: &Segment| it.length > 0 && it.offset + it.length <= MEMORY;
                        prop_assert!(all.readable().iter().chain(all.writable()).all(inside));
                        prop_assert!(all.read(&heap.region(), 0, &mut vec![0; all.readable_bytes() as usize]));
                    }
                },
                Step::Return(which, written) => if !held.is_empty() {
                    let which = which % held.len();
                    prop_assert!(device.add_used(held.swap_remove(which), written).is_ok());
                },
                Step::Complete => if let Ok(Some(Completion { token, written })) = driver.pop_used() {
                    let place = pending.iter().position(|(other, _)| *other == token);
                    let (_, writable) = pending.swap_remove(place.expect("a chain that was pending"));
                    prop_assert!(written <= writable);
                },
                Step::DriverSleeps => { let _ = driver.enable_notification(); }
                Step::DeviceSleeps => device.disable_notification(),
            }
            prop_assert_eq!(driver.free() == SIZE, pending.is_empty());
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Replays the corpora and all former findings, and runs each target on random bytes. Works on any toolchain.

use std::path::Path;

/// Returns `length` pseudorandom bytes from Marsaglia's xorshift64.
fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn replay(name: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files = 0;
    for entry in std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display())) {
        let path = entry.expect("a file").path();
        eprintln!("{}", path.display());
        run(&std::fs::read(path).expect("readable"));
        files += 1;
    }
    assert!(files > 0, "an empty corpus");
    for seed in 0..20_000 {
        eprintln!("{name}: seed {seed}");
        run(&random(seed, 16 + seed as usize % 200));
    }
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), crate::$name::run);
        })*
    };
}

targets!(
    queue,
    driver,
    device,
    chain_driver,
    chain_device,
    link_native,
    link_hostile,
    link_openamp,
    names,
    resource_table,
    inspect,
    server,
    client
);

/// Checks virtio's notification rule for all 16-bit values, including wrapped ones. A side must notify if and only if
/// the index passes the event. The passed indices are those from `old` to just before `new`, so the event is passed if
/// its distance from `old` is less than the number of steps. The test tries all pairs of distance and steps. The rule
/// must depend on differences only, so the test repeats some pairs at other positions.
#[test]
fn the_event_rule_is_exact_for_all_distances() {
    use amp_ivshmem::wire::vring::need_event;
    let most = if cfg!(debug_assertions) { 300 } else { u16::MAX };
    for distance in 0..=u16::MAX {
        for steps in 0..=most {
            assert_eq!(need_event(distance, steps, 0), distance < steps, "event {distance}, {steps} steps");
        }
    }
    for old in 0..=u16::MAX {
        for (distance, steps) in [(0, 0), (0, 1), (1, 1), (5, 16), (16, 16), (15, 16), (32767, 32768), (65535, 65535)] {
            let (event, new) = (old.wrapping_add(distance), old.wrapping_add(steps));
            assert_eq!(need_event(event, new, old), distance < steps, "event {event}, new {new}, old {old}");
        }
    }
}

/// Checks the rule for an index that moves by one, which both sides of a ring use. For all pairs of position and event,
/// the result is compared with the general rule and with the specification's formula, `(u16)(new_idx - event_idx - 1) <
/// (u16)(new_idx - old)`, computed without wrapping. With debug assertions, the test tries all events only for some
/// positions.
#[test]
fn the_event_rule_of_one_is_exact_for_all_pairs() {
    use amp_ivshmem::wire::vring::{need_event, need_event_of_one};
    let step = if cfg!(debug_assertions) { 255 } else { 1 };
    for old in (0..=u16::MAX).step_by(step) {
        let new = (u32::from(old) + 1) % 65536;
        for event in 0..=u16::MAX {
            let formula = (new + 65536 - u32::from(event) + 65536 - 1) % 65536 < (new + 65536 - u32::from(old)) % 65536;
            let general = need_event(event, old.wrapping_add(1), old);
            let of_one = need_event_of_one(event, old);
            assert!(of_one == formula && of_one == general, "event {event}, old {old}: {of_one}");
        }
    }
}

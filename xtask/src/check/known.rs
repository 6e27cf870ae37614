// SPDX-License-Identifier: Apache-2.0
//! The import cycles that still exist, each with all its files. The check fails if a cycle contains a file that is not
//! listed here. When a cycle no longer exists, remove it from this list.

/// The known cycles, in alphabetical order.
pub const KNOWN: &[&[&str]] = &[
    &["capi/src/buffers.rs", "capi/src/calls.rs", "capi/src/instance.rs", "capi/src/lib.rs", "capi/src/words.rs"],
    &["fuzz/src/link_native/side.rs", "fuzz/src/link_native/world.rs"],
    &["ports/zephyr/rust/src/bus.rs", "ports/zephyr/rust/src/lib.rs", "ports/zephyr/rust/src/tasks.rs"],
    &[
        "samples/multi_endpoint/src/host.rs",
        "samples/multi_endpoint/src/lib.rs",
        "samples/multi_endpoint/src/remote.rs",
    ],
];

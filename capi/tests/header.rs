// SPDX-License-Identifier: Apache-2.0
//! Checks that the committed header matches the sources.

mod generated;

#[test]
fn the_header_is_up_to_date() {
    generated::check(env!("CARGO_MANIFEST_DIR"), "include/amp_ipc.h");
}

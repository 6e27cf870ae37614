// SPDX-License-Identifier: Apache-2.0
//! Tests this module against the virtqueues of other projects. This library is empty; the crate contains only tests.

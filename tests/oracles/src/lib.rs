// SPDX-License-Identifier: Apache-2.0
//! Tests this module against virtqueues of other projects. The crate contains only its tests.

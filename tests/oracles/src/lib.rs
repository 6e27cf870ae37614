// SPDX-License-Identifier: Apache-2.0
//! Tests of this module against virtqueues of other projects. The crate contains its tests only.

// SPDX-License-Identifier: Apache-2.0
//! Tests this module's virtqueues against other projects' virtqueues. This library is empty, because the crate contains
//! only tests.

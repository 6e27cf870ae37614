// SPDX-License-Identifier: Apache-2.0
//! Real memory without full barriers, for tests that must fail if barriers are missing.

use super::super::{Forward, Region};

/// A [`Region`] that ignores full barriers and forwards all other accesses.
#[derive(Clone, Copy, Debug)]
pub struct Unfenced<'m>(pub Region<'m>);

// SAFETY: `inner` always returns the region in the field, and accesses are sound without barriers.
unsafe impl<'m> Forward for Unfenced<'m> {
    type Inner = Region<'m>;

    #[inline(always)]
    fn inner(&self) -> &Region<'m> {
        &self.0
    }

    #[inline(always)]
    fn with_inner(&self, inner: Region<'m>) -> Self {
        Self(inner)
    }

    fn forward_fence(&self) {}
}

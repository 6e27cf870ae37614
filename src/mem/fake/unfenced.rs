// SPDX-License-Identifier: Apache-2.0
//! The real memory without its full barriers, for tests that must fail without them when two sides race on this machine.

use super::super::{Forward, Region};

/// A [`Region`] whose barriers do nothing; all other accesses pass through.
#[derive(Clone, Copy, Debug)]
pub struct Unfenced<'m>(pub Region<'m>);

// SAFETY: the region is a field. No access becomes unsound without a barrier.
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

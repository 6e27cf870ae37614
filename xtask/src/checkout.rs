// SPDX-License-Identifier: Apache-2.0
//! The checkout that this program was built from.

use std::path::Path;
use std::sync::OnceLock;

use amp::checkout::Checkout;
pub use amp::checkout::find;
use anyhow::Result;

/// The checkout. Cargo builds this program anew where the checkout was moved, so the compiled-in path is right.
///
/// # Errors
/// The checkout is gone.
pub fn checkout() -> Result<&'static Checkout> {
    static CHECKOUT: OnceLock<Checkout> = OnceLock::new();
    match CHECKOUT.get() {
        Some(checkout) => Ok(checkout),
        None => {
            let found = Checkout::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
            Ok(CHECKOUT.get_or_init(|| found))
        }
    }
}

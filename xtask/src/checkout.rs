// SPDX-License-Identifier: Apache-2.0
//! The checkout from which this program was built.

use std::path::Path;
use std::sync::OnceLock;

use amp::checkout::Checkout;
pub use amp::checkout::find;
use anyhow::Result;

/// Returns the checkout. The compiled-in path is correct, because Cargo rebuilds this program if the checkout has
/// moved.
///
/// # Errors
/// Returns an error if the checkout no longer exists.
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

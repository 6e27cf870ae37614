// SPDX-License-Identifier: Apache-2.0
//! Warns before a run of all jobs if the disk has too little free space for them.

use std::env;
use std::path::Path;

/// Size in bytes of the files that all jobs write to the target folder, rounded up.
const NEEDED: u64 = 8 << 30;

/// Returns a warning if the disk with the target folder has less free space than all jobs need.
pub fn warning(checkout: &Path) -> Option<String> {
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout.to_owned(), |folder| checkout.join(folder));
    // Cargo creates the folder later.
    let folder = folder.ancestors().find(|folder| folder.is_dir())?;
    let disk = rustix::fs::statvfs(folder).ok()?;
    shortage(folder, disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn shortage(folder: &Path, free: u64) -> Option<String> {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    (free < NEEDED).then(|| {
        format!(
            "{:.1} GiB are free in {}, but all jobs write about {:.0} GiB: free some space, or set CARGO_TARGET_DIR to a \
             folder on another disk",
            gib(free),
            folder.display(),
            gib(NEEDED)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_small_disk_is_reported() {
        assert_eq!(shortage(Path::new("/build"), NEEDED), None);
        let text = shortage(Path::new("/build"), NEEDED / 2).unwrap();
        assert!(text.starts_with("4.0 GiB are free in /build, but all jobs write about 8 GiB: "), "{text}");
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Searches for a Zephyr tree and for west, as Zephyr's own tools do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use anyhow::{Context, Result, ensure};

/// The place where a tree was found. The variants are in search order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The variable `ZEPHYR_BASE`.
    Environment,
    /// The current folder is in a west workspace.
    West,
    /// CMake's user package registry, `~/.cmake/packages/Zephyr`, which `west zephyr-export` writes.
    Registry,
    /// The workspace that `amp demo --zephyr` created.
    Cache,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "ZEPHYR_BASE",
            Self::West => "west topdir",
            Self::Registry => "CMake's package registry",
            Self::Cache => "amp's cache",
        })
    }
}

/// Returns the first tree that exists. Searches `ZEPHYR_BASE`, the west workspace that contains `here`, CMake's
/// registry in `home`, and this tool's workspace `own`, in this order.
pub(super) fn search(
    variable: Option<OsString>,
    here: &Path,
    home: Option<&Path>,
    own: &Path,
) -> Result<(PathBuf, Found)> {
    if let Some(base) = variable.filter(|base| !base.is_empty()).map(PathBuf::from) {
        ensure!(is_zephyr(&base), "ZEPHYR_BASE={} is no Zephyr tree: correct or unset it", base.display());
        return Ok((base, Found::Environment));
    }
    if let Some(top) = ancestor_with(here, ".west") {
        let base = west_base(&top);
        ensure!(
            is_zephyr(&base),
            "the west workspace {} has no Zephyr in {}: west update",
            top.display(),
            base.display()
        );
        return Ok((base, Found::West));
    }
    let entries = home
        .into_iter()
        .flat_map(|home| fs::read_dir(home.join(".cmake/packages/Zephyr")).into_iter().flatten().flatten());
    // Each entry is a path to .../share/zephyr-package/cmake. Entries with missing folders are skipped, as in CMake.
    let bases = entries.filter_map(|entry| {
        let package = fs::read_to_string(entry.path()).ok()?;
        let base = Path::new(package.trim()).ancestors().nth(3)?.to_owned();
        is_zephyr(&base).then_some(base)
    });
    // CMake does not define an order. This takes the smallest path, so that the result is always the same.
    if let Some(base) = bases.min() {
        return Ok((base, Found::Registry));
    }
    let base = own.join("zephyr");
    ensure!(
        is_zephyr(&base),
        "no Zephyr workspace: set ZEPHYR_BASE, start this in a west workspace, or run west zephyr-export in one"
    );
    Ok((base, Found::Cache))
}

fn is_zephyr(base: &Path) -> bool {
    base.join("VERSION").is_file() && base.join("share/zephyr-package/cmake/ZephyrConfig.cmake").is_file()
}

pub(super) fn ancestor_with(path: &Path, name: &str) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.join(name).is_dir()).map(Path::to_owned)
}

/// Returns `zephyr.base` from west's configuration, or the folder in which manifests usually put Zephyr.
fn west_base(top: &Path) -> PathBuf {
    let config = fs::read_to_string(top.join(".west/config")).unwrap_or_default();
    let section = config.lines().map(str::trim).skip_while(|line| *line != "[zephyr]").skip(1);
    let mut entries = section.take_while(|line| !line.starts_with('['));
    let base = entries.find_map(|line| line.split_once('=').filter(|(key, _)| key.trim() == "base"));
    top.join(base.map_or("zephyr", |(_, base)| base.trim()))
}

/// Finds west in PATH, or in a virtual environment in or next to the workspace.
pub(super) fn find_west(top: &Path) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = [".venv", "venv", "../.venv", "../venv"].map(|folder| top.join(folder).join("bin"));
    let found = std::env::split_paths(&path).chain(own).map(|folder| folder.join("west")).find(|west| west.is_file());
    found.with_context(|| {
        format!(
            "no west in PATH, nor in {}/.venv: activate Zephyr's virtual environment, or pip install west",
            top.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(base: &Path) {
        fs::create_dir_all(base.join("share/zephyr-package/cmake")).unwrap();
        fs::write(base.join("share/zephyr-package/cmake/ZephyrConfig.cmake"), "").unwrap();
        fs::write(base.join("VERSION"), "").unwrap();
    }

    #[test]
    fn zephyr_is_found_in_the_order_of_its_own_tools() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let [home, here, own] = ["home", "here", "own"].map(|name| root.join(name));
        fs::create_dir(&here).unwrap();
        let look = |variable: Option<&Path>, here: &Path| search(variable.map(Into::into), here, Some(&home), &own);
        assert!(look(None, &here).unwrap_err().to_string().contains("no Zephyr workspace"));
        tree(&own.join("zephyr"));
        assert_eq!(look(None, &here).unwrap(), (own.join("zephyr"), Found::Cache));

        let registry = home.join(".cmake/packages/Zephyr");
        fs::create_dir_all(&registry).unwrap();
        fs::write(registry.join("0"), root.join("gone/share/zephyr-package/cmake").to_str().unwrap()).unwrap();
        assert_eq!(look(None, &here).unwrap().1, Found::Cache, "a tree that is gone is passed over");
        tree(&root.join("registered"));
        fs::write(registry.join("1"), root.join("registered/share/zephyr-package/cmake\n").to_str().unwrap()).unwrap();
        assert_eq!(look(None, &here).unwrap(), (root.join("registered"), Found::Registry));

        fs::create_dir_all(root.join("ws/.west")).unwrap();
        fs::create_dir_all(root.join("ws/app/src")).unwrap();
        assert!(look(None, &root.join("ws/app/src")).unwrap_err().to_string().contains("west update"));
        tree(&root.join("ws/z"));
        fs::write(root.join("ws/.west/config"), "[manifest]\npath = app\n\n[zephyr]\nbase = z\n").unwrap();
        assert_eq!(look(None, &root.join("ws/app/src")).unwrap(), (root.join("ws/z"), Found::West));

        tree(&root.join("named"));
        assert_eq!(
            look(Some(&root.join("named")), &root.join("ws")).unwrap(),
            (root.join("named"), Found::Environment)
        );
        assert!(look(Some(&here), &here).unwrap_err().to_string().contains("ZEPHYR_BASE"));
    }
}

//! Zephyr: finding its tree and west as Zephyr's own tools do, and asking what is missing before anything relies on it.

pub mod build;
pub mod create;
pub mod images;
pub mod run;
pub mod scenarios;
pub mod sizes;
pub mod twister;

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::{process, workspace};

/// How long west has to list the workspace's projects.
const LIST_LIMIT: Duration = Duration::from_secs(60);
/// The module's name in `zephyr/module.yml`.
const MODULE: &str = "amp-ivshmem";

/// How a tree was found, in the order of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The variable `ZEPHYR_BASE`.
    Environment,
    /// The current folder is in a west workspace.
    West,
    /// CMake's user package registry, `~/.cmake/packages/Zephyr`, into which `west zephyr-export` writes.
    Registry,
    /// The workspace that `amp demo --zephyr` made.
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

/// A Zephyr tree in a west workspace, and its west.
#[derive(Clone, Debug)]
pub struct Zephyr {
    base: PathBuf,
    top: PathBuf,
    west: PathBuf,
    found: Found,
}

impl fmt::Display for Zephyr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zephyr {} in {} (found by {})", version(&self.base), self.base.display(), self.found)
    }
}

impl Zephyr {
    /// The tree that Zephyr's own tools would take.
    ///
    /// # Errors
    /// There is none, or it is none that can be used; the reason and the remedy.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("no current folder")?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let (base, found) = search(std::env::var_os("ZEPHYR_BASE"), &here, home.as_deref(), &create::workspace()?)?;
        let top = ancestor_with(&base, ".west");
        let top =
            top.with_context(|| format!("{} is in no west workspace: west init -l, then west update", base.display()))?;
        let west = find_west(&top)?;
        Ok(Self { base, top, west, found })
    }

    /// A west command in the workspace, with this checkout as the module.
    pub fn west(&self) -> Command {
        let mut command = self.program(&self.west);
        command.env("ZEPHYR_EXTRA_MODULES", extra_modules(std::env::var_os("ZEPHYR_EXTRA_MODULES"), true));
        command
    }

    /// A command in the workspace, without this checkout.
    fn program(&self, program: &Path) -> Command {
        let mut command = process::guarded(program);
        command.current_dir(&self.top).env("ZEPHYR_BASE", &self.base);
        match extra_modules(std::env::var_os("ZEPHYR_EXTRA_MODULES"), false) {
            // Zephyr takes an empty list for the current folder.
            none if none.is_empty() => command.env_remove("ZEPHYR_EXTRA_MODULES"),
            modules => command.env("ZEPHYR_EXTRA_MODULES", modules),
        };
        // The virtual environment that west is in has the rest of Python's packages too.
        let folder = self.west.parent().map(Path::to_owned);
        let path = std::env::var_os("PATH").unwrap_or_default();
        if let Ok(path) = std::env::join_paths(folder.into_iter().chain(std::env::split_paths(&path))) {
            command.env("PATH", path);
        }
        command
    }

    /// zephyr-lang-rust's folder.
    ///
    /// # Errors
    /// It is not in the workspace, west does not work, or the workspace has another checkout of this module.
    pub fn lang_rust(&self) -> Result<PathBuf> {
        let mut list = self.program(&self.west);
        list.args(["list", "-f", "{abspath}"]);
        let said =
            process::output(list, LIST_LIMIT).map_err(|error| run::first_line(error).context("west list fails"))?;
        let projects: Vec<&Path> = said.lines().map(|line| Path::new(line.trim())).collect();
        let root = workspace::root().canonicalize()?;
        let other = projects.iter().find(|path| {
            module_name(path).as_deref() == Some(MODULE) && path.canonicalize().ok().as_ref() != Some(&root)
        });
        if let Some(other) = other {
            bail!("the workspace has an amp-ivshmem of its own, {}: start the ./amp there", other.display());
        }
        let found = projects.iter().find(|path| module_name(path).as_deref() == Some("lang-rust"));
        let found = found.context(
            "no zephyr-lang-rust in the workspace: add it to the manifest as west.yml here has it, and west update",
        )?;
        Ok(found.to_path_buf())
    }

    /// Rust's targets for both boards, where rustup says what there is.
    ///
    /// # Errors
    /// One is missing.
    pub fn check_targets(&self) -> Result<()> {
        for target in ["thumbv7m-none-eabi", "aarch64-unknown-none", "aarch64-unknown-none-softfloat"] {
            ensure!(
                workspace::has_target(target),
                "Rust lacks the target {target}: in {}, rustup target add {target}",
                workspace::root().canonicalize()?.display()
            );
        }
        Ok(())
    }

    /// Where this tool keeps what it builds of this workspace and this checkout.
    ///
    /// # Errors
    /// No folder for a cache.
    pub fn cache(&self) -> Result<PathBuf> {
        use std::hash::{DefaultHasher, Hash, Hasher};

        let mut hasher = DefaultHasher::new();
        (&self.base, workspace::root().canonicalize()?).hash(&mut hasher);
        Ok(create::cache()?.join(format!("zephyr-{:016x}", hasher.finish())))
    }
}

/// The first that there is: `ZEPHYR_BASE`, the west workspace around `here`, CMake's registry in `home`, and `own`.
fn search(variable: Option<OsString>, here: &Path, home: Option<&Path>, own: &Path) -> Result<(PathBuf, Found)> {
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
    // Each names .../share/zephyr-package/cmake; one that is gone is passed over, as CMake does.
    let bases = entries.filter_map(|entry| {
        let package = fs::read_to_string(entry.path()).ok()?;
        let base = Path::new(package.trim()).ancestors().nth(3)?.to_owned();
        is_zephyr(&base).then_some(base)
    });
    // CMake's own order is not defined; this one is the same each time.
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

fn ancestor_with(path: &Path, name: &str) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.join(name).is_dir()).map(Path::to_owned)
}

/// `zephyr.base` of west's configuration, or where manifests put it.
fn west_base(top: &Path) -> PathBuf {
    let config = fs::read_to_string(top.join(".west/config")).unwrap_or_default();
    let section = config.lines().map(str::trim).skip_while(|line| *line != "[zephyr]").skip(1);
    let mut entries = section.take_while(|line| !line.starts_with('['));
    let base = entries.find_map(|line| line.split_once('=').filter(|(key, _)| key.trim() == "base"));
    top.join(base.map_or("zephyr", |(_, base)| base.trim()))
}

/// In PATH, or in a virtual environment of the workspace.
fn find_west(top: &Path) -> Result<PathBuf> {
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

/// The user's modules, without any amp-ivshmem but this one.
fn extra_modules(given: Option<OsString>, with_ours: bool) -> String {
    let given = given.unwrap_or_default().to_string_lossy().into_owned();
    let others =
        given.split(';').filter(|path| !path.is_empty() && module_name(Path::new(path)).as_deref() != Some(MODULE));
    let ours = with_ours.then(|| workspace::root().canonicalize().unwrap_or_else(|_| workspace::root().to_owned()));
    let ours = ours.map(|path| path.to_string_lossy().into_owned());
    others.map(str::to_owned).chain(ours).collect::<Vec<_>>().join(";")
}

/// The name in a module's `zephyr/module.yml`; zephyr-lang-rust's and this one's have it.
fn module_name(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path.join("zephyr/module.yml")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("name:")).map(|name| name.trim().to_owned())
}

/// As in Zephyr's `VERSION`, `4.0.0`.
fn version(base: &Path) -> String {
    let text = fs::read_to_string(base.join("VERSION")).unwrap_or_default();
    let number = |key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('=')).map_or("?", str::trim)
    };
    ["VERSION_MAJOR", "VERSION_MINOR", "PATCHLEVEL"].map(number).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(base: &Path) {
        fs::create_dir_all(base.join("share/zephyr-package/cmake")).unwrap();
        fs::write(base.join("share/zephyr-package/cmake/ZephyrConfig.cmake"), "").unwrap();
        fs::write(base.join("VERSION"), "VERSION_MAJOR = 4\nVERSION_MINOR = 0\nPATCHLEVEL = 1\nVERSION_TWEAK = 9\n")
            .unwrap();
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
        assert_eq!(version(&root.join("named")), "4.0.1");
    }

    #[test]
    fn this_checkout_is_the_only_amp_ivshmem() {
        let root = workspace::root().canonicalize().unwrap();
        let given = format!("/nowhere/x;{}", root.display());
        assert_eq!(extra_modules(Some(given.clone().into()), false), "/nowhere/x");
        assert_eq!(extra_modules(Some(given.clone().into()), true), given);
        assert_eq!(extra_modules(None, true), root.display().to_string());
    }
}

// SPDX-License-Identifier: Apache-2.0
//! A private folder for a server's socket. It is removed on exit or, if the tool was killed, by the next run.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use amp_ivshmem_host::SOCKET_PATH_MAX;
use anyhow::{Context, Result, ensure};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, open, openat, unlinkat};
use rustix::process::geteuid;
use tempfile::TempDir;

const PREFIX: &str = "amp-";
/// File name of the socket.
const SOCKET: &str = "ivshmem";
/// Name of a file that the folder's owner keeps locked. The kernel always unlocks it when the owner's process exits.
const OWNER: &str = "amp-demo-owner";

/// The names of the other files that this tool creates in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// The control socket of the QEMU with this number.
    Qmp(usize),
    /// The counts that a QEMU plugin writes.
    Counts,
    /// A subfolder for temporary files.
    Work,
}

impl FileName {
    fn parse(name: Option<&str>) -> Option<Self> {
        let name = name?;
        let number = name.strip_prefix("qmp").and_then(|number| number.parse().ok());
        let all = number.map(Self::Qmp).into_iter().chain([Self::Counts, Self::Work]);
        all.into_iter().find(|known| known.to_string() == name)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qmp(number) => write!(f, "qmp{number}"),
            Self::Counts => f.write_str("counts"),
            Self::Work => f.write_str("work"),
        }
    }
}

/// A folder for one socket.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
    /// Closed after the folder has been removed.
    _owner: File,
}

impl Folder {
    /// Creates a new folder in `parent`. First removes this user's folders that were left behind by killed processes.
    ///
    /// # Errors
    /// Returns an error if a system call fails, or if the socket's path would be too long.
    pub fn new_in(parent: &Path) -> Result<Self> {
        remove_orphans(parent);
        // Absolute, because QEMU also gets the path, and may run in a different folder.
        let parent = std::path::absolute(parent).context("TMPDIR names no folder")?;
        let place = parent.display();
        let no_folder = || format!("no folder for the socket in {place}: name another in TMPDIR");
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parent).with_context(no_folder)?;
        // The file gets its final name only after it has been locked, so other processes never see it unlocked while
        // the owner runs.
        let unnamed = folder.path().join("new");
        let owner = File::create_new(&unnamed).with_context(no_folder)?;
        flock(&owner, FlockOperation::NonBlockingLockExclusive)
            .with_context(|| format!("no locks in {place}: name another folder in TMPDIR"))?;
        fs::rename(&unnamed, folder.path().join(OWNER)).with_context(no_folder)?;
        let folder = Self { folder, _owner: owner };
        let socket = folder.socket();
        let length = socket.as_os_str().len();
        ensure!(
            length <= SOCKET_PATH_MAX,
            "the socket's path {} has {length} bytes, {SOCKET_PATH_MAX} is the most: set TMPDIR to a shorter folder",
            socket.display()
        );
        Ok(folder)
    }

    /// Returns the path of the file called `name` in the folder.
    pub fn file(&self, name: FileName) -> PathBuf {
        self.folder.path().join(name.to_string())
    }

    /// Returns the path of the socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(SOCKET)
    }
}

/// Removes the folders left behind by killed processes. Errors are ignored, because they do not affect this run.
fn remove_orphans(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            let _ = remove_orphan(&entry.path());
        }
    }
}

/// Removes a folder if it belongs to this user and its owner file is not locked. Deletes only files with the names that
/// this tool creates.
fn remove_orphan(path: &Path) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let folder = open(path, flags | OFlags::DIRECTORY, Mode::empty())?;
    if fstat(&folder)?.st_uid != geteuid().as_raw() {
        return Ok(());
    }
    let owner = openat(&folder, OWNER, flags, Mode::empty())?;
    flock(&owner, FlockOperation::NonBlockingLockExclusive)?;
    // The socket may not exist yet.
    let _ = unlinkat(&folder, SOCKET, AtFlags::empty());
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        match FileName::parse(entry.file_name().to_str()) {
            Some(FileName::Work) => drop(fs::remove_dir_all(entry.path())),
            Some(_) => drop(unlinkat(&folder, entry.file_name(), AtFlags::empty())),
            None => {}
        }
    }
    unlinkat(&folder, OWNER, AtFlags::empty())?;
    rustix::fs::rmdir(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Creates a folder in the state after a SIGKILL, in which the folder exists, but is no longer locked.
    fn orphan(parent: &Path) -> PathBuf {
        let Folder { folder, _owner } = Folder::new_in(parent).unwrap();
        drop(UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        folder.keep()
    }

    fn count(parent: &Path) -> usize {
        fs::read_dir(parent).unwrap().count()
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let long = parent.path().join("x".repeat(100));
        fs::create_dir(&long).unwrap();
        let error = Folder::new_in(&long).unwrap_err().to_string();
        assert!(error.contains("TMPDIR"), "{error}");
        assert_eq!(count(&long), 0);
    }

    #[test]
    fn a_folder_goes_with_its_owner() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new_in(parent.path()).unwrap();
        fs::write(folder.socket(), "").unwrap();
        drop(folder);
        assert_eq!(count(parent.path()), 0);
    }

    #[test]
    fn only_folders_without_an_owner_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let alive = Folder::new_in(parent.path()).unwrap();
        let orphan = orphan(parent.path());
        let strange = parent.path().join("amp-abcdef");
        fs::create_dir(&strange).unwrap();
        fs::write(strange.join(SOCKET), "precious").unwrap();
        std::os::unix::fs::symlink(&orphan, parent.path().join("amp-link")).unwrap();
        let next = Folder::new_in(parent.path()).unwrap();
        assert!(!orphan.exists());
        assert!(next.folder.path().exists() && alive.folder.path().exists() && strange.join(SOCKET).exists());
        assert_eq!(count(parent.path()), 4);
    }

    #[test]
    fn all_files_of_this_tool_go_with_an_orphan() {
        let parent = tempfile::tempdir().unwrap();
        let orphan = orphan(parent.path());
        for name in ["qmp0", "qmp1", "qmp12"] {
            drop(UnixListener::bind(orphan.join(name)).unwrap());
        }
        fs::write(orphan.join("counts"), "1").unwrap();
        fs::create_dir(orphan.join("work")).unwrap();
        fs::write(orphan.join("work/amp"), "2").unwrap();
        drop(Folder::new_in(parent.path()).unwrap());
        assert_eq!(count(parent.path()), 0);
    }

    #[test]
    fn what_somebody_put_into_an_orphan_stays() {
        let parent = tempfile::tempdir().unwrap();
        let orphan = orphan(parent.path());
        fs::write(orphan.join("notes"), "precious").unwrap();
        drop(Folder::new_in(parent.path()).unwrap());
        assert_eq!(fs::read(orphan.join("notes")).unwrap(), b"precious");
        assert_eq!(count(&orphan), 1);
    }
}

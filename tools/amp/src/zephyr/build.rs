// SPDX-License-Identifier: Apache-2.0
//! A Zephyr build folder, with its board, its side of the link, and its QEMU command. This file does not depend on a
//! server or a workspace.
//!
//! The module's CMake code derives the QEMU command from devicetree. Only the build contains this command, which
//! `ninja -t commands run` prints.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::role::Role;
use crate::{process, qemu};

/// Time limit for ninja to print the command.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// A build of an image for a QEMU board with ivshmem.
#[derive(Clone, Debug)]
pub struct Build {
    folder: PathBuf,
    /// The image's side of the link, if Kconfig or devicetree sets it.
    pub role: Option<Role>,
    /// Size of the shared memory in bytes in the flat device's node. A PCI device uses the server's size.
    pub flat_size: Option<u64>,
    /// Number of doorbell vectors per peer.
    pub vectors: u16,
    qemu: Qemu,
}

/// The command line of a build's QEMU, with the console on standard input and output.
#[derive(Clone, Debug, Default)]
struct Qemu {
    variables: Vec<(String, String)>,
    program: String,
    arguments: Vec<String>,
}

impl Build {
    /// Reads the build in `folder`.
    ///
    /// # Errors
    /// Returns an error if the folder is not a build folder, has not been built, or has no ivshmem device, or if QEMU
    /// is missing.
    pub fn open(folder: &Path) -> Result<Self> {
        let name = folder.display();
        let cache = folder.join("CMakeCache.txt");
        let cache = std::fs::read_to_string(&cache).ok().with_context(|| {
            format!(
                "{name} is not a build folder, it has no CMakeCache.txt: make one with \
                 west build -S amp-ivshmem -b qemu_cortex_m3 -d {name} APPLICATION"
            )
        })?;
        let config = std::fs::read_to_string(folder.join("zephyr/.config")).ok();
        let config = config.with_context(|| {
            format!("{name} has no zephyr/.config: it is no build of Zephyr's, or its configuration failed")
        })?;
        ensure!(
            has(&config, "CONFIG_QEMU_TARGET"),
            "{name} is built for a board that is not QEMU's: take a board qemu_…"
        );
        ensure!(
            has(&config, "CONFIG_AMP_IVSHMEM_QEMU"),
            "{name} has no ivshmem device of amp-ivshmem: build it anew with -S amp-ivshmem"
        );
        ensure!(folder.join("zephyr/zephyr.elf").is_file(), "{name} was not built to its end: west build -d {name}");
        let ninja = value(&cache, "CMAKE_MAKE_PROGRAM").filter(|program| program.ends_with("ninja"));
        let ninja =
            ninja.with_context(|| format!("{name} was not built with Ninja: build it anew with west, which does"))?;
        let mut command = process::guarded(ninja);
        command.arg("-C").arg(folder).args(["-t", "commands", "run"]);
        let said = process::output(command, ASK_LIMIT)
            .with_context(|| format!("{name} does not tell how it runs QEMU: build it anew"))?;
        let qemu = Qemu::among(&said).with_context(|| {
            format!("{name} found no QEMU when it was built: install QEMU 10.0 or newer, or set QEMU_BIN_PATH, and build it anew")
        })?;
        let devicetree = std::fs::read_to_string(folder.join("zephyr/zephyr.dts")).unwrap_or_default();
        let build = Self {
            folder: std::path::absolute(folder)?,
            role: role(&config, &devicetree),
            flat_size: qemu.flat_size(),
            vectors: qemu.vectors(),
            qemu,
        };
        build.check_programs()?;
        Ok(build)
    }

    /// Returns the last component of the folder's path.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or(self.folder.as_os_str()).to_string_lossy().into_owned()
    }

    /// Returns the command that runs the build, with its console on standard input and output. The machine is a peer on
    /// the server at `socket` or, without `socket`, on the server that the build's QEMU command uses.
    ///
    /// # Errors
    /// Returns an error if the socket's path is not UTF-8.
    pub fn command(&self, socket: Option<&Path>, start: impl FnOnce(&str) -> Command) -> Result<Command> {
        let Qemu { variables, program, arguments } = &self.qemu;
        let socket =
            socket.map(|path| path.to_str().context("the socket's path is not UTF-8: set TMPDIR to another folder"));
        let socket = socket.transpose()?;
        let mut command = start(program);
        command.current_dir(&self.folder);
        for (name, value) in variables {
            command.env(name, value);
        }
        for word in arguments {
            match (socket, word.strip_prefix("socket,path=").and_then(|rest| rest.rsplit_once(",id=ivshmem"))) {
                // In QEMU's options, a literal comma is written as two commas.
                (Some(path), Some((_, number))) => {
                    command.arg(format!("socket,path={},id=ivshmem{number}", path.replace(',', ",,")))
                }
                _ => command.arg(word),
            };
        }
        Ok(command)
    }

    /// Returns a build without files, for testing the checks on two builds.
    #[cfg(test)]
    pub fn for_tests(folder: &str, role: Option<Role>, flat_size: Option<u64>, vectors: u16) -> Self {
        Self { folder: folder.into(), role, flat_size, vectors, qemu: Qemu::default() }
    }

    fn check_programs(&self) -> Result<()> {
        let Qemu { variables, program, .. } = &self.qemu;
        qemu::find(program).with_context(|| format!("what {} runs", self.name()))?;
        for (name, value) in variables {
            if name == "LD_PRELOAD" && !Path::new(value).is_file() {
                bail!(
                    "{value}, which gives QEMU its flat device for {}, is gone: west build -d {}",
                    self.name(),
                    self.folder.display()
                );
            }
        }
        Ok(())
    }
}

/// Returns the images of a sysbuild folder, or otherwise the single image of a build folder.
///
/// # Errors
/// Returns the same errors as [`Build::open`].
pub fn images(folder: &Path) -> Result<Vec<Build>> {
    match std::fs::read_to_string(folder.join("domains.yaml")) {
        Ok(domains) => domain_folders(&domains).map(|image| Build::open(Path::new(image))).collect(),
        Err(_) => Ok(vec![Build::open(folder)?]),
    }
}

/// Returns the image folders in sysbuild's `domains.yaml`. The unindented `build_dir` is sysbuild's folder, and is
/// skipped.
fn domain_folders(domains: &str) -> impl Iterator<Item = &str> {
    let folders = domains.lines().filter(|line| line.starts_with([' ', '-']));
    folders
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("build_dir:"))
        .map(|path| path.trim().trim_matches(['"', '\'']))
}

/// Returns true if the Kconfig symbol is `y`.
fn has(config: &str, symbol: &str) -> bool {
    config.lines().any(|line| line.strip_suffix("=y") == Some(symbol))
}

/// Returns the value of an entry in CMake's cache.
fn value<'a>(cache: &'a str, name: &str) -> Option<&'a str> {
    cache.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split_once('=').map(|(_, value)| value))
}

/// Returns the role from the Kconfig symbols of this repository's samples and tests, or from the devicetree node of the
/// `ipc_service` backend.
fn role(config: &str, devicetree: &str) -> Option<Role> {
    for (symbol, role) in [
        ("CONFIG_SAMPLE_HOST", Role::Host),
        ("CONFIG_SAMPLE_REMOTE", Role::Remote),
        ("CONFIG_TEST_HOST", Role::Host),
        ("CONFIG_TEST_REMOTE", Role::Remote),
    ] {
        if has(config, symbol) {
            return Some(role);
        }
    }
    let nodes = devicetree.split("compatible = \"amp-ivshmem,ipc-rpmsg\"").skip(1);
    let node = nodes.filter_map(|rest| rest.split('}').next()).find(|node| !node.contains("status = \"disabled\""))?;
    let role = node.split_once("role = \"")?.1.split('"').next()?;
    match role {
        "host" => Some(Role::Host),
        "remote" => Some(Role::Remote),
        _ => None,
    }
}

impl Qemu {
    /// Finds the QEMU command in the build's commands.
    fn among(commands: &str) -> Option<Self> {
        let part =
            commands.lines().rev().flat_map(|line| line.split("&&")).find(|part| part.contains("qemu-system-"))?;
        let mut words = shlex::split(part)?.into_iter().skip_while(|word| word == "env").peekable();
        let mut qemu = Self::default();
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            qemu.variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        qemu.program = words.next()?;
        while let Some(word) = words.next() {
            if word == "-pidfile" {
                // Removed, so that several instances of a build can run at the same time.
                words.next();
            } else if word.starts_with("pipe,id=con,") || word.starts_with("stdio,id=con,") {
                // In a Twister build, the console is a pair of pipes.
                qemu.arguments.push("stdio,id=con,mux=on".to_owned());
            } else {
                qemu.arguments.push(word);
            }
        }
        Some(qemu)
    }

    fn flat_size(&self) -> Option<u64> {
        let (_, flat) = self.variables.iter().find(|(name, _)| name == "AMP_QEMU_FLAT")?;
        let size = flat.split(',').find_map(|setting| setting.strip_prefix("size="))?;
        size.strip_prefix("0x").map_or_else(|| size.parse().ok(), |digits| u64::from_str_radix(digits, 16).ok())
    }

    /// Returns the number of vectors from the PCI device's property, or 1 for a flat device.
    fn vectors(&self) -> u16 {
        let device = self.arguments.iter().find_map(|word| word.strip_prefix("ivshmem-doorbell,"));
        let vectors = device.and_then(|device| device.split(',').find_map(|setting| setting.strip_prefix("vectors=")));
        vectors.and_then(|vectors| vectors.parse().ok()).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "ccache gcc -c x.c\ncd /b/x && env LD_PRELOAD=/t/libamp_qemu_flat.so AMP_QEMU_FLAT=chardev=ivshmem0,\
        size=0x100000,irq=40 /usr/bin/qemu-system-arm -pidfile qemu.pid -chardev pipe,id=con,mux=on,path=/b/qemu-fifo \
        -chardev socket,path=/tmp/ivshmem_socket,id=ivshmem0 -device ivshmem-doorbell,chardev=ivshmem0,vectors=2";

    fn build() -> Build {
        let qemu = Qemu::among(RUN).unwrap();
        Build { folder: "/b/x".into(), role: None, flat_size: qemu.flat_size(), vectors: qemu.vectors(), qemu }
    }

    #[test]
    fn the_command_is_the_builds_with_another_socket_and_console() {
        let build = build();
        assert_eq!((build.flat_size, build.vectors, build.name().as_str()), (Some(1 << 20), 2, "x"));
        let command = build.command(Some(Path::new("/run/a,b")), |program| Command::new(program)).unwrap();
        assert_eq!(command.get_program(), "/usr/bin/qemu-system-arm");
        let arguments: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(
            arguments[..4],
            ["-chardev", "stdio,id=con,mux=on", "-chardev", "socket,path=/run/a,,b,id=ivshmem0"]
        );
        assert!(command.get_envs().any(|(name, _)| name == "LD_PRELOAD"));
        let command = build.command(None, |program| Command::new(program)).unwrap();
        assert!(command.get_args().any(|word| word == "socket,path=/tmp/ivshmem_socket,id=ivshmem0"));
        assert!(Qemu::among("cd /b && QEMU-NOTFOUND -cpu x").is_none());
    }

    #[test]
    fn roles_are_kconfigs_or_devicetrees() {
        assert_eq!(role("CONFIG_SAMPLE_HOST=y\n# CONFIG_SAMPLE_REMOTE is not set\n", ""), Some(Role::Host));
        let node = "ipc0: ipc0 {\n compatible = \"amp-ivshmem,ipc-rpmsg\";\n role = \"remote\";\n};";
        assert_eq!(role("", node), Some(Role::Remote));
        let disabled = "a { compatible = \"amp-ivshmem,ipc-rpmsg\"; role = \"host\"; status = \"disabled\"; };";
        assert_eq!(role("", &format!("{disabled} {node}")), Some(Role::Remote));
        assert_eq!(role("", disabled), None);
        assert_eq!(role("CONFIG_X=y", "compatible = \"qemu,ivshmem\";"), None);
    }

    #[test]
    fn sysbuild_names_its_images() {
        let domains = "default: a\nbuild_dir: /b\ndomains:\n  - name: a\n    build_dir: /b/a\n  - name: peer\n    build_dir: '/b/p q'\n";
        assert_eq!(domain_folders(domains).collect::<Vec<_>>(), ["/b/a", "/b/p q"]);
    }

    #[test]
    fn what_is_no_build_folder_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let error = || Build::open(folder.path()).unwrap_err().to_string();
        assert!(error().contains("is not a build folder"));
        std::fs::write(folder.path().join("CMakeCache.txt"), "CMAKE_MAKE_PROGRAM:FILEPATH=/usr/bin/ninja\n").unwrap();
        std::fs::create_dir(folder.path().join("zephyr")).unwrap();
        assert!(error().contains("zephyr/.config"));
        let config = |text| std::fs::write(folder.path().join("zephyr/.config"), text).unwrap();
        config("CONFIG_X=y\n");
        assert!(error().contains("not QEMU's"));
        config("CONFIG_QEMU_TARGET=y\n");
        assert!(error().contains("-S amp-ivshmem"));
        config("CONFIG_QEMU_TARGET=y\nCONFIG_AMP_IVSHMEM_QEMU=y\n");
        assert!(error().contains("not built to its end"));
    }
}

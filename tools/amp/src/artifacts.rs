// SPDX-License-Identifier: Apache-2.0
//! The files that a set of machines needs (images, QEMU programs, the preload object), and the command that starts each
//! machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::{self, Checkout};
use crate::machine::Machine;
use crate::process;
use crate::role::Role;
use crate::zephyr::build::Build;
use crate::zephyr::images as zephyr_images;
use crate::zephyr::tree::Zephyr;

/// Size of the demo's shared memory in bytes. The flat device and the server must use the same size.
pub const SHARED_MEMORY: u64 = 1 << 20;
/// The registers, memory and interrupt of the flat device, as the M3 images expect them.
const FLAT_DEVICE: &str = "chardev=ivshmem,registers=0x400ff000,memory=0x60000000,size=1M,irq=40";

/// File name of the preload object.
const FLAT_OBJECT: &str = "libamp_qemu_flat.so";

/// Builds the host and remote images for a machine, unless they are up to date.
///
/// # Errors
/// Returns an error if an image does not build.
pub fn images(checkout: &Checkout, machine: Machine, target: &str) -> Result<[PathBuf; 2]> {
    let what = format!("the {} images", machine.name());
    let arguments = ["--profile", "guest", "-p", "amp-ivshmem-test-images", "--bins"];
    let files = checkout.build(&what, Some(target), &arguments)?;
    Ok([checkout::find(&files, Role::Host.image())?, checkout::find(&files, Role::Remote.image())?])
}

/// The checked or built files that a set of machines needs to start.
#[derive(Debug, Default)]
pub struct Artifacts {
    images: BTreeMap<Machine, [PathBuf; 2]>,
    /// The Zephyr builds that run instead of bare-metal images.
    zephyr: BTreeMap<(Machine, Role), Build>,
    qemu: BTreeMap<Machine, PathBuf>,
    flat_object: PathBuf,
}

impl Artifacts {
    /// Checks the QEMU programs that `machines` need, and builds the images.
    ///
    /// # Errors
    /// Returns an error if a QEMU is missing or unsuitable, or if a build fails.
    pub fn prepare(checkout: &Checkout, machines: &BTreeSet<Machine>) -> Result<Self> {
        Self::with_images(checkout, machines, |machine, target| images(checkout, machine, target))
    }

    /// Does the same as [`prepare`](Self::prepare), but with the images that `images` returns. The first one is for the
    /// rpmsg host, and the second one for the rpmsg remote.
    ///
    /// # Errors
    /// Returns the same errors as [`prepare`](Self::prepare).
    pub fn with_images(
        checkout: &Checkout,
        machines: &BTreeSet<Machine>,
        images: impl Fn(Machine, &str) -> Result<[PathBuf; 2]>,
    ) -> Result<Self> {
        let mut artifacts = Self::default();
        for &machine in machines {
            if let Some(path) = machine.check()? {
                artifacts.qemu.insert(machine, path);
            }
        }
        for &machine in machines {
            let Some(target) = machine.target() else { continue };
            artifacts.images.insert(machine, images(machine, target)?);
            if machine == Machine::M3 {
                let files = checkout.build("the preload object", None, &["--release", "-p", "amp-qemu-flat"])?;
                artifacts.flat_object = checkout::find(&files, FLAT_OBJECT)?;
            }
        }
        Ok(artifacts)
    }

    /// Returns the image called `name` for `machine`. It must be built together with the pair's images.
    ///
    /// # Errors
    /// Returns an error if the machine was not prepared or does not boot an image.
    pub fn image(&self, machine: Machine, name: &str) -> Result<PathBuf> {
        let [built, _] = self.images.get(&machine).context("a machine that was not prepared")?;
        Ok(built.with_file_name(name))
    }

    /// Does the same as [`prepare`](Self::prepare), but with Zephyr images.
    ///
    /// # Errors
    /// Returns an error if an image does not build, or if a QEMU is missing or unsuitable.
    pub fn prepare_zephyr(zephyr: &Zephyr, sides: &[(Machine, Role)]) -> Result<Self> {
        zephyr.lang_rust()?;
        let mut artifacts = Self::default();
        for &(machine, role) in sides.iter().filter(|(machine, _)| *machine != Machine::Linux) {
            let build = zephyr_images::exchange(zephyr, machine, role)?;
            artifacts.zephyr.insert((machine, role), build);
        }
        Ok(artifacts)
    }

    /// Returns the command that starts `machine` in `role`, as a peer on the server at `socket`.
    ///
    /// # Errors
    /// Returns an error if the machine was not prepared.
    pub fn command(&self, machine: Machine, role: Role, socket: &Path) -> Result<Command> {
        if machine == Machine::Linux {
            let mut command = process::guarded("/proc/self/exe");
            command.args(["peer", "--role", &role.to_string(), "--socket"]).arg(socket);
            return Ok(command);
        }
        if let Some(build) = self.zephyr.get(&(machine, role)) {
            return build.command(Some(socket), |program| process::guarded(program));
        }
        self.boot(machine, role.image(), socket)
    }

    /// Returns the command that starts `machine` with `image`. The image must be built together with the pair's images.
    ///
    /// # Errors
    /// Returns an error if the machine was not prepared or does not boot an image.
    pub fn boot(&self, machine: Machine, image: &str, socket: &Path) -> Result<Command> {
        let not_prepared = "a machine that was not prepared";
        let mut command = process::guarded(self.qemu.get(&machine).context(not_prepared)?);
        let image = self.image(machine, image)?;
        match machine {
            // For MSI-X, the image needs only the GICv2m frame. There is no default network card, because not every
            // distribution installs its boot ROM.
            Machine::A53 => command
                .args(["-nic", "none"])
                .args(["-machine", "virt,gic-version=2", "-cpu", "cortex-a53", "-m", "64M"])
                .args(["-device", "ivshmem-doorbell,chardev=ivshmem,vectors=1"]),
            _ => {
                // The dynamic loader splits LD_PRELOAD at spaces and colons, which cannot be escaped, so it must not
                // contain the user's paths. QEMU therefore runs in the object's folder, and all other paths are
                // absolute.
                let folder = self.flat_object.parent().context(not_prepared)?;
                command
                    .args(["-machine", "lm3s6965evb", "-cpu", "cortex-m3"])
                    .current_dir(folder)
                    .env("LD_PRELOAD", Path::new(".").join(FLAT_OBJECT))
                    .env("AMP_QEMU_FLAT", FLAT_DEVICE)
            }
        };
        // In QEMU's options, a literal comma is written as two commas.
        let path = socket.to_str().context("the socket's path is not UTF-8: set TMPDIR to another folder")?;
        let chardev = format!("socket,id=ivshmem,path={}", path.replace(',', ",,"));
        command.args(["-display", "none", "-monitor", "none", "-serial", "stdio", "-chardev"]);
        command.arg(chardev).arg("-kernel").arg(image);
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn no_path_of_the_users_is_in_what_the_loader_splits() {
        let folder = Path::new("/home/a b:c/target");
        let artifacts = Artifacts {
            images: [(Machine::M3, [folder.join("exchange-host"), folder.join("exchange-remote")])].into(),
            qemu: [(Machine::M3, PathBuf::from("/usr/bin/qemu-system-arm"))].into(),
            flat_object: folder.join(FLAT_OBJECT),
            ..Artifacts::default()
        };
        let command = artifacts.command(Machine::M3, Role::Remote, Path::new("/tmp/a,b/socket")).unwrap();
        assert_eq!(command.get_current_dir(), Some(folder));
        let preload = command.get_envs().find(|(name, _)| *name == "LD_PRELOAD").unwrap().1;
        assert_eq!(preload, Some(OsStr::new("./libamp_qemu_flat.so")));
        let arguments: Vec<_> = command.get_args().collect();
        assert!(arguments.contains(&OsStr::new("socket,id=ivshmem,path=/tmp/a,,b/socket")), "{arguments:?}");
        assert_eq!(arguments.last(), Some(&folder.join("exchange-remote").as_os_str()));
    }
}

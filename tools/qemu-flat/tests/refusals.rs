// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests the preload object's errors in a real QEMU, and that it prints nothing in other processes. These tests need
//! `qemu-system-arm` 10.0 or later. `amp demo`, which has a server, tests that the object works.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const GOOD: &str = "chardev=ivshmem,registers=0x400ff000,memory=0x60000000,size=1M,irq=40";

const OBJECT: &str = "libamp_qemu_flat.so";

/// Builds the object in the same way as this test, and returns its folder. Cargo does not build a `cdylib` for tests,
/// and an existing one may be out of date.
fn folder_of_object() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
        let test = std::env::current_exe().expect("a test has a path");
        // PROFILE/deps/refusals-0123456789abcdef
        let folder = test.ancestors().nth(2).expect("a test lies in its profile's folder");
        let profile = match folder.file_name().and_then(|name| name.to_str()).expect("a profile has a name") {
            "debug" => "dev",
            other => other,
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--package", env!("CARGO_PKG_NAME"), "--profile", profile, "--target-dir"]).arg(target);
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo starts");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        assert!(folder.join(OBJECT).exists(), "no {OBJECT} in {}", folder.display());
        folder.to_owned()
    })
}

/// Runs a program with the object preloaded. It runs in the object's `folder`, because the loader splits LD_PRELOAD at
/// spaces and colons.
fn run_with(folder: &Path, program: &str, arguments: &[&str], setting: Option<&str>) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("LD_PRELOAD", Path::new(".").join(OBJECT));
    command.env_remove("AMP_QEMU_FLAT").stdin(Stdio::null());
    if let Some(setting) = setting {
        command.env("AMP_QEMU_FLAT", setting);
    }
    command.output().unwrap_or_else(|error| panic!("{program}: {error}; install qemu-system-arm"))
}

fn run(program: &str, arguments: &[&str], setting: Option<&str>) -> Output {
    run_with(folder_of_object(), program, arguments, setting)
}

/// Runs QEMU on `machine` with `settings`. Returns what QEMU and the preload object print before QEMU exits.
fn refusal(machine: &str, chardev: &str, settings: &str) -> String {
    let arguments =
        ["-machine", machine, "-nic", "none", "-S", "-display", "none", "-serial", "none", "-monitor", "none"];
    let output = run("qemu-system-arm", &[&arguments[..], &["-chardev", chardev]].concat(), Some(settings));
    assert_eq!(output.status.code(), Some(1), "{settings}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn one_line_says_what_stands_in_the_way() {
    let directory = tempfile::tempdir().expect("a directory of this test's own");
    let path = directory.path().join("socket");
    let _listener = UnixListener::bind(&path).expect("a socket to connect to");
    let socket = format!("socket,path={},id=ivshmem", path.display());
    for (machine, chardev, from, to, message) in [
        ("lm3s6965evb", &*socket, "irq=40", "irq=x", "`irq=x` in AMP_QEMU_FLAT must be"),
        ("lm3s6965evb", &*socket, "irq=40", "irq=64", "this machine's NVIC has inputs 0 to 63"),
        ("mps2-an385", &*socket, "irq=40", "irq=32", "this machine's NVIC has inputs 0 to 31"),
        ("lm3s6965evb", &*socket, "=ivshmem", "=other", "QEMU has no chardev `other`"),
        ("lm3s6965evb", "null,id=ivshmem", "", "", "chardev `ivshmem` is not a socket"),
        ("lm3s6965evb", &*socket, "0x400ff000", "0x4000c000", "overlap `pl011` of this machine"),
        ("lm3s6965evb", &*socket, "0x60000000", "0x20000000", "overlap `stellaris.sram` of this machine"),
        ("lm3s6965evb", &*socket, "0x60000000", "0x22000000", "overlap `bitband` of this machine"),
        ("virt", &*socket, "", "", "does not have exactly one ARMv7-M CPU"),
        ("mps2-an521", &*socket, "", "", "does not have exactly one ARMv7-M CPU"),
    ] {
        let settings = if from.is_empty() { GOOD.to_owned() } else { GOOD.replace(from, to) };
        let said = refusal(machine, chardev, &settings);
        // QEMU may also print warnings.
        let ours: Vec<&str> = said.lines().filter(|line| line.starts_with("amp-qemu-flat: ")).collect();
        assert!(matches!(*ours, [line] if line.contains(message)), "{machine} {settings}: {said}");
    }
}

#[test]
fn it_is_inert_where_it_is_not_wanted() {
    for (program, argument, setting) in [
        ("true", "x", Some("nonsense")),
        ("qemu-system-arm", "--version", None),
        ("qemu-system-arm", "--version", Some("")),
        ("qemu-system-arm", "--version", Some(GOOD)),
    ] {
        let output = run(program, &[argument], setting);
        assert!(output.status.success() && output.stderr.is_empty(), "{program} {setting:?}: {output:?}");
    }
}

#[test]
fn it_loads_from_a_folder_with_a_space_and_a_colon() {
    let directory = tempfile::tempdir().expect("a directory of this test's own");
    let folder = directory.path().join("a b:c");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::copy(folder_of_object().join(OBJECT), folder.join(OBJECT)).expect("a copy");
    let output = run_with(&folder, "qemu-system-arm", &["-machine", "none"], Some("nonsense"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.starts_with("amp-qemu-flat: "), "{said}");
}

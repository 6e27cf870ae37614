//! The object in a real QEMU and in other processes: what it says when it cannot, and that it says nothing elsewhere.
//! Needs `qemu-system-arm` 10.0 or later; that it can is proven by `amp demo`, which has a server.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const GOOD: &str = "chardev=ivshmem,registers=0x400ff000,memory=0x60000000,size=1M,irq=40";

/// Cargo puts the object beside the folder of this test.
fn object() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let object = test.ancestors().map(|folder| folder.join("libamp_qemu_flat.so")).find(|path| path.exists());
    object.expect("cargo has built the object")
}

fn run(program: &str, arguments: &[&str], setting: Option<&str>) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("LD_PRELOAD", object()).env_remove("AMP_QEMU_FLAT").stdin(Stdio::null());
    if let Some(setting) = setting {
        command.env("AMP_QEMU_FLAT", setting);
    }
    command.output().unwrap_or_else(|error| panic!("{program}: {error}; install qemu-system-arm"))
}

/// QEMU on `machine` with these settings, and what it and the object print before they end.
fn refusal(machine: &str, chardev: &str, settings: &str) -> String {
    let arguments =
        ["-machine", machine, "-nic", "none", "-S", "-display", "none", "-serial", "none", "-monitor", "none"];
    let output = run("qemu-system-arm", &[&arguments[..], &["-chardev", chardev]].concat(), Some(settings));
    assert_eq!(output.status.code(), Some(1), "{settings}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn one_line_says_what_stands_in_the_way() {
    let directory = std::env::temp_dir().join(format!("amp-qemu-flat-{}", std::process::id()));
    std::fs::create_dir(&directory).expect("a directory of this test's own");
    let path = directory.join("socket");
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
        // QEMU may have warnings of its own.
        let ours: Vec<&str> = said.lines().filter(|line| line.starts_with("amp-qemu-flat: ")).collect();
        assert!(matches!(*ours, [line] if line.contains(message)), "{machine} {settings}: {said}");
    }
    std::fs::remove_dir_all(&directory).expect("removed");
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

// SPDX-License-Identifier: Apache-2.0
//! Tests the paths that Zephyr's build puts into QEMU's command line, with the build's own CMake code.

use std::path::Path;
use std::process::Command;

/// Runs a line of CMake after the module's code. Returns `None` without CMake, which only a Zephyr build needs.
fn cmake(line: &str) -> Option<(bool, String)> {
    let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ports/zephyr/cmake/qemu_paths.cmake");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("test.cmake");
    std::fs::write(&script, format!("include([[{}]])\n{line}\nmessage(\"= ${{path}}\")\n", code.display())).unwrap();
    let Ok(output) = Command::new("cmake").arg("-P").arg(&script).output() else {
        eprintln!("skipped: there is no cmake");
        return None;
    };
    // CMake breaks the lines of its errors.
    let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    Some((output.status.success(), said))
}

#[test]
fn a_comma_in_a_sockets_path_is_written_twice() {
    let Some(said) = cmake("amp_socket_option(path \"/tmp/a,b c/socket\")") else { return };
    assert_eq!(said, (true, "= /tmp/a,,b c/socket".to_owned()));
}

#[test]
fn a_sockets_path_has_1_to_107_bytes_and_no_semicolon() {
    for (path, wrong) in [
        ("x".repeat(107), None),
        ("x".repeat(108), Some("has 108 bytes, and a socket's path has 1 to 107")),
        (String::new(), Some("has 0 bytes")),
        ("/tmp/a;b".to_owned(), Some("contains a semicolon")),
    ] {
        let Some((passed, said)) = cmake(&format!("amp_socket_option(path \"{path}\")")) else { return };
        assert_eq!(passed, wrong.is_none(), "{said}");
        assert!(wrong.is_none_or(|wrong| said.contains(wrong) && said.contains("choose")), "{said}");
    }
}

#[test]
fn a_preload_object_that_the_loader_would_not_find_stops_the_build() {
    for (path, passes) in [("/a/b.so", true), ("/a b/c.so", false), ("/a:b/c.so", false), ("/a;b/c.so", false)] {
        let Some((passed, said)) = cmake(&format!("amp_check_preload(\"{path}\")")) else { return };
        assert_eq!(passed, passes, "{said}");
        assert!(passes || said.contains("set CARGO_TARGET_DIR to a folder without them"), "{said}");
    }
}

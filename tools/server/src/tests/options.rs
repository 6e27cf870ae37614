// SPDX-License-Identifier: Apache-2.0
//! Tests which sockets, memory files and options a server accepts, keeps and refuses.

use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::{fs, thread};

use super::{Rig, expect};
use crate::{Options, Server, VECTORS_MAX};

#[test]
fn the_socket_is_private_and_goes_with_its_server() {
    let mut rig = Rig::new(1);
    let found = fs::symlink_metadata(&rig.options.socket).expect("a socket");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    rig.server.take().expect("a server").stop().expect("stops");
    assert_eq!(fs::read_dir(rig.directory.path()).expect("the directory").count(), 0);
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let mut rig = Rig::new(1);
    let path = &rig.options.socket;
    let (first, _) = rig.greeted(0);
    expect(&first, 0, true);
    let error = Server::start(&rig.options).err().expect("refused").to_string();
    assert!(error.contains("a server already listens on") && error.contains("socket"), "{error}");
    // The next id is 1, which shows that the first server was not disturbed.
    let (_second, _) = rig.greeted(1);
    drop(rig.server.take());
    drop(UnixListener::bind(path).expect("leaves a stale socket"));
    assert!(path.exists());
    drop(Server::start(&rig.options).expect("replaces it"));
    assert!(!path.exists());
}

#[test]
fn what_is_not_its_own_is_never_removed() {
    let mut rig = Rig::new(1);
    let path = rig.options.socket.clone();
    // Replaces the socket with a file while the server runs.
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "precious").expect("a file");
    drop(rig.server.take());
    let error = Server::start(&rig.options).err().expect("refused").to_string();
    assert!(error.contains("is not a socket"), "{error}");
    assert_eq!(fs::read(&path).expect("still there"), b"precious");
    let link = rig.directory.path().join("link");
    symlink(rig.directory.path().join("nowhere"), &link).expect("a link");
    let error = Server::start(&Options::new(&link)).err().expect("refused").to_string();
    assert!(error.contains("is not a socket"), "{error}");
}

#[test]
fn two_servers_that_find_the_same_stale_socket_do_not_both_get_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options::new(directory.path().join("socket"));
    for _ in 0..50 {
        drop(UnixListener::bind(&options.socket).expect("stale"));
        let servers: Vec<_> = thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| Server::bind(&options))).collect();
            starts.into_iter().map(|start| start.join().expect("no panic")).collect()
        });
        assert_eq!(servers.iter().filter(|server| server.is_ok()).count(), 1);
        assert!(options.socket.exists());
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let good = Options::new(directory.path().join("socket"));
    for (options, message) in [
        (Options { vectors: 0, ..good.clone() }, "0 vectors"),
        (Options { vectors: VECTORS_MAX + 1, ..good.clone() }, "65 vectors"),
        (Options { size: 2048, ..good.clone() }, "at least 4096"),
        (Options { size: 12288, ..good.clone() }, "power of two"),
        (Options { size: 1 << 32, ..good.clone() }, "at most 2147483648 (2 GiB)"),
        (
            Options { socket: directory.path().join("none/socket"), ..good.clone() },
            "cannot open the socket's directory",
        ),
        (Options { memory: Some(PathBuf::from("/dev/null")), ..good.clone() }, "not a regular file"),
    ] {
        let error = Server::start(&options).err().expect(message).to_string();
        assert!(error.contains(message), "{error}");
        assert!(!good.socket.exists(), "{message}: left a socket");
    }
}

#[test]
fn a_named_file_is_made_kept_and_never_resized() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("memory");
    let options = Options { size: 8192, memory: Some(file.clone()), ..Options::new(directory.path().join("socket")) };
    drop(Server::start(&options).expect("makes it"));
    assert_eq!(fs::metadata(&file).expect("kept").len(), 8192);
    assert_eq!(fs::metadata(&file).expect("kept").permissions().mode() & 0o777, 0o600);
    drop(Server::start(&options).expect("takes it"));
    let error = Server::start(&Options { size: 4096, ..options }).err().expect("refused").to_string();
    assert!(error.contains("has 8192 bytes and not 4096"), "{error}");
    assert_eq!(fs::metadata(&file).expect("kept").len(), 8192);
}

#[test]
fn a_file_that_cannot_be_the_memory_is_refused_and_nothing_is_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("socket");
    let link = directory.path().join("link");
    symlink(directory.path().join("target"), &link).expect("a link");
    for (memory, message) in [
        (PathBuf::from("/proc/version"), "cannot be the memory"),
        (PathBuf::from("/proc/self/limits"), "name a"),
        (directory.path().to_owned(), "name a file of yours"),
        (directory.path().join("none/memory"), "name a file of yours"),
        (link, "name a file of yours"),
    ] {
        let options = Options { size: 8192, memory: Some(memory), ..Options::new(&socket) };
        let error = Server::start(&options).err().expect(message).to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 1, "only the link is left");
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Checks that the snippet, the board folders and boards/README.md agree.

use std::fs;
use std::path::Path;

#[test]
fn the_snippet_uses_every_file_of_every_board() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let snippet = fs::read_to_string(root.join("snippets/amp-ivshmem/snippet.yml")).unwrap();
    let readme = fs::read_to_string(root.join("boards/README.md")).unwrap();
    let mut files = 0;
    let mut boards = 0;
    for entry in fs::read_dir(root.join("boards")).unwrap() {
        let folder = entry.unwrap();
        if !folder.file_type().unwrap().is_dir() {
            continue;
        }
        boards += 1;
        let name = folder.file_name().into_string().unwrap();
        assert!(
            readme.contains(&format!("| [`{name}`]({name}) |")),
            "{name} is missing in the table of boards/README.md"
        );
        for file in ["board.overlay", "qemu.cmake"] {
            assert!(folder.path().join(file).is_file(), "boards/{name} has no {file}");
        }
        for (file, key) in [("board.overlay", "EXTRA_DTC_OVERLAY_FILE"), ("board.conf", "EXTRA_CONF_FILE")] {
            if folder.path().join(file).is_file() {
                files += 1;
                let line = format!("      {key}: ../../boards/{name}/{file}\n");
                assert!(snippet.contains(&line), "snippet.yml lacks this line: {line}");
            }
        }
    }
    assert!(boards > 0);
    assert_eq!(
        snippet.matches("../../boards/").count(),
        files,
        "snippet.yml names a file that is in no folder of boards/"
    );
}

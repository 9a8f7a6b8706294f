//! The C example of the README compiles without a warning and does what it says, linked like a program of its reader.

use std::fs;
use std::process::Command;

use crate::programs::link_shared;
use crate::support::{GCC, include, root, run};

/// The first block of C in the README.
fn example() -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, block) = readme.split_once("\n```c\n").expect("the README has an example in C");
    block.split("```").next().unwrap_or_default().to_string()
}

#[test]
fn its_c_example_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (source, binary) = (folder.path().join("example.c"), folder.path().join("example"));
    fs::write(&source, example()).unwrap();
    let mut command = GCC.command();
    command.args(["-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-I"]).arg(include());
    command.arg(&source).arg("-o").arg(&binary);
    link_shared(&mut command, folder.path());
    run(&mut command);
    // The second run finds the store of the first and adds a document to it.
    for _ in 0..2 {
        assert_eq!(run(Command::new(&binary).current_dir(folder.path())), "expected: 5\n");
    }
    assert!(folder.path().join("sums.stratum/MANIFEST").is_file());
}

//! The programs in tests/capi/c, each linked statically and dynamically, and run plainly, under the address and
//! undefined behaviour sanitizers, and under valgrind.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{GCC, VALGRIND, built, include, native_libraries, root, run};

/// The programs: every C file of the folder.
fn programs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/capi/c")).unwrap().map(|entry| entry.unwrap().path());
    let mut programs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "c")).collect();
    programs.sort();
    assert!(programs.len() >= 6, "tests/capi/c has lost programs: {programs:?}");
    programs
}

fn compiler(source: &Path, binary: &Path) -> Command {
    let mut command = GCC.command();
    command.args(["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-g", "-pedantic-errors", "-Wall", "-Wextra", "-Werror"]);
    command.arg("-pthread").arg("-I").arg(include()).arg(source).arg("-o").arg(binary);
    command
}

/// Builds each program with `link`, and runs it with `prefix` in front, in a folder of its own.
fn each(link: impl Fn(&mut Command, &Path), prefix: impl Fn(&Path) -> Command) {
    for source in programs() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("program");
        let mut command = compiler(&source, &binary);
        link(&mut command, folder.path());
        run(&mut command);
        let stores = folder.path().join("stores");
        std::fs::create_dir(&stores).unwrap();
        run(prefix(&binary).arg(&stores));
    }
}

fn link_static(command: &mut Command, _folder: &Path) {
    command.arg(built().join("libstratum.a")).args(native_libraries());
}

/// Links against the shared library under the names that an installation gives it.
pub fn link_shared(command: &mut Command, folder: &Path) {
    let library = built().join("libstratum.so");
    symlink(&library, folder.join("libstratum.so")).unwrap();
    symlink(&library, folder.join(concat!("libstratum.so.", env!("CARGO_PKG_VERSION_MAJOR")))).unwrap();
    command.arg("-L").arg(folder).arg("-lstratum").arg(format!("-Wl,-rpath,{}", folder.display()));
}

#[test]
fn run_with_the_static_library() {
    each(link_static, |binary| Command::new(binary));
}

#[test]
fn run_with_the_shared_library() {
    each(link_shared, |binary| Command::new(binary));
}

#[test]
fn run_under_address_and_undefined_behaviour_sanitizers() {
    let link = |command: &mut Command, folder: &Path| {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        link_static(command, folder);
    };
    each(link, |binary| Command::new(binary));
}

/// The one program that decides what memory the library gets.
#[test]
fn refused_memory_is_a_status_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("program");
    let mut command = compiler(&root().join("tests/capi/memory/memory.c"), &binary);
    let wrapped = ["malloc", "calloc", "realloc", "posix_memalign"].map(|name| format!("-Wl,--wrap={name}"));
    command.args(wrapped);
    link_static(&mut command, folder.path());
    run(&mut command);
    let stores = folder.path().join("stores");
    std::fs::create_dir(&stores).unwrap();
    run(Command::new(&binary).arg(&stores));
}

#[test]
fn run_under_valgrind() {
    each(link_shared, |binary| {
        let mut command = VALGRIND.command();
        command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--child-silent-after-fork=yes"]);
        command.args(["--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect"]);
        // a fair turn for each thread: valgrind runs one at a time, and slowly
        command.arg("--fair-sched=yes").arg(binary).env("STRATUM_STRESS_ROUNDS", "1");
        command
    });
}

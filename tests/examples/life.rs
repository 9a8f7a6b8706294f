//! The whole program, all of its commands, under tools that see what goes wrong in memory.

use std::path::{Path, PathBuf};

use tempfile::tempdir;

use crate::broken::refuses_every_broken_package;
use crate::data::{files, name, packages, project};
use crate::program::Program;
use crate::repair::damage;

/// Every command, with right and with wrong outputs. All packages are imported, `shown` of them are looked at.
fn lives(program: Program, shown: usize) {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let store = store.as_path();
    let packages = packages();
    for _ in 0..2 {
        program.run([Path::new("import"), store].into_iter().chain(packages.iter().map(PathBuf::as_path))).done();
    }
    program.run([Path::new("list"), store]).done();
    for package in packages.iter().take(shown) {
        let short = Path::new(name(package));
        let copy = folder.path().join("copy").join(short);
        program.run([Path::new("show"), store, short]).done();
        program.run([Path::new("judge"), store, short, &package.join("data")]).done();
        program.run([Path::new("export"), store, short, &copy]).done();
        assert!(files(&copy).iter().all(|file| files(package).contains(file)), "{}", copy.display());
        let wrong = project("examples/candidates/wrong").join(short);
        if wrong.is_dir() {
            program.run([Path::new("judge"), store, short, &wrong]).with_status(1);
            program.run([Path::new("judge"), store, short, &wrong, Path::new("--exact")]).with_status(1);
        }
    }
    program.run([Path::new("show"), store, Path::new("no such package")]).with_status(2);
    program.run([Path::new("verify"), store]).done();
    program.run([Path::new("repair"), store, &folder.path().join("saved")]).done();
    damage(store, b"STPT");
    program.run([Path::new("repair"), store, &folder.path().join("mended")]).with_status(1);
}

#[test]
fn all_commands_run_clean_under_sanitizers() {
    lives(Program::Sanitized, usize::MAX);
}

#[test]
fn refusals_run_clean_under_sanitizers() {
    refuses_every_broken_package(Program::Sanitized);
}

#[test]
fn all_commands_run_clean_under_valgrind() {
    // The project's own packages: each command takes a second or two here.
    lives(Program::Valgrind, 4);
}

#[test]
fn refusals_run_clean_under_valgrind() {
    refuses_every_broken_package(Program::Valgrind);
}

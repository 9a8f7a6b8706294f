//! `repair`: a store that was damaged, saved into a new one.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::tempdir;

use crate::data::{name, packages};
use crate::program::Program;

/// The segment files of a store.
fn segments(store: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "strat")).collect()
}

/// Changes one byte of what a package's title is stored as.
pub fn damage(store: &Path, text: &[u8]) {
    for path in segments(store) {
        let mut bytes = fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(text.len()).position(|window| window == text) {
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            return;
        }
    }
    panic!("{} does not hold the text", store.display());
}

#[test]
fn an_undamaged_store_is_saved_whole() {
    let folder = tempdir().unwrap();
    let (store, saved) = (folder.path().join("store"), folder.path().join("saved"));
    let packages = packages();
    let import = [Path::new("import"), &store].into_iter().chain(packages.iter().map(PathBuf::as_path));
    Program::Plain.run(import).done();
    let out = Program::Plain.run([Path::new("repair"), &store, &saved]).done();
    assert!(out.ends_with("nothing was lost\n"), "{out}");
    assert!(out.contains(&format!("{} packages saved whole, 0 in part", packages.len())), "{out}");
    let list = |store: &Path| Program::Plain.run([Path::new("list"), store]).done();
    assert_eq!(list(&saved), list(&store));
    for package in &packages {
        let judge = [Path::new("judge"), &saved, Path::new(name(package)), &package.join("data")];
        Program::Plain.run(judge).done();
    }
    let again = Program::Plain.run([Path::new("repair"), &store, &saved]).with_status(2);
    assert!(again.err.contains("STRATUM_OPEN_REFUSED"), "{}", again.err);
}

#[test]
fn a_damaged_store_is_saved_without_what_is_damaged() {
    let folder = tempdir().unwrap();
    let (store, saved) = (folder.path().join("store"), folder.path().join("saved"));
    let packages = packages();
    let import = [Path::new("import"), &store].into_iter().chain(packages.iter().map(PathBuf::as_path));
    Program::Plain.run(import).done();
    let list = Program::Plain.run([Path::new("list"), &store]).done();
    fs::remove_file(store.join("MANIFEST")).unwrap();
    damage(&store, b"STPT");
    let before: Vec<Vec<u8>> = segments(&store).iter().map(|path| fs::read(path).unwrap()).collect();
    let run = Program::Plain.run([Path::new("repair"), &store, &saved]).with_status(1);
    assert!(run.out.contains("there is no manifest") && run.out.contains("a tree is damaged"), "{}", run.out);
    assert!(run.out.contains("cannot all be told") && !run.out.contains("nothing was lost"), "{}", run.out);
    let after: Vec<Vec<u8>> = segments(&store).iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(before == after && !store.join("MANIFEST").exists());
    let left = Program::Plain.run([Path::new("list"), &saved]).done();
    assert_eq!(left.lines().count(), list.lines().count() - 1, "{left}");
    assert!(left.lines().all(|line| list.contains(line)), "{left}");
    Program::Plain.run([Path::new("verify"), &saved]).done();
}

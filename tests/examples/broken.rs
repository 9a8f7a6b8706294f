//! Packages that break the format, stores that are none, and arguments that make no sense: refused with a clear text,
//! and nothing is changed.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::tempdir;

use crate::data::{files, project, write};
use crate::import::{import, trees};
use crate::program::Program::{self, Plain};

/// A small package that is right.
const RIGHT: [(&str, &[u8]); 4] = [
    ("problem.yaml", b"name: Right\n"),
    ("statement/problem.en.md", b"Right."),
    ("data/secret/1.in", b"1\n"),
    ("data/secret/1.ans", b"1\n"),
];

/// What is done to a right package, and what the refusal says.
struct Case(&'static str, fn(&Path), &'static str);

const BROKEN: [Case; 17] = [
    Case("no metadata", |package| remove(package, "problem.yaml"), "no problem.yaml"),
    Case(
        "no answer",
        |package| remove(package, "data/secret/1.ans"),
        "data/secret/1.in: has no answer (1.ans is missing)",
    ),
    Case("no input", |package| remove(package, "data/secret/1.in"), "data/secret/1.ans: an answer without its input"),
    Case("no statement", |package| remove(package, "statement/problem.en.md"), "no statement"),
    Case("no tests", |package| fs::remove_dir_all(package.join("data")).unwrap(), "no tests in data/sample"),
    Case("bad syntax", |package| put(package, "problem.yaml", b"name: [a\nb: c\n"), "problem.yaml: line 2: not YAML"),
    Case("a list", |package| put(package, "problem.yaml", b"- name\n"), "line 1: not a map"),
    Case(
        "a key twice",
        |package| put(package, "problem.yaml", b"name: a\ntype: b\nname: c\n"),
        "line 3: the key `name` a second time",
    ),
    Case("merge keys", |package| put(package, "problem.yaml", b"a: &a {b: c}\nd: {<<: *a}\n"), "line 2: merge keys"),
    Case("a loop", |package| put(package, "problem.yaml", b"name: a\nx: &x [*x]\n"), "nest too deep"),
    Case("aliases", |package| put(package, "problem.yaml", &bomb()), "too many values"),
    Case("a reserved key", |package| put(package, "problem.yaml", b"package: other\n"), "`package`"),
    Case("not UTF-8", |package| put(package, "problem.yaml", b"name: \xff\n"), "problem.yaml: not UTF-8"),
    Case("a bad group", |package| put(package, "data/secret/test_group.yaml", b"{"), "test_group.yaml: line"),
    Case(
        "a bad test",
        |package| put(package, "data/secret/1.yaml", b"description: a: b\n"),
        "1.yaml: line 1: not YAML",
    ),
    Case(
        "a name",
        |package| fs::write(package.join("data/secret").join(std::ffi::OsStr::from_bytes(b"\xff.in")), "").unwrap(),
        "must be UTF-8",
    ),
    Case("a circle", |package| symlink("..", package.join("data/secret/up")).unwrap(), "nest too deep"),
];

fn remove(package: &Path, file: &str) {
    fs::remove_file(package.join(file)).unwrap();
}

fn put(package: &Path, file: &str, bytes: &[u8]) {
    fs::write(package.join(file), bytes).unwrap();
}

/// A few hundred bytes that stand for 9^9 values.
fn bomb() -> Vec<u8> {
    let mut text = String::from("name: a\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    text.into_bytes()
}

/// Imports every broken package between two right ones, in one command: the right ones are stored, of the broken ones
/// nothing is, and each refusal says why.
pub fn refuses_every_broken_package(program: Program) {
    let folder = tempdir().unwrap();
    let [store, first, last] = ["store", "first", "last"].map(|name| folder.path().join(name));
    let broken: Vec<PathBuf> = BROKEN.iter().map(|case| folder.path().join("broken").join(case.0)).collect();
    write(&first, RIGHT);
    write(&last, RIGHT);
    for (package, Case(_, spoil, _)) in broken.iter().zip(&BROKEN) {
        write(package, RIGHT);
        spoil(package);
    }
    let words = [Path::new("import"), &store, &first].into_iter();
    let run = program.run(words.chain(broken.iter().map(PathBuf::as_path)).chain([last.as_path()])).with_status(1);
    assert_eq!(run.out, "first: document 1 created, 1 inputs\nlast: document 2 created, 1 inputs\n");
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(lines.len(), 2 * BROKEN.len(), "{}", run.err);
    for ((package, Case(name, _, said)), lines) in broken.iter().zip(&BROKEN).zip(lines.chunks(2)) {
        assert!(lines[0].contains(said), "{name}: {}", lines[0]);
        assert_eq!(lines[1], format!("stratum-icpc: {}: not imported", package.display()), "{name}");
    }
    let stored: Vec<_> = trees(&store).iter().map(|(id, tree)| (*id, tree.inputs.len())).collect();
    assert_eq!(stored, [(1, 1), (2, 1)]);
}

#[test]
fn a_broken_package_is_refused_whole() {
    refuses_every_broken_package(Plain);
}

#[test]
fn a_package_that_breaks_keeps_its_old_state_in_the_store() {
    let folder = tempdir().unwrap();
    let (store, package) = (folder.path().join("store"), folder.path().join("right"));
    write(&package, RIGHT);
    import(&store, std::slice::from_ref(&package));
    let before = trees(&store);
    write(&package, [("problem.yaml", &b"name: New\n"[..]), ("data/secret/2.in", b"")]);
    Plain.run([Path::new("import"), &store, &package]).with_status(1);
    assert_eq!(trees(&store), before);
}

#[test]
fn what_belongs_to_no_test_is_named_and_left_out() {
    let folder = tempdir().unwrap();
    let (store, package) = (folder.path().join("store"), folder.path().join("right"));
    write(&package, RIGHT);
    write(
        &package,
        [("data/secret/generate.py", &b"print(1)"[..]), ("data/secret/.hidden", b""), ("data/secret/1.hint", b"One.")],
    );
    let run = Plain.run([Path::new("import"), &store, &package]).with_status(0);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    assert!(run.err.contains("data/secret/generate.py: belongs to no test, and is not imported"), "{}", run.err);
    assert_eq!(crate::package::text(&trees(&store)[0].1.inputs[0].columns, "hint"), "One.");
}

#[test]
fn a_folder_that_is_no_store_is_refused_and_untouched() {
    let folder = tempdir().unwrap();
    let foreign = folder.path().join("foreign");
    write(&foreign, [("notes.txt", &b"mine"[..])]);
    let package = project("examples/packages/mirror");
    for words in [vec!["list"], vec!["show", "1"], vec!["verify"]] {
        let mut all = vec![words[0], foreign.to_str().unwrap()];
        all.extend(&words[1..]);
        let run = Plain.run(all).with_status(2);
        assert!(run.err.contains("STRATUM_"), "{}", run.err);
    }
    let run = Plain.run([Path::new("import"), &foreign, &package]).with_status(2);
    assert!(run.err.contains("STRATUM_NOT_A_STORE"), "{}", run.err);
    assert_eq!(files(&foreign), [("notes.txt".to_string(), b"mine".to_vec())]);
}

#[test]
fn reading_makes_no_store() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let run = Plain.run([Path::new("list"), &store]).with_status(2);
    assert!(run.err.contains("STRATUM_OPEN_REFUSED"), "{}", run.err);
    assert!(!store.exists());
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let store = store.to_str().unwrap();
    import(Path::new(store), &[project("examples/packages/mirror")]);
    let outputs = project("examples/candidates/right/mirror");
    let outputs = outputs.to_str().unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&[], "usage:"),
        (&["paint", store], "usage:"),
        (&["import", store], "usage:"),
        (&["list", store, "mirror"], "usage:"),
        (&["list", store, "--exact"], "usage:"),
        (&["judge", store, "mirror", outputs, "--float-tolerance", "-1"], "not a tolerance"),
        (&["judge", store, "mirror", outputs, "--float-tolerance", "much"], "not a tolerance"),
        (&["judge", store, "mirror", "/nowhere"], "not a directory of outputs"),
        (&["show", store, "2"], "no package of that name in the store, and no document of that id"),
    ];
    for (words, said) in cases {
        let run = Plain.run(words).with_status(2);
        assert!(run.err.contains(said), "{words:?}: {}", run.err);
    }
    assert!(Plain.run(["--help"]).done().starts_with("usage:"));
}

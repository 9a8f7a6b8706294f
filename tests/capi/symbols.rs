//! What the shared library shows to the world.

use crate::support::{NM, READELF, built, declared_functions, root, run};

#[test]
fn exports_what_the_header_declares_and_nothing_else() {
    let listed = run(NM.command().args(["-D", "--defined-only", "--format=posix"]).arg(built().join("libstratum.so")));
    let mut exported: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    exported.sort_unstable();
    assert_eq!(exported, declared_functions());
}

#[test]
fn has_a_soname_and_stays_loaded() {
    let dynamic = run(READELF.command().arg("-d").arg(built().join("libstratum.so")));
    let soname = format!("Library soname: [libstratum.so.{}]", env!("CARGO_PKG_VERSION_MAJOR"));
    assert!(dynamic.contains(&soname), "no {soname} in {dynamic}");
    assert!(dynamic.contains("NODELETE"), "not linked with -z nodelete: {dynamic}");
}

/// What is declared and never called is not tested.
#[test]
fn every_function_is_called_by_a_test_program() {
    let mut programs = String::new();
    for entry in std::fs::read_dir(root().join("tests/capi/c")).unwrap() {
        programs.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    // frees are handed to a macro by name
    let called = |name: &str| programs.contains(&format!("{name}(")) || programs.contains(&format!(", {name})"));
    let missing: Vec<String> = declared_functions().into_iter().filter(|name| !called(name)).collect();
    assert!(missing.is_empty(), "never called in tests/capi/c: {missing:#?}");
}

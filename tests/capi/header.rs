//! The committed header: made from the sources, in every dialect, and its example does what it says.

use std::fs;

use crate::support::{GCC, GXX, Tool, built, header, include, native_libraries, outcome, run};

const WARNINGS: [&str; 4] = ["-pedantic-errors", "-Wall", "-Wextra", "-Werror"];

#[test]
fn is_what_the_sources_make() {
    let made = include_str!(concat!(env!("OUT_DIR"), "/stratum.h"));
    assert!(made == header(), "include/stratum.h is not what src/capi makes: run `make header` and commit it");
}

#[test]
fn has_the_version_of_the_crate() {
    let header = header();
    for (name, number) in [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
    ] {
        let line = format!("\n#define STRATUM_VERSION_{name} {number}\n");
        assert!(header.contains(&line), "cbindgen.toml: the header has no {line:?}");
    }
}

/// Compiles a file that only includes the header, and one that includes it twice, in each dialect.
fn compiles(compiler: &Tool, name: &str, dialects: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join(name);
    fs::write(&source, "#include \"stratum.h\"\n#include \"stratum.h\"\nint main(void) { return 0; }\n").unwrap();
    for dialect in dialects {
        let mut command = compiler.command();
        command.arg(format!("-std={dialect}")).args(WARNINGS).arg("-I").arg(include());
        command.arg("-c").arg(&source).arg("-o").arg(folder.path().join("object.o"));
        let (compiled, output) = outcome(&mut command);
        assert!(compiled, "{} -std={dialect}:\n{output}", compiler.0);
    }
}

const C: [&str; 4] = ["c89", "c99", "c11", "c17"];
const CXX: [&str; 4] = ["c++11", "c++14", "c++17", "c++20"];

#[test]
fn compiles_in_every_dialect_of_c() {
    compiles(&GCC, "header.c", &C);
    let clang = Tool("clang", "clang");
    if clang.is_installed() {
        compiles(&clang, "header.c", &C);
    }
}

#[test]
fn compiles_in_every_dialect_of_cxx() {
    compiles(&GXX, "header.cpp", &CXX);
    let clang = Tool("clang++", "clang");
    if clang.is_installed() {
        compiles(&clang, "header.cpp", &CXX);
    }
}

#[test]
fn every_function_says_how_threads_may_use_it() {
    let header = header();
    for name in crate::support::declared_functions() {
        let declaration = header.match_indices(&format!("{name}(")).map(|(at, _)| at).find(|at| {
            let line = &header[header[..*at].rfind('\n').map_or(0, |newline| newline + 1)..*at];
            !line.starts_with(" *")
        });
        let before = &header[..declaration.unwrap_or_else(|| panic!("{name} is not declared"))];
        let comment = &before[before.rfind("/**").unwrap()..];
        assert!(comment.contains("Thread safety: "), "{name} has no \"Thread safety:\" line");
        assert!(comment.matches("*/").count() == 1, "{name} has no comment of its own");
    }
}

#[test]
fn its_example_runs() {
    let header = header();
    let example = header.split(" * CONVENTIONS").next().unwrap();
    let lines: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix(" *     ")).collect();
    assert!((8..=14).contains(&lines.len()), "the example has about ten lines: {lines:#?}");
    let program = format!(
        "#include <stdio.h>\n#include \"stratum.h\"\nint main(void) {{\n{}\nreturn db != NULL;\n}}\n",
        lines.join("\n")
    );
    let folder = tempfile::tempdir().unwrap();
    let (source, binary) = (folder.path().join("example.c"), folder.path().join("example"));
    fs::write(&source, program).unwrap();
    let mut command = GCC.command();
    command.arg("-std=c99").args(WARNINGS).arg("-I").arg(include()).arg(&source);
    command.arg(built().join("libstratum.a")).args(native_libraries()).arg("-o").arg(&binary);
    run(&mut command);
    let output = std::process::Command::new(&binary).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("sums.stratum").is_dir());
}

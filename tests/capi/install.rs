//! What `make install` puts on a machine, as pkg-config and CMake projects find it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{CMAKE, GCC, GXX, MAKE, PKG_CONFIG, READELF, built, outcome, root, run};

/// Installs into `prefix` below `stage`.
fn install(stage: &Path, prefix: &str, library_folder: &str) {
    let mut command = MAKE.command();
    command.arg("-C").arg(root()).args(["--no-print-directory", "install-files"]);
    command.arg(format!("DESTDIR={}", stage.display())).arg(format!("PREFIX={prefix}"));
    command.arg(format!("LIBDIR={library_folder}")).arg(format!("BUILT={}", built().display()));
    // what `cargo test` under make would hand down
    run(command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL"));
}

fn consumer(name: &str) -> PathBuf {
    root().join("tests/capi/consumer").join(name)
}

/// Runs a program that opens a store in an empty folder.
fn run_consumer(binary: &Path, libraries: &Path) {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new(binary).arg(folder.path().join("store")).env("LD_LIBRARY_PATH", libraries));
}

fn needs_shared_library(binary: &Path) -> bool {
    run(READELF.command().arg("-d").arg(binary)).contains("[libstratum.so.")
}

#[test]
fn a_pkg_config_consumer_links_the_shared_and_the_static_library() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    install(Path::new(""), prefix.to_str().unwrap(), "lib/here");
    let libraries = prefix.join("lib/here");
    let flags = |arguments: &[&str]| -> Vec<String> {
        let mut command = PKG_CONFIG.command();
        command.env("PKG_CONFIG_PATH", libraries.join("pkgconfig")).args(arguments).arg("stratum");
        run(&mut command).split_whitespace().map(str::to_string).collect()
    };
    assert_eq!(flags(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    for (compiler, source) in [(&GCC, "consumer.c"), (&GXX, "consumer.cpp")] {
        let shared = folder.path().join(format!("shared-{source}"));
        run(compiler.command().arg(consumer(source)).arg("-o").arg(&shared).args(flags(&["--cflags", "--libs"])));
        assert!(needs_shared_library(&shared));
        run_consumer(&shared, &libraries);

        // the shared library is there too, and the linker would take it: name the static one
        let linked = flags(&["--static", "--cflags", "--libs"]).into_iter();
        let linked = linked.map(|flag| if flag == "-lstratum" { "-l:libstratum.a".to_string() } else { flag });
        let fixed = folder.path().join(format!("static-{source}"));
        run(compiler.command().arg(consumer(source)).arg("-o").arg(&fixed).args(linked));
        assert!(!needs_shared_library(&fixed));
        run_consumer(&fixed, Path::new(""));
    }
}

#[test]
fn a_cmake_consumer_finds_both_in_a_tree_that_was_moved() {
    let folder = tempfile::tempdir().unwrap();
    let stage = folder.path().join("stage");
    install(&stage, "/opt/stratum", "lib");
    let prefix = stage.join("opt/stratum");
    for entry in ["lib/pkgconfig/stratum.pc", "lib/cmake/Stratum/StratumConfig.cmake"] {
        let text = fs::read_to_string(prefix.join(entry)).unwrap();
        assert!(!text.contains(stage.to_str().unwrap()), "{entry} mentions DESTDIR");
        assert!(!text.contains('@'), "{entry} was not filled in: {text}");
    }
    let build = folder.path().join("build");
    let configure = |version: &str, build: &Path| {
        let mut command = CMAKE.command();
        command.arg("-S").arg(consumer("")).arg("-B").arg(build).arg(format!("-DWANTED={version}"));
        outcome(command.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())))
    };
    let (configured, output) = configure(env!("CARGO_PKG_VERSION"), &build);
    assert!(configured, "{output}");
    run(CMAKE.command().arg("--build").arg(&build));
    for (name, is_shared) in [("c_shared", true), ("c_static", false), ("cxx_shared", true), ("cxx_static", false)] {
        let binary = build.join(name);
        assert_eq!(needs_shared_library(&binary), is_shared, "{name}");
        run_consumer(&binary, &prefix.join("lib"));
    }
    for (version, suits) in [("0.1", true), ("0.1.9", false), ("0.2", false), ("0.0", false), ("1.0", false)] {
        let (configured, output) = configure(version, &folder.path().join(format!("build-{version}")));
        assert_eq!(configured, suits, "find_package(Stratum {version}): {output}");
    }
}

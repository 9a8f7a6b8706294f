//! tools/setup.sh on machines where something is missing or too old.
//!
//! 1. A machine is a folder of stubs that is the whole PATH: what is installed here decides nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Programs that the script is written with.
const TOOLS: [&str; 5] = ["dirname", "env", "head", "sed", "sort"];

/// What a machine has where nothing is missing, and what the stub does.
const STUBS: [(&str, &str); 18] = [
    ("apt-get", r#"[ "$1" = update ] || exit 100"#),
    ("cargo", ""),
    ("cmake", ""),
    ("dpkg", ""),
    ("g++", ""),
    ("gcc", ""),
    ("go", "case $2 in GOVERSION) echo go1.24.1 ;; GOTOOLCHAIN) echo auto ;; esac"),
    ("id", "echo 0"),
    ("make", ""),
    ("mkfs.ext4", ""),
    ("node", "echo v20.0.0"),
    ("npm", ""),
    ("pkg-config", ""),
    ("python3", "case $* in *platform*) echo 3.10.0 ;; esac"),
    ("readelf", ""),
    ("rustc", "echo 'rustc 1.999.0 (stub)'"),
    ("strace", ""),
    ("valgrind", ""),
];

/// What is missing, for what, and the package that has it.
const MISSING: [(&str, &str, &str); 15] = [
    ("gcc", "", "gcc libc6-dev"),
    ("make", "", "make"),
    ("pkg-config", "", "pkg-config"),
    ("g++", "test", "g++"),
    ("readelf", "test", "binutils"),
    ("cmake", "test", "cmake"),
    ("valgrind", "test", "valgrind"),
    ("strace", "test", "strace"),
    ("mkfs.ext4", "test", "e2fsprogs mount"),
    ("g++", "bench", "g++"),
    ("g++", "bindings", "g++"),
    ("go", "bindings", "golang-go"),
    ("node", "bindings", "nodejs"),
    ("npm", "bindings", "npm"),
    ("python3", "bindings", "python3 python3-venv python3-dev"),
];

struct Machine(TempDir);

impl Machine {
    fn new() -> Machine {
        let machine = Machine(tempfile::tempdir().unwrap());
        for tool in TOOLS {
            let path = std::env::var_os("PATH").unwrap();
            let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file());
            symlink(found.unwrap_or_else(|| panic!("no {tool} here")), machine.bin().join(tool)).unwrap();
        }
        for (name, does) in STUBS {
            machine.with(name, does);
        }
        machine
    }

    fn bin(&self) -> &Path {
        self.0.path()
    }

    /// A program that does this.
    fn with(&self, name: &str, does: &str) -> &Machine {
        let stub = self.bin().join(name);
        fs::write(&stub, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn without(&self, name: &str) -> &Machine {
        fs::remove_file(self.bin().join(name)).unwrap();
        self
    }

    /// What the script says on stderr where it fails.
    fn setup(&self, purpose: &str) -> Result<(), String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/setup.sh");
        let mut command = Command::new("/bin/sh");
        command.arg(script).args(Some(purpose).filter(|purpose| !purpose.is_empty()));
        let output = command.env_clear().env("PATH", self.bin()).env("HOME", self.bin()).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
    }

    /// The script must fail, and say so by itself, in these words.
    #[track_caller]
    fn refuses(&self, purpose: &str, words: &[&str]) {
        let said = self.setup(purpose).expect_err("nothing is found to be wrong");
        assert!(said.starts_with("setup: "), "not the script's own words: {said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
    }
}

#[test]
fn where_nothing_is_missing_nothing_is_run() {
    let machine = Machine::new();
    machine.without("apt-get");
    for purpose in ["", "test", "bindings", "tsan"] {
        assert_eq!(machine.setup(purpose), Ok(()), "{purpose}");
    }
}

#[test]
fn what_is_missing_is_named_by_its_package() {
    for (tool, purpose, package) in MISSING {
        let named = format!(" {package}");
        let gone = || {
            let machine = Machine::new();
            machine.without(tool);
            machine
        };
        gone().refuses(purpose, &["could not install", &named]);
        gone().with("apt-get", "exit 100").refuses(purpose, &["network", &named]);
        gone().without("apt-get").refuses(purpose, &["no apt-get", &named]);
        gone().with("id", "echo 1000").refuses(purpose, &["neither root nor sudo", &named]);
        // The package is there already, or not what it was; what it brings is not on the PATH.
        gone().with("apt-get", "").refuses(purpose, &["still", &named]);
    }
}

#[test]
fn what_is_there_but_does_not_run_is_missing() {
    for (tool, package) in [("go", "golang-go"), ("node", "nodejs"), ("npm", "npm"), ("python3", "python3-venv")] {
        Machine::new().with(tool, "exit 127").refuses("bindings", &["could not install", package]);
    }
}

#[test]
fn what_can_be_installed_is() {
    for (tool, purpose, package) in MISSING.into_iter().filter(|(_, purpose, _)| *purpose != "bench") {
        let machine = Machine::new();
        let (bin, kept) = (machine.bin().display(), machine.bin().join("kept"));
        fs::rename(machine.bin().join(tool), &kept).unwrap();
        let installs = format!(
            "case \"$*\" in *\" {package}\"*) {bin}/env -i /bin/sh -c '/bin/mv {bin}/kept {bin}/{tool}' ;; esac"
        );
        machine.with("apt-get", &installs);
        assert_eq!(machine.setup(purpose), Ok(()), "{tool} for {purpose}");
        assert!(!kept.exists(), "{tool} for {purpose} was not installed");
    }
}

#[test]
fn what_is_too_old_is_named_with_its_version() {
    let old = [
        ("node", "echo v18.19.0", "v18.19.0", "nodejs 20"),
        ("python3", "case $* in *platform*) echo 3.9.2 ;; esac", "3.9.2", "python3 3.10"),
        ("go", "[ $2 = GOTOOLCHAIN ] || echo go1.19.8", "go1.19.8", "golang-go"),
        ("go", "case $2 in GOVERSION) echo go1.22.0 ;; GOTOOLCHAIN) echo local ;; esac", "go1.22.0", "Go 1.24"),
        // Before 1.16 it knew neither.
        ("go", "", "Go is too old", "golang-go"),
    ];
    for (tool, does, version, wanted) in old {
        Machine::new().with(tool, does).refuses("bindings", &["too old", version, wanted]);
    }
    // One that gets itself a newer one will do.
    let go = "case $2 in GOVERSION) echo go1.21.0 ;; GOTOOLCHAIN) echo auto ;; esac";
    assert_eq!(Machine::new().with("go", go).setup("bindings"), Ok(()));
    Machine::new().with("rustc", "echo 'rustc 1.60.0 (stub)'").refuses("", &["Rust 1.60.0", "rustup"]);
    Machine::new().without("cargo").refuses("", &["no Rust toolchain", "rustup.rs"]);
}

#[test]
fn a_purpose_that_is_none_is_refused() {
    Machine::new().refuses("benches", &["usage:"]);
}

//! Tests that need a process of their own: this binary, run again for one test.
//!
//! 1. The process must say that it ran the test: a name that matches none would pass, too.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Says to a process that it was started for one test, and where.
const ALONE: &str = "STRATUM_API_ALONE";

/// The directory that this process was started to work in, if it was.
pub fn started_in() -> Option<PathBuf> {
    std::env::var_os(ALONE).map(PathBuf::from)
}

/// Runs a test of this binary (`module::name`) in a process of its own, which is given a directory.
pub fn run(test: &str, directory: impl AsRef<OsStr>) -> Output {
    let program = std::env::current_exe().unwrap();
    Command::new(program).args([test, "--exact", "--test-threads=1"]).env(ALONE, directory).output().unwrap()
}

/// As `run`; the test must pass there.
pub fn passes(test: &str, directory: impl AsRef<OsStr>) {
    let output = run(test, directory);
    let text = String::from_utf8_lossy(&output.stdout);
    let ran = text.contains("test result: ok. 1 passed");
    assert!(
        output.status.success() && ran,
        "{test}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

//! Tools, and the libraries under test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tool of the system, with the Debian package that it is in.
pub struct Tool(pub &'static str, pub &'static str);

pub const GCC: Tool = Tool("gcc", "gcc");
pub const GXX: Tool = Tool("g++", "g++");
pub const VALGRIND: Tool = Tool("valgrind", "valgrind");
pub const NM: Tool = Tool("nm", "binutils");
pub const READELF: Tool = Tool("readelf", "binutils");
pub const MAKE: Tool = Tool("make", "make");
pub const CMAKE: Tool = Tool("cmake", "cmake");
pub const PKG_CONFIG: Tool = Tool("pkg-config", "pkgconf");

impl Tool {
    /// A command that runs it.
    pub fn command(&self) -> Command {
        assert!(self.is_installed(), "{} is not installed: apt-get install {}", self.0, self.1);
        Command::new(self.0)
    }

    pub fn is_installed(&self) -> bool {
        Command::new(self.0).arg("--version").output().is_ok()
    }
}

/// Runs a command, which must succeed; gives its standard output.
pub fn run(command: &mut Command) -> String {
    let (succeeded, output) = outcome(command);
    assert!(succeeded, "{command:?} failed:\n{output}");
    output
}

/// Runs a command; whether it succeeded, and what it wrote (both streams where it failed).
pub fn outcome(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        text.push_str(&format!("{}", output.status));
    }
    (output.status.success(), text)
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the headers are.
pub fn include() -> PathBuf {
    root().join("include")
}

/// The text of the committed header.
pub fn header() -> String {
    std::fs::read_to_string(include().join("stratum.h")).unwrap()
}

/// The names of the functions that the header declares.
pub fn declared_functions() -> Vec<String> {
    let header = header();
    let code: String = header.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect();
    let names = code.split("stratum_").skip(1).filter_map(|rest| {
        let name: String = rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        rest[name.len()..].starts_with('(').then(|| format!("stratum_{name}"))
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The folder in which cargo has built the static and the shared library together with this test.
pub fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().to_path_buf();
    for name in ["libstratum.a", "libstratum.so"] {
        assert!(folder.join(name).exists(), "cargo did not build {name} into {}", folder.display());
    }
    folder
}

/// What a program needs beside the static library, as linker flags.
pub fn native_libraries() -> Vec<String> {
    let flags = run(&mut Command::new(root().join("packaging/native-libs.sh")));
    flags.split_whitespace().map(str::to_string).collect()
}

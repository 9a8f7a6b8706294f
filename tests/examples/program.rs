//! stratum-icpc, built from its sources against the shared library of this very test run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::data::project;

/// How the program is built and run.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// As it is.
    Plain,
    /// With the address, leak and undefined behaviour sanitizers.
    Sanitized,
    /// Under valgrind.
    Valgrind,
}

/// What a run gave back.
pub struct Run {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Program {
    /// Runs a command of the program. It must end by itself, and with a status of its own.
    pub fn run<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Run {
        let mut command = self.command();
        command.args(arguments);
        let Output { status, stdout, stderr } = command.output().unwrap();
        let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let code = status.code().unwrap_or_else(|| panic!("{command:?}: {status}\n{out}{err}"));
        assert!((0..=2).contains(&code), "{command:?}: {status}\n{out}{err}");
        Run { status: code, out, err }
    }

    fn command(self) -> Command {
        static PLAIN: OnceLock<PathBuf> = OnceLock::new();
        static SANITIZED: OnceLock<PathBuf> = OnceLock::new();
        let plain = || PLAIN.get_or_init(|| build("plain", &["-O1"]));
        match self {
            Program::Plain => Command::new(plain()),
            Program::Sanitized => {
                let flags = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
                let mut command = Command::new(SANITIZED.get_or_init(|| build("sanitized", &flags)));
                command.env("ASAN_OPTIONS", "exitcode=99").env("LSAN_OPTIONS", "exitcode=99");
                command
            }
            Program::Valgrind => {
                let mut command = tool("valgrind", "valgrind");
                command.args([
                    "--quiet",
                    "--error-exitcode=99",
                    "--leak-check=full",
                    "--show-leak-kinds=definite,indirect",
                ]);
                command.args(["--errors-for-leak-kinds=definite,indirect", "--fair-sched=yes"]).arg(plain());
                command
            }
        }
    }
}

impl Run {
    /// The run, which must have ended with this status.
    pub fn with_status(self, status: i32) -> Run {
        assert_eq!(self.status, status, "status\n{}{}", self.out, self.err);
        self
    }

    /// What the run wrote, which must have done what it was asked.
    pub fn done(self) -> String {
        let run = self.with_status(0);
        run.out
    }
}

/// A tool of the system.
fn tool(name: &str, package: &str) -> Command {
    let installed = Command::new(name).arg("--version").output().is_ok();
    assert!(installed, "{name} is not installed: apt-get install {package}, or tools/setup.sh test");
    Command::new(name)
}

/// What the compiler needs to find libyaml.
fn yaml_flags() -> Vec<String> {
    let found = tool("pkg-config", "pkg-config").args(["--cflags", "--libs", "yaml-0.1"]).output().unwrap();
    assert!(found.status.success(), "libyaml is not installed: apt-get install libyaml-dev, or tools/setup.sh test");
    String::from_utf8(found.stdout).unwrap().split_whitespace().map(str::to_string).collect()
}

/// The shared library that cargo built together with this test.
fn library() -> PathBuf {
    let library = std::env::current_exe().unwrap().with_file_name("libstratum.so");
    assert!(library.is_file(), "cargo did not build {}", library.display());
    library
}

/// A symbolic link of that name, made anew.
fn link(target: &Path, name: &Path) {
    if name.is_symlink() {
        fs::remove_file(name).unwrap();
    }
    symlink(target, name).unwrap();
}

/// Builds the program with these flags, in a folder of its own. Warnings are errors.
fn build(variant: &str, flags: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stratum-icpc").join(variant);
    fs::create_dir_all(&folder).unwrap();
    link(&library(), &folder.join("libstratum.so"));
    link(&library(), &folder.join(concat!("libstratum.so.", env!("CARGO_PKG_VERSION_MAJOR"))));
    let binary = folder.join("stratum-icpc");
    let sources = fs::read_dir(project("examples/icpc")).unwrap().map(|entry| entry.unwrap().path());
    let mut compiler = tool("gcc", "gcc libc6-dev");
    compiler.args(["-std=c99", "-D_XOPEN_SOURCE=700", "-g", "-Wall", "-Wextra", "-Wshadow", "-pedantic", "-Werror"]);
    compiler.args(flags).arg("-I").arg(project("include"));
    compiler.args(sources.filter(|path| path.extension().is_some_and(|extension| extension == "c")));
    compiler.arg("-o").arg(&binary).arg("-L").arg(&folder).arg("-lstratum");
    compiler.arg(format!("-Wl,-rpath,{}", folder.display())).args(yaml_flags()).arg("-lm");
    let output = compiler.output().unwrap();
    assert!(output.status.success(), "{compiler:?}\n{}", String::from_utf8_lossy(&output.stderr));
    binary
}

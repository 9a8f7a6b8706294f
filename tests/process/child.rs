//! Processes of this test: this binary, run again as a worker.
//!
//! 1. A process does not outlive the value that stands for it; a worker ends itself after a quarter of an hour.
//! 2. A worker begins when it is told to, so that a tracer can be attached before its first call.

#![allow(unsafe_code)] // alarm, prctl

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// What a process is to do, if it was started to do something.
const JOB: &str = "STRATUM_PROCESS_JOB";
/// Seconds after which a worker that nobody ended ends.
const PATIENCE: u32 = 900;
/// What a worker says before it waits.
const READY: &str = "worker: ready";

/// The job that this process was started for.
pub(crate) fn job() -> Option<String> {
    std::env::var(JOB).ok()
}

/// To be called first in a process with a job: limits its life, and lets any process trace it.
pub(crate) fn begin() {
    // SAFETY: alarm only takes a number.
    unsafe { libc::alarm(PATIENCE) };
    // SAFETY: this prctl takes numbers and no memory. It fails where there is no Yama, and is of no use there.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0) };
}

/// This binary, to be run for one test and one job.
pub(crate) fn again(test: &str, job: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(JOB, job);
    // What malloc asks the system for is not what the store asks it for.
    command.env("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.arena_max=1");
    command
}

/// A process that ends with this value.
pub(crate) struct Running {
    child: Child,
    /// What it says, both ways.
    said: PathBuf,
}

impl Running {
    /// Starts it; what it writes goes to a file.
    pub(crate) fn start(command: &mut Command, said: &Path) -> Running {
        let output = File::create(said).unwrap();
        let errors = output.try_clone().unwrap();
        let child = command.stdin(Stdio::piped()).stdout(output).stderr(errors).spawn();
        Running { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")), said: said.to_path_buf() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it waits for `go`.
    pub(crate) fn ready(&mut self) {
        while !self.said().contains(READY) {
            assert!(self.is_running(), "the worker did not even begin: {}", self.said());
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Tells it to begin.
    pub(crate) fn go(&mut self) {
        // A worker that is gone already is for `wait` to tell.
        if let Some(mut input) = self.child.stdin.take() {
            let _ = input.write_all(b"\n");
        }
    }

    /// As kill -9.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.said).unwrap_or_default()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to be done about a process that cannot be ended; it has an alarm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that all is set up, and waits until the parent says `go`.
pub(crate) fn wait_for_go() {
    println!("{READY}");
    let mut line = [0; 1];
    let count = std::io::stdin().read(&mut line).unwrap();
    assert_eq!(count, 1, "the parent is gone");
}

/// An attached tracer, which puts faults at system calls of the process, or merely notes them.
pub(crate) struct Tracer {
    child: Child,
}

impl Tracer {
    /// Attaches strace with a rule (`calls:what`), and returns when it holds the process.
    pub(crate) fn attach(process: u32, rule: &str, log: &Path) -> Tracer {
        let calls = rule.split(':').next().unwrap_or_default();
        Tracer::start(process, calls, &["-e", &format!("inject={rule}")], log)
    }

    /// Attaches strace to note calls, with the paths of the files that they are about.
    pub(crate) fn watch(process: u32, calls: &str, log: &Path) -> Tracer {
        Tracer::start(process, calls, &["-y"], log)
    }

    fn start(process: u32, calls: &str, more: &[&str], log: &Path) -> Tracer {
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &process.to_string(), "-o"]).arg(log);
        command.args(["-e", &format!("trace={calls}")]).args(more);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child =
            child.unwrap_or_else(|error| panic!("strace: {error}: apt-get install strace (tools/setup.sh test)"));
        let mut tracer = Tracer { child };
        let mut errors = BufReader::new(tracer.child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            let count = errors.read_line(&mut line).unwrap();
            assert!(count > 0, "strace did not attach to the worker: {:?}", tracer.child.wait());
            assert!(!line.contains("not permitted"), "strace may not attach: {line}(CAP_SYS_PTRACE is missing)");
        }
        // The rest must be read, so that strace never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        tracer
    }
}

impl Tracer {
    /// Waits until it has noticed that the process is gone, and has written its log.
    pub(crate) fn wait(mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It ends by itself with the worker; where that still lives, its own guard ends it next.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

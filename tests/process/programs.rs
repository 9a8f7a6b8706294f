//! C programs on libstratum: a worker that is killed like those in Rust, and a process that forks under load.

use std::path::{Path, PathBuf};
use std::process::Command;

use stratum::vfs::sim::Rng;
use stratum::{Tree, Value};

use crate::child::{Running, Tracer};
use crate::kills::{Ends, Subject, live};
use crate::support::{GCC, built, include, native_libraries, root, run};
use crate::worker::Job;
use crate::{RANDOM_C, folder, seed};

/// Builds a program of this folder.
fn build(name: &str, folder: &Path) -> PathBuf {
    let program = folder.join(name);
    let mut command = GCC.command();
    command.args(["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-pedantic-errors", "-Wall", "-Wextra", "-Werror"]);
    command.arg("-pthread").arg("-I").arg(include());
    command.arg(root().join(format!("tests/process/c/{name}.c"))).arg("-o").arg(&program);
    command.arg(built().join("libstratum.a")).args(native_libraries());
    run(&mut command);
    program
}

/// The worker's checksum of a tree: its blob, and each input with its id and output.
fn checksum(tree: &Tree) -> u64 {
    let fnv = |sum: u64, bytes: &[u8]| {
        bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let start = 0xcbf2_9ce4_8422_2325;
    let mut inputs = start;
    for input in &tree.inputs {
        let Value::Int64List(numbers) = &input.value else { panic!("the worker never wrote {:?}", input.value) };
        inputs = fnv(inputs, &input.id.unwrap().get().to_le_bytes());
        inputs = numbers.iter().fold(inputs, |sum, number| fnv(sum, &number.to_le_bytes()));
        match &input.output {
            Some(Value::Int64(number)) => inputs = fnv(inputs, &number.to_le_bytes()),
            None => {}
            Some(other) => panic!("the worker never wrote {other:?}"),
        }
    }
    fnv(start, &tree.blob).wrapping_mul(31).wrapping_add(inputs)
}

#[test]
fn a_c_program_that_is_killed_loses_nothing_acknowledged() {
    const CALLS: [&str; 4] = ["pwrite64", "fdatasync", "?rename,?renameat,?renameat2", "?unlink,?unlinkat"];
    let programs = tempfile::tempdir().unwrap();
    let program = build("worker", programs.path());
    let (mut ends, mut rng, mut acknowledged) = (Ends::default(), Rng::new(seed()), 0);
    for store in 0.. {
        let folder = folder(store);
        let mut subject = Subject::new(folder.path(), checksum);
        for life in 0..10 {
            let job = Job::new(&subject.folder, seed() + store * 10 + life);
            let mut command = Command::new(&program);
            command.arg(&job.store).arg(&job.journal).arg(job.seed.to_string());
            let mut worker = Running::start(&mut command, &job.store.with_extension("said"));
            worker.ready();
            if life % 2 == 0 {
                live(worker, &job.journal, &mut rng);
            } else {
                let rule = format!("{}:signal=KILL:when={}", CALLS[rng.index(CALLS.len())], 1 + rng.below(24));
                let tracer = Tracer::attach(worker.id(), &rule, &job.store.with_extension("trace"));
                worker.go();
                let status = worker.wait();
                tracer.wait();
                let signal = std::os::unix::process::ExitStatusExt::signal(&status);
                assert_eq!(signal, Some(libc::SIGKILL), "{rule}: {}", worker.said());
            }
            ends.count(&subject.must_be_right(&job), 1);
        }
        acknowledged += subject.oracle.acknowledged;
        if ends.kills >= RANDOM_C.count() {
            break;
        }
    }
    println!("{ends:?}, {acknowledged} acknowledged commits through the C ABI, none lost");
    assert!(acknowledged > ends.kills, "hardly anything was committed: {acknowledged}");
}

/// The children call every kind of function; so does the child of a child. The parent's threads commit meanwhile.
#[test]
fn a_c_program_that_forks_under_load_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let program = build("fork", folder.path());
    run(Command::new(program).arg(folder.path().join("store")));
}

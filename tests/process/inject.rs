//! Faults at the Nth system call of a real process, put there by strace: killed before the call, or the call refused.
//!
//! 1. A worker's calls are counted from its first on the store (the tracer is attached before), per thread.
//! 2. A run counts if the fault came: the worker died by it, or strace says that it injected it.
//! 3. After an error the worker sees what is documented for it, and nothing else; it goes on, or stops, as documented.

use std::process::ExitStatus;

use stratum::vfs::sim::Rng;

use crate::child::Tracer;
use crate::journal::{Record, digest};
use crate::kills::Subject;
use crate::worker::{Job, MAKER};
use crate::{AT_CALL, ERRORS, folder, seed};

/// Runs on a store before the next one is begun.
const RUNS: u64 = 10;

/// Lets a worker do its job under a tracer with one rule. Gives back how it ended, and how often the rule came true.
fn run(job: &Job, rule: &str) -> (ExitStatus, usize, String) {
    let mut worker = job.start();
    worker.ready();
    let log = job.store.with_extension("trace");
    let tracer = Tracer::attach(worker.id(), rule, &log);
    worker.go();
    let status = worker.wait();
    tracer.wait();
    let injected = std::fs::read_to_string(&log).unwrap().matches("(INJECTED)").count();
    (status, injected, worker.said())
}

/// The calls that change a store or its directory, and those by which it learns of it.
const CALLS: [&str; 13] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "?rename,?renameat,?renameat2",
    "?unlink,?unlinkat",
    "openat",
    "fallocate",
    "mmap",
    "munmap",
    "pread64",
    "getdents64",
    "flock",
    "?mkdir,?mkdirat",
];

/// Which of a worker's calls comes next: the first few one by one, then any of those that there may be.
struct Next {
    tried: u64,
    /// The highest number that is worth a try.
    bound: u64,
}

impl Next {
    fn pick(&mut self, rng: &mut Rng) -> u64 {
        self.tried += 1;
        if self.tried <= 4 { self.tried.min(self.bound) } else { 1 + rng.below(self.bound) }
    }

    fn learn(&mut self, number: u64, came: bool) {
        if came && number > self.bound / 2 {
            self.bound *= 2;
        } else if !came {
            self.bound = (number - 1).max(1);
        }
    }
}

#[test]
fn a_store_survives_kills_at_the_nth_system_call() {
    use std::os::unix::process::ExitStatusExt;
    let (mut rng, mut kills, mut runs) = (Rng::new(seed()), [0; CALLS.len()], 0);
    let mut next = CALLS.map(|_| Next { tried: 0, bound: 8 });
    while kills.iter().sum::<u64>() < AT_CALL.count() {
        let folder = folder(runs / RUNS);
        let mut subject = Subject::new(folder.path(), digest);
        for _ in 0..RUNS {
            let at = (runs % CALLS.len() as u64) as usize;
            let number = next[at].pick(&mut rng);
            let many = runs % 3 == 2;
            let mut job = Job { commits: 12, ..Job::new(&subject.folder, seed() + runs) };
            (job.threads, job.background) = if many { (3, true) } else { (1, false) };
            let (status, _, said) = run(&job, &format!("{}:signal=KILL:when={number}", CALLS[at]));
            let killed = status.signal() == Some(libc::SIGKILL);
            assert!(killed || status.success(), "{status}: {said}");
            next[at].learn(number, killed);
            kills[at] += u64::from(killed);
            runs += 1;
            // Every second one is left to the next worker's recovery.
            if rng.chance(0.5) {
                subject.must_be_right(&job);
            }
        }
        subject.must_be_right(&Job::new(&subject.folder, seed() + runs));
    }
    println!("{runs} runs, killed before: {:?}", CALLS.iter().zip(kills).collect::<Vec<_>>());
    assert!(kills.iter().filter(|kills| **kills > 0).count() >= 10, "hardly any kind of call was met: {kills:?}");
    assert!(kills[..4].iter().all(|kills| *kills > 0), "not all by which a store is made durable: {kills:?}");
}

/// The directory itself may be somebody's who did not sync its name, or was killed before: its parent is synced too.
#[test]
fn the_names_of_a_new_store_are_durable_before_its_first_commit() {
    for is_there in [false, true] {
        let folder = folder(0);
        let job = Job { commits: 3, threads: 1, background: false, ..Job::new(folder.path(), seed()) };
        if is_there {
            std::fs::create_dir(&job.store).unwrap();
        }
        let mut worker = job.start();
        worker.ready();
        let log = folder.path().join("trace");
        let tracer = Tracer::watch(worker.id(), "fsync,fdatasync", &log);
        worker.go();
        assert!(worker.wait().success(), "{}", worker.said());
        tracer.wait();
        let log = std::fs::read_to_string(&log).unwrap();
        let store = std::fs::canonicalize(&job.store).unwrap();
        // The log's second sync: its first is of the empty segment.
        let segment = format!("{}>", store.join("segment-00000001.strat").display());
        let synced = log.lines().filter(|line| line.contains("fdatasync(") && line.contains(&segment)).nth(1);
        let before = &log[..log.find(synced.expect("a commit was synced")).unwrap()];
        for dir in [store.parent().unwrap(), &store] {
            let named = format!("<{}>", dir.display());
            let is_synced =
                before.lines().any(|line| [" fsync(", &named, "= 0"].iter().all(|part| line.contains(part)));
            assert!(is_synced, "{}, there before: {is_there}\n{log}", dir.display());
        }
    }
}

/// A call that is refused, and what the store may say to it.
struct Refusal {
    call: &'static str,
    error: &'static str,
    /// What calls of the store may answer.
    says: &'static [&'static str],
    /// Whether it may be refused for good.
    sticks: bool,
}

const fn refusal(call: &'static str, error: &'static str, says: &'static [&'static str], sticks: bool) -> Refusal {
    Refusal { call, error, says, sticks }
}

const UNKNOWN: &[&str] = &["COMMIT_UNKNOWN", "POISONED", "IO"];

const REFUSALS: [Refusal; 27] = [
    refusal("pwrite64", "EIO", &["IO"], true),
    refusal("pwrite64", "ENOSPC", &["NO_SPACE"], true),
    refusal("pwrite64", "EDQUOT", &["NO_SPACE"], true),
    refusal("pwrite64", "EINTR", &[], false),
    refusal("fdatasync", "EIO", UNKNOWN, true),
    refusal("fdatasync", "ENOSPC", &["COMMIT_UNKNOWN", "POISONED", "NO_SPACE"], true),
    refusal("fdatasync", "EINTR", &[], false),
    refusal("fsync", "EIO", UNKNOWN, true),
    refusal("?rename,?renameat,?renameat2", "EIO", UNKNOWN, true),
    refusal("?rename,?renameat,?renameat2", "ENOSPC", &["NO_SPACE"], true),
    refusal("?unlink,?unlinkat", "EIO", &["IO"], true),
    refusal("openat", "EMFILE", UNKNOWN, true),
    refusal("openat", "EACCES", UNKNOWN, true),
    refusal("openat", "ENOSPC", &["COMMIT_UNKNOWN", "POISONED", "NO_SPACE"], true),
    refusal("openat", "EINTR", &[], false),
    refusal("fallocate", "ENOSPC", &[], true),
    refusal("fallocate", "EIO", &[], true),
    refusal("fallocate", "EINTR", &[], false),
    refusal("mmap", "ENOMEM", &["NO_MEMORY"], true),
    refusal("pread64", "EIO", &["IO"], true),
    refusal("pread64", "EINTR", &[], false),
    refusal("getdents64", "EIO", &["IO"], true),
    refusal("getdents64", "EINTR", &[], false),
    refusal("flock", "ENOLCK", &["IO"], true),
    refusal("flock", "EINTR", &[], false),
    refusal("sync_file_range", "EIO", &[], true),
    refusal("?mkdir,?mkdirat", "ENOSPC", &["NO_SPACE"], true),
];

/// What a worker was told, in order: the status of each commit and of each other call that failed.
fn answers(records: &[Record]) -> Vec<(&str, &str)> {
    let answers = records.iter().filter_map(|record| match record {
        Record::Ack(_, _, status) => Some(("commit", status.as_str())),
        Record::Refused(call, status) => Some((call.as_str(), status.as_str())),
        _ => None,
    });
    answers.collect()
}

/// Whether a worker saw what is documented for a refusal, and nothing else.
fn check_answers(refusal: &Refusal, sticky: bool, records: &[Record]) -> Result<(), String> {
    let answers = answers(records);
    if let Some(other) = answers.iter().find(|(_, status)| *status != "OK" && !refusal.says.contains(status)) {
        return Err(format!("{other:?} is not what is documented"));
    }
    let refused_open = answers.iter().any(|(call, _)| *call == "open");
    // What only the closing met cannot be seen in the figures of the open store.
    let is_unknown = |(call, status): &(&str, &str)| *status == "COMMIT_UNKNOWN" && *call != "close";
    let unknown = answers.iter().position(is_unknown).filter(|_| !refused_open);
    if let Some(at) = unknown
        && let Some(later) = answers[at + 1..].iter().find(|(call, status)| *call == "commit" && *status != "POISONED")
    {
        return Err(format!("{later:?} after a failed sync"));
    }
    let first = answers.iter().position(|(_, status)| *status != "OK");
    let goes_on = |at: usize| answers[at + 1..].iter().all(|(_, status)| *status == "OK");
    if let Some(first) = first
        && !sticky
        && unknown.is_none()
        && !refused_open
        && !goes_on(first)
    {
        return Err("the fault was over, and the store did not go on".to_string());
    }
    match records.last() {
        Some(Record::Done(poisoned)) if *poisoned == unknown.is_some() => Ok(()),
        // It could not even begin.
        Some(Record::Refused(..) | Record::Ack(MAKER, ..)) => Ok(()),
        other => Err(format!("the worker ended with {other:?}")),
    }
}

#[test]
fn a_store_survives_errors_at_the_nth_system_call_and_says_what_is_documented() {
    let (mut rng, mut came, mut runs) = (Rng::new(seed()), [0; REFUSALS.len()], 0_u64);
    let mut next = REFUSALS.map(|_| Next { tried: 0, bound: 8 });
    while came.iter().sum::<u64>() < ERRORS.count() {
        let folder = folder(runs / RUNS);
        let mut subject = Subject::new(folder.path(), digest);
        for _ in 0..RUNS {
            let at = (runs % REFUSALS.len() as u64) as usize;
            let refusal = &REFUSALS[at];
            let sticky = refusal.sticks && rng.chance(0.5);
            let number = next[at].pick(&mut rng);
            let job = Job { commits: 15, threads: 1, background: false, ..Job::new(&subject.folder, seed() + runs) };
            let rule =
                format!("{}:error={}:when={number}{}", refusal.call, refusal.error, if sticky { "+" } else { "" });
            let (status, injected, said) = run(&job, &rule);
            assert!(status.success(), "{rule}: {status}: {said}");
            next[at].learn(number, injected > 0);
            came[at] += u64::from(injected > 0);
            runs += 1;
            let records = subject.must_be_right(&job);
            let checked = check_answers(refusal, sticky, &records);
            checked.unwrap_or_else(|what| panic!("{rule}: {what}\n{job:?}\n{:?}", answers(&records)));
        }
    }
    let calls = REFUSALS.iter().map(|refusal| (refusal.call, refusal.error)).zip(came).collect::<Vec<_>>();
    println!("{runs} runs, refused: {calls:?}");
    assert!(came.iter().filter(|came| **came > 0).count() >= 20, "hardly any refusal came true: {calls:?}");
    for call in ["pwrite64", "fdatasync", "fsync"] {
        assert!(calls.iter().any(|((refused, _), came)| *refused == call && *came > 0), "no {call} was refused");
    }
}

#[test]
fn an_answer_that_is_not_documented_is_noticed() {
    let wrong = |says: &[&str], sticky: bool, poisoned: bool| {
        let mut records: Vec<Record> = says.iter().map(|says| Record::Ack(0, 1, says.to_string())).collect();
        records.push(Record::Done(poisoned));
        check_answers(&REFUSALS[4], sticky, &records).is_err()
    };
    assert!(!wrong(&["OK", "COMMIT_UNKNOWN", "POISONED"], false, true) && !wrong(&["OK", "IO", "OK"], false, false));
    assert!(wrong(&["OK", "CORRUPTION"], true, false), "a status that is not documented");
    assert!(wrong(&["COMMIT_UNKNOWN", "OK"], false, true), "a commit after a failed sync");
    assert!(wrong(&["COMMIT_UNKNOWN"], false, false), "not poisoned after a failed sync");
    assert!(wrong(&["IO", "OK", "IO"], false, false), "did not go on");
}

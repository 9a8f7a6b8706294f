//! The worker: random work on a store in a real directory, told to a journal as it goes.
//!
//! 1. Each thread has documents of its own, with a model of them, and makes every call of a batch; the shared document
//!    is changed by all of them, in every commit.
//! 2. A commit is written into the journal before it is made, its answer after it, and nothing in between.
//! 3. A worker may be told to lie, to show that the oracle notices: it answers before it commits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use stratum::vfs::sim::Rng;
use stratum::{Batch, Columns, Db, DocumentId, Durability, Error, Options, Result, Value, View};

use crate::child::{self, Running};
use crate::journal::{self, Intent, Moment, Oracle, Record, SHARED, digest};
use crate::model::{self, Model, Stop};
use crate::workload::{self, Call, What};

/// The test that this module's work runs in.
const TEST: &str = "worker::a_worker_that_nobody_disturbs_is_right";
/// Documents that a thread may have before it deletes more than it makes.
const MOST_DOCUMENTS: usize = 12;
/// The thread that makes the shared document.
pub(crate) const MAKER: u32 = 99;

/// What a worker is to do.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) store: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) seed: u64,
    pub(crate) threads: u32,
    /// How many commits each thread makes; then the store is checked and closed.
    pub(crate) commits: i64,
    pub(crate) background: bool,
    /// Answers before it commits.
    pub(crate) lies: bool,
}

impl Job {
    pub(crate) fn new(folder: &Path, seed: u64) -> Job {
        let (store, journal) = (folder.join("store"), folder.join("journal"));
        Job { store, journal, seed, threads: 3, commits: i64::MAX, background: true, lies: false }
    }

    fn text(&self) -> String {
        let numbers = format!("{} {} {} {} {}", self.seed, self.threads, self.commits, self.background, self.lies);
        format!("{}\n{}\n{numbers}", self.store.display(), self.journal.display())
    }

    fn parse(text: &str) -> Job {
        let lines: Vec<&str> = text.split('\n').collect();
        let words: Vec<&str> = lines[2].split(' ').collect();
        Job {
            store: lines[0].into(),
            journal: lines[1].into(),
            seed: words[0].parse().unwrap(),
            threads: words[1].parse().unwrap(),
            commits: words[2].parse().unwrap(),
            background: words[3].parse().unwrap(),
            lies: words[4].parse().unwrap(),
        }
    }

    /// A process that waits for `go` and then does it.
    pub(crate) fn start(&self) -> Running {
        Running::start(&mut child::again(TEST, &self.text()), &self.store.with_extension("said"))
    }

    /// Absurd sizes, so that segments, folds, compactions and checkpoints come every few commits.
    pub(crate) fn options(&self) -> Options {
        let mut options = workload::small_options(self.seed as u32);
        options.segment_size <<= self.seed % 3 * 2;
        options.background = self.background;
        options.sync_interval = std::time::Duration::from_millis(3);
        options
    }
}

/// A status as the C ABI names it, without its prefix.
pub(crate) fn status(error: &Error) -> &'static str {
    match error {
        Error::NotFound(_) => "NOT_FOUND",
        Error::InvalidArgument(_) => "INVALID_ARGUMENT",
        Error::TooLarge { .. } => "TOO_LARGE",
        Error::Corruption(_) => "CORRUPTION",
        Error::Io { .. } => "IO",
        Error::NoSpace { .. } => "NO_SPACE",
        Error::NoMemory => "NO_MEMORY",
        Error::Locked(_) => "LOCKED",
        Error::NotAStore { .. } => "NOT_A_STORE",
        Error::NewerFormat { .. } => "NEWER_FORMAT",
        Error::OpenRefused { .. } => "OPEN_REFUSED",
        Error::CommitUnknown { .. } => "COMMIT_UNKNOWN",
        Error::Poisoned(_) => "POISONED",
        Error::Closed => "CLOSED",
        Error::SnapshotTooOld => "SNAPSHOT_TOO_OLD",
        Error::Forked => "FORKED",
        _ => "UNKNOWN",
    }
}

/// The journal of a worker.
struct Journal(File);

impl Journal {
    fn open(path: &Path) -> Journal {
        Journal(File::options().append(true).create(true).open(path).unwrap())
    }

    fn write(&self, record: &Record) {
        let line = record.line();
        let count = (&self.0).write(line.as_bytes()).unwrap();
        assert_eq!(count, line.len(), "the journal is full");
    }

    /// Notes what a call said, unless it went well; says whether it did.
    fn note<T>(&self, call: &str, result: Result<T>) -> Option<T> {
        result.inspect_err(|error| self.write(&Record::Refused(call.to_string(), status(error).to_string()))).ok()
    }
}

/// Does a job, from opening to closing.
fn run(job: &Job, journal: &Journal) {
    journal.write(&Record::Life);
    let Some(db) = journal.note("open", Db::open(&job.store, &job.options())) else { return };
    let Some(moment) = journal.note("read_all", Moment::read(&db, digest)) else { return };
    journal.write(&Record::Opened(moment.clone()));
    let Some(threads) = split(&db, job, &moment, journal) else { return };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers = threads.into_iter().map(|mut thread| {
            let (db, stop) = (&db, &stop);
            move || thread.work(db, job, journal, stop)
        });
        let mut workers: Vec<_> = workers.collect();
        // One of them works here, so that a tracer's count has nothing else in it.
        let mut own = workers.remove(0);
        workers.into_iter().for_each(|worker| drop(scope.spawn(worker)));
        own();
    });
    let poisoned = journal.note("stats", db.stats()).is_some_and(|stats| stats.poisoned);
    journal.note("close", db.close());
    journal.write(&Record::Done(poisoned));
}

/// What a thread works with.
struct Thread {
    name: u32,
    rng: Rng,
    model: Model,
    shared: DocumentId,
    number: i64,
}

/// Shares out the documents that are there, after making the shared one where it is missing.
fn split(db: &Db, job: &Job, moment: &Moment, journal: &Journal) -> Option<Vec<Thread>> {
    let commits = match &moment.commits {
        Some(commits) => commits.clone(),
        None => make_shared(db, journal)?,
    };
    let view = journal.note("view", db.view())?;
    let mut threads: Vec<Thread> = (0..job.threads)
        .map(|name| Thread {
            name,
            rng: Rng::new(job.seed.wrapping_mul(31).wrapping_add(name.into())),
            model: Model::default(),
            shared: DocumentId::FIRST,
            number: commits.get(&name).copied().unwrap_or(0),
        })
        .collect();
    let mut shared = None;
    for id in journal.note("documents", view.documents(DocumentId::FIRST))? {
        let tree = journal.note("tree", view.tree(id))?;
        if shared.is_none() && tree.columns.get(SHARED).is_some() {
            shared = Some(id);
            continue;
        }
        let model = &mut threads[(id.get() % u64::from(job.threads)) as usize].model;
        let document = model.add(id).unwrap();
        (document.tree.blob, document.tree.columns) = (tree.blob, tree.columns);
        // In the order of their ids, as they were handed out; then in the document's own.
        let mut inputs = tree.inputs.clone();
        inputs.sort_by_key(|input| input.id);
        for input in inputs {
            document.insert(input.id.unwrap(), input, None).unwrap();
        }
        document.tree.inputs = tree.inputs;
    }
    threads.iter_mut().for_each(|thread| thread.shared = shared.expect("the shared document was just there"));
    Some(threads)
}

fn make_shared(db: &Db, journal: &Journal) -> Option<BTreeMap<u32, i64>> {
    let mut batch = journal.note("batch", db.batch())?;
    let name = format!("t{MAKER}");
    let columns = Columns::from_iter([(SHARED.to_string(), Value::Null), (name, Value::Int64(1))]);
    journal.note("create_document", batch.create_document(b"", &columns))?;
    journal.write(&Record::Intent(Intent { thread: MAKER, number: 1, ..Intent::default() }));
    let answer = batch.commit();
    journal.write(&Record::Ack(MAKER, 1, answer.as_ref().map_or_else(status, |_| "OK").to_string()));
    answer.ok().map(|_| BTreeMap::from([(MAKER, 1)]))
}

impl Thread {
    fn work(&mut self, db: &Db, job: &Job, journal: &Journal, stop: &AtomicBool) {
        let last = self.number.saturating_add(job.commits);
        while self.number < last && !stop.load(Ordering::Relaxed) {
            if let Err(stopped) = self.step(db, job, journal) {
                journal.write(&Record::Wrong(format!("thread {}: {stopped:?}", self.name)));
                stop.store(true, Ordering::Relaxed);
            }
        }
        self.compare(db, journal);
    }

    /// A commit, or something else that a store does.
    fn step(&mut self, db: &Db, job: &Job, journal: &Journal) -> model::Checked {
        match self.rng.below(40) {
            0 => drop(journal.note("flush", db.flush())),
            1 => drop(journal.note("checkpoint", db.checkpoint())),
            2 => drop(journal.note("compact_now", db.compact_now(&mut |_| true))),
            3..=9 if !job.background => drop(journal.note("maintain", db.maintain())),
            10 => self.compare(db, journal),
            _ => {}
        }
        self.number += 1;
        match self.commit(db, job, journal) {
            Err(Stop::Failed(error)) => {
                journal.write(&Record::Refused("batch".to_string(), status(&error).to_string()));
                Ok(())
            }
            done => done,
        }
    }

    fn commit(&mut self, db: &Db, job: &Job, journal: &Journal) -> model::Checked {
        let view = db.view()?;
        let mut next = self.model.clone();
        let mut batch = db.batch()?;
        for _ in 0..1 + self.rng.index(3) {
            self.call(&mut batch, &view, &mut next)?;
        }
        batch.set_column(self.shared, &format!("t{}", self.name), &Value::Int64(self.number))?;
        let mut saw = journal::commits(&view.columns(self.shared)?);
        saw.remove(&self.name);
        let intent = Intent { thread: self.name, number: self.number, saw, changes: changes(&self.model, &next) };
        journal.write(&Record::Intent(intent));
        let durability = [Durability::Always, Durability::Interval, Durability::Os, Durability::Os];
        let durability = durability[self.rng.index(durability.len())];
        if job.lies {
            journal.write(&Record::Ack(self.name, self.number, "OK".to_string()));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let answer = batch.commit_with(durability);
        if !job.lies {
            let said = answer.as_ref().map_or_else(status, |_| "OK");
            journal.write(&Record::Ack(self.name, self.number, said.to_string()));
        }
        if answer.is_ok() {
            self.model = next;
        }
        Ok(())
    }

    /// One call of a batch, on a document of this thread.
    fn call(&mut self, batch: &mut Batch, view: &View, next: &mut Model) -> model::Checked {
        let (documents, rng) = (next.ids().len(), &mut self.rng);
        let what = match workload::CALLS[rng.index(workload::CALLS.len())] {
            _ if documents == 0 => What::PutTree,
            What::CreateDocument | What::PutTree | What::PutPacked if documents >= MOST_DOCUMENTS => {
                What::DeleteDocument
            }
            other => other,
        };
        // Every eighth number stands for a document that is not there; that may be another thread's here.
        let document = rng.next_u64() as u8;
        let document = if document % 8 == 7 { document - 1 } else { document };
        let call = Call { what, document, input: rng.next_u64() as u8, content: rng.next_u64() as u32 };
        workload::apply(&call, batch, view, next)
    }

    /// Compares this thread's documents with its model.
    fn compare(&self, db: &Db, journal: &Journal) {
        let Some(view) = journal.note("view", db.view()) else { return };
        for id in self.model.ids() {
            let Some(tree) = journal.note("read", view.tree(id)) else { return };
            if Some(&tree) != self.model.get(id) {
                let what = format!("document {id} is {tree:?}, the model has {:?}", self.model.get(id));
                journal.write(&Record::Wrong(what));
            }
        }
    }
}

/// What tells two moments of a thread's documents apart.
fn changes(before: &Model, after: &Model) -> BTreeMap<u64, Option<u64>> {
    let ids: std::collections::BTreeSet<_> = before.ids().into_iter().chain(after.ids()).collect();
    let differing = ids.into_iter().filter(|id| before.get(*id) != after.get(*id));
    differing.map(|id| (id.get(), after.get(id).map(digest))).collect()
}

#[test]
fn a_worker_that_nobody_disturbs_is_right() {
    if let Some(job) = child::job() {
        child::begin();
        let job = Job::parse(&job);
        let journal = Journal::open(&job.journal);
        // A thread of its own: the tracer counts per thread, and from here on there is nothing but the store's calls.
        let work = move || {
            child::wait_for_go();
            run(&job, &journal);
        };
        std::thread::spawn(work).join().unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (background, threads) in [(true, 3), (false, 1)] {
        let folder = folder.path().join(format!("{threads}"));
        std::fs::create_dir(&folder).unwrap();
        let mut oracle = Oracle::default();
        for life in 0..2 {
            let job = Job { commits: 25, background, threads, ..Job::new(&folder, crate::seed() + life) };
            let mut worker = job.start();
            worker.go();
            let status = worker.wait();
            assert!(status.success(), "{status}: {}", worker.said());
            let records = journal::parse(&std::fs::read_to_string(&job.journal).unwrap());
            assert_eq!(records.last(), Some(&Record::Done(false)), "{records:?}");
            assert!(!records.iter().any(|record| matches!(record, Record::Refused(..))), "{records:?}");
            oracle.follow(&records).unwrap();
            std::fs::remove_file(&job.journal).unwrap();
        }
        assert_eq!(oracle.acknowledged, 2 * 25 * u64::from(threads) + 1);
        assert_eq!((oracle.found, oracle.lost, oracle.openings), (0, 0, 2));
    }
}

//! One run: what the threads do, and what must hold at its end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;
use stratum::vfs::sim::SimDisk;
use stratum::{Batch, Columns, Db, DocumentId, Durability, Error, Options, ReadMode, Result, Value};

use crate::history::{Commit, History, Moment};

/// How a run ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// All threads do their work, then the store is closed.
    Finish,
    /// A thread closes the store in the midst of it.
    Close,
    /// The store is left as it is, and the disk loses power.
    PowerLoss,
}

/// Commits of each writer.
const COMMITS: u64 = 4;
const WRITERS: u64 = 2;

struct Shared {
    db: Db,
    documents: Vec<DocumentId>,
    /// Snapshots may be given up.
    gives_up: bool,
    /// Not the scheduler's: nobody is ever switched away from while holding it.
    history: Mutex<History>,
}

fn options() -> Options {
    let mut rng = thread_rng();
    let mut options = Options::default();
    options.background = rng.gen_bool(0.5);
    options.segment_size = [700, 1500, 1 << 16][rng.gen_range(0..3)];
    options.checkpoint_bytes = [1000, 4000][rng.gen_range(0..2)];
    options.max_amplification = 1.1;
    options.fold_after = 3;
    // Pauses end at any time here: what counts is that there are some.
    options.compaction_bytes_per_second = if rng.gen_bool(0.3) { 1000 } else { 0 };
    options.read_mode = if rng.gen_bool(0.5) { ReadMode::Mmap } else { ReadMode::Pread };
    options.max_retained_bytes = if rng.gen_bool(0.3) { 0 } else { u64::MAX };
    options
}

fn stamp_all(batch: &mut Batch, shared: &[DocumentId], stamp: u64) -> Result<()> {
    shared.iter().try_for_each(|document| {
        batch.set_blob(*document, &stamp.to_le_bytes().repeat(1 + stamp as usize % 40))?;
        batch.set_column(*document, "stamp", &Value::Int64(stamp as i64))
    })
}

impl Shared {
    fn new(disk: &SimDisk, options: &Options) -> Result<(Shared, Moment)> {
        let db = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), options)?;
        let mut batch = db.batch()?;
        let columns = Columns::from([("stamp", Value::Int64(1))]);
        let documents: Vec<DocumentId> =
            (0..3).map(|_| batch.create_document(&1_u64.to_le_bytes(), &columns)).collect::<Result<_>>()?;
        batch.commit_with(Durability::Always)?;
        let first = Moment::read(&db.view()?, &documents)?;
        let gives_up = options.max_retained_bytes != u64::MAX;
        Ok((Shared { db, documents, gives_up, history: Mutex::default() }, first))
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().expect("nobody panics with it")
    }

    /// One commit with a stamp of its own; `own` are documents that only this thread deletes.
    fn commit(&self, stamp: u64, own: &mut BTreeSet<DocumentId>) -> Result<()> {
        let mut rng = thread_rng();
        let mut batch = self.db.batch()?;
        let mut commit =
            Commit { stamp, created: BTreeSet::new(), deleted: BTreeSet::new(), input: None, durable: false };
        if rng.gen_bool(0.5) {
            commit.input = Some(batch.append_input(self.documents[0], &Value::Int64(stamp as i64))?);
        }
        stamp_all(&mut batch, &self.documents, stamp)?;
        if rng.gen_bool(0.6) {
            commit.created.insert(batch.create_document(&[7; 90], &Columns::new())?);
        }
        if let Some(document) = own.iter().next().copied().filter(|_| rng.gen_bool(0.4)) {
            batch.delete_document(document)?;
            commit.deleted.insert(document);
        }
        if rng.gen_bool(0.1) {
            return Ok(()); // abandoned
        }
        let durability =
            [Durability::Always, Durability::Os, Durability::Interval, Durability::Os][rng.gen_range(0..4)];
        let sequence = batch.commit_with(durability)?;
        commit.durable = durability == Durability::Always;
        own.extend(&commit.created);
        own.retain(|document| !commit.deleted.contains(document));
        self.history().acknowledge(sequence, commit);
        Ok(())
    }

    fn write(&self, writer: u64) -> Result<()> {
        let mut own = BTreeSet::new();
        (0..COMMITS).try_for_each(|round| {
            self.commit(100 + round * WRITERS + writer, &mut own)?;
            let newest = self.history().newest();
            let view = self.db.view()?;
            assert!(view.sequence() >= newest, "acknowledged and not visible");
            Ok(())
        })
    }

    fn read(&self) -> Result<()> {
        let mut last = 0;
        for round in 0..3 {
            let newest = self.history().newest();
            let view = if round == 1 { self.db.view()? } else { self.db.snapshot()? };
            assert!(view.sequence() >= newest.max(last), "acknowledged and not visible, or a step back");
            last = view.sequence();
            for _ in 0..2 {
                match Moment::read(&view, &self.documents) {
                    Ok(moment) => self.history().note(moment),
                    Err(Error::SnapshotTooOld) if self.gives_up => {}
                    Err(other) => return Err(other),
                }
                thread::yield_now();
            }
        }
        Ok(())
    }

    fn maintain(&self) -> Result<()> {
        for _ in 0..4 {
            match thread_rng().gen_range(0..6) {
                0 => self.db.flush()?,
                1 => self.db.checkpoint()?,
                2 => drop(self.db.maintain()?),
                3 => assert_eq!(self.db.verify()?.damage, []),
                4 => assert_eq!(self.db.stats()?.background_failures, 0),
                _ => self.db.compact_now(&mut |_| true)?,
            }
        }
        Ok(())
    }
}

/// What a thread said: done, or that somebody closed the store.
fn ended(said: Result<()>, scenario: Scenario) {
    match said {
        Err(Error::Closed) if scenario == Scenario::Close => {}
        said => said.expect("nothing fails here"),
    }
}

/// Opens a disk and compares what is there with what was acknowledged.
fn reopen(disk: SimDisk, options: &Options, shared: &Shared, first: &Moment, least: u64) {
    let mut options = options.clone();
    options.background = false;
    let db = Db::open_on(Arc::new(disk), Path::new("/store"), &options).expect("what is left is a store");
    let moment = Moment::read(&db.view().expect("open"), &shared.documents).expect("whole");
    assert!(moment.sequence() >= least, "{} of {least} that were acknowledged", moment.sequence());
    shared.history().check_prefix(first, moment, least);
    assert_eq!(db.verify().expect("readable").damage, []);
    db.close().expect("closes");
}

/// One run under the scheduler.
pub fn run(scenario: Scenario) {
    let options = options();
    let disk = SimDisk::new(thread_rng().gen_range(0..u64::MAX));
    disk.allow_map();
    let (shared, first) = Shared::new(&disk, &options).expect("a new store");
    let shared = Arc::new(shared);
    let beside = |work: fn(&Shared, u64) -> Result<()>, number| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || ended(work(&shared, number), scenario))
    };
    let mut threads: Vec<_> = (0..WRITERS).map(|writer| beside(Shared::write, writer)).collect();
    threads.push(beside(|shared, _| shared.read(), 0));
    threads.push(beside(|shared, _| shared.maintain(), 0));
    if scenario == Scenario::Close {
        threads.push(beside(|shared, _| shared.db.close(), 0));
    }
    threads.into_iter().for_each(|thread| thread.join().expect("ends"));
    let newest = shared.history().newest();
    let durable = shared.history().durable();
    if scenario == Scenario::PowerLoss {
        // Nothing of what was pending is left, all of it, and two of the ways between.
        let between = thread_rng().gen_range(2..u64::MAX);
        for seed in [0, 1, between, between ^ 1] {
            reopen(disk.image(seed), &options, &shared, &first, durable);
        }
    } else {
        shared.db.close().expect("closes");
        assert!(matches!(shared.db.view(), Err(Error::Closed)));
    }
    reopen(disk.restart(), &options, &shared, &first, newest);
    shared.history().check_all(&first);
    shared.db.close().expect("closes, at last");
}

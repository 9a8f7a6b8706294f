//! Runs a workload on a simulated disk beside the model, and keeps the history that a crash is judged by.
//!
//! 1. `Journal::states[k]` is the store after commit `k` was tried; `states[0]` is the empty store. A commit that
//!    was refused has its state there too, and may never be seen.
//! 2. After a crash at operation `n` the store must hold `states[k]` with `low <= k <= high`: nothing lost that was
//!    promised before operation `n`, nothing there that was not tried before it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use stratum::vfs::sim::SimDisk;
use stratum::{Db, Durability, Error, Options, Pinned, Stats, View};

use crate::model::{Checked, Model, Stop, compare, compare_store, read_all, wrong};
use crate::workload::{Call, End, Step, Workload, apply};

/// Where the store is on its disk.
pub(crate) fn store_path() -> &'static Path {
    Path::new("/data/store")
}

/// Opens the store of a disk.
pub(crate) fn open(disk: &SimDisk, options: &Options) -> Result<Db, Error> {
    disk.allow_map();
    Db::open_on(Arc::new(disk.clone()), store_path(), options)
}

/// Compares what a store holds with a model, each tree by one call.
pub(crate) fn glance(db: &Db, model: &Model) -> Checked {
    let trees = read_all(&db.view()?)?;
    if model.same(&trees) { Ok(()) } else { wrong(model.difference(&trees)) }
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Tried; the call did not come back, or said that it does not know.
    Open,
    /// The call said yes.
    Acknowledged,
    /// The call said no.
    Refused,
}

/// What was tried and promised, and when, counted in operations of the disk.
pub(crate) struct Journal {
    states: Vec<Model>,
    tried_at: Vec<u64>,
    fates: Vec<Fate>,
    /// After that many operations the commits up to that one had been acknowledged.
    acknowledged: Vec<(u64, usize)>,
    /// After that many operations the commits up to that one had been promised to be durable.
    durable: Vec<(u64, usize)>,
}

impl Journal {
    fn new(model: &Model) -> Journal {
        Journal {
            states: vec![model.clone()],
            tried_at: vec![0],
            fates: vec![Fate::Acknowledged],
            acknowledged: vec![(0, 0)],
            durable: vec![(0, 0)],
        }
    }

    fn newest_acknowledged(&self) -> usize {
        self.fates.iter().rposition(|fate| *fate == Fate::Acknowledged).unwrap_or(0)
    }

    /// The commits that the store may end with when the power went after `op` operations.
    pub(crate) fn after_power_loss(&self, op: u64) -> (usize, usize) {
        (latest(&self.durable, op), self.newest_tried(op))
    }

    /// The same when only the process went: what was handed to the system is there.
    pub(crate) fn after_kill(&self, op: u64) -> (usize, usize) {
        (latest(&self.acknowledged, op), self.newest_tried(op))
    }

    fn newest_tried(&self, op: u64) -> usize {
        self.tried_at.partition_point(|at| *at <= op) - 1
    }

    /// Which commit of that range the store ends with, and its state, if it is a prefix of the history at all.
    pub(crate) fn find(&self, db: &Db, (low, high): (usize, usize)) -> Checked<(usize, Model)> {
        let trees = read_all(&db.view()?)?;
        let allowed = |k: &usize| self.fates[*k] != Fate::Refused && self.states[*k].same(&trees);
        // Of equal states the oldest: it knows of the fewest ids that may not be given again.
        if let Some(k) = (low..=high).find(allowed) {
            return Ok((k, self.states[k].clone()));
        }
        let elsewhere: Vec<_> = (0..self.states.len()).filter(|k| self.states[*k].same(&trees)).collect();
        wrong(format!(
            "the store must end with a commit from {low} to {high} that was not refused, and it is equal to those of \
             {elsewhere:?}. Beside commit {high} (whose fate is {:?}): {}",
            self.fates[high],
            self.states[high].difference(&trees)
        ))
    }

    /// A reopen told what became of the commits that were still open.
    fn settle(&mut self, found: usize) {
        for (k, fate) in self.fates.iter_mut().enumerate().filter(|(_, fate)| **fate == Fate::Open) {
            *fate = if k <= found { Fate::Acknowledged } else { Fate::Refused };
        }
    }
}

/// The newest of the marks that were set within the first `op` operations.
fn latest(marks: &[(u64, usize)], op: u64) -> usize {
    marks[marks.partition_point(|(at, _)| *at <= op) - 1].1
}

/// A store at work beside its model.
pub(crate) struct Run {
    pub(crate) disk: SimDisk,
    options: Options,
    db: Option<Db>,
    /// What the latest view must show.
    pub(crate) model: Model,
    pub(crate) journal: Journal,
    kept: VecDeque<(View, Model)>,
    pinned: Vec<(Pinned, Vec<u8>)>,
    newest_sequence: u64,
    /// What the store did by itself, over all of its openings: folds, compactions and checkpoints.
    pub(crate) done: Stats,
    /// Compactions and checkpoints that a view was held across.
    pub(crate) held_across: u64,
}

impl Run {
    /// A run on an empty disk; the store is opened by `reopen`.
    pub(crate) fn new(disk: &SimDisk, options: &Options) -> Run {
        let model = Model::default();
        Run {
            disk: disk.clone(),
            options: options.clone(),
            db: None,
            journal: Journal::new(&model),
            model,
            kept: VecDeque::new(),
            pinned: Vec::new(),
            newest_sequence: 0,
            done: Stats::default(),
            held_across: 0,
        }
    }

    /// Runs a whole workload; the store ends open, with everything compared.
    pub(crate) fn run(&mut self, workload: &Workload) -> Checked {
        self.reopen(false)?;
        for step in &workload.steps {
            self.step(step)?;
        }
        while !self.kept.is_empty() {
            self.step(&Step::Release)?;
        }
        self.step(&Step::Verify)?;
        self.step(&Step::Compare)?;
        self.note_done();
        Ok(())
    }

    /// Adds what the store did since it was opened.
    fn note_done(&mut self) {
        if let Some(stats) = self.db.as_ref().and_then(|db| db.stats().ok()) {
            self.done.folds += stats.folds;
            self.done.compactions += stats.compactions;
            self.done.checkpoints += stats.checkpoints;
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.db.is_some()
    }

    fn db(&self) -> Checked<Db> {
        match &self.db {
            Some(db) => Ok(db.clone()),
            None => wrong("the run went on without a store"),
        }
    }

    pub(crate) fn step(&mut self, step: &Step) -> Checked {
        let db = self.db()?;
        if matches!(step, Step::Compact | Step::Checkpoint | Step::Maintain) && !self.kept.is_empty() {
            self.held_across += 1;
        }
        match step {
            Step::Batch(calls, end) => self.batch(calls, *end),
            Step::Flush => {
                db.flush()?;
                self.promise_durable();
                Ok(())
            }
            Step::Compact => Ok(db.compact_now(&mut |_| true)?),
            Step::Maintain => Ok(db.maintain().map(|_| ())?),
            Step::CompactALittle => Ok(db.compact_now(&mut |_| false)?),
            Step::Checkpoint => Ok(db.checkpoint()?),
            Step::Reopen { close } => {
                drop(db);
                self.reopen(*close)
            }
            Step::Keep { snapshot } => {
                let view = if *snapshot { db.snapshot()? } else { db.view()? };
                if let Some(id) = self.model.ids().first() {
                    let pinned = view.blob(*id)?;
                    self.pinned.push((pinned, self.model.get(*id).map(|tree| tree.blob.clone()).unwrap_or_default()));
                }
                self.kept.push_back((view, self.model.clone()));
                Ok(())
            }
            Step::Release => match self.kept.pop_front() {
                Some((view, model)) => compare(&view, &model),
                None => Ok(()),
            },
            Step::Compare => self.compare(),
            Step::Verify => self.verify(),
        }
    }

    /// The latest view, the kept views and the pinned bytes against what they must be.
    pub(crate) fn compare(&self) -> Checked {
        compare_store(&self.db()?, &self.model)?;
        self.kept.iter().try_for_each(|(view, model)| compare(view, model))?;
        match self.pinned.iter().find(|(pinned, bytes)| pinned[..] != **bytes) {
            Some((_, bytes)) => wrong(format!("pinned bytes changed; they were {bytes:?}")),
            None => Ok(()),
        }
    }

    /// The latest view against what it must be, each tree by one call.
    pub(crate) fn glance(&self) -> Checked {
        glance(&self.db()?, &self.model)
    }

    fn verify(&self) -> Checked {
        let report = self.db()?.verify()?;
        let trees: Vec<_> = self.model.ids().into_iter().filter_map(|id| self.model.get(id)).collect();
        let inputs = trees.iter().map(|tree| tree.inputs.len() as u64).sum::<u64>();
        let outputs = trees.iter().flat_map(|tree| &tree.inputs).filter(|input| input.output.is_some()).count() as u64;
        if !report.damage.is_empty() {
            return wrong(format!("verify found damage: {:?}", report.damage));
        }
        if (report.documents, report.inputs, report.outputs) != (trees.len() as u64, inputs, outputs) {
            return wrong(format!("verify counts {report:?}, the model has {} / {inputs} / {outputs}", trees.len()));
        }
        Ok(())
    }

    /// Lets go of the store, closed first or merely dropped, and opens it again. Twice at once it must not open.
    pub(crate) fn reopen(&mut self, close: bool) -> Checked {
        self.note_done();
        if let Some(db) = self.db.take() {
            match open(&self.disk, &self.options) {
                Err(Error::Locked(_)) => {}
                Err(error) => {
                    self.db = Some(db);
                    return Err(Stop::Failed(error));
                }
                Ok(_) => return wrong("a second opener got the store"),
            }
            self.kept.clear();
            if close {
                // Failing leaves a store to drop, and the next open to tell what is there.
                let closed = db.close();
                if closed.is_ok() {
                    self.promise_durable();
                    db.close()?;
                    match db.view() {
                        Err(Error::Closed) => {}
                        Err(other) => return wrong(format!("a view of a closed store: {other}")),
                        Ok(_) => return wrong("a closed store gave a view"),
                    }
                }
                closed?;
            }
        }
        self.db = Some(open(&self.disk, &self.options)?);
        self.promise_durable();
        Ok(())
    }

    /// Drops the store as it is, opens it again, and takes over whichever allowed state it has.
    pub(crate) fn recover(&mut self) -> Checked {
        self.recover_within(self.journal.after_kill(self.disk.ops())).map(drop)
    }

    /// The same where these states are allowed. Gives back whether commits that were acknowledged are lost.
    pub(crate) fn recover_within(&mut self, range: (usize, usize)) -> Checked<bool> {
        self.abandon();
        let db = open(&self.disk, &self.options)?;
        let (found, model) = self.journal.find(&db, range)?;
        let is_less = found < self.journal.newest_acknowledged();
        if is_less {
            // The number of a commit that is lost may be used again.
            self.newest_sequence = db.view()?.sequence();
        }
        self.journal.settle(found);
        self.model = model;
        self.db = Some(db);
        self.promise_durable();
        Ok(is_less)
    }

    /// The latest view and the kept ones, and what each of them must show.
    pub(crate) fn views(&self) -> Checked<Vec<(View, Model)>> {
        let kept = self.kept.iter().cloned();
        Ok(kept.chain([(self.db()?.view()?, self.model.clone())]).collect())
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Drops the store without closing it.
    pub(crate) fn abandon(&mut self) {
        self.kept.clear();
        self.pinned.clear();
        self.db = None;
    }

    fn promise_durable(&mut self) {
        self.journal.durable.push((self.disk.ops(), self.journal.newest_acknowledged()));
    }

    pub(crate) fn batch(&mut self, calls: &[Call], end: End) -> Checked {
        let db = self.db()?;
        let view = db.view()?;
        let mut batch = db.batch()?;
        let mut working = self.model.clone();
        for call in calls {
            let before = batch.len();
            apply(call, &mut batch, &view, &mut working)?;
            if batch.len() < before || batch.len() > before + 1 {
                return wrong(format!("{call:?} changed the batch's length from {before} to {}", batch.len()));
            }
        }
        drop(view);
        let is_empty = batch.is_empty();
        let durability = match end {
            End::Abandon => return Ok(()),
            End::Clear => {
                batch.clear();
                if !batch.is_empty() {
                    return wrong("a cleared batch is not empty");
                }
                batch.commit()?;
                return Ok(());
            }
            End::Commit => self.options.durability,
            End::CommitWith(durability) => durability,
        };
        let number = self.journal.states.len();
        self.journal.states.push(working.clone());
        self.journal.tried_at.push(self.disk.ops());
        self.journal.fates.push(Fate::Open);
        let sequence = match if matches!(end, End::Commit) { batch.commit() } else { batch.commit_with(durability) } {
            Ok(sequence) => sequence,
            Err(error) => {
                if !self.disk.has_crashed() && !matches!(error, Error::CommitUnknown { .. }) {
                    self.journal.fates[number] = Fate::Refused;
                }
                return Err(Stop::Failed(error));
            }
        };
        self.journal.fates[number] = Fate::Acknowledged;
        self.journal.acknowledged.push((self.disk.ops(), number));
        self.model = working;
        if is_empty {
            return Ok(());
        }
        if durability == Durability::Always {
            self.promise_durable();
        }
        let visible = db.view()?.sequence();
        if sequence <= self.newest_sequence || visible < sequence {
            return wrong(format!("commit {sequence} after {}, and {visible} is visible", self.newest_sequence));
        }
        self.newest_sequence = sequence;
        Ok(())
    }
}

/// Says on a panic what was going on, so that it can be repeated.
pub(crate) struct Context<F: Fn() -> String>(pub(crate) F);

impl<F: Fn() -> String> Drop for Context<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", (self.0)());
        }
    }
}

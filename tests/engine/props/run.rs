//! A store at work beside its model, a step at a time.

use std::path::Path;

use stratum::vfs::FileSystem;
use stratum::vfs::sim::SimDisk;
use stratum::{Batch, Db, DocumentId, Error, Options};

use super::bad;
use super::calls::{Asked, Log};
use super::held::Held;
use super::steps::{Case, Keep, Step, options};
use crate::model::{Checked, Model, Stop, answer, compare_store, same, wrong};
use crate::runner::{open, store_path};
use crate::workload::{Call, End};

/// Things that are held at a time, and batches.
const MOST_HELD: usize = 8;
const MOST_BATCHES: usize = 3;

pub(super) struct Run {
    disk: SimDisk,
    options: Options,
    db: Option<Db>,
    model: Model,
    sequence: u64,
    held: Vec<Held>,
    batches: Vec<(Batch, Log)>,
    /// Calls and steps so far.
    pub(super) operations: u64,
}

impl Run {
    pub(super) fn new(case: &Case) -> Run {
        Run {
            disk: SimDisk::new(case.options.into()),
            options: options(case.options),
            db: None,
            model: Model::default(),
            sequence: 0,
            held: Vec::new(),
            batches: Vec::new(),
            operations: 0,
        }
    }

    /// The store; opened where it is not.
    fn db(&mut self) -> Checked<Db> {
        if let Some(db) = &self.db {
            return Ok(db.clone());
        }
        let db = open(&self.disk, &self.options)?;
        self.db = Some(db.clone());
        same("documents after opening", db.view()?.document_count()?, self.model.ids().len() as u64)?;
        Ok(db)
    }

    pub(super) fn step(&mut self, step: &Step) -> Checked {
        self.operations += 1;
        let db = self.db()?;
        match step {
            Step::Batch(calls, end) => self.batch(&db, calls, *end),
            Step::Hold(which, calls) => self.hold(&db, *which, calls),
            Step::Finish(which, end) => {
                if self.batches.is_empty() {
                    return Ok(());
                }
                let (batch, log) = self.batches.swap_remove(usize::from(*which) % self.batches.len());
                self.finish(&db, batch, &log, *end)
            }
            Step::Bad(kind, calls) => self.bad(&db, *kind, calls),
            Step::Flush => Ok(db.flush()?),
            Step::Compact => Ok(db.compact_now(&mut |_| true)?),
            Step::CompactALittle => Ok(db.compact_now(&mut |_| false)?),
            Step::CompactAndWrite(calls) => self.compact_and_write(&db, calls),
            Step::Maintain => Ok(db.maintain().map(|_| ())?),
            Step::Checkpoint => Ok(db.checkpoint()?),
            Step::Reopen { close, options } => {
                drop(db);
                self.close(*close)?;
                self.options = super::steps::options(*options);
                self.db().map(|_| ())
            }
            Step::Kill { options } => {
                drop(db);
                self.kill()?;
                self.options = super::steps::options(*options);
                self.db().map(|_| ())
            }
            Step::Keep(kind, number) => self.keep(&db, *kind, *number),
            Step::Look(number) => {
                let count = self.held.len().max(1);
                self.held.get_mut(usize::from(*number) % count).map_or(Ok(()), |held| held.look(*number))
            }
            Step::Release(number) => {
                if !self.held.is_empty() {
                    let mut held = self.held.swap_remove(usize::from(*number) % self.held.len());
                    held.look(*number)?;
                }
                Ok(())
            }
            Step::Compare => self.compare(&db),
            Step::Verify => self.verify(&db),
            Step::Stats => self.stats(&db),
            Step::Twins => self.twins(),
        }
    }

    /// Everything that is held, a full check, and the store once more with its checkpoint and without one.
    pub(super) fn end(&mut self) -> Checked {
        let db = self.db()?;
        self.compare(&db)?;
        self.verify(&db)?;
        self.twins()?;
        drop(db);
        self.close(true)?;
        let db = self.db()?;
        self.compare(&db)?;
        self.verify(&db)?;
        drop(db);
        self.close(false)?;
        self.twins()
    }

    fn make(&mut self, db: &Db, batch: &mut Batch, log: &mut Log, calls: &[Call]) -> Checked {
        let mut working = self.model.clone();
        // What the batch holds does not go with what others committed meanwhile: its commit will say so.
        if log.replay(&mut working)?.is_err() {
            return Ok(());
        }
        let view = db.view()?;
        for call in calls {
            self.operations += 1;
            if let Some(asked) = Asked::new(call, &mut working, &view)? {
                log.call(asked, batch, &mut working, &self.model)?;
            }
        }
        Ok(())
    }

    fn batch(&mut self, db: &Db, calls: &[Call], end: End) -> Checked {
        let (mut batch, mut log) = (db.batch()?, Log::default());
        self.make(db, &mut batch, &mut log, calls)?;
        self.finish(db, batch, &log, end)
    }

    fn hold(&mut self, db: &Db, which: u8, calls: &[Call]) -> Checked {
        let (mut batch, mut log) = if self.batches.is_empty() || (which % 2 == 0 && self.batches.len() < MOST_BATCHES) {
            (db.batch()?, Log::default())
        } else {
            self.batches.swap_remove(usize::from(which) % self.batches.len())
        };
        self.make(db, &mut batch, &mut log, calls)?;
        self.batches.push((batch, log));
        Ok(())
    }

    fn finish(&mut self, db: &Db, mut batch: Batch, log: &Log, end: End) -> Checked {
        let durability = match end {
            End::Abandon => return Ok(()),
            End::Clear => {
                batch.clear();
                same("a cleared batch", (batch.len(), batch.bytes(), batch.is_empty()), (0, 0, true))?;
                batch.commit()?;
                return Ok(());
            }
            End::Commit => self.options.durability,
            End::CommitWith(durability) => durability,
        };
        let mut after = self.model.clone();
        let expected = log.replay(&mut after)?;
        let committed = if matches!(end, End::Commit) { batch.commit() } else { batch.commit_with(durability) };
        let sequence = match (answer(committed)?, expected) {
            (Ok(sequence), Ok(())) => sequence,
            // Which of several things that are missing is named first is not promised.
            (Err(_), Err(_)) => return Ok(()),
            (committed, expected) => return wrong(format!("the commit is {committed:?}, the model says {expected:?}")),
        };
        self.model = after;
        let visible = db.view()?.sequence();
        if !log.is_empty() && (sequence <= self.sequence || visible < sequence) {
            return wrong(format!("commit {sequence} after {}, and {visible} is visible", self.sequence));
        }
        self.sequence = self.sequence.max(sequence);
        Ok(())
    }

    fn bad(&mut self, db: &Db, kind: u8, calls: &[Call]) -> Checked {
        let (mut batch, mut log) = (db.batch()?, Log::default());
        self.make(db, &mut batch, &mut log, calls)?;
        let ids = self.model.ids();
        let document = ids.get(usize::from(kind) % ids.len().max(1)).copied().unwrap_or(DocumentId::FIRST);
        bad::call(kind, &mut batch, document)?;
        bad::open(&self.disk, &self.options)?;
        self.finish(db, batch, &log, End::Commit)
    }

    fn compact_and_write(&mut self, db: &Db, calls: &[Call]) -> Checked {
        let mut outcome = None;
        db.compact_now(&mut |_| {
            if outcome.is_none() {
                let refused = [db.maintain().err(), db.checkpoint().err(), db.verify().err(), db.close().err()];
                let is_right = refused.iter().all(|error| matches!(error, Some(Error::InvalidArgument(_))));
                outcome = Some(match is_right {
                    true => self.batch(db, calls, End::Commit),
                    false => wrong(format!("from within compact_now: {refused:?}")),
                });
            }
            true
        })?;
        outcome.unwrap_or(Ok(()))
    }

    fn keep(&mut self, db: &Db, kind: Keep, number: u8) -> Checked {
        let view = if matches!(kind, Keep::Snapshot) { db.snapshot()? } else { db.view()? };
        let may_go = self.options.max_retained_bytes < u64::MAX;
        if let Some(held) = Held::take(kind, number, view, &self.model, may_go)? {
            if self.held.len() == MOST_HELD {
                self.held.remove(0).look(number)?;
            }
            self.held.push(held);
        }
        Ok(())
    }

    fn compare(&mut self, db: &Db) -> Checked {
        compare_store(db, &self.model)?;
        self.held.iter_mut().try_for_each(|held| held.look(1))
    }

    fn counts(&self) -> (u64, u64, u64) {
        let trees: Vec<_> = self.model.ids().into_iter().filter_map(|id| self.model.get(id)).collect();
        let inputs = trees.iter().map(|tree| tree.inputs.len() as u64).sum();
        let outputs = trees.iter().flat_map(|tree| &tree.inputs).filter(|input| input.output.is_some()).count();
        (trees.len() as u64, inputs, outputs as u64)
    }

    fn verify(&mut self, db: &Db) -> Checked {
        let report = db.verify()?;
        same("damage", &report.damage[..], &[])?;
        same("what verify counts", (report.documents, report.inputs, report.outputs), self.counts())
    }

    fn stats(&mut self, db: &Db) -> Checked {
        let stats = db.stats()?;
        let (documents, inputs, outputs) = self.counts();
        same("documents in stats", (stats.documents, stats.nodes), (documents, documents + inputs + outputs))?;
        same("sequence in stats", stats.sequence, db.view()?.sequence())?;
        let snapshots = self.held.iter().filter(|held| held.is_open_snapshot()).count() as u64;
        same("snapshots in stats", stats.snapshots, snapshots)?;
        same("failures in stats", (stats.background_failures, stats.poisoned), (0, false))?;
        if stats.live_bytes > stats.total_bytes || stats.active_segment_bytes > stats.total_bytes {
            return wrong(format!("{stats:?}"));
        }
        Ok(())
    }

    /// Lets go of the store, and of what is held as far as it goes with it.
    fn close(&mut self, close: bool) -> Checked {
        let Some(db) = self.db.take() else { return Ok(()) };
        bad::open(&self.disk, &self.options)?;
        if close {
            db.close()?;
            db.close()?;
            let refused = [
                db.view().map(|_| ()).err(),
                db.snapshot().map(|_| ()).err(),
                db.batch().map(|_| ()).err(),
                db.flush().err(),
                db.maintain().map(|_| ()).err(),
                db.checkpoint().err(),
                db.compact_now(&mut |_| true).err(),
                db.stats().map(|_| ()).err(),
                db.verify().map(|_| ()).err(),
            ];
            if let Some(other) = refused.iter().find(|error| !matches!(error, Some(Error::Closed))) {
                return wrong(format!("a closed store says {other:?}"));
            }
        }
        drop(db);
        self.after_close()
    }

    fn after_close(&mut self) -> Checked {
        for held in std::mem::take(&mut self.held) {
            self.held.extend(held.after_close()?);
        }
        for (mut batch, _) in std::mem::take(&mut self.batches) {
            let refused = (batch.set_blob(DocumentId::FIRST, b"").err(), batch.commit().err());
            if !matches!(refused, (Some(Error::Closed), Some(Error::Closed))) {
                return wrong(format!("a batch of a closed store says {refused:?}"));
            }
        }
        Ok(())
    }

    /// The process ends where it is; the machine goes on. All that was acknowledged is there.
    fn kill(&mut self) -> Checked {
        self.disk = self.disk.restart();
        self.db = None;
        self.after_close()
    }

    /// Copies of the store as a kill would leave it, opened with its checkpoint and without one, hold the same.
    fn twins(&mut self) -> Checked {
        let one = self.disk.restart();
        let other = self.disk.restart();
        let checkpoint = store_path().join("CHECKPOINT");
        let had_one = one.files(store_path()).contains_key(Path::new("CHECKPOINT"));
        if had_one {
            other.unlink(&checkpoint).map_err(|error| Stop::Wrong(format!("removing the checkpoint: {error}")))?;
        }
        for disk in [one, other] {
            let db = open(&disk, &self.options)?;
            compare_store(&db, &self.model)?;
            self.verify(&db)?;
        }
        Ok(())
    }
}

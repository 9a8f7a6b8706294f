//! What is demanded of a disk after a crash.
//!
//! Whatever opens must
//!
//! (a) hold the state after some commit between the last one promised durable and the last one tried;
//! (b) verify without damage;
//! (c) take new commits, and keep them, and itself, through another power loss and through close and open;
//! (d) do all that also when opening was itself cut short by a crash, once or again.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use stratum::vfs::sim::{Rng, SimDisk};
use stratum::{Db, Durability, Options, Stats};

use crate::model::{Checked, Model, Stop, compare_store, wrong};
use crate::runner::{Run, glance, open};
use crate::workload::{Call, What, apply};

/// The commits that a crashed store may end with: as its disk is, and after a (further) loss of power.
#[derive(Clone)]
pub(crate) struct Allowed {
    pub(crate) range: (usize, usize),
    range_without_power: (usize, usize),
}

impl Allowed {
    pub(crate) fn of_power_loss(run: &Run, point: u64) -> Allowed {
        let range = run.journal.after_power_loss(point);
        Allowed { range, range_without_power: range }
    }

    pub(crate) fn of_kill(run: &Run, point: u64) -> Allowed {
        Allowed { range: run.journal.after_kill(point), range_without_power: run.journal.after_power_loss(point) }
    }

    /// The same once more power was lost.
    pub(crate) fn without_power(&self) -> Allowed {
        Allowed { range: self.range_without_power, ..*self }
    }
}

/// What was explored; counted where it is done.
#[derive(Default)]
pub(crate) struct Tally {
    /// Operations before which a crash was tried.
    pub(crate) points: AtomicU64,
    /// Disks after a first crash, each different from the others of its point, that were opened and compared.
    pub(crate) images: AtomicU64,
    /// Disks after further crashes of these, opened and compared.
    pub(crate) further: AtomicU64,
    /// Of all of these: how often unsynced commits were lost, bytes discarded, a checkpoint used.
    lost: AtomicU64,
    discarded: AtomicU64,
    from_checkpoint: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Tally {
    fn note(&self, stats: &Stats, lost: bool) {
        add(&self.lost, lost.into());
        add(&self.discarded, (stats.recovery_discarded_bytes > 0).into());
        add(&self.from_checkpoint, stats.opened_from_checkpoint.into());
    }

    /// Each way in which a crash can leave a store must have come often enough to count.
    pub(crate) fn check_variety(&self) {
        let images = get(&self.images);
        for (what, counter) in
            [("lost", &self.lost), ("discarded", &self.discarded), ("from_checkpoint", &self.from_checkpoint)]
        {
            assert!(get(counter) * 50 > images, "{what} in {} of {images} images only", get(counter));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [points, images, further, lost, discarded, from_checkpoint] =
            [&self.points, &self.images, &self.further, &self.lost, &self.discarded, &self.from_checkpoint].map(get);
        write!(
            f,
            "{points} crash points, {images} different images opened and compared, and {further} after further \
             crashes; {lost} times unsynced commits were lost, {discarded} times bytes discarded, \
             {from_checkpoint} times a checkpoint used"
        )
    }
}

/// Everything that is demanded of one disk after a crash.
pub(crate) fn judge(image: &SimDisk, run: &Run, allowed: &Allowed, rng: &mut Rng, tally: &Tally) -> Checked {
    if rng.chance(0.2) {
        crash_while_opening(image, run, allowed, rng, tally)?;
    }
    let options = run.options();
    let db = open(image, options)?;
    let (found, mut model) = run.journal.find(&db, allowed.range)?;
    add(&tally.images, 1);
    tally.note(&db.stats()?, found < allowed.range.1);
    undamaged(&db)?;
    if rng.chance(0.1) {
        compare_store(&db, &model)?;
    }
    // What open showed must not be taken back, whatever of it had been synced before.
    let depth = rng.below(8);
    exactly(&image.image(rng.next_u64()), options, &model, depth == 0, tally)?;
    commit_something(&db, &mut model, rng)?;
    exactly(&image.image(rng.next_u64()), options, &model, depth == 1, tally)?;
    if depth == 2 {
        db.compact_now(&mut |_| true)?;
        exactly(&image.image(rng.next_u64()), options, &model, true, tally)?;
    }
    if depth < 4 {
        db.close()?;
    }
    drop(db);
    exactly(image, options, &model, depth == 4, tally)
}

/// Opens a copy that crashes while it opens, up to three times over: by a kill, after which `range` still holds,
/// or by a power loss, after which only what was durable is sure.
fn crash_while_opening(image: &SimDisk, run: &Run, allowed: &Allowed, rng: &mut Rng, tally: &Tally) -> Checked {
    let mut disk = image.restart();
    let mut range = allowed.range;
    for _ in 0..3 {
        disk.crash_at(rng.below(16));
        match open(&disk, run.options()) {
            Ok(_) if !disk.has_crashed() => break,
            Err(error) if !disk.has_crashed() => return Err(Stop::Failed(error)),
            // An open may still succeed where the crash came at its end, in what it can do without.
            Ok(_) | Err(_) => {}
        }
        if rng.chance(0.3) {
            disk = disk.restart();
        } else {
            disk = disk.image(rng.next_u64());
            range = allowed.range_without_power;
        }
    }
    let disk = disk.restart();
    settled(&disk, run, range, rng, tally)
}

/// A disk that one of a range of commits is on: it opens, and stays as it opened when the power goes then.
pub(crate) fn settled(disk: &SimDisk, run: &Run, range: (usize, usize), rng: &mut Rng, tally: &Tally) -> Checked {
    let db = open(disk, run.options())?;
    let (_, model) = run.journal.find(&db, range)?;
    add(&tally.further, 1);
    exactly(&disk.image(rng.next_u64()), run.options(), &model, rng.chance(0.1), tally)
}

/// Opens a disk that has one state to be in only; `in_depth` with every reading call, and verified.
fn exactly(disk: &SimDisk, options: &Options, model: &Model, in_depth: bool, tally: &Tally) -> Checked {
    let db = open(disk, options)?;
    add(&tally.further, 1);
    if in_depth {
        compare_store(&db, model)?;
        return undamaged(&db);
    }
    glance(&db, model)
}

fn undamaged(db: &Db) -> Checked {
    let report = db.verify()?;
    if report.damage.is_empty() { Ok(()) } else { wrong(format!("verify found damage: {:?}", report.damage)) }
}

/// A durable commit of a few calls, among them one that always succeeds.
fn commit_something(db: &Db, model: &mut Model, rng: &mut Rng) -> Checked {
    let view = db.view()?;
    let mut batch = db.batch()?;
    for what in [What::PutTree, What::AppendInput, What::SetOutput, What::DeleteDocument] {
        let call = Call { what, document: rng.next_u64() as u8, input: 0, content: rng.next_u64() as u32 };
        apply(&call, &mut batch, &view, model)?;
    }
    drop(view);
    batch.commit_with(Durability::Always)?;
    Ok(())
}

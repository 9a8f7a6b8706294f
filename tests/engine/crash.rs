//! Power loss and kills at every operation of random work, recovery included.
//!
//! Each workload runs once while the disk keeps every moment. At every moment, images of what the disk may hold
//! after a power loss are opened, and the disk as a mere kill leaves it. Whatever opens must
//!
//! (a) hold the state after some commit between the last one promised durable and the last one tried;
//! (b) verify without damage;
//! (c) take new commits, and keep them, and itself, through another power loss and through close and open;
//! (d) do all that also when opening was itself cut short by a crash, once or again.

use stratum::vfs::sim::{Rng, SimDisk};
use stratum::{Durability, Options};

use crate::model::{Checked, Model, Stop, compare_store, wrong};
use crate::runner::{Context, Run, open};
use crate::workload::{Call, End, Step, What, Workload, apply};
use crate::{seeds, setting};

const STEPS: usize = 32;
const IMAGES: u64 = 3;

#[test]
fn every_crash_keeps_a_prefix_of_history() {
    explore(0, 0.0, setting("STRATUM_CRASH_POINTS", 10_000) / 2);
}

#[test]
fn every_crash_keeps_a_prefix_of_history_with_short_and_interrupted_calls() {
    explore(1 << 32, 0.15, setting("STRATUM_CRASH_POINTS", 10_000) / 2);
}

/// The crash itself, instead of the moment recorded: every call fails from there on, and the store must neither
/// hang nor panic nor say that anything was done.
#[test]
fn a_store_whose_disk_goes_away_says_so() {
    let budget = setting("STRATUM_CRASH_POINTS", 10_000) / 40;
    let mut points = 0;
    for seed in seeds(2 << 32) {
        let workload = Workload::new(seed, STEPS);
        let total = record(&workload, 0.0).disk.ops();
        let mut rng = Rng::new(seed);
        for _ in 0..25 {
            let point = rng.below(total);
            let _context = Context(|| format!("seed {seed}, crash at operation {point} of {total}\n{workload:#?}"));
            let disk = SimDisk::new(seed);
            disk.crash_at(point);
            let mut run = Run::new(&disk, &workload.options);
            match run.run(&workload) {
                Err(Stop::Failed(_)) if disk.has_crashed() => {}
                other => panic!("the run ended with {other:?}, crashed: {}", disk.has_crashed()),
            }
            if run.is_open() && run.step(&Step::Flush).is_ok() {
                // Nothing was pending, perhaps; a commit always has something to write.
                let call = Call { what: What::CreateDocument, document: 0, input: 0, content: 1 };
                run.batch(&[call], End::CommitWith(Durability::Always)).expect_err("no disk");
            }
            assert_eq!(disk.ops(), point);
            run.abandon();
            let allowed = Allowed::of_power_loss(&run, point);
            for seed in 0..IMAGES {
                check(&disk.image(point * IMAGES + seed), &run, &allowed, &mut rng)
                    .unwrap_or_else(|stop| panic!("{stop:?}"));
            }
            points += 1;
        }
        if points >= budget || std::env::var("STRATUM_SEED").is_ok() {
            return;
        }
    }
}

/// Runs a workload to its end while the disk keeps every moment.
fn record(workload: &Workload, chaos: f64) -> Run {
    let disk = SimDisk::new(workload.seed);
    disk.set_chaos(chaos);
    disk.record();
    let mut run = Run::new(&disk, &workload.options);
    let _context = Context(|| format!("seed {}, chaos {chaos}\n{workload:#?}", workload.seed));
    run.run(workload).unwrap_or_else(|stop| panic!("without any crash: {stop:?}"));
    run
}

fn explore(first_seed: u64, chaos: f64, budget: u64) {
    let (mut points, mut images) = (0, 0);
    for seed in seeds(first_seed) {
        let workload = Workload::new(seed, STEPS);
        let run = record(&workload, chaos);
        for point in 0..=run.disk.ops() {
            images += check_point(&workload, &run, point, chaos);
            points += 1;
        }
        if points >= budget || std::env::var("STRATUM_SEED").is_ok() {
            break;
        }
    }
    println!("{points} crash points, {images} images");
}

fn check_point(workload: &Workload, run: &Run, point: u64, chaos: f64) -> u64 {
    let moment = run.disk.moment(point).expect("recorded");
    let mut rng = Rng::new(workload.seed ^ point.rotate_left(24));
    let mut images: Vec<_> =
        (0..IMAGES).map(|i| (point * IMAGES + i, moment.image(point * IMAGES + i), false)).collect();
    images.push((0, moment.restart(), true));
    for (image_seed, image, is_kill) in &images {
        let _context = Context(|| {
            let kind = if *is_kill { "a kill".to_string() } else { format!("power loss, image {image_seed}") };
            format!("seed {}, chaos {chaos}, after {point} operations: {kind}\n{workload:#?}", workload.seed)
        });
        if rng.chance(0.3) {
            image.set_chaos(chaos);
        }
        let allowed = if *is_kill { Allowed::of_kill(run, point) } else { Allowed::of_power_loss(run, point) };
        if let Err(stop) = check(image, run, &allowed, &mut rng) {
            panic!("{stop:?}");
        }
    }
    images.len() as u64
}

/// The commits that a crashed store may end with: as its disk is, and after a (further) loss of power.
struct Allowed {
    range: (usize, usize),
    range_without_power: (usize, usize),
}

impl Allowed {
    fn of_power_loss(run: &Run, point: u64) -> Allowed {
        let range = run.journal.after_power_loss(point);
        Allowed { range, range_without_power: range }
    }

    fn of_kill(run: &Run, point: u64) -> Allowed {
        Allowed { range: run.journal.after_kill(point), range_without_power: run.journal.after_power_loss(point) }
    }
}

/// Everything that is demanded of one disk after a crash.
fn check(image: &SimDisk, run: &Run, allowed: &Allowed, rng: &mut Rng) -> Checked {
    if rng.chance(0.5) {
        check_crash_while_opening(image, run, allowed, rng)?;
    }
    let options = run.options();
    let db = open(image, options)?;
    let (_, mut model) = run.journal.find(&db, allowed.range)?;
    let report = db.verify()?;
    if !report.damage.is_empty() {
        return wrong(format!("verify found damage after recovery: {:?}", report.damage));
    }
    if rng.chance(0.3) {
        compare_store(&db, &model)?;
    }
    // What open showed must not be taken back, whatever of it had been synced before.
    check_exactly(&image.image(rng.next_u64()), options, &model)?;
    commit_something(&db, &mut model, rng)?;
    check_exactly(&image.image(rng.next_u64()), options, &model)?;
    if rng.chance(0.2) {
        db.compact_now(&mut |_| true)?;
        check_exactly(&image.image(rng.next_u64()), options, &model)?;
    }
    db.close()?;
    drop(db);
    check_exactly(image, options, &model)
}

/// Opens a copy that crashes while it opens, up to three times over: by a kill, after which `range` still holds,
/// or by a power loss, after which only what was durable is sure.
fn check_crash_while_opening(image: &SimDisk, run: &Run, allowed: &Allowed, rng: &mut Rng) -> Checked {
    let mut disk = image.restart();
    let mut range = allowed.range;
    for _ in 0..3 {
        disk.crash_at(rng.below(16));
        match open(&disk, run.options()) {
            Ok(db) if !disk.has_crashed() => {
                let (_, model) = run.journal.find(&db, range)?;
                drop(db);
                return check_exactly(&disk.image(rng.next_u64()), run.options(), &model);
            }
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
    let db = open(&disk, run.options())?;
    let (_, model) = run.journal.find(&db, range)?;
    check_exactly(&disk.image(rng.next_u64()), run.options(), &model)
}

/// Opens a disk that has one state to be in only.
fn check_exactly(disk: &SimDisk, options: &Options, model: &Model) -> Checked {
    let db = open(disk, options)?;
    compare_store(&db, model)?;
    let report = db.verify()?;
    if report.damage.is_empty() { Ok(()) } else { wrong(format!("verify found damage: {:?}", report.damage)) }
}

/// A durable commit of a few calls, among them one that always succeeds.
fn commit_something(db: &stratum::Db, model: &mut Model, rng: &mut Rng) -> Checked {
    let view = db.view()?;
    let mut batch = db.batch()?;
    for what in [What::PutTree, What::AppendInput, What::SetOutput, What::DeleteDocument] {
        let call = Call { what, document: rng.next_u64() as u8, input: 0, content: rng.next_u64() as u32 };
        apply(&call, &mut batch, &view, model)?;
    }
    drop(view);
    batch.commit_with(Durability::Always)?;
    compare_store(db, model)
}

/// The harness itself: a moment judged by a history that it does not belong to must be refused.
#[test]
fn a_lost_commit_would_be_noticed() {
    let workload = Workload::new(7, STEPS);
    let run = record(&workload, 0.0);
    let last = Allowed::of_kill(&run, run.disk.ops());
    assert!(last.range.0 > 3, "the workload commits");
    let early = run.disk.moment(run.disk.ops() / 4).expect("recorded").restart();
    let outcome = check(&early, &run, &last, &mut Rng::new(0));
    assert!(matches!(outcome, Err(Stop::Wrong(_))), "{outcome:?}");
}

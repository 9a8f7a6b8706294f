//! Power loss and kills at every operation of random work, and at every operation of the recovery after them.
//!
//! 1. Each workload runs once while the disk keeps every moment. At every moment, images of what the disk may hold
//!    after a power loss are judged (`judge`), and the disk as a mere kill leaves it. Of equal images one is.
//! 2. What is explored is counted, and too little is a failure.

use std::collections::BTreeSet;

use stratum::format::record::{RecordHeader, RecordKind};
use stratum::format::segment::{self, SegmentHeader};
use stratum::vfs::sim::{Rng, SimDisk};
use stratum::{Compression, Durability, Stats};

use crate::case::{Case, Failure, attempt, run_cases};
use crate::judge::{Allowed, Tally, add, get, judge, settled};
use crate::model::{Checked, Stop, wrong};
use crate::runner::Run;
use crate::workload::{Call, End, Step, What, Workload};
use crate::{is_alone, setting, setting_if_set};

const STEPS: usize = 20;
/// Images tried at each moment; of equal ones one is judged.
const IMAGES: u64 = 16;
/// What every run of these tests explores, in all.
const POINTS: u64 = 30_000;
/// And how many disks it opens and compares for every three of them.
const IMAGES_FOR_THREE_POINTS: u64 = 25;
/// Points after which it is said how far a long run came.
const SAID_EVERY: u64 = 10_000;

fn make(seed: u64) -> Workload {
    Workload::mixed(seed, STEPS)
}

fn points() -> u64 {
    setting("STRATUM_CRASH_POINTS", POINTS)
}

#[test]
fn every_crash_keeps_a_prefix_of_history() {
    explore("crash::every_crash_keeps_a_prefix_of_history", 0, 0.0);
}

#[test]
fn every_crash_keeps_a_prefix_of_history_with_short_and_interrupted_calls() {
    explore("crash::every_crash_keeps_a_prefix_of_history_with_short_and_interrupted_calls", 1 << 32, 0.15);
}

/// Explores half of what is to be explored.
fn explore(test: &str, first_seed: u64, chaos: f64) {
    let tally = Tally::default();
    let wanted = points() / 2;
    let run = |case: &Case| explore_case(case, chaos, &tally);
    let points = run_cases(test, first_seed, make, &|points| points >= wanted, &run);
    println!("{tally}");
    if !is_alone() {
        let images = get(&tally.images) + get(&tally.further);
        let is_enough = points >= wanted && images * 3 >= wanted * IMAGES_FOR_THREE_POINTS;
        assert!(is_enough, "explored too little: {tally}");
        tally.check_variety();
    }
}

fn explore_case(case: &Case, chaos: f64, tally: &Tally) -> Result<u64, Failure> {
    let workload = case.workload();
    let run = attempt(String::new, || record(&workload, chaos))?;
    let points = run.disk.ops() + 1;
    let chosen = setting_if_set("STRATUM_POINT").map_or(0..points, |point| point..point + 1);
    for point in chosen {
        explore_point(&run, point, chaos, tally)?;
    }
    let before = get(&tally.points);
    add(&tally.points, points);
    if (before + points) / SAID_EVERY > before / SAID_EVERY {
        println!("{chaos}: {tally}");
    }
    Ok(points)
}

/// Runs a workload to its end while the disk keeps every moment.
fn record(workload: &Workload, chaos: f64) -> Checked<Run> {
    let disk = SimDisk::new(workload.seed);
    disk.set_chaos(chaos);
    disk.record();
    let mut run = Run::new(&disk, &workload.options);
    run.run(workload)?;
    Ok(run)
}

fn explore_point(run: &Run, point: u64, chaos: f64, tally: &Tally) -> Result<(), Failure> {
    let Some(moment) = run.disk.moment(point) else {
        let what = format!("operation {point} of {} was not recorded", run.disk.ops());
        return Err(Failure { what, replay: String::new() });
    };
    let mut seen = BTreeSet::new();
    for number in 0..=IMAGES {
        if setting_if_set("STRATUM_IMAGE").is_some_and(|chosen| chosen != number) {
            continue;
        }
        let is_kill = number == IMAGES;
        let image = if is_kill { moment.restart() } else { moment.image(point * IMAGES + number) };
        if !is_kill && !seen.insert(image.fingerprint()) {
            continue;
        }
        let mut rng = Rng::new(point.rotate_left(24) ^ number);
        if rng.chance(0.3) {
            image.set_chaos(chaos);
        }
        let allowed = if is_kill { Allowed::of_kill(run, point) } else { Allowed::of_power_loss(run, point) };
        let replay = || {
            let how = if is_kill { "a kill" } else { "a power loss" };
            format!("STRATUM_POINT={point} STRATUM_IMAGE={number} `# {how} after {point} operations`")
        };
        attempt(replay, || judge(&image, run, &allowed, &mut rng, tally))?;
    }
    Ok(())
}

/// The crash itself, instead of the moment recorded: every call fails from there on, and the store must neither
/// hang nor panic nor say that anything was done.
#[test]
fn a_store_whose_disk_goes_away_says_so() {
    let tally = Tally::default();
    let run = |case: &Case| {
        let workload = case.workload();
        let total = attempt(String::new, || record(&workload, 0.0))?.disk.ops();
        let mut rng = Rng::new(case.seed);
        for _ in 0..25 {
            let point = rng.below(total);
            let point = setting_if_set("STRATUM_POINT").unwrap_or(point);
            // Chance of its own, so that the point alone repeats it.
            let mut rng = Rng::new(case.seed.rotate_left(32) ^ point);
            attempt(|| format!("STRATUM_POINT={point}"), || go_away(&workload, point, &mut rng, &tally))?;
        }
        Ok(25)
    };
    let wanted = points() / 40;
    run_cases("crash::a_store_whose_disk_goes_away_says_so", 2 << 32, make, &|points| points >= wanted, &run);
}

fn go_away(workload: &Workload, point: u64, rng: &mut Rng, tally: &Tally) -> Checked {
    let disk = SimDisk::new(workload.seed);
    disk.crash_at(point);
    let mut run = Run::new(&disk, &workload.options);
    match run.run(workload) {
        Err(Stop::Failed(_)) if disk.has_crashed() => {}
        other => return wrong(format!("the run ended with {other:?}, crashed: {}", disk.has_crashed())),
    }
    if run.is_open() && run.step(&Step::Flush).is_ok() {
        // Nothing was pending, perhaps; a commit always has something to write.
        let call = Call { what: What::CreateDocument, document: 0, input: 0, content: 1 };
        if run.batch(&[call], End::CommitWith(Durability::Always)).is_ok() {
            return wrong("a commit without a disk");
        }
    }
    if disk.ops() != point {
        return wrong(format!("{} operations came through", disk.ops()));
    }
    run.abandon();
    let allowed = Allowed::of_power_loss(&run, point);
    (0..3).try_for_each(|seed| judge(&disk.image(point * 3 + seed), &run, &allowed, rng, tally))
}

/// Crashes at every operation of a recovery, and at every operation of the recovery from one of those, and once more.
#[test]
fn every_crash_inside_recovery_is_recovered_from() {
    let test = "crash::every_crash_inside_recovery_is_recovered_from";
    let tally = Tally::default();
    let wanted = points() / 5;
    let run = |case: &Case| {
        let workload = case.workload();
        let run = attempt(String::new, || record(&workload, 0.0))?;
        let mut rng = Rng::new(case.seed);
        let mut points = 0;
        for _ in 0..8 {
            let point = rng.below(run.disk.ops() + 1);
            let (number, choices) = (rng.next_u64(), rng.next_u64());
            if setting_if_set("STRATUM_POINT").is_none_or(|chosen| chosen == point) {
                let recover = || recover_and_crash(&run, point, number, choices, &tally);
                points += attempt(|| format!("STRATUM_POINT={point}"), recover)?;
            }
        }
        add(&tally.points, points);
        Ok(points)
    };
    let points = run_cases(test, 3 << 32, make, &|points| points >= wanted, &run);
    println!("inside recovery: {tally}");
    assert!(points >= wanted || is_alone(), "explored too little: {tally}");
}

/// Gives back at how many operations of recoveries it crashed.
fn recover_and_crash(run: &Run, point: u64, number: u64, choices: u64, tally: &Tally) -> Checked<u64> {
    let moment = run.disk.moment(point).ok_or_else(|| Stop::Wrong("not recorded".to_string()))?;
    let mut rng = Rng::new(choices);
    let (mut disk, mut allowed) = if rng.chance(0.3) {
        (moment.restart(), Allowed::of_kill(run, point))
    } else {
        (moment.image(number), Allowed::of_power_loss(run, point))
    };
    let mut points = 0;
    for _ in 0..3 {
        let counted = disk.restart();
        counted.record();
        drop(crate::runner::open(&counted, run.options())?);
        let mut next = Vec::new();
        for op in 0..=counted.ops() {
            let Some(moment) = counted.moment(op) else { return wrong("not recorded") };
            points += 1;
            let killed = moment.restart();
            next.push((killed.restart(), allowed.clone()));
            settled(&killed, run, allowed.range, &mut rng, tally)?;
            let after = allowed.without_power();
            let mut seen = BTreeSet::new();
            for image in moment.crash_images(rng.next_u64(), 8) {
                if seen.insert(image.fingerprint()) {
                    next.push((image.restart(), after.clone()));
                    settled(&image, run, after.range, &mut rng, tally)?;
                }
            }
        }
        (disk, allowed) = next.swap_remove(rng.index(next.len()));
    }
    Ok(points)
}

/// The harness itself: a moment judged by a history that it does not belong to must be refused.
#[test]
fn a_lost_commit_would_be_noticed() {
    let run = record(&make(7), 0.0).unwrap_or_else(|stop| panic!("{stop:?}"));
    let last = Allowed::of_kill(&run, run.disk.ops());
    assert!(last.range.0 > 3, "the workload commits");
    let early = run.disk.moment(run.disk.ops() / 4).expect("recorded").restart();
    let outcome = judge(&early, &run, &last, &mut Rng::new(0), &Tally::default());
    assert!(matches!(outcome, Err(Stop::Wrong(_))), "{outcome:?}");
}

/// Each workload that is explored mixes everything that a store does.
#[test]
fn every_workload_does_everything() {
    let mut coded = [0; 3];
    for seed in (0..40).chain((1 << 32)..(1 << 32) + 40) {
        let run = record(&make(seed), 0.0).unwrap_or_else(|stop| panic!("seed {seed}: {stop:?}"));
        let Stats { folds, compactions, checkpoints, .. } = run.done;
        let names = run.disk.files(crate::runner::store_path());
        let newest = names.keys().filter_map(|name| name.to_str()?.strip_prefix("segment-")?.get(..8)).max();
        let rotations = newest.and_then(|id| u64::from_str_radix(id, 16).ok()).unwrap_or(0);
        let all = [folds, compactions, checkpoints, rotations / 3, run.held_across];
        assert!(all.iter().all(|count| *count > 0), "seed {seed}: {all:?}");
        for codec in codecs_in(&run.disk) {
            coded[codec as usize] += 1;
        }
    }
    // One of three at random each, where a tree that is left at the end shrank.
    assert!(coded.iter().all(|runs| *runs >= 5), "workloads that end with trees of each codec: {coded:?}");
}

/// What the trees on the disk are compressed with.
fn codecs_in(disk: &SimDisk) -> Vec<Compression> {
    let mut codecs = Vec::new();
    for bytes in disk.files(crate::runner::store_path()).values() {
        let Ok(segment) = SegmentHeader::decode(bytes) else { continue };
        let mut at = segment::HEADER_LEN;
        let record = |at: u64| RecordHeader::decode(bytes.get(at as usize..)?, segment.salt(), at).ok();
        while let Some(header) = record(at) {
            if header.kind == RecordKind::Tree && !codecs.contains(&header.codec) {
                codecs.push(header.codec);
            }
            at += header.record_len();
        }
    }
    codecs
}

//! Crashes while commits run beside a compaction, a checkpoint or maintenance.
//!
//! 1. Each call of that work that changes the disk is held up in turn. Meanwhile commits change what it is about: a
//!    document deleted, one given another blob, one replaced, one made; some durable, some not. A commit that the work
//!    keeps waiting runs on beside the rest of it.
//! 2. From the call that is held up to the end, after every operation of either, images of what a power loss leaves and
//!    of what a kill leaves must open, verify, and hold a prefix of these commits: each document as before its change
//!    or as after it, all of a batch or nothing, and every commit that was acknowledged by then, after a power loss
//!    every one that was acknowledged as durable.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use stratum::vfs::sim::SimDisk;
use stratum::{Batch, Columns, Db, DocumentId, Durability, Options, Result, Tree};

use crate::gate::{Beside, Gate};
use crate::others::{Blobs, blobs};
use crate::plain::{options, put};
use crate::runner::{Context, open};

const IMAGES: u64 = 6;

/// A commit beside other work: what the store holds from then on, and when that was so, in operations of the disk.
struct Commit {
    after: Blobs,
    tried_at: u64,
    acknowledged_at: u64,
    durability: Durability,
}

/// What is explored.
#[derive(Default)]
struct Tally {
    /// Calls of the work that commits ran beside.
    held: u64,
    /// How often they were done before the work went on.
    done: u64,
    points: u64,
    images: u64,
    /// Images with some of the commits and not all.
    between: u64,
    /// Images in which acknowledged commits were lost, as they may be where nobody asked for a sync.
    lost: u64,
}

/// A store of many segments with garbage in each, and a little that is not synced.
fn store(gate: &Gate, options: &Options) -> Db {
    let db = gate.open(options).unwrap();
    let ids: Vec<_> = (0..12).map(|n| put(&db, &[n; 200], Durability::Always).unwrap()).collect();
    for id in ids.iter().skip(1).step_by(3) {
        db.write(|batch| batch.delete_document(*id)).unwrap();
    }
    db.write(|batch| batch.set_blob(ids[3], &[100; 30])).unwrap();
    db
}

type Change = fn(&mut Batch, &[DocumentId], &mut Blobs) -> Result<()>;

/// The commits, of documents at the start, in the midst and at the end of what there is.
const CHANGES: [(Durability, Change); 4] = [
    (Durability::Os, |batch, live, after| {
        after.insert(live[1], b"changed".to_vec());
        batch.set_blob(live[1], b"changed")
    }),
    (Durability::Always, |batch, live, after| {
        after.remove(&live[0]);
        after.insert(live[4], b"changed".to_vec());
        after.insert(live[6], Vec::new());
        batch.delete_document(live[0])?;
        batch.set_blob(live[4], b"changed")?;
        batch.replace_tree(live[6], &Tree::default()).map(drop)
    }),
    (Durability::Always, |batch, live, after| {
        after.remove(&live[2]);
        after.insert(batch.create_document(b"new", &Columns::new())?, b"new".to_vec());
        batch.delete_document(live[2])
    }),
    (Durability::Os, |batch, live, after| {
        after.insert(live[4], b"again".to_vec());
        after.remove(&live[7]);
        batch.set_blob(live[4], b"again")?;
        batch.delete_document(live[7])
    }),
];

/// Makes all changes, one commit after the other.
fn change_all(gate: &Gate, db: &Db, before: &Blobs) -> Result<Vec<Commit>> {
    let live: Vec<_> = before.keys().copied().collect();
    let mut now = before.clone();
    let mut commits = Vec::new();
    for (durability, change) in CHANGES {
        let mut batch = db.batch()?;
        change(&mut batch, &live, &mut now)?;
        let tried_at = gate.disk.ops();
        batch.commit_with(durability)?;
        commits.push(Commit { after: now.clone(), tried_at, acknowledged_at: gate.disk.ops(), durability });
    }
    Ok(commits)
}

/// Opens what a crash after `op` operations left; says how many of the commits are in it.
fn check(disk: &SimDisk, options: &Options, before: &Blobs, commits: &[Commit], least: usize, op: u64) -> usize {
    let db = open(disk, options).unwrap_or_else(|error| panic!("it does not open: {error:?}"));
    let found = blobs(&db).unwrap_or_else(|error| panic!("it cannot be read: {error:?}"));
    assert_eq!(db.verify().unwrap().damage, [], "verify");
    let tried = commits.iter().filter(|commit| commit.tried_at <= op).count();
    let state = |count: &usize| count.checked_sub(1).map_or(before, |newest| &commits[newest].after);
    let there = (least..=tried).find(|count| *state(count) == found);
    there.unwrap_or_else(|| {
        let sizes: BTreeMap<_, _> = found.iter().map(|(id, blob)| (id, blob.len())).collect();
        panic!("it is none of the states after {least} to {tried} commits: {sizes:?}")
    })
}

/// Looks at every operation from `first` on.
fn explore(gate: &Gate, options: &Options, first: u64, before: &Blobs, commits: &[Commit], tally: &mut Tally) {
    for op in first..=gate.disk.ops() {
        let moment = gate.disk.moment(op).expect("recorded");
        let acknowledged = |commit: &Commit| commit.acknowledged_at <= op;
        let after_kill = commits.iter().filter(|commit| acknowledged(commit)).count();
        let is_durable = |commit: &Commit| acknowledged(commit) && commit.durability == Durability::Always;
        let after_power_loss = commits.iter().rposition(is_durable).map_or(0, |newest| newest + 1);
        let images = moment.crash_images(op * IMAGES, IMAGES).into_iter().map(|image| (image, after_power_loss));
        tally.points += 1;
        for (number, (disk, least)) in images.chain([(moment.restart(), after_kill)]).enumerate() {
            let _context = Context(|| format!("after {op} operations, image {number} of {IMAGES}"));
            let there = check(&disk, options, before, commits, least, op);
            tally.images += 1;
            tally.between += u64::from(there > 0 && there < commits.len());
            tally.lost += u64::from(there < after_kill);
        }
    }
}

/// Runs commits beside each call of `work` that changes the disk, in stores with a checkpoint or without.
fn beside_every_call(name: &str, seeds: u64, work: fn(&Db) -> Result<()>) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..seeds {
        (0..).take_while(|held| beside_call(name, seed, *held, work, &mut tally)).for_each(|_| ());
    }
    let Tally { held, done, points, images, between, lost } = tally;
    println!("{name}: beside {held} calls, {done} times done meanwhile, {points} crash points, {images} images,");
    println!("  {between} with some of the commits, {lost} without some that were acknowledged and not durable");
    tally
}

/// Runs commits beside the call of that number; false where there are fewer.
fn beside_call(name: &str, seed: u64, held: u64, work: fn(&Db) -> Result<()>, tally: &mut Tally) -> bool {
    let _context = Context(|| format!("{name}, seed {seed}, held at its call {held}"));
    let gate = Gate::new(seed << 32 | held);
    let mut options = options([700, 1100][seed as usize % 2]);
    options.max_amplification = 1.1;
    let db = store(&gate, &options);
    if seed / 2 % 2 == 1 {
        db.checkpoint().unwrap();
        put(&db, b"behind it", Durability::Always).unwrap();
    }
    let before = blobs(&db).unwrap();
    gate.disk.record();
    let began_at = Mutex::new(0);
    let change = || {
        *began_at.lock() = gate.disk.ops();
        change_all(&gate, &db, &before)
    };
    let Beside { said: commits, was_held, was_done } = gate.beside(held, || work(&db).unwrap(), change);
    if !was_held {
        return false;
    }
    tally.held += 1;
    tally.done += u64::from(was_done);
    let commits = commits.unwrap();
    assert_eq!(blobs(&db).unwrap(), commits.last().expect("four").after);
    assert_eq!(db.verify().unwrap().damage, []);
    explore(&gate, &options, began_at.into_inner(), &before, &commits, tally);
    true
}

#[test]
fn every_crash_beside_a_compaction_keeps_a_prefix_of_what_was_committed_beside_it() {
    let _again = again!();
    let tally = beside_every_call("compaction", 2, |db| db.compact_now(&mut |_| true));
    assert!(tally.held > 100 && tally.done > 50 && tally.images > 50_000, "explored too little");
    assert!(tally.between > 10_000 && tally.lost > 1000, "{} {}", tally.between, tally.lost);
}

#[test]
fn every_crash_beside_a_checkpoint_keeps_a_prefix_of_what_was_committed_beside_it() {
    let _again = again!();
    let tally = beside_every_call("checkpoint", 8, Db::checkpoint);
    assert!(tally.held > 30 && tally.done > 15 && tally.images > 10_000, "explored too little");
    assert!(tally.between > 2000 && tally.lost > 200, "{} {}", tally.between, tally.lost);
}

#[test]
fn every_crash_beside_maintenance_keeps_a_prefix_of_what_was_committed_beside_it() {
    let _again = again!();
    let tally = beside_every_call("maintenance", 4, |db| db.maintain().map(drop));
    assert!(tally.held > 30 && tally.done > 15 && tally.images > 10_000, "explored too little");
    assert!(tally.between > 2000 && tally.lost > 200, "{} {}", tally.between, tally.lost);
}

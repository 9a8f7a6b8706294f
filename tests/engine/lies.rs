//! Disks that say that something is done when it is not: what the store says then, as docs/guarantees.md has it.
//!
//! Every promise is off. What is left: the store is refused, as `Corruption`, or as `NotAStore` where not even the
//! first bytes of its manifest came; or it opens at a moment of its past. It never holds anything else.

use stratum::vfs::sim::{Errno, Fault, Op, Rng, SimDisk};
use stratum::{Db, DocumentId, Durability, Error};

use crate::model::Stop;
use crate::plain::{options, put};
use crate::runner::{Run, open};
use crate::workload::Workload;

fn documents(db: &Db) -> Vec<DocumentId> {
    db.view().unwrap().documents(DocumentId::FIRST).unwrap().collect()
}

/// The end of the log is lost: the store opens where it ended before, and cannot know better.
#[test]
fn a_disk_that_syncs_nothing_loses_the_end_and_nobody_can_tell() {
    let disk = SimDisk::new(1);
    let db = open(&disk, &options(1 << 20)).unwrap();
    let kept: Vec<_> = (0..5).map(|n| put(&db, &[n; 100], Durability::Always).unwrap()).collect();
    disk.inject(Fault::new(&[Op::Sync, Op::SyncDir], 0, Errno::Eio).lost().sticky());
    let lost: Vec<_> = (5..9).map(|n| put(&db, &[n; 100], Durability::Always).unwrap()).collect();
    assert_eq!(documents(&db), [&kept[..], &lost[..]].concat(), "acknowledged and seen");
    let after = open(&disk.image(0), &options(1 << 20)).unwrap();
    assert_eq!(documents(&after), kept);
    assert_eq!(after.verify().unwrap().damage, []);
    let after_a_kill = open(&disk.restart(), &options(1 << 20)).unwrap();
    assert_eq!(documents(&after_a_kill).len(), 9, "a kill loses nothing even so");
}

/// Of a row of commits each in turn is the one that the disk loses. A later one that it kept says that it was durable.
#[test]
fn a_lost_write_before_a_kept_one_is_corruption() {
    let _again = again!();
    const COMMITS: u64 = 12;
    for lost in 0..2 * COMMITS {
        let disk = SimDisk::new(lost);
        let db = open(&disk, &options(1 << 20)).unwrap();
        // From the second sync on there are zeros ahead, and all writes are commits: one each, and one of the byte that
        // makes it whole.
        let kept = [100, 101].map(|n| put(&db, &[n; 100], Durability::Always).unwrap());
        disk.inject(Fault::new(&[Op::Write], lost, Errno::Eio).lost());
        let ids: Vec<_> = (0..COMMITS).map(|n| put(&db, &[n as u8; 100], Durability::Always).unwrap()).collect();
        assert_eq!(disk.faults_struck(), [Op::Write]);
        let is_last = lost / 2 + 1 == COMMITS;
        match open(&disk.image(0), &options(1 << 20)) {
            Err(Error::Corruption(damage)) => assert!(!is_last, "write {lost}: {damage:?}"),
            Ok(db) => {
                assert!(is_last, "write {lost}: only the last can go unnoticed");
                assert_eq!(documents(&db), [&kept, &ids[..ids.len() - 1]].concat());
            }
            Err(other) => panic!("write {lost}: {other:?}"),
        }
    }
}

/// Random work on a disk that lies from some call on, about syncs or about writes.
#[test]
fn a_disk_that_lies_leaves_a_moment_of_the_past_or_is_refused() {
    let _again = again!();
    let (mut refused, mut past, mut none) = (0, 0, 0);
    for seed in 0..150 {
        let workload = Workload::mixed(seed, 12);
        let mut rng = Rng::new(seed);
        let disk = SimDisk::new(seed);
        let mut run = Run::new(&disk, &workload.options);
        run.reopen(false).unwrap();
        let kinds: &[Op] = [&[Op::Sync][..], &[Op::SyncDir], &[Op::Sync, Op::SyncDir], &[Op::Write]][rng.index(4)];
        let fault = Fault::new(kinds, rng.below(60), Errno::Eio).lost();
        disk.inject(if rng.chance(0.5) { fault.sticky() } else { fault });
        let steps = 4 + rng.index(workload.steps.len() - 4);
        workload.steps[..steps]
            .iter()
            .for_each(|step| run.step(step).unwrap_or_else(|stop| panic!("{seed}: {stop:?}")));
        run.abandon();
        for image in disk.crash_images(seed * 8, 8) {
            let tried = run.journal.after_power_loss(disk.ops()).1;
            let found =
                open(&image, run.options()).map_err(Stop::from).and_then(|db| run.journal.find(&db, (0, tried)));
            match found {
                Ok((found, _)) if found == tried => none += 1,
                Ok(_) => past += 1,
                Err(Stop::Failed(Error::Corruption(_) | Error::NotAStore { .. })) => refused += 1,
                Err(other) => panic!("seed {seed}, {kinds:?}: {other:?}"),
            }
        }
    }
    println!("lies: {refused} refused, {past} in the past, {none} as it should be");
    assert!(refused > 50 && past > 50 && none > 50, "{refused} refused, {past} in the past, {none} as it should be");
}

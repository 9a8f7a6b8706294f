//! Disks that fail under a repair: power loss at every operation, no room, reads that are refused.

use std::sync::Arc;

use stratum::salvage::repair_on;
use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Error, FindingKind, RepairOptions};

use crate::judge::{judge_target, open, repair};
use crate::stores::{Store, blobs, compacted, contents, log, recovered, source, target};

/// Images of the disk for each moment.
const IMAGES: u64 = 8;

/// How many operations a repair of this store takes.
fn operations(store: &Store) -> u64 {
    let disk = store.disk(&store.files);
    let before = disk.ops();
    repair(&disk).unwrap();
    disk.ops() - before
}

#[test]
fn power_loss_at_every_operation_leaves_a_whole_target_or_none() {
    let (mut none, mut whole, mut moments) = (0, 0, 0);
    for store in [log(), compacted(), recovered(), blobs()] {
        let disk = store.disk(&store.files);
        disk.record();
        let first = disk.ops();
        repair(&disk).unwrap();
        for op in first..=disk.ops() {
            let moment = disk.moment(op).unwrap();
            moments += 1;
            for image in moment.crash_images(op * IMAGES, IMAGES) {
                assert_eq!(image.files(source()), store.files, "operation {op}");
                match open(&image) {
                    Ok(db) => {
                        assert_eq!(contents(&db), store.now, "operation {op}");
                        assert!(db.verify().unwrap().damage.is_empty());
                        whole += 1;
                    }
                    Err(Error::NotAStore { .. } | Error::OpenRefused { .. }) => none += 1,
                    Err(error) => panic!("operation {op}: {error}"),
                }
            }
            assert!(op < disk.ops() || open(&moment.image(0)).is_ok(), "what was reported is durable");
        }
    }
    assert!(none > 100 && whole > 20 && moments > 30, "{none} without a target, {whole} with one, {moments} moments");
}

#[test]
fn an_unfinished_repair_says_so_and_is_repeated_elsewhere() {
    let store = compacted();
    let disk = store.disk(&store.files);
    disk.crash_at(disk.ops() + operations(&store) / 2);
    assert!(repair(&disk).is_err());
    let disk = disk.restart();
    let refused = open(&disk).err().unwrap();
    assert!(matches!(&refused, Error::NotAStore { .. }) && refused.to_string().contains("cut short"), "{refused}");
    assert!(matches!(repair(&disk), Err(Error::OpenRefused { .. })), "and is not taken for an empty directory");
}

#[test]
fn a_full_disk_leaves_an_empty_target_and_an_untouched_source() {
    for store in [log(), compacted(), blobs()] {
        for nth in 0..operations(&store) {
            for sticky in [false, true] {
                let disk = store.disk(&store.files);
                let fault = Fault::new(&[Op::Create, Op::Write, Op::Rename, Op::Preallocate], nth, Errno::Enospc);
                disk.inject(if sticky { fault.sticky() } else { fault });
                let outcome = repair(&disk);
                let was_struck = !disk.faults_struck().is_empty();
                disk.clear_faults();
                assert_eq!(disk.files(source()), store.files);
                if was_struck {
                    assert!(matches!(outcome, Err(Error::NoSpace { .. })), "{nth}: {outcome:?}");
                    assert!(disk.files(target()).is_empty(), "{nth}");
                }
                let report = if was_struck { repair(&disk).unwrap() } else { outcome.unwrap() };
                assert_eq!(judge_target(&store, &disk, &report, &|_| true), store.now);
            }
        }
        let disk = store.disk(&store.files);
        disk.set_capacity(Some(disk.used() + 300));
        assert!(matches!(repair(&disk), Err(Error::NoSpace { .. })));
        assert!(disk.files(target()).is_empty());
    }
}

#[test]
fn a_failing_target_disk_leaves_a_whole_target_or_none() {
    let store = compacted();
    for nth in 0..operations(&store) {
        for fault in [Fault::new(Op::MUTATING, nth, Errno::Eio), Fault::new(Op::MUTATING, nth, Errno::Eio).short()] {
            let disk = store.disk(&store.files);
            disk.inject(fault);
            let outcome = repair(&disk);
            disk.clear_faults();
            assert_eq!(disk.files(source()), store.files);
            match (open(&disk), outcome) {
                (Ok(db), _) => assert_eq!(contents(&db), store.now, "{nth}"),
                (Err(Error::NotAStore { .. } | Error::OpenRefused { .. }), Err(_)) => {}
                (opened, outcome) => panic!("{nth}: {:?}, {outcome:?}", opened.err()),
            }
        }
    }
}

/// How many reading calls a repair of this store makes.
fn reads(store: &Store) -> u64 {
    let disk = store.disk(&store.files);
    let before = disk.reads();
    repair(&disk).unwrap();
    disk.reads() - before
}

fn with_fault(store: &Store, fault: Fault) -> Option<(SimDisk, stratum::RepairReport)> {
    let disk = store.disk(&store.files);
    disk.inject(fault);
    let outcome = repair(&disk);
    disk.clear_faults();
    assert_eq!(disk.files(source()), store.files);
    match outcome {
        Ok(report) => Some((disk, report)),
        // Without a list of its files there is no store to speak of.
        Err(Error::Io { action: "listing", .. }) => None,
        Err(Error::NotAStore { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_read_that_fails_once_costs_nothing_but_what_is_said() {
    for store in [log(), compacted(), recovered(), blobs()] {
        let mut judged = 0;
        for nth in 0..reads(&store) {
            if let Some((disk, report)) = with_fault(&store, Fault::new(Op::READING, nth, Errno::Eio)) {
                judge_target(&store, &disk, &report, &|_| false);
                judged += 1;
            }
            // A read that fails is tried again page by page: what fails once costs nothing.
            if let Some((disk, report)) = with_fault(&store, Fault::new(&[Op::Read], nth, Errno::Eio)) {
                assert_eq!(judge_target(&store, &disk, &report, &|_| true), store.now);
                assert!(report.is_lossless(), "read {nth}\n{report}");
            }
        }
        assert!(judged > 5);
    }
}

#[test]
fn reads_that_go_on_failing_are_passed_over_and_said() {
    for store in [log(), compacted(), blobs()] {
        let mut unreadable = 0;
        for nth in 0..reads(&store) {
            for ops in [&[Op::Read][..], &[Op::Open, Op::Read]] {
                if let Some((disk, report)) = with_fault(&store, Fault::new(ops, nth, Errno::Eio).sticky()) {
                    judge_target(&store, &disk, &report, &|_| false);
                    let said = |kind| report.findings.iter().any(|finding| finding.kind == kind);
                    unreadable += u64::from(said(FindingKind::BytesUnreadable));
                }
            }
        }
        assert!(unreadable > 0);
    }
}

/// Whoever repairs a store may have few descriptors left, and little memory: that is no damage.
#[test]
fn what_is_wanting_is_an_error_and_no_loss() {
    let (mut refused, mut lossless) = (0, 0);
    for store in [log(), compacted(), recovered(), blobs()] {
        for errno in [Errno::Emfile, Errno::Enomem] {
            for nth in 0..reads(&store) {
                let disk = store.disk(&store.files);
                disk.inject(Fault::new(&[Op::List, Op::Lock, Op::Open], nth, errno));
                match repair(&disk) {
                    Ok(report) if report.is_lossless() => {
                        assert_eq!(report.documents(), store.now.len() as u64, "{errno:?} {nth}");
                        lossless += 1;
                    }
                    Ok(report) => panic!("{errno:?} {nth}: {report}"),
                    Err(Error::Io { .. } | Error::NoMemory) => refused += 1,
                    Err(error) => panic!("{errno:?} {nth}: {error}"),
                }
            }
        }
    }
    assert!(refused > 50 && lossless > 0, "{refused} refused, {lossless} lossless");
}

/// A read and the page that is tried again: of what fails twice everything is taken for zeros.
#[test]
fn what_was_whole_and_cannot_be_read_again_is_not_made_up() {
    let mut lossy = 0;
    for store in [log(), compacted(), blobs()] {
        for nth in 0..reads(&store) {
            let disk = store.disk(&store.files);
            disk.inject(Fault::new(&[Op::Read], nth, Errno::Eio).times(2));
            let mut options = RepairOptions::default();
            options.merge_limit = 0;
            let report = repair_on(Arc::new(disk.clone()), source(), target(), &options, &mut |_| true).unwrap();
            disk.clear_faults();
            judge_target(&store, &disk, &report, &|_| false);
            lossy += u64::from(!report.is_lossless());
        }
    }
    assert!(lossy > 0);
}

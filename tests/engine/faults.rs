//! One failing call at every operation of random work, and disks that fill up.
//!
//! After a failure, whatever it was: what is readable stays readable and right; nothing acknowledged is lost,
//! nothing refused appears, neither now nor after a power loss nor after a reopen; and the store works again,
//! at once where the disk was merely full, after a reopen where a sync failed.

use std::path::Path;

use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Columns, Db, Durability, Error, Options};

use crate::model::{Checked, Stop, compare_store, wrong};
use crate::runner::{Context, Run, open};
use crate::workload::{Call, End, Step, What, Workload};
use crate::{seeds, setting};

const STEPS: usize = 24;

/// A call that always succeeds and always writes.
const CREATE: Call = Call { what: What::CreateDocument, document: 0, input: 0, content: 1 };

#[test]
fn no_failing_write_loses_or_invents_anything() {
    let variants = |n| {
        let fault = |error| Fault::new(Op::MUTATING, n, error);
        [
            fault(Errno::Eio),
            fault(Errno::Enospc),
            fault(Errno::Eio).sticky(),
            fault(Errno::Enospc).sticky(),
            fault(Errno::Eio).short(),
            fault(Errno::Enospc).short(),
        ]
    };
    at_every_operation(0, setting("STRATUM_FAULT_POINTS", 4000) * 3 / 4, |disk| disk.ops(), variants);
}

#[test]
fn no_failing_read_loses_or_changes_anything() {
    let variants = |n| [Fault::new(Op::READING, n, Errno::Eio), Fault::new(Op::READING, n, Errno::Eio).sticky()];
    at_every_operation(1 << 32, setting("STRATUM_FAULT_POINTS", 4000) / 4, |disk| disk.reads(), variants);
}

fn at_every_operation<const COUNT: usize>(
    first_seed: u64,
    budget: u64,
    count: impl Fn(&SimDisk) -> u64,
    variants: impl Fn(u64) -> [Fault; COUNT],
) {
    let (mut runs, mut struck, mut failed) = (0, 0, 0);
    for seed in seeds(first_seed) {
        let workload = Workload::new(seed, STEPS);
        let disk = SimDisk::new(seed);
        let mut run = Run::new(&disk, &workload.options);
        // The same calls as in `strike`, so that every fault counted out here has a call to strike there.
        run.reopen(false).unwrap_or_else(|stop| panic!("seed {seed}, without any fault: {stop:?}"));
        for step in &workload.steps {
            run.step(step).unwrap_or_else(|stop| panic!("seed {seed}, without any fault: {stop:?}\n{workload:#?}"));
        }
        for fault in (0..count(&disk)).flat_map(&variants) {
            let _context = Context(|| format!("seed {seed}, {fault:?}\n{workload:#?}"));
            let (is_struck, has_failed) = strike(&workload, &fault).unwrap_or_else(|stop| panic!("{stop:?}"));
            runs += 1;
            struck += u64::from(is_struck);
            failed += u64::from(has_failed);
        }
        if runs >= budget || std::env::var("STRATUM_SEED").is_ok() {
            break;
        }
    }
    println!("{runs} runs with a fault, {struck} struck a call, {failed} made a call of the store fail");
    assert!(struck * 10 > runs * 9, "the faults must strike: {struck} of {runs}");
    assert!(failed * 4 > runs, "and the failures show: {failed} of {runs}");
}

/// Runs a workload with a fault ahead. Says whether it struck, and whether anything failed for it.
fn strike(workload: &Workload, fault: &Fault) -> Checked<(bool, bool)> {
    let disk = SimDisk::new(workload.seed);
    let mut run = Run::new(&disk, &workload.options);
    disk.inject(fault.clone());
    let mut has_failed = false;
    let opening = [Step::Reopen { close: false }];
    for step in opening.iter().chain(&workload.steps) {
        let outcome = if run.is_open() { run.step(step) } else { run.reopen(false) };
        match outcome {
            Ok(()) => {}
            Err(Stop::Failed(error)) => {
                has_failed = true;
                check_error(&error, fault, &disk.faults_struck())?;
                aftermath(&mut run, fault)?;
            }
            Err(stop) => return Err(stop),
        }
    }
    disk.clear_faults();
    run.compare()?;
    check_images(&run)?;
    recover(&mut run)?;
    Ok((!disk.faults_struck().is_empty(), has_failed))
}

/// Whether a full disk alone is behind the failure: no sync was among the calls that failed.
fn is_mere_lack_of_space(fault: &Fault, struck: &[Op]) -> bool {
    fault.error == Errno::Enospc && !struck.iter().any(|op| matches!(op, Op::Sync | Op::SyncDir))
}

/// The right kind of error for what the disk said.
fn check_error(error: &Error, fault: &Fault, struck: &[Op]) -> Checked {
    let is_right = match error {
        Error::NoSpace { .. } => fault.error == Errno::Enospc,
        Error::Io { .. } => !is_mere_lack_of_space(fault, struck),
        Error::CommitUnknown { .. } | Error::Poisoned(_) => {
            fault.on != Op::READING && !is_mere_lack_of_space(fault, struck)
        }
        _ => false,
    };
    if is_right { Ok(()) } else { wrong(format!("{error:?} after {fault:?} struck {struck:?}")) }
}

/// What must hold right after a failure, and in the end a store that works.
fn aftermath(run: &mut Run, fault: &Fault) -> Checked {
    if run.is_open() && fault.on != Op::READING {
        run.compare()?;
    }
    run.disk.clear_faults();
    if run.is_open() {
        run.compare()?;
        match run.batch(&[CREATE], End::CommitWith(Durability::Always)) {
            Ok(()) => {}
            Err(Stop::Failed(Error::Poisoned(_)))
                if fault.on != Op::READING && !is_mere_lack_of_space(fault, &run.disk.faults_struck()) => {}
            Err(Stop::Failed(error)) => return wrong(format!("with the fault gone, a commit says: {error}")),
            Err(stop) => return Err(stop),
        }
        run.compare()?;
    }
    check_images(run)?;
    recover(run)
}

/// A power loss now: nothing of what was pending survives, all of it, or some.
fn check_images(run: &Run) -> Checked {
    let range = run.journal.after_power_loss(run.disk.ops());
    for seed in [0, 1, 2 + run.disk.ops()] {
        let image = run.disk.image(seed);
        let db = open(&image, run.options())?;
        let (_, model) = run.journal.find(&db, range)?;
        compare_store(&db, &model)?;
    }
    Ok(())
}

/// Opens the store again on the disk as it is, and demands that it works and that its next commit survives: what a
/// failed sync left in the cache alone must not be built upon.
fn recover(run: &mut Run) -> Checked {
    run.recover()?;
    run.compare()?;
    run.batch(&[CREATE], End::CommitWith(Durability::Always))?;
    for seed in [0, 3 + run.disk.ops()] {
        let image = run.disk.image(seed);
        compare_store(&open(&image, run.options())?, &run.model)?;
    }
    Ok(())
}

#[test]
fn a_failed_sync_poisons_the_writer_until_a_reopen() {
    let disk = SimDisk::new(5);
    let mut options = Options::default();
    options.background = false;
    let db = open(&disk, &options).unwrap();
    let put = |db: &Db, blob: &[u8]| db.write(|batch| batch.create_document(blob, &Columns::new()));
    let kept = put(&db, b"kept").unwrap();
    disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio));
    let unknown = put(&db, b"unknown").unwrap_err();
    assert!(matches!(unknown, Error::CommitUnknown { .. }), "{unknown:?}");
    assert_eq!(unknown.os_error(), Some(libc_eio()));
    assert!(matches!(put(&db, b"refused"), Err(Error::Poisoned(_))));
    assert!(matches!(db.flush(), Err(Error::Poisoned(_))));
    let view = db.view().unwrap();
    assert_eq!(view.document_count().unwrap(), 1, "what is not durable is not shown");
    assert_eq!(&view.blob(kept).unwrap()[..], b"kept");
    assert!(db.stats().unwrap().poisoned);
    drop(view);
    drop(db);
    for (name, disk) in [("power loss", disk.image(0)), ("lucky power loss", disk.image(1)), ("reopen", disk)] {
        let db = open(&disk, &options).unwrap();
        let blobs: Vec<_> = db.view().unwrap().documents(kept).unwrap().collect();
        assert!(blobs.contains(&kept) && blobs.len() <= 2, "{name}: {blobs:?}");
        let again = put(&db, b"again").unwrap();
        let image = disk.image(0);
        drop(db);
        let db = open(&image, &options).unwrap();
        assert_eq!(&db.view().unwrap().blob(again).unwrap()[..], b"again", "{name}");
    }
}

fn libc_eio() -> i32 {
    std::io::Error::from(Errno::Eio).raw_os_error().expect("made from a number")
}

/// EIO taken for the end of the log has cost others their data: an open that cannot read must fail and change nothing.
#[test]
fn an_open_that_cannot_read_changes_nothing() {
    let mut failures = 0;
    for seed in seeds(9).take(12) {
        let workload = Workload::new(seed, STEPS);
        let mut run = Run::new(&SimDisk::new(seed), &workload.options);
        run.run(&workload).unwrap_or_else(|stop| panic!("seed {seed}: {stop:?}\n{workload:#?}"));
        run.batch(&[CREATE], End::CommitWith(Durability::Os)).unwrap();
        let dirty = run.disk.restart();
        run.step(&Step::Reopen { close: true }).unwrap();
        let clean = run.disk.restart();
        for (name, store) in [("killed", dirty), ("closed", clean)] {
            let counter = store.restart();
            drop(open(&counter, run.options()).unwrap());
            for n in 0..counter.reads() {
                let _context =
                    Context(|| format!("seed {seed}, {name}, read {n} of {}\n{workload:#?}", counter.reads()));
                let disk = store.restart();
                let before = disk.files(Path::new("/"));
                disk.inject(Fault::new(Op::READING, n, Errno::Eio).sticky());
                match open(&disk, run.options()) {
                    Ok(_) => {}
                    Err(Error::Io { .. }) => {
                        failures += 1;
                        assert!(disk.files(Path::new("/")) == before, "a failed open changed files");
                    }
                    Err(other) => panic!("an unreadable disk is an I/O error, not {other:?}"),
                }
                disk.clear_faults();
                let db = open(&disk, run.options()).unwrap();
                compare_store(&db, &run.model).unwrap_or_else(|stop| panic!("{stop:?}"));
            }
        }
    }
    assert!(failures > 48, "most reads of an open matter: {failures}");
}

#[test]
fn a_full_disk_refuses_commits_and_takes_them_again_when_there_is_room() {
    for seed in 0..8 {
        let disk = SimDisk::new(seed);
        let mut options = Options::default();
        options.background = false;
        options.segment_size = 4096;
        options.durability = if seed % 2 == 0 { Durability::Always } else { Durability::Os };
        let mut run = Run::new(&disk, &options);
        let checked = |outcome: Checked| outcome.unwrap_or_else(|stop| panic!("seed {seed}: {stop:?}"));
        checked(run.reopen(false));
        disk.set_capacity(Some(disk.used() + 30_000));
        let put = |content| Call { what: What::PutTree, content, ..CREATE };
        let refused = (0..10_000).find_map(|content| run.batch(&[put(content), put(content)], End::Commit).err());
        match refused {
            Some(Stop::Failed(Error::NoSpace { .. })) => {}
            other => panic!("seed {seed}: a full disk must be said, not {other:?}"),
        }
        checked(run.compare());
        // What makes room works without any.
        for _ in 0..4 {
            checked(run.batch(&[Call { what: What::DeleteDocument, ..CREATE }], End::Commit));
        }
        checked(run.step(&Step::Compact));
        checked(run.compare());
        // More room from outside, and no restart.
        disk.set_capacity(Some(disk.used() + 30_000));
        for content in 0..10 {
            checked(run.batch(&[put(content)], End::Commit));
        }
        checked(run.compare());
        checked(run.step(&Step::Flush));
        checked(check_images(&run));
        disk.set_capacity(None);
        checked(recover(&mut run));
    }
}

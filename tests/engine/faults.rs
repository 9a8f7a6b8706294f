//! One failing call at every operation of random work, and disks that fill up.
//!
//! After a failure, whatever it was: what is readable stays readable and right; nothing acknowledged is lost,
//! nothing refused appears, neither now nor after a power loss nor after a reopen; and the store works again,
//! at once where the disk was merely full, after a reopen where a sync failed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Columns, Db, Durability, Error, Options};

use crate::case::{Case, attempt, run_cases};
use crate::judge::{add, get};
use crate::model::{Checked, Stop, wrong};
use crate::runner::{Context, Run, glance, open};
use crate::workload::{Call, End, Step, What, Workload};
use crate::{is_alone, setting};

const STEPS: usize = 6;

fn make(seed: u64) -> Workload {
    Workload::mixed(seed, STEPS)
}

/// A call that always succeeds and always writes.
const CREATE: Call = Call { what: What::CreateDocument, document: 0, input: 0, content: 1 };

/// Each kind of fault by its name; each is put at every call of its kinds.
const WRITE_FAULTS: [&str; 8] =
    ["eio", "eio-sticky", "eio-short", "enospc", "enospc-sticky", "enospc-short", "eintr", "eintr-5"];
const READ_FAULTS: [&str; 5] = ["read-eio", "read-eio-sticky", "read-eio-short", "read-eintr", "read-eintr-5"];

/// The fault of that name at the call of that number.
fn fault(name: &str, nth: u64) -> Fault {
    let on = if name.starts_with("read-") { Op::READING } else { Op::MUTATING };
    let mut parts = name.trim_start_matches("read-").split('-');
    let error = match parts.next() {
        Some("eio") => Errno::Eio,
        Some("enospc") => Errno::Enospc,
        _ => Errno::Eintr,
    };
    let fault = Fault::new(on, nth, error);
    match parts.next() {
        Some("sticky") => fault.sticky(),
        Some("short") => fault.short(),
        Some(times) => fault.times(times.parse().expect("a number")),
        None => fault,
    }
}

#[test]
fn no_failing_write_loses_or_invents_anything() {
    let test = "faults::no_failing_write_loses_or_invents_anything";
    at_every_operation(test, 0, &WRITE_FAULTS, |disk| disk.ops());
}

#[test]
fn no_failing_read_loses_or_changes_anything() {
    let test = "faults::no_failing_read_loses_or_changes_anything";
    at_every_operation(test, 1 << 32, &READ_FAULTS, |disk| disk.reads());
}

/// What the faults came to.
#[derive(Default)]
struct Struck {
    runs: AtomicU64,
    failed: AtomicU64,
    poisoned: AtomicU64,
    /// How often each call was the first that was struck.
    calls: Mutex<HashMap<Op, u64>>,
}

fn at_every_operation(test: &str, first_seed: u64, names: &[&'static str], count: fn(&SimDisk) -> u64) {
    let workloads = setting("STRATUM_FAULT_WORKLOADS", 50);
    let struck = Struck::default();
    // Once something failed, and is made smaller, that kind of fault alone is tried.
    let only = Mutex::new(None);
    let chosen = std::env::var("STRATUM_FAULT").ok();
    let run = |case: &Case| {
        let workload = case.workload();
        let calls = attempt(String::new, || without_fault(&workload, count))?;
        let kinds = match *only.lock() {
            Some(name) => vec![name],
            None => names.to_vec(),
        };
        for nth in 0..calls {
            for name in &kinds {
                let place = format!("{name}:{nth}");
                if chosen.as_ref().is_some_and(|chosen| *chosen != place) {
                    continue;
                }
                let replay = || format!("STRATUM_FAULT={place}");
                attempt(replay, || strike(&workload, &fault(name, nth), &struck))
                    .inspect_err(|_| *only.lock() = Some(*name))?;
            }
        }
        Ok(1)
    };
    let done = run_cases(test, first_seed, make, &|done| done >= workloads, &run);
    let Struck { runs, failed, poisoned, .. } = &struck;
    let (runs, failed, poisoned) = (get(runs), get(failed), get(poisoned));
    let calls = struck.calls.into_inner();
    println!(
        "{done} workloads, {runs} runs with a fault, {failed} made a call of the store fail, {poisoned} poisoned it"
    );
    println!("calls struck: {calls:?}");
    if !is_alone() {
        assert!(done >= workloads);
        assert_eq!(calls.values().sum::<u64>(), runs, "every fault must strike");
        assert!(failed * 3 > runs, "and the failures show: {failed} of {runs}");
        let all = if names == READ_FAULTS { Op::READING } else { Op::MUTATING };
        let unused = all.iter().filter(|op| !NEVER_CALLED.contains(op) && !calls.contains_key(op)).collect::<Vec<_>>();
        assert!(unused.is_empty(), "never struck: {unused:?}");
    }
}

/// Calls of the file system that the engine has no use for.
const NEVER_CALLED: [Op; 2] = [Op::Truncate, Op::Link];

/// Runs the same calls as `strike`, so that every fault counted out here has a call to strike there: those of closing
/// the store at the end, which happen without faults there, are not counted.
fn without_fault(workload: &Workload, count: fn(&SimDisk) -> u64) -> Checked<u64> {
    let disk = SimDisk::new(workload.seed);
    let mut run = Run::new(&disk, &workload.options);
    run.reopen(false)?;
    workload.steps.iter().try_for_each(|step| run.step(step))?;
    Ok(count(&disk))
}

/// Steps of the workload that are done after the first failure; all of them at every fourth place.
const STEPS_AFTERWARDS: usize = 4;

/// Runs a workload with a fault ahead.
fn strike(workload: &Workload, fault: &Fault, struck: &Struck) -> Checked {
    let disk = SimDisk::new(workload.seed);
    let mut run = Run::new(&disk, &workload.options);
    disk.inject(fault.clone());
    let mut since_failure = None;
    let opening = [Step::Reopen { close: false }];
    for step in opening.iter().chain(&workload.steps) {
        if since_failure == Some(STEPS_AFTERWARDS) && !fault.nth.is_multiple_of(4) {
            break;
        }
        since_failure = since_failure.map(|since| since + 1);
        let outcome = if run.is_open() { run.step(step) } else { run.reopen(false) };
        match outcome {
            Ok(()) => {}
            Err(Stop::Failed(error)) => {
                since_failure = Some(0);
                check_error(&error, fault, &disk.faults_struck())?;
                aftermath(&mut run, fault, struck)?;
            }
            Err(stop) => return Err(stop),
        }
    }
    disk.clear_faults();
    run.compare()?;
    check_image(&run, 0)?;
    recover(&mut run)?;
    add(&struck.runs, 1);
    add(&struck.failed, since_failure.is_some().into());
    if let Some(op) = disk.faults_struck().first() {
        *struck.calls.lock().entry(*op).or_default() += 1;
    }
    Ok(())
}

/// Whether it may be unknown what is on disk: the calls that make something durable, and a rename.
fn may_poison(struck: &[Op]) -> bool {
    struck.iter().any(|op| matches!(op, Op::Sync | Op::SyncDir | Op::Rename))
}

/// The right kind of error for what the disk said: nothing that can be tried again fails, a full disk is told from a
/// broken one, and only what makes something durable leaves it unknown what is.
fn check_error(error: &Error, fault: &Fault, struck: &[Op]) -> Checked {
    let is_right = match error {
        _ if fault.error == Errno::Eintr && struck.iter().all(|op| matches!(op, Op::Read | Op::Write)) => false,
        Error::NoSpace { .. } => fault.error == Errno::Enospc,
        Error::Io { .. } => fault.error != Errno::Enospc || may_poison(struck),
        Error::CommitUnknown { .. } | Error::Poisoned(_) => may_poison(struck),
        _ => false,
    };
    if is_right { Ok(()) } else { wrong(format!("{error:?} after {fault:?} struck {struck:?}")) }
}

/// What must hold right after a failure, and in the end a store that works.
fn aftermath(run: &mut Run, fault: &Fault, struck: &Struck) -> Checked {
    if run.is_open() && fault.on != Op::READING {
        run.compare()?;
    }
    run.disk.clear_faults();
    if run.is_open() {
        run.glance()?;
        match run.batch(&[CREATE], End::CommitWith(Durability::Always)) {
            Ok(()) => {}
            Err(Stop::Failed(Error::Poisoned(_))) if may_poison(&run.disk.faults_struck()) => add(&struck.poisoned, 1),
            Err(Stop::Failed(error)) => return wrong(format!("with the fault gone, a commit says: {error}")),
            Err(stop) => return Err(stop),
        }
        run.glance()?;
    }
    // Nothing of what was pending survives, all of it, or some.
    [0, 1, 2 + run.disk.ops()].into_iter().try_for_each(|seed| check_image(run, seed))?;
    recover(run)
}

/// A power loss now leaves what was promised.
fn check_image(run: &Run, seed: u64) -> Checked {
    let range = run.journal.after_power_loss(run.disk.ops());
    let db = open(&run.disk.image(seed), run.options())?;
    run.journal.find(&db, range).map(drop)
}

/// Opens the store again on the disk as it is, and demands that it works and that its next commit survives: what a
/// failed sync left in the cache alone must not be built upon.
fn recover(run: &mut Run) -> Checked {
    run.recover()?;
    run.glance()?;
    run.batch(&[CREATE], End::CommitWith(Durability::Always))?;
    let seed = if run.disk.ops().is_multiple_of(2) { 0 } else { 3 + run.disk.ops() };
    glance(&open(&run.disk.image(seed), run.options())?, &run.model)
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
    let _again = again!();
    let mut failures = 0;
    for seed in 9..21 {
        let workload = Workload::new(seed, 24);
        let mut run = Run::new(&SimDisk::new(seed), &workload.options);
        run.run(&workload).unwrap_or_else(|stop| panic!("seed {seed}: {stop:?}\n{workload:#?}"));
        run.batch(&[CREATE], End::CommitWith(Durability::Os)).unwrap();
        let dirty = run.disk.restart();
        run.step(&Step::Reopen { close: true }).unwrap();
        let clean = run.disk.restart();
        for (name, store) in [("killed", dirty), ("closed", clean)] {
            let counter = store.restart();
            drop(open(&counter, run.options()).unwrap());
            for (n, kind) in (0..counter.reads()).flat_map(|n| READ_FAULTS.map(|kind| (n, kind))) {
                let _context =
                    Context(|| format!("seed {seed}, {name}, {kind} {n} of {}\n{workload:#?}", counter.reads()));
                let disk = store.restart();
                let before = disk.files(Path::new("/"));
                disk.inject(fault(kind, n));
                let outcome = open(&disk, run.options());
                disk.clear_faults();
                let db = match outcome {
                    Ok(db) => db,
                    Err(Error::Io { .. }) => {
                        failures += 1;
                        assert!(disk.files(Path::new("/")) == before, "a failed open changed files");
                        open(&disk, run.options()).unwrap()
                    }
                    Err(other) => panic!("an unreadable disk is an I/O error, not {other:?}"),
                };
                glance(&db, &run.model).unwrap_or_else(|stop| panic!("{stop:?}"));
            }
        }
    }
    assert!(failures > 1000, "most reads of an open matter: {failures}");
}

#[test]
fn a_full_disk_refuses_commits_and_takes_them_again_when_there_is_room() {
    let _again = again!();
    // To the byte, room lasts for more or less.
    for (seed, room) in (0..8).flat_map(|seed| (30_000..32_000).step_by(168).map(move |room| (seed, room))) {
        let disk = SimDisk::new(seed);
        let mut options = Options::default();
        options.background = false;
        options.segment_size = 4096;
        options.durability = if seed % 2 == 0 { Durability::Always } else { Durability::Os };
        let mut run = Run::new(&disk, &options);
        let checked = |outcome: Checked| outcome.unwrap_or_else(|stop| panic!("seed {seed}, {room} bytes: {stop:?}"));
        checked(run.reopen(false));
        disk.set_capacity(Some(disk.used() + room));
        let put = |content| Call { what: What::PutTree, content, ..CREATE };
        let refused = (0..10_000).find_map(|content| run.batch(&[put(content), put(content)], End::Commit).err());
        match refused {
            Some(Stop::Failed(Error::NoSpace { .. })) => {}
            other => panic!("seed {seed}, {room} bytes: a full disk must be said, not {other:?}"),
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
        [0, 1, 2].into_iter().for_each(|seed| checked(check_image(&run, seed)));
        disk.set_capacity(None);
        checked(recover(&mut run));
    }
}

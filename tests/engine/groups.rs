//! Crashes at every operation of commits that were made together.
//!
//! Threads commit behind one whose sync is held up, so that they form a group; several groups follow one another, with
//! rotation and compaction between them. After a crash at any operation the store holds the commits up to some sequence
//! number and none behind it, and among them every one that was acknowledged as durable before that operation.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use stratum::vfs::sim::{Errno, Fault, Op, Rng};
use stratum::{Columns, Db, DocumentId, Durability, Error, Options, ReadMode, Value};

use crate::gate::Gate;
use crate::plain;
use crate::runner::open;

/// A commit: its sequence number, the documents that it created, and the operation after which it was durable, if it
/// was to be.
struct Done {
    sequence: u64,
    documents: Vec<DocumentId>,
    durable_at: Option<u64>,
}

fn commit(gate: &Gate, db: &Db, sizes: &[usize], durability: Durability, done: &Mutex<Vec<Done>>) {
    let mut batch = db.batch().unwrap();
    let mut documents = Vec::new();
    for size in sizes {
        let columns = Columns::from([("size", Value::Int64(*size as i64))]);
        documents.push(batch.create_document(&vec![*size as u8; *size], &columns).unwrap());
    }
    let sequence = batch.commit_with(durability).unwrap();
    let durable_at = (durability == Durability::Always).then(|| gate.disk.ops());
    done.lock().push(Done { sequence, documents, durable_at });
}

fn sizes(rng: &mut Rng) -> Vec<usize> {
    (0..1 + rng.index(3)).map(|_| if rng.chance(0.1) { 900 } else { rng.index(200) }).collect()
}

fn durability(rng: &mut Rng) -> Durability {
    if rng.chance(0.5) { Durability::Always } else { Durability::Os }
}

#[test]
fn every_crash_keeps_a_prefix_of_what_was_committed_together() {
    let _again = again!();
    let mut largest = 0;
    for seed in 0..6 {
        let gate = Gate::new(seed);
        gate.disk.record();
        let mut options = Options::default();
        options.background = false;
        options.segment_size = [600, 2000, 1 << 20][seed as usize % 3];
        let db = gate.open(&options).unwrap();
        let mut rng = Rng::new(seed);
        let done = Mutex::new(Vec::new());
        for _ in 0..4 {
            let others = (0..1 + rng.index(4)).map(|_| {
                let (sizes, durability) = (sizes(&mut rng), durability(&mut rng));
                let (gate, db, done) = (&gate, &db, &done);
                Box::new(move || commit(gate, db, &sizes, durability, done)) as Box<dyn FnOnce() + Send + '_>
            });
            let others = others.collect();
            let first = sizes(&mut rng);
            gate.group(|| commit(&gate, &db, &first, Durability::Always, &done), others, || ());
            if rng.chance(0.5) {
                db.maintain().unwrap();
            }
        }
        largest = largest.max(db.stats().unwrap().largest_group);
        let history: BTreeMap<u64, Done> = done.into_inner().into_iter().map(|done| (done.sequence, done)).collect();
        for op in 0..=gate.disk.ops() {
            let moment = gate.disk.moment(op).expect("recorded");
            for image in 0..5 {
                let disk = if image == 4 { moment.restart() } else { moment.image(op * 4 + image) };
                let db = open(&disk, &options)
                    .unwrap_or_else(|error| panic!("seed {seed}, operation {op}, image {image}: {error}"));
                check(&db, &history, op).unwrap_or_else(|what| panic!("seed {seed}, {op}, image {image}: {what}"));
            }
        }
    }
    assert!(largest > 1, "no two commits shared a sync");
}

fn check(db: &Db, history: &BTreeMap<u64, Done>, op: u64) -> Result<(), String> {
    let view = db.view().unwrap();
    let mut ended = None;
    for done in history.values() {
        let there = done.documents.iter().filter(|id| view.tree(**id).is_ok()).count();
        if there != 0 && there != done.documents.len() {
            return Err(format!("{there} documents of {} in commit {}", done.documents.len(), done.sequence));
        }
        match (there, ended) {
            (0, None) => ended = Some(done.sequence),
            (1.., Some(ended)) => return Err(format!("commit {} without commit {ended}", done.sequence)),
            _ => {}
        }
        if there == 0 && done.durable_at.is_some_and(|at| at <= op) {
            return Err(format!("commit {} is lost", done.sequence));
        }
    }
    let damage = db.verify().unwrap().damage;
    if damage.is_empty() { Ok(()) } else { Err(format!("{damage:?}")) }
}

/// The document that a commit was to create, how durable, and what the commit was told.
type Told = (DocumentId, Durability, Result<u64, Error>);

fn try_commit(db: &Db, size: usize, durability: Durability) -> Option<Told> {
    let mut batch = db.batch().ok()?;
    let document = batch.create_document(&vec![size as u8; size], &Columns::new()).ok()?;
    Some((document, durability, batch.commit_with(durability)))
}

/// Whatever fails beneath a group: what was acknowledged is there, what was refused is not, now and after a crash.
#[test]
fn no_fault_beneath_a_group_loses_or_invents_anything() {
    let _again = again!();
    let (mut struck, mut refused, mut poisoned) = (0, 0, 0);
    for seed in 0..60 {
        let gate = Gate::new(seed);
        let mut rng = Rng::new(seed);
        let mut options = Options::default();
        options.background = false;
        options.segment_size = [600, 2000, 1 << 20][rng.index(3)];
        let db = gate.open(&options).unwrap();
        let before = try_commit(&db, 700, Durability::Always).unwrap();
        let others = (0..2 + rng.index(4)).map(|_| {
            let size = if rng.chance(0.2) { 900 } else { rng.index(200) };
            let (db, durability) = (&db, durability(&mut rng));
            Box::new(move || try_commit(db, size, durability)) as Box<dyn FnOnce() -> Option<Told> + Send + '_>
        });
        let others = others.collect();
        let kinds = [Op::Write, Op::Write, Op::Sync, Op::Create, Op::SyncDir, Op::Unlink, Op::Rename];
        let fault =
            Fault::new(&[kinds[rng.index(kinds.len())]], rng.below(4), [Errno::Eio, Errno::Enospc][rng.index(2)]);
        let fault = if rng.chance(0.5) { fault.short() } else { fault };
        let fault = if rng.chance(0.5) { fault.sticky() } else { fault };
        let first = Mutex::new(None);
        let lead = || *first.lock() = try_commit(&db, 10, Durability::Always);
        let mut told = gate.group(lead, others, || gate.disk.inject(fault.clone()));
        told.extend([first.into_inner(), Some(before)]);
        struck += u64::from(!gate.disk.faults_struck().is_empty());
        gate.disk.clear_faults();
        told.push(try_commit(&db, 20, Durability::Always));
        poisoned += u64::from(db.stats().unwrap().poisoned);
        refused += told.iter().flatten().filter(|(_, _, result)| result.is_err()).count();
        check_told(&db, &told, true, false).unwrap_or_else(|what| panic!("seed {seed}, {fault:?}: {what}"));
        for image in 0..5 {
            let disk = if image == 4 { gate.disk.restart() } else { gate.disk.image(seed * 4 + image) };
            let db = open(&disk, &options).unwrap_or_else(|error| panic!("seed {seed}, {fault:?}, {image}: {error}"));
            check_told(&db, &told, image == 4, true)
                .unwrap_or_else(|what| panic!("seed {seed}, {fault:?}, image {image}: {what}"));
        }
    }
    assert!(struck > 20 && refused > 40 && poisoned > 4, "{struck} struck, {refused} refused, {poisoned} poisoned");
}

/// Compares a store with what its commits were told; where `all`, also with those that need not have survived.
fn check_told(db: &Db, told: &[Option<Told>], all: bool, is_reopened: bool) -> Result<(), String> {
    let view = db.view().unwrap();
    for (document, durability, result) in told.iter().flatten() {
        let is_there = view.tree(*document).is_ok();
        match result {
            Ok(sequence) if !is_there && (all || *durability == Durability::Always) => {
                return Err(format!("commit {sequence} is lost"));
            }
            Ok(_) => {}
            Err(Error::CommitUnknown { .. }) if is_reopened => {}
            Err(error) if is_there => return Err(format!("document {document} is there in spite of {error:?}")),
            Err(_) => {}
        }
    }
    let damage = db.verify().unwrap().damage;
    if damage.is_empty() { Ok(()) } else { Err(format!("{damage:?}")) }
}

/// What fits on a full disk is committed, whatever else was in its group; and only deletes take the reserve.
#[test]
fn on_a_full_disk_a_group_is_refused_one_by_one() {
    let gate = Gate::new(1);
    let options = plain::options(1 << 20);
    let db = gate.open(&options).unwrap();
    let (kept, unwanted) =
        (plain::put(&db, b"", Durability::Always), plain::put(&db, b"", Durability::Always).unwrap());
    let commit = |blob: Vec<u8>| {
        let db = &db;
        Box::new(move || plain::put(db, &blob, Durability::Always).map(drop)) as Box<dyn FnOnce() -> _ + Send + '_>
    };
    let delete: Box<dyn FnOnce() -> _ + Send + '_> = Box::new(|| db.write(|batch| batch.delete_document(unwanted)));
    let first = || assert!(plain::put(&db, b"leader", Durability::Always).is_ok());
    // The large ones have no room in the zeros ahead of the log either.
    let others = vec![commit(vec![1; 150_000]), commit(vec![2; 100]), delete, commit(vec![3; 160_000])];
    let results = gate.group(first, others, || gate.disk.set_capacity(Some(gate.disk.used() + 5000)));
    assert!(matches!(results[0], Err(Error::NoSpace { .. })), "{results:?}");
    assert!(results[1].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(matches!(results[3], Err(Error::NoSpace { .. })), "the reserve is not for it: {results:?}");
    assert_eq!(db.stats().unwrap().segments, 1, "and was not touched");
    for db in [db.clone(), open(&gate.disk.image(0), &options).unwrap()] {
        let view = db.view().unwrap();
        assert!(view.exists(*kept.as_ref().unwrap()).unwrap() && !view.exists(unwanted).unwrap());
        assert_eq!(view.document_count().unwrap(), 3);
    }
}

/// What a group wrote before it began another segment stays committed when the rest of it cannot be written.
#[test]
fn a_group_keeps_what_was_written_before_it_failed() {
    let _again = again!();
    let mut parted = 0;
    for write in 0..8 {
        let gate = Gate::new(write);
        let options = plain::options(2000);
        let db = gate.open(&options).unwrap();
        let others = (1..6).map(|n| {
            let db = &db;
            let blob = vec![n; 700];
            Box::new(move || plain::put(db, &blob, Durability::Os)) as Box<dyn FnOnce() -> _ + Send + '_>
        });
        let others = others.collect();
        plain::put(&db, b"", Durability::Always).unwrap();
        let first = || assert!(plain::put(&db, b"leader", Durability::Always).is_ok());
        let results =
            gate.group(first, others, || gate.disk.inject(Fault::new(&[Op::Write], write, Errno::Eio).sticky()));
        gate.disk.clear_faults();
        parted += u32::from(results.iter().any(Result::is_ok) && results.iter().any(Result::is_err));
        let view = db.view().unwrap();
        let committed: Vec<_> = results.iter().flatten().collect();
        assert!(committed.iter().all(|id| view.exists(**id).unwrap()), "write {write}: {results:?}");
        assert_eq!(view.document_count().unwrap(), 2 + committed.len() as u64, "write {write}: {results:?}");
        assert!(db.verify().unwrap().damage.is_empty());
    }
    assert!(parted > 2, "{parted}");
}

/// What a commit finds is what the commits before it in its group left, not what was there when it was made.
#[test]
fn a_commit_follows_those_before_it_in_its_group() {
    let gate = Gate::new(1);
    let options = plain::options(1 << 20);
    let db = gate.open(&options).unwrap();
    let id = plain::put(&db, b"", Durability::Always).unwrap();
    let first = || assert!(plain::put(&db, b"leader", Durability::Always).is_ok());
    let delete = || db.write(|batch| batch.delete_document(id));
    let change = || db.write(|batch| batch.set_column(id, "late", &Value::Null));
    let results = gate.group(first, vec![Box::new(delete) as Box<dyn FnOnce() -> _ + Send>, Box::new(change)], || ());
    assert!(results[0].is_ok() && results[1].as_ref().is_err_and(Error::is_not_found), "{results:?}");
    for db in [db.clone(), open(&gate.disk.image(0), &options).unwrap()] {
        assert!(!db.view().unwrap().exists(id).unwrap());
        assert!(db.verify().unwrap().damage.is_empty());
    }
}

/// A commit that was prepared again, since its document changed within its group, counts its fold once.
#[test]
fn a_commit_that_is_prepared_twice_counts_its_fold_once() {
    let gate = Gate::new(1);
    let mut options = plain::options(1 << 20);
    options.fold_after = 1;
    let db = gate.open(&options).unwrap();
    let id = plain::put(&db, &[1; 20_000], Durability::Always).unwrap();
    let change = |name: &'static str| {
        let db = &db;
        Box::new(move || db.write(|batch| batch.set_column(id, name, &Value::Null)))
            as Box<dyn FnOnce() -> stratum::Result<()> + Send + '_>
    };
    change("a")().unwrap();
    assert_eq!(db.stats().unwrap().folds, 0);
    let first = || assert!(plain::put(&db, b"leader", Durability::Always).is_ok());
    for result in gate.group(first, vec![change("b"), change("c")], || ()) {
        result.unwrap();
    }
    assert_eq!(db.stats().unwrap().folds, 2, "one for each of the two commits");
}

/// Those that ask for no sync, while the log is synced for somebody else.
#[test]
fn commits_go_on_while_the_log_is_synced() {
    type Work = fn(&Db);
    let works: [(&str, Work); 3] = [
        ("flush", |db| db.flush().unwrap()),
        ("checkpoint", |db| db.checkpoint().unwrap()),
        ("compaction", |db| db.compact_now(&mut |_| true).unwrap()),
    ];
    for (name, work) in works {
        let gate = Gate::new(1);
        let mut options = Options::default();
        options.background = false;
        let db = gate.open(&options).unwrap();
        let done = Mutex::new(Vec::new());
        commit(&gate, &db, &[100], Durability::Os, &done);
        let mut went_on = false;
        let other: Box<dyn FnOnce() + Send> = Box::new(|| commit(&gate, &db, &[100], Durability::Os, &done));
        gate.group(|| work(&db), vec![other], || went_on = done.lock().len() == 2);
        assert!(went_on, "it waited for the sync of a {name}");
        assert_eq!(db.view().unwrap().document_count().unwrap(), 2);
        db.close().unwrap();
    }
}

/// Each call that changes the disk is held up in turn, of whatever changes it; every reading call goes on meanwhile.
#[test]
fn reads_go_on_while_any_other_work_waits_for_the_disk() {
    let _again = again!();
    type Work = fn(&Db, DocumentId);
    let works: [(&str, Work); 6] = [
        ("durable commits", |db, _| assert!(plain::put(db, &[1; 800], Durability::Always).is_ok())),
        ("commits", |db, id| {
            (0..4).for_each(|n| db.write(|batch| batch.set_blob(id, &[n; 300])).unwrap());
        }),
        ("flush", |db, _| db.flush().unwrap()),
        ("checkpoint", |db, _| db.checkpoint().unwrap()),
        ("compaction", |db, _| db.compact_now(&mut |_| true).unwrap()),
        ("maintenance", |db, _| assert!(db.maintain().is_ok())),
    ];
    for (name, work) in works {
        let mut held = 0;
        loop {
            let gate = Gate::new(held);
            let mut options = plain::options(700);
            options.durability = Durability::Os;
            options.max_amplification = 1.1;
            options.read_mode = if held % 2 == 0 { ReadMode::Mmap } else { ReadMode::Pread };
            let db = gate.open(&options).unwrap();
            let ids: Vec<_> = (0..8).map(|n| plain::put(&db, &[n; 200], Durability::Always).unwrap()).collect();
            ids.iter().step_by(3).for_each(|id| db.write(|batch| batch.delete_document(*id)).unwrap());
            db.write(|batch| batch.set_column(ids[1], "new", &Value::Null)).unwrap();
            let left = 5;
            let read = || {
                for view in [db.view().unwrap(), db.snapshot().unwrap()] {
                    let seen = view.documents(DocumentId::FIRST).unwrap().filter(|id| ids.contains(id));
                    let blobs: Vec<_> = seen.map(|id| view.blob(id).unwrap()[0]).collect();
                    assert_eq!(blobs.len(), left);
                    assert_eq!(view.column(ids[1], "new").unwrap(), Value::Null);
                    assert_eq!(view.tree(ids[4]).unwrap().blob, [4; 200]);
                }
            };
            let beside = gate.beside(held, || work(&db, ids[2]), read);
            assert!(beside.was_done, "reads waited for call {held} of {name}");
            if !beside.was_held {
                break;
            }
            held += 1;
        }
        println!("{name}: reads beside {held} calls");
        assert!(held > 0, "{name} changes the disk");
    }
}

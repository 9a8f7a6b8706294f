//! Bugs that other stores shipped: each has a test here, or elsewhere where the table says so.
//!
//! | bug | where | the test |
//! |---|---|---|
//! | a partial merge drops a tombstone | bitcask#82 | `a_partial_merge_brings_no_deleted_document_back` |
//! | crash while merged files are replaced, stale hint | rosedb#342 | `a_crash_while_merged_files_are_replaced_..` |
//! | order by wall clock: ties, steps back | bitcask#152 | `the_same_work_gives_the_same_bytes_at_any_time` |
//! | merge overwrites a put | nutsdb#392, badger#2286 | `compaction_overwrites_nothing_that_happens_meanwhile` |
//! | corrupt hint accepted | bitcask#35 | `no_checkpoint_changes_what_is_opened` |
//! | a scan skips the CRC | bitcask#212 | `every_flipped_byte_is_noticed_without_a_checkpoint` |
//! | torn batch visible | leveldb#251, sled#851 | `no_part_of_a_batch_is_seen_after_crashes` |
//! | a later log survives, an earlier not | leveldb#193 | `no_later_segment_survives_an_earlier_one` |
//! | directory not synced | rocksdb#5287 | `names_are_durable_before_commits_are_acknowledged` |
//! | EIO at open taken for the end | rocksdb#6288 | `faults.rs`: `an_open_that_cannot_read_changes_nothing` |
//! | an empty newest file stops writes | bitcask#136 | `an_empty_newest_segment_stops_nothing` |
//! | an empty lock file blocks opening | bitcask#167 | `no_lock_file_blocks_by_being_there` |
//! | size limit checked on read only | StrataKV | `a_limit_is_for_writing_and_not_for_reading` |

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stratum::vfs::sim::{Errno, Fault, Op, Rng, SimDisk};
use stratum::vfs::{FileSystem, OpenMode};
use stratum::{Batch, Columns, Db, DocumentId, Durability, Error, Options, Result, Tree, Value};

use crate::gate::Gate;
use crate::plain::{options, put};
use crate::runner::{Run, open, store_path};
use crate::workload::Workload;

/// What a store holds, blob by blob.
pub(crate) type Blobs = BTreeMap<DocumentId, Vec<u8>>;

pub(crate) fn blobs(db: &Db) -> Result<Blobs> {
    let view = db.view()?;
    view.documents(DocumentId::FIRST)?.map(|id| Ok((id, view.blob(id)?.to_vec()))).collect()
}

fn file(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    disk.files(store_path()).remove(std::path::Path::new(name))
}

/// A copy of a disk without its checkpoint.
fn without_checkpoint(disk: &SimDisk) -> SimDisk {
    let copy = disk.restart();
    let _there_may_be_none = copy.unlink(&store_path().join("CHECKPOINT"));
    copy
}

#[test]
fn a_partial_merge_brings_no_deleted_document_back() {
    let _again = again!();
    let (mut compactions, mut deletes) = (0, 0);
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut options = options([400, 700, 1500][rng.index(3)]);
        options.max_amplification = [1.1, 1.5, 3.0][rng.index(3)];
        options.checkpoint_bytes = [100, 1000, 1 << 20][rng.index(3)];
        let disk = SimDisk::new(seed);
        let mut db = open(&disk, &options).unwrap();
        let mut expected = Blobs::new();
        for step in 0..60 {
            let live: Vec<_> = expected.keys().copied().collect();
            if live.is_empty() || rng.chance(0.55) {
                let blob = vec![step; rng.index(300)];
                expected.insert(put(&db, &blob, Durability::Os).unwrap(), blob);
            } else {
                let id = live[rng.index(live.len())];
                db.write(|batch| batch.delete_document(id)).unwrap();
                expected.remove(&id);
                deletes += 1;
            }
            // Now some segments, then others; never all of them.
            match rng.below(6) {
                0 => drop(db.maintain().unwrap()),
                1 => db.compact_now(&mut |_| false).unwrap(),
                2 => db.checkpoint().unwrap(),
                _ => {}
            }
            if rng.chance(0.2) {
                compactions += db.stats().unwrap().compactions;
                drop(db);
                let bare = without_checkpoint(&disk);
                assert_eq!(blobs(&open(&bare, &options).unwrap()).unwrap(), expected, "seed {seed}, step {step}");
                db = open(&disk, &options).unwrap();
                assert_eq!(blobs(&db).unwrap(), expected, "seed {seed}, step {step}, reopened");
            }
        }
    }
    assert!(compactions > 300 && deletes > 1000, "{compactions} compactions, {deletes} deletes");
}

/// A store with garbage in most of its segments, and what it holds.
fn churned(disk: &SimDisk, options: &Options, seed: u64) -> (Db, Blobs) {
    let mut rng = Rng::new(seed);
    let db = open(disk, options).unwrap();
    for n in 0..24 {
        let id = put(&db, &vec![n; 100 + rng.index(200)], Durability::Always).unwrap();
        match rng.below(3) {
            0 => db.write(|batch| batch.delete_document(id)).unwrap(),
            1 => db.write(|batch| batch.set_blob(id, &[n; 50])).unwrap(),
            _ => {}
        }
    }
    let expected = blobs(&db).unwrap();
    (db, expected)
}

#[test]
fn a_crash_while_merged_files_are_replaced_changes_nothing() {
    let _again = again!();
    let options = options(700);
    let (mut images, mut unlinks_lost) = (0, 0);
    for seed in 0..4 {
        let disk = SimDisk::new(seed);
        let (db, expected) = churned(&disk, &options, seed);
        db.checkpoint().unwrap();
        let stale = file(&disk, "CHECKPOINT").unwrap();
        let files_before = disk.files(store_path()).len();
        disk.record();
        let first = disk.ops();
        db.compact_now(&mut |_| true).unwrap();
        assert!(db.stats().unwrap().compactions > 1);
        for op in first..=disk.ops() {
            let moment = disk.moment(op).expect("recorded");
            let mut all = moment.crash_images(op, 12);
            all.push(moment.restart());
            for (at, image) in all.into_iter().enumerate() {
                unlinks_lost += u64::from(image.files(store_path()).len() > files_before);
                if at % 2 == 1 {
                    image.plant(&store_path().join("CHECKPOINT"), &stale);
                }
                let opened = open(&image, &options).unwrap_or_else(|error| panic!("{seed}, {op}, {at}: {error}"));
                assert_eq!(blobs(&opened).unwrap(), expected, "seed {seed}, operation {op}, image {at}");
                assert_eq!(opened.verify().unwrap().damage, []);
                images += 1;
            }
        }
    }
    assert!(images > 1000 && unlinks_lost > 50, "{images} images, {unlinks_lost} with old files beside new ones");
}

#[test]
fn the_same_work_gives_the_same_bytes_at_any_time() {
    let _again = again!();
    for seed in 0..6 {
        let work = |pause: Duration| {
            let workload = Workload::mixed(seed, 20);
            let disk = SimDisk::new(seed);
            let mut run = Run::new(&disk, &workload.options);
            run.reopen(false).unwrap();
            for step in &workload.steps {
                run.step(step).unwrap();
                std::thread::sleep(pause);
            }
            run.abandon();
            disk.files(store_path())
        };
        assert!(work(Duration::ZERO) == work(Duration::from_millis(3)), "seed {seed}");
    }
}

/// Changes come while compaction waits for one of its syncs: each one, one after the other.
#[test]
fn compaction_overwrites_nothing_that_happens_meanwhile() {
    let _again = again!();
    for held in 0..14 {
        let gate = Gate::new(held);
        let mut options = options(700);
        options.max_amplification = 1.1;
        let db = gate.open(&options).unwrap();
        let ids: Vec<_> = (0..18).map(|n| put(&db, &[n; 200], Durability::Always).unwrap()).collect();
        for id in ids.iter().skip(1).step_by(3) {
            db.write(|batch| batch.delete_document(*id)).unwrap();
        }
        let mut expected = blobs(&db).unwrap();
        let live: Vec<_> = expected.keys().copied().collect();
        let change = || {
            db.write(|batch| {
                batch.delete_document(live[0])?;
                batch.set_blob(live[4], b"changed")?;
                batch.replace_tree(live[8], &Tree::default()).map(drop)
            })
        };
        let compact = || db.compact_now(&mut |_| true).unwrap();
        for result in gate.group_at(held, compact, vec![Box::new(change)], || ()) {
            result.unwrap();
        }
        expected.remove(&live[0]);
        expected.insert(live[4], b"changed".to_vec());
        expected.insert(live[8], Vec::new());
        assert_eq!(blobs(&db).unwrap(), expected, "held at sync {held}");
        assert_eq!(db.verify().unwrap().damage, []);
        for disk in [gate.disk.image(0), gate.disk.restart(), without_checkpoint(&gate.disk)] {
            assert_eq!(blobs(&open(&disk, &options).unwrap()).unwrap(), expected, "held at sync {held}, reopened");
        }
    }
}

#[test]
fn no_checkpoint_changes_what_is_opened() {
    let _again = again!();
    let options = options(700);
    // Checkpoints of several generations of one store, and one of another store.
    let disk = SimDisk::new(1);
    let db = open(&disk, &options).unwrap();
    let mut checkpoints = Vec::new();
    let mut stores = Vec::new();
    for round in 0..8u8 {
        let ids: Vec<_> = (0..5).map(|n| put(&db, &[n; 150], Durability::Os).unwrap()).collect();
        db.write(|batch| batch.delete_document(ids[usize::from(round) % 5])).unwrap();
        db.write(|batch| batch.set_blob(ids[usize::from(round + 1) % 5], &[round])).unwrap();
        if round % 3 == 2 {
            db.compact_now(&mut |_| true).unwrap();
        }
        db.checkpoint().unwrap();
        checkpoints.push(file(&disk, "CHECKPOINT").unwrap());
        put(&db, b"behind it", Durability::Always).unwrap();
        stores.push((disk.restart(), blobs(&db).unwrap()));
    }
    let other = SimDisk::new(2);
    churned(&other, &options, 2).0.checkpoint().unwrap();
    checkpoints.push(file(&other, "CHECKPOINT").unwrap());
    let check = |store: &SimDisk, checkpoint: &[u8], expected: &Blobs, what: &str| {
        let copy = store.restart();
        copy.plant(&store_path().join("CHECKPOINT"), checkpoint);
        let db = open(&copy, &options).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(blobs(&db).unwrap(), *expected, "{what}");
        assert_eq!(db.verify().unwrap().damage, [], "{what}");
        db.stats().unwrap().opened_from_checkpoint
    };
    let mut used = 0;
    for (at, (store, expected)) in stores.iter().enumerate() {
        assert_eq!(blobs(&open(&without_checkpoint(store), &options).unwrap()).unwrap(), *expected);
        for (generation, checkpoint) in checkpoints.iter().enumerate() {
            let what = format!("store {at}, checkpoint {generation}");
            used += u32::from(check(store, checkpoint, expected, &what));
        }
    }
    assert!(used >= 8, "the right checkpoints are used: {used}");
    let (store, expected) = stores.last().expect("eight");
    let good = file(store, "CHECKPOINT").unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(!check(store, &bad, expected, &format!("byte {at} flipped")), "byte {at}: used");
        assert!(!check(store, &good[..at], expected, &format!("cut at {at}")), "cut at {at}: used");
    }
}

#[test]
fn every_flipped_byte_is_noticed_without_a_checkpoint() {
    let options = options(700);
    let disk = SimDisk::new(3);
    let db = open(&disk, &options).unwrap();
    let ids: Vec<_> = (0..6).map(|n| put(&db, &vec![n; 40 * usize::from(n)], Durability::Always).unwrap()).collect();
    db.write(|batch| batch.set_blob(ids[2], b"again")).unwrap();
    db.write(|batch| batch.delete_document(ids[4])).unwrap();
    let expected = blobs(&db).unwrap();
    db.close().unwrap();
    let store = without_checkpoint(&disk);
    let (mut refused, mut found) = (0, 0);
    for (name, bytes) in store.files(store_path()) {
        if !name.to_str().is_some_and(|name| name.starts_with("segment-")) {
            continue;
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << (at % 8);
            let copy = store.restart();
            copy.plant(&store_path().join(&name), &bad);
            let db = match open(&copy, &options) {
                Ok(db) => db,
                Err(Error::Corruption(_) | Error::NewerFormat { .. }) => {
                    refused += 1;
                    continue;
                }
                Err(other) => panic!("{name:?}, byte {at}: {other:?}"),
            };
            match blobs(&db) {
                Ok(blobs) => assert!(blobs == expected, "{name:?}, byte {at}: wrong values"),
                Err(Error::Corruption(_)) => {}
                Err(other) => panic!("{name:?}, byte {at}: {other:?}"),
            }
            // Zeros that fill up to a multiple of 8 say nothing.
            let is_filler = bytes[at..bytes.len().min(at.next_multiple_of(8))].iter().all(|byte| *byte == 0);
            let is_noticed = !db.verify().unwrap().damage.is_empty();
            assert!(is_noticed || is_filler, "{name:?}, byte {at}: not noticed");
            found += u32::from(is_noticed);
        }
    }
    assert!(refused > 100 && found > 500, "{refused} refused, {found} found by verify");
}

/// Every batch sets the same number everywhere: whatever is left of it, it is one number.
#[test]
fn no_part_of_a_batch_is_seen_after_crashes() {
    let _again = again!();
    let mut images = 0;
    for seed in 0..8 {
        let mut rng = Rng::new(seed);
        let mut options = options([400, 1000, 4000][rng.index(3)]);
        options.fold_after = 1 + rng.below(3) as u32;
        let disk = SimDisk::new(seed);
        let db = open(&disk, &options).unwrap();
        let mut create = db.batch().unwrap();
        let mut documents = Vec::new();
        for _ in 0..6 {
            let document = create.create_document(b"", &Columns::from([("n", Value::Int64(0))])).unwrap();
            documents.push((document, create.append_input(document, &Value::Int64(0)).unwrap()));
        }
        create.commit_with(Durability::Always).unwrap();
        disk.record();
        let first = disk.ops();
        let all = |batch: &mut Batch, n: i64| {
            documents.iter().try_for_each(|(document, input)| {
                batch.set_column(*document, "n", &Value::Int64(n))?;
                batch.replace_input(*document, *input, &Value::Int64(n))?;
                batch.set_output(*document, *input, &Value::Int64(n))
            })
        };
        for n in 1..14 {
            let mut batch = db.batch().unwrap();
            all(&mut batch, n).unwrap();
            batch.commit_with(if rng.chance(0.3) { Durability::Always } else { Durability::Os }).unwrap();
            if rng.chance(0.2) {
                db.maintain().unwrap();
            }
        }
        let numbers = |db: &Db| -> Result<BTreeSet<i64>> {
            let view = db.view()?;
            let mut seen = BTreeSet::new();
            for (document, input) in &documents {
                let column = view.column(*document, "n")?;
                let output = view.output(*document, *input).unwrap_or(Value::Int64(0));
                for value in [column, view.input(*document, *input)?, output] {
                    seen.extend(if let Value::Int64(n) = value { Some(n) } else { None });
                }
            }
            Ok(seen)
        };
        for op in first..=disk.ops() {
            for image in disk.moment(op).expect("recorded").crash_images(op * 8, 8) {
                // A second crash, while the first is recovered from.
                let twice = image.restart();
                twice.crash_at(rng.below(14));
                let _cut_short = open(&twice, &options).map(drop);
                for disk in [image, twice.image(rng.next_u64())] {
                    let seen = numbers(&open(&disk, &options).unwrap()).unwrap();
                    assert_eq!(seen.len(), 1, "seed {seed}, operation {op}: {seen:?}");
                    images += 1;
                }
            }
        }
    }
    assert!(images > 2000, "{images} images");
}

#[test]
fn no_later_segment_survives_an_earlier_one() {
    let _again = again!();
    let (mut partial, mut segments) = (0, 0);
    for seed in 0..4 {
        let options = options(400);
        let disk = SimDisk::new(seed);
        let db = open(&disk, &options).unwrap();
        disk.record();
        let first = disk.ops();
        let ids: Vec<_> = (0..30).map(|n| put(&db, &[n; 100], Durability::Os).unwrap()).collect();
        segments += db.stats().unwrap().segments;
        for op in first..=disk.ops() {
            for image in disk.moment(op).expect("recorded").crash_images(op, 10) {
                let db = open(&image, &options).unwrap();
                let there: Vec<_> = blobs(&db).unwrap().into_keys().collect();
                assert_eq!(there, ids[..there.len()], "seed {seed}, operation {op}: a prefix");
                partial += u64::from(!there.is_empty() && there.len() < ids.len());
            }
        }
    }
    assert!(segments > 24 && partial > 500, "{segments} segments, {partial} images between all and nothing");
}

#[test]
fn names_are_durable_before_commits_are_acknowledged() {
    // With `lies` the directory is not synced, whatever the disk says: then commits are lost, and it is noticed.
    let lost = |lies: bool| {
        let options = options(400);
        let disk = SimDisk::new(1);
        let db = open(&disk, &options).unwrap();
        if lies {
            disk.inject(Fault::new(&[Op::SyncDir], 0, Errno::Eio).lost().sticky());
        }
        let mut lost = 0;
        for n in 0..20 {
            let id = put(&db, &[n; 150], Durability::Always).unwrap();
            if n % 7 == 6 {
                db.compact_now(&mut |_| true).unwrap();
            }
            let opened = open(&disk.image(0), &options);
            lost += u32::from(!opened.is_ok_and(|db| db.view().unwrap().exists(id).unwrap()));
        }
        lost
    };
    assert_eq!(lost(false), 0);
    assert!(lost(true) > 10);
}

#[test]
fn an_empty_newest_segment_stops_nothing() {
    let options = options(700);
    for contents in [&[][..], &[0; 4096], b"no segment"] {
        let disk = SimDisk::new(1);
        let (db, mut expected) = churned(&disk, &options, 1);
        drop(db);
        // The one that the store will make next, and some beyond it.
        let names: Vec<_> = disk.files(store_path()).into_keys().collect();
        let ids = names.iter().filter_map(|name| name.to_str()?.strip_prefix("segment-")?.get(..8));
        let newest = ids.filter_map(|id| u32::from_str_radix(id, 16).ok()).max().expect("there are segments");
        for id in newest + 1..newest + 4 {
            disk.plant(&store_path().join(format!("segment-{id:08x}.strat")), contents);
        }
        let db = open(&disk, &options).unwrap();
        for n in 0..10 {
            expected.insert(put(&db, &[n; 300], Durability::Always).unwrap(), vec![n; 300]);
        }
        assert_eq!(blobs(&db).unwrap(), expected);
        drop(db);
        assert_eq!(blobs(&open(&disk.image(0), &options).unwrap()).unwrap(), expected);
    }
}

#[test]
fn no_lock_file_blocks_by_being_there() {
    for contents in [&[][..], b"4711\n", &[0xff; 5000]] {
        let disk = SimDisk::new(1);
        disk.create_dir_all(store_path()).unwrap();
        disk.plant(&store_path().join("LOCK"), contents);
        let db = open(&disk, &options(700)).unwrap();
        let id = put(&db, b"kept", Durability::Always).unwrap();
        assert!(matches!(open(&disk, &options(700)), Err(Error::Locked(_))), "while it is open");
        let killed = disk.restart();
        killed.plant(&store_path().join("LOCK"), contents);
        assert!(open(&killed, &options(700)).unwrap().view().unwrap().exists(id).unwrap());
        drop(db);
        assert!(disk.open(&store_path().join("LOCK"), OpenMode::Read).is_ok(), "it stays, and is free");
        assert!(open(&disk, &options(700)).is_ok());
    }
}

#[test]
fn a_limit_is_for_writing_and_not_for_reading() {
    let disk = SimDisk::new(1);
    let mut options = options(4000);
    options.max_record_bytes = 1000;
    let db = open(&disk, &options).unwrap();
    let largest = put(&db, &[7; 1000], Durability::Always).unwrap();
    let refused = put(&db, &[7; 1001], Durability::Always);
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    drop(db);
    options.max_record_bytes = 10;
    let db = open(&disk, &options).unwrap();
    assert_eq!(&db.view().unwrap().blob(largest).unwrap()[..], [7; 1000], "what is there stays readable");
    assert!(matches!(put(&db, &[7; 11], Durability::Always), Err(Error::TooLarge { .. })));
    db.compact_now(&mut |_| true).unwrap();
    assert_eq!(&db.view().unwrap().blob(largest).unwrap()[..], [7; 1000], "and compaction keeps it");
}

//! Damage of single kinds, and what is refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratum::format::packed::{BlobState, Head, OutputState, Span};
use stratum::format::record::{HEADER_LEN as RECORD_LEN, RecordKind};
use stratum::salvage::repair_on;
use stratum::vfs::FileSystem;
use stratum::vfs::sim::SimDisk;
use stratum::{Db, DocumentId, Durability, Error, FindingKind, InputId, Options, Outcome, RepairOptions, Tree, Value};

use crate::judge::{judge, judge_target, open, repair};
use crate::parts::{Place, documents, records};
use crate::stores::{Store, Work, blobs, compacted, contents, left, log, options, recovered, source, target, tree};

fn manifest() -> PathBuf {
    PathBuf::from("MANIFEST")
}

fn segments(store: &Store) -> Vec<PathBuf> {
    store.files.keys().filter(|name| name.to_string_lossy().starts_with("segment-")).cloned().collect()
}

fn has(report: &stratum::RepairReport, kind: FindingKind) -> bool {
    report.findings.iter().any(|finding| finding.kind == kind)
}

#[test]
fn without_a_manifest_everything_is_saved() {
    for store in [log(), left(), compacted(), recovered(), blobs()] {
        let mut files = store.files.clone();
        files.remove(&manifest());
        let (report, saved) = judge(&store, &files, &|_| true);
        assert_eq!(saved, store.now);
        assert!(has(&report, FindingKind::Manifest) && report.is_uncertain, "{report}");
        files.remove(Path::new("CHECKPOINT"));
        assert_eq!(judge(&store, &files, &|_| true).1, store.now);
    }
}

#[test]
fn without_a_checkpoint_nothing_is_missing() {
    let store = compacted();
    let mut files = store.files.clone();
    assert!(files.remove(Path::new("CHECKPOINT")).is_some());
    let (report, saved) = judge(&store, &files, &|_| true);
    assert!(saved == store.now && report.is_lossless(), "{report}");
}

#[test]
fn a_missing_segment_costs_what_was_in_it() {
    for store in [compacted(), recovered()] {
        for name in segments(&store) {
            let places = records(&store.files, &name);
            let touched = documents(&places, 0..usize::MAX);
            let mut files = store.files.clone();
            files.remove(&name);
            let (report, _) = judge(&store, &files, &|id| !touched.contains(&id));
            assert!(has(&report, FindingKind::SegmentMissing), "{report}");
        }
    }
}

#[test]
fn segments_under_each_others_names_are_told_apart() {
    for (store, with_manifest) in [(compacted(), true), (compacted(), false), (recovered(), true), (recovered(), false)]
    {
        let mut files = store.files.clone();
        let names = segments(&store);
        assert!(names.len() > 1);
        for (name, other) in names.iter().zip(names.iter().rev()) {
            files.insert(name.clone(), store.files[other].clone());
        }
        if !with_manifest {
            files.remove(&manifest());
        }
        assert_eq!(judge(&store, &files, &|_| true).1, store.now);
    }
}

#[test]
fn segments_without_their_headers_are_known_by_their_records() {
    for (store, remaining) in [(compacted(), 3), (recovered(), 2), (log(), 1), (log(), 0), (compacted(), 0)] {
        let mut files = store.files.clone();
        for name in segments(&store) {
            files.get_mut(&name).unwrap()[..96].fill(0);
        }
        let gone: &[&str] = match remaining {
            3 => &[],
            2 => &["CHECKPOINT"],
            1 => &["MANIFEST"],
            _ => &["CHECKPOINT", "MANIFEST"],
        };
        // Where nothing tells which store this was, only the records of one segment agree with each other.
        let is_alone = segments(&store).len() == 1 || remaining > 0;
        gone.iter().for_each(|name| drop(files.remove(Path::new(name))));
        let (report, saved) = judge(&store, &files, &|_| is_alone);
        assert!(has(&report, FindingKind::SegmentHeader), "{report}");
        assert_eq!(saved, store.now, "{report}");
    }
}

#[test]
fn zeroed_blocks_cost_what_was_in_them() {
    let of = |store: Store, block: usize| {
        for name in segments(&store) {
            let (bytes, places) = (&store.files[&name], records(&store.files, &name));
            for start in (0..bytes.len()).step_by(block) {
                let range = start..(start + block).min(bytes.len());
                let touched = documents(&places, range.clone());
                let mut files = store.files.clone();
                files.get_mut(&name).unwrap()[range].fill(0);
                judge(&store, &files, &|id| !touched.contains(&id));
            }
        }
    };
    of(blobs(), 4096);
    of(compacted(), 256);
    of(log(), 128);
    of(recovered(), 128);
}

#[test]
fn all_at_once_leaves_what_none_of_it_touched() {
    let store = compacted();
    let names = segments(&store);
    let mut files = store.files.clone();
    files.remove(&manifest());
    files.remove(Path::new("CHECKPOINT"));
    let mut touched = documents(&records(&store.files, &names[0]), 0..usize::MAX);
    files.remove(&names[0]);
    let places = records(&store.files, &names[1]);
    touched.extend(documents(&places, 96..160));
    files.get_mut(&names[1]).unwrap()[96..160].fill(0);
    files.insert(PathBuf::from("lost+found-12"), store.files[&names[2]].clone());
    files.remove(&names[2]);
    let (report, _) = judge(&store, &files, &|id| !touched.contains(&id));
    assert!(report.is_uncertain, "{report}");
}

#[test]
fn a_foreign_segment_is_left_out() {
    let store = compacted();
    let mut other = compacted();
    // Another store with the same ids: its id stands at byte 16 of each header, and goes into every checksum.
    other.files = {
        let disk = SimDisk::new(99);
        disk.allow_map();
        let db = stratum::Db::open_on(Arc::new(disk.clone()), source(), &options(1 << 20)).unwrap();
        db.write(|batch| batch.put_tree(&tree(99, 3))).unwrap();
        db.close().unwrap();
        disk.files(source())
    };
    let foreign = segments(&other)[0].clone();
    let name = PathBuf::from("segment-00000077.strat");
    let mut files = store.files.clone();
    files.insert(name, other.files[&foreign].clone());
    let (report, saved) = judge(&store, &files, &|_| true);
    assert!(saved == store.now && has(&report, FindingKind::SegmentUnusable), "{report}");
}

/// The one tree of a store's document, and where it lies.
fn only_tree(store: &Store, document: u64) -> (PathBuf, Place) {
    for name in segments(store) {
        let places = records(&store.files, &name);
        let is_it = |place: &&Place| place.header.document == document && place.header.kind == RecordKind::Tree;
        if let Some(place) = places.iter().find(is_it) {
            return (name, *place);
        }
    }
    panic!("document {document} has no tree");
}

#[test]
fn a_damaged_part_of_a_tree_costs_that_part() {
    let mut work = Work::new(options(64 << 10));
    let id = work.write(|batch| batch.put_tree(&tree(1, 4))).document.get();
    let store = work.done();
    let was = store.now[&id].clone();
    let (name, place) = only_tree(&store, id);
    let start = place.start + RECORD_LEN as usize;
    let payload = &store.files[&name][start..place.end];
    let head = Head::parse(payload).unwrap();
    let entry = head.directory().unwrap().entry(1).unwrap();
    let OutputState::At(output) = entry.output else { panic!("the second input has an output") };
    let BlobState::Inline(blob) = head.blob() else { panic!("the blob is inline") };
    let second = InputId::new(2);
    let judged = |span: Span| {
        let mut files = store.files.clone();
        files.get_mut(&name).unwrap()[start + span.offset as usize] ^= 1;
        let (report, saved) = judge(&store, &files, &|_| false);
        let losses = report.findings.iter().filter(|finding| finding.kind.is_loss());
        let losses: BTreeSet<_> = losses.map(|finding| (finding.kind, finding.input)).collect();
        (saved[&id].clone(), losses)
    };
    let lost = |kind, input| BTreeSet::from([(FindingKind::DocumentInPart, None), (kind, input)]);

    let mut without_input = was.clone();
    without_input.inputs.remove(1);
    assert_eq!(judged(entry.value.unwrap()), (without_input, lost(FindingKind::InputLost, second)));
    let mut without_output = was.clone();
    without_output.inputs[1].output = None;
    assert_eq!(judged(output), (without_output, lost(FindingKind::OutputLost, second)));
    let mut without_blob = was.clone();
    without_blob.blob.clear();
    assert_eq!(judged(blob), (without_blob, lost(FindingKind::BlobLost, None)));
    let mut without_columns = was.clone();
    without_columns.columns = stratum::Columns::new();
    let name_at = payload.windows(4).position(|bytes| bytes == b"name").unwrap() as u64;
    let columns = Span { offset: name_at, length: 8, crc: 0 };
    assert_eq!(judged(columns), (without_columns, lost(FindingKind::ColumnsLost, None)));
    let mut without_input_columns = was;
    without_input_columns.inputs[1].columns = stratum::Columns::new();
    let older = BTreeSet::from([(FindingKind::DocumentOlder, None), (FindingKind::InputColumnsOlder, second)]);
    assert_eq!(judged(entry.columns.unwrap()), (without_input_columns, older));
}

#[test]
fn a_damaged_change_leaves_the_older_part() {
    let mut work = Work::new(options(64 << 10));
    let ids = work.write(|batch| batch.put_tree(&tree(1, 3)));
    let (id, input) = (ids.document, ids.input(0).unwrap());
    work.write(|batch| batch.replace_input(id, input, &Value::Int64(1234)));
    let store = work.done();
    let (name, places) =
        segments(&store).into_iter().map(|name| (name.clone(), records(&store.files, &name))).next().unwrap();
    let delta = places.iter().find(|place| place.header.kind == RecordKind::Delta).unwrap();
    let mut files = store.files.clone();
    files.get_mut(&name).unwrap()[delta.end - 1] ^= 1;
    let (report, saved) = judge(&store, &files, &|_| false);
    assert_eq!(saved[&id.get()], store.history[&id.get()][0]);
    assert!(has(&report, FindingKind::InputOlder) && has(&report, FindingKind::DocumentOlder), "{report}");
    assert!(has(&report, FindingKind::BatchInPart), "{report}");
}

#[test]
fn a_batch_that_is_damaged_in_part_is_used_in_part_and_said() {
    let store = log();
    let (name, place) = only_tree(&store, 3);
    let mut files = store.files.clone();
    files.get_mut(&name).unwrap()[place.start + 20] ^= 1;
    let (report, _) = judge(&store, &files, &|id| id != 3);
    let partial = report.findings.iter().find(|finding| finding.kind == FindingKind::BatchInPart);
    assert!(partial.is_some_and(|finding| finding.sequence == place.header.sequence), "{report}");
}

#[test]
fn a_checkpoint_names_what_a_damaged_header_does_not() {
    let mut work = Work::new(options(64 << 10));
    let id = work.write(|batch| batch.put_tree(&tree(1, 3))).document;
    work.write(|batch| batch.put_tree(&tree(2, 3)));
    work.db.checkpoint().unwrap();
    let store = work.done();
    let (name, place) = only_tree(&store, id.get());
    let mut files = store.files.clone();
    files.get_mut(&name).unwrap()[place.start + 8] ^= 1;
    let (report, _) = judge(&store, &files, &|other| other != id.get());
    let named = |kind| report.findings.iter().any(|finding| finding.kind == kind && finding.document == Some(id));
    assert!(named(FindingKind::RecordMissing) && named(FindingKind::DocumentLost), "{report}");
    let missing = report.findings.iter().find(|finding| finding.kind == FindingKind::RecordMissing);
    assert_eq!(missing.map(|finding| finding.sequence), Some(place.header.sequence), "{report}");
    assert_eq!(report.documents_lost, 1);
}

/// Only a change can have said of the inputs what they are.
#[test]
fn a_blob_that_is_lost_casts_no_doubt_on_the_inputs() {
    let mut work = Work::new(options(1 << 20));
    let id = work.write(|batch| batch.put_tree(&tree(1, 3))).document;
    work.write(|batch| batch.set_blob(id, &[7; 70_000]));
    work.db.checkpoint().unwrap();
    let store = work.done();
    let name = segments(&store)[0].clone();
    let places = records(&store.files, &name);
    let with_lost = |kind: RecordKind| {
        let place = places.iter().find(|place| place.header.kind == kind).unwrap();
        let mut files = store.files.clone();
        files.get_mut(&name).unwrap()[place.start + 8] ^= 1;
        judge(&store, &files, &|_| false).0
    };
    let blob = with_lost(RecordKind::Blob);
    assert!(has(&blob, FindingKind::BlobOlder) && !has(&blob, FindingKind::InputsOlder), "{blob}");
    let change = with_lost(RecordKind::Delta);
    assert!(has(&change, FindingKind::InputsOlder), "{change}");
}

/// A segment that compaction replaced, and that a crash left behind: it holds a document that was deleted since, and
/// nothing else that says so.
#[test]
fn what_compaction_left_behind_brings_nothing_back() {
    let mut work = Work::new(options(64 << 10));
    let gone = work.write(|batch| batch.put_tree(&tree(1, 3))).document;
    work.write(|batch| batch.put_tree(&tree(2, 3)));
    work.reopen();
    let old = work.disk.files(source());
    work.write(|batch| batch.delete_document(gone));
    for _ in 0..2 {
        work.write(|batch| batch.put_tree(&tree(3, 3)));
        work.reopen();
        work.db.checkpoint().unwrap();
        work.db.compact_now(&mut |_| true).unwrap();
    }
    work.db.checkpoint().unwrap();
    let store = work.done();
    let is_tombstone = |place: &Place| place.header.kind == RecordKind::Tombstone;
    let left = segments(&store).into_iter().filter(|name| records(&store.files, name).iter().any(is_tombstone)).count();
    assert_eq!(left, 0, "the tombstone has gone");
    let (name, bytes) = old.iter().find(|(name, _)| !store.files.contains_key(*name)).expect("a replaced segment");
    let with = |without: &str| {
        let mut files = store.files.clone();
        files.insert(name.clone(), bytes.clone());
        files.remove(Path::new(without));
        files
    };
    let (report, saved) = judge(&store, &with("CHECKPOINT"), &|_| true);
    assert!(saved == store.now && report.is_lossless(), "the manifest does not name it\n{report}");
    let (_, saved) = judge(&store, &with("MANIFEST"), &|_| true);
    assert_eq!(saved, store.now, "the checkpoint does not have the document");
}

/// Commits that were never promised and that recovery discarded are still in the old file, behind what counts of it.
#[test]
fn what_recovery_discarded_does_not_come_back() {
    let mut options = options(64 << 10);
    options.durability = Durability::Os;
    let mut work = Work::new(options.clone());
    work.write(|batch| batch.put_tree(&tree(1, 2)));
    work.db.flush().unwrap();
    let ids = [2, 3, 4].map(|content| work.write(|batch| batch.put_tree(&tree(content, 2))).document.get());
    let mut store = work.left();
    let (name, torn) = only_tree(&store, ids[1]);
    store.files.get_mut(&name).unwrap()[torn.end - 9] ^= 1;
    let mut work = Work::on(store.disk(&store.files), options);
    assert!(work.db.stats().unwrap().recovery_discarded_bytes > 0);
    let again = work.write(|batch| batch.put_tree(&tree(5, 2))).document.get();
    assert_eq!(again, ids[1], "it was never promised");
    let mut store = work.done();
    assert_eq!(store.now.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    let old = &store.files[&name];
    assert!(old.len() > torn.end, "the old file still has the discarded commits");
    store.files.remove(&manifest());
    store.files.remove(Path::new("CHECKPOINT"));
    let (_, saved) = judge(&store, &store.files, &|_| true);
    assert_eq!(saved, store.now);
}

/// A store with a document, and with a commit that deletes it and puts a tree, which is torn; and that tree's id.
fn torn_deletion(durability: Durability, later: impl FnOnce(&mut Work)) -> (Store, u64, Options) {
    let mut options = options(64 << 10);
    options.durability = durability;
    let mut work = Work::new(options.clone());
    let kept = work.write(|batch| batch.put_tree(&tree(1, 2))).document;
    work.db.flush().unwrap();
    let put = work.write(|batch| {
        batch.delete_document(kept)?;
        batch.put_tree(&tree(2, 2))
    });
    later(&mut work);
    (work.left(), put.document.get(), options)
}

#[test]
fn what_a_torn_commit_deletes_is_kept() {
    let (store, torn, options) = torn_deletion(Durability::Os, |_| ());
    let (_, saved) = judge(&store, &store.files, &|_| true);
    assert_eq!(saved, store.now, "a whole commit counts, promised or not");

    let (name, place) = only_tree(&store, torn);
    let mut files = store.files.clone();
    files.get_mut(&name).unwrap()[place.end - 9] ^= 1;
    let opened = Work::on(store.disk(&files), options);
    assert_eq!(contents(&opened.db).into_keys().collect::<Vec<_>>(), [1], "opening keeps the document");
    let (report, saved) = judge(&store, &files, &|_| false);
    assert_eq!(saved.get(&1), store.history[&1].last(), "{report}");
    assert_eq!(report.documents_deleted, 0);
    let kept = report.findings.iter().find(|finding| finding.document == Some(DocumentId::FIRST));
    assert!(kept.is_some_and(|finding| finding.kind == FindingKind::BatchInPart) && report.is_uncertain, "{report}");
}

#[test]
fn what_a_damaged_commit_deletes_is_gone_where_a_later_one_promises_it() {
    let (store, torn, _) = torn_deletion(Durability::Always, |work| {
        work.write(|batch| batch.put_tree(&tree(3, 1)));
    });
    let (name, place) = only_tree(&store, torn);
    let mut files = store.files.clone();
    files.get_mut(&name).unwrap()[place.end - 9] ^= 1;
    let (report, saved) = judge(&store, &files, &|id| id != torn);
    assert!(!saved.contains_key(&1) && report.documents_deleted == 1, "{report}");
}

#[test]
fn documents_too_large_to_merge_are_written_as_they_are() {
    for store in [log(), compacted(), blobs()] {
        let disk = store.disk(&store.files);
        let mut options = RepairOptions::default();
        options.merge_limit = 0;
        let report = repair_on(Arc::new(disk.clone()), source(), target(), &options, &mut |_| true).unwrap();
        assert_eq!(judge_target(&store, &disk, &report, &|_| true), store.now);
    }
}

#[test]
fn a_store_that_is_open_elsewhere_is_refused() {
    let store = log();
    let disk = store.disk(&store.files);
    disk.allow_map();
    let db = stratum::Db::open_on(Arc::new(disk.clone()), source(), &options(1 << 20)).unwrap();
    let before = disk.files(Path::new("/"));
    assert!(matches!(repair(&disk), Err(Error::Locked(_))));
    assert_eq!(disk.files(Path::new("/")), before);
    db.close().unwrap();
    drop(db);
    assert!(repair(&disk).is_ok());
}

#[test]
fn a_dry_run_finds_the_same_and_writes_nothing() {
    let store = log();
    let (name, place) = only_tree(&store, 1);
    let mut files = store.files.clone();
    files.get_mut(&name).unwrap()[place.end - 9] ^= 1;
    let (report, _) = judge(&store, &files, &|id| id != 1);
    let disk = store.disk(&files);
    let mut options = RepairOptions::default();
    options.dry_run = true;
    let operations = disk.ops();
    let dry = repair_on(Arc::new(disk.clone()), source(), Path::new(""), &options, &mut |_| true).unwrap();
    assert_eq!((disk.ops(), dry.outcome), (operations, Outcome::DryRun));
    assert_eq!(dry.findings, report.findings);
    assert_eq!(
        (dry.documents(), dry.inputs, dry.next_document),
        (report.documents(), report.inputs, report.next_document)
    );
}

#[test]
fn a_repair_that_is_stopped_leaves_nothing() {
    let store = compacted();
    let mut calls = 0;
    loop {
        let (disk, mut left) = (store.disk(&store.files), calls);
        let report = repair_on(Arc::new(disk.clone()), source(), target(), &RepairOptions::default(), &mut |_| {
            left -= 1;
            left >= 0
        });
        let report = report.unwrap();
        if report.outcome == Outcome::Written {
            break;
        }
        assert_eq!(report.outcome, Outcome::Stopped);
        assert_eq!(disk.list(target()).unwrap(), Vec::<PathBuf>::new());
        calls += 1;
    }
    assert!(calls >= 2);
}

#[test]
fn what_cannot_be_a_target_or_a_source_is_refused() {
    let store = log();
    let disk = store.disk(&store.files);
    let to = |target: &Path| {
        let options = RepairOptions::default();
        repair_on(Arc::new(disk.clone()), source(), target, &options, &mut |_| true)
    };
    for refused in [source(), &source().join("inside"), &source().join("../damaged/inside/../x")] {
        assert!(matches!(to(refused), Err(Error::OpenRefused { .. })), "{}", refused.display());
    }
    assert_eq!(disk.files(source()), store.files);
    disk.create_dir_all(target()).unwrap();
    disk.plant(&target().join("something"), b"else");
    assert!(matches!(to(target()), Err(Error::OpenRefused { .. })));
    assert_eq!(disk.files(target()).len(), 1);
    let from = |source: &str| {
        let options = RepairOptions::default();
        repair_on(Arc::new(disk.clone()), Path::new(source), Path::new("/new"), &options, &mut |_| true)
    };
    assert!(matches!(from("/nowhere"), Err(Error::Io { .. })));
    assert!(matches!(from("/data/repaired"), Err(Error::NotAStore { .. })));
    let mut options = RepairOptions::default();
    options.segment_size = 1;
    let refused = repair_on(Arc::new(disk), source(), Path::new("/new"), &options, &mut |_| true);
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
}

/// On the real file system: links and `..` lead into the damaged store, or out of it.
#[test]
fn a_target_is_judged_by_where_it_leads() {
    let place = tempfile::tempdir().unwrap();
    let [damaged, link, out] = ["damaged", "link", "out"].map(|name| place.path().join(name));
    let db = Db::open(&damaged, &stratum::Options::default()).unwrap();
    db.close().unwrap();
    std::os::unix::fs::symlink(&damaged, &link).unwrap();
    std::fs::create_dir(&out).unwrap();
    std::os::unix::fs::symlink(&out, damaged.join("leads-out")).unwrap();
    let names = || std::fs::read_dir(&damaged).unwrap().count();
    let before = names();
    let to = |target: &Path| stratum::repair(&damaged, target, &RepairOptions::default(), &mut |_| true);
    for inside in ["link/new", "link/../damaged/new", "out/../damaged/new", "missing/../damaged/new", "out/../link/a/b"]
    {
        let refused = to(&place.path().join(inside));
        assert!(matches!(refused, Err(Error::OpenRefused { .. })), "{inside}: {refused:?}");
    }
    assert_eq!(names(), before, "nothing was made in the damaged store");
    for outside in ["damaged/leads-out/new", "damaged-too", "link/../missing/new"] {
        to(&place.path().join(outside)).unwrap_or_else(|error| panic!("{outside}: {error}"));
    }
}

#[test]
fn what_a_newer_version_wrote_is_refused() {
    let store = log();
    let mut files = store.files.clone();
    let name = segments(&store)[0].clone();
    let bytes = files.get_mut(&name).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..92]);
    bytes[92..96].copy_from_slice(&crc.to_le_bytes());
    let disk = store.disk(&files);
    assert!(matches!(repair(&disk), Err(Error::NewerFormat { .. })));
    assert!(open(&disk).is_err() && disk.files(source()) == files);
}

#[test]
fn a_repaired_store_goes_on_as_any_other() {
    let store = compacted();
    let disk = store.disk(&store.files);
    repair(&disk).unwrap();
    let db = open(&disk).unwrap();
    let id = db.write(|batch| batch.put_tree(&tree(8, 2))).unwrap().document;
    db.write(|batch| batch.delete_document(DocumentId::FIRST)).unwrap();
    db.compact_now(&mut |_| true).unwrap();
    db.checkpoint().unwrap();
    db.close().unwrap();
    let db = open(&disk).unwrap();
    let mut expected = store.now.clone();
    expected.remove(&1);
    expected.insert(id.get(), Tree { ..db.view().unwrap().tree(id).unwrap() });
    assert_eq!(contents(&db), expected);
    assert!(db.verify().unwrap().damage.is_empty());
}

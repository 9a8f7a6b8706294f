//! Stores made by hand: how far a repair says to be, which ids it leaves out, and how it writes what it saves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratum::format::manifest::{Change, Marks, SegmentMeta, encode_edit, encode_header};
use stratum::format::packed::{DeltaBuilder, encode_tree};
use stratum::format::record::{BlobPlace, RecordHeader, RecordKind, encode_footer};
use stratum::format::segment::{SegmentHeader, SegmentKind};
use stratum::format::value::encode_value;
use stratum::salvage::repair_on;
use stratum::vfs::FileSystem;
use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Columns, Compression, Db, DocumentId, Error, Input, InputId, Options, Outcome, RepairOptions};
use stratum::{RepairReport, Tree, Value};

use crate::stores::{options, source, target};

/// What a document and an input take at least: as many ids are left out as may have been in bytes that are not known.
const LEAST_DOCUMENT: u64 = 136;
const LEAST_INPUT: u64 = 48;
/// Ids that are left out beside those.
const SPARE_DOCUMENTS: u64 = 1 << 20;
const SPARE_INPUTS: u64 = 1 << 12;
/// How long a segment is taken to have been of which nothing is known.
const USUAL_SEGMENT: u64 = 64 << 20;

/// A segment, record by record.
struct Made {
    header: SegmentHeader,
    bytes: Vec<u8>,
}

impl Made {
    fn new(id: u32) -> Made {
        let compression = Some(Compression::None);
        let kind = SegmentKind::Compacted;
        let header = SegmentHeader { store: [1; 16], id, kind, epoch: 1, first_sequence: 0, compression };
        Made { header, bytes: header.encode().to_vec() }
    }

    /// Where the next record begins.
    fn end(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds a record; gives back where it lies.
    fn put(&mut self, header: &RecordHeader, payload: &[u8]) -> u64 {
        let at = self.end();
        self.bytes.extend(header.encode(self.header.salt(), at));
        self.bytes.extend(payload);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        at
    }

    fn record(&mut self, kind: RecordKind, document: u64, sequence: u64, payload: &[u8]) -> u64 {
        let header = RecordHeader::new(kind, document, payload).unwrap();
        self.put(&RecordHeader { sequence, first_sequence: sequence, ..header }, payload)
    }

    fn footer(&mut self, documents: &[u64]) {
        self.record(RecordKind::Footer, 0, 0, &encode_footer(documents).unwrap());
    }
}

fn segment() -> PathBuf {
    PathBuf::from("segment-00000001.strat")
}

/// A disk with these files in the place of the store.
fn disk<'a>(files: impl IntoIterator<Item = (&'a Path, &'a [u8])>) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(source()).unwrap();
    files.into_iter().for_each(|(name, bytes)| disk.plant(&source().join(name), bytes));
    disk.allow_map();
    disk
}

fn repair_with(disk: &SimDisk, change: impl FnOnce(&mut RepairOptions)) -> RepairReport {
    let mut options = RepairOptions::default();
    change(&mut options);
    repair_on(Arc::new(disk.clone()), source(), target(), &options, &mut |_| true).unwrap()
}

fn tree(number: i64) -> Tree {
    let inputs = vec![Input::new(Value::Int64(number), None); 2];
    Tree { blob: vec![number as u8; 50], columns: Columns::new(), inputs }
}

/// A closed store with so many documents, and its disk.
fn store(documents: i64, options: &Options) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.allow_map();
    let db = Db::open_on(Arc::new(disk.clone()), source(), options).unwrap();
    for number in 1..=documents {
        db.write(|batch| batch.put_tree(&tree(number))).unwrap();
    }
    db.close().unwrap();
    disk
}

/// The ids that the repaired store gives out next: a document's, and an input's of the first document.
fn next_ids(disk: &SimDisk) -> (u64, u64) {
    let db = Db::open_on(Arc::new(disk.clone()), target(), &options(1 << 20)).unwrap();
    let ids = db.write(|batch| {
        let document = batch.create_document(b"", &Columns::new())?;
        Ok((document.get(), batch.append_input(DocumentId::FIRST, &Value::Null)?.get()))
    });
    ids.unwrap()
}

#[test]
fn it_says_how_far_it_is() {
    let disk = store(600, &options(30_000));
    let sizes = disk.files(source()).into_iter().filter(|(name, _)| name.to_string_lossy().starts_with("segment"));
    let sizes: Vec<u64> = sizes.map(|(_, bytes)| bytes.len() as u64).collect();
    assert!(sizes.len() > 2);
    let mut steps = Vec::new();
    let report = repair_on(Arc::new(disk.clone()), source(), target(), &RepairOptions::default(), &mut |step| {
        steps.push(step);
        true
    });
    let report = report.unwrap();
    let total = steps[0].bytes_total;
    assert!(steps.iter().all(|step| step.bytes_total == total && step.bytes_done == total), "{steps:?}");
    assert_eq!(total, report.bytes);
    assert!(total <= sizes.iter().sum() && total > 600 * LEAST_DOCUMENT, "{total}");
    assert_eq!(report.segments, sizes.len() as u64);
    let documents: Vec<_> = steps.iter().map(|step| (step.documents_done, step.documents_total)).collect();
    assert_eq!(documents, [(0, 0), (256, 600), (512, 600), (600, 600)]);

    for most in 0..4 {
        let (disk, mut calls) = (store(600, &options(30_000)), 0);
        let stopped = repair_on(Arc::new(disk.clone()), source(), target(), &RepairOptions::default(), &mut |_| {
            calls += 1;
            calls <= most
        });
        assert_eq!((stopped.unwrap().outcome, calls), (Outcome::Stopped, most + 1));
    }
}

#[test]
fn in_a_large_segment_it_says_how_far_it_is_now_and_then() {
    let mut third = 0;
    let disk = compacted(
        |made| {
            put_tree(made, 1, 5, &packed(1));
            (1..=3).for_each(|sequence| third = made.record(RecordKind::Blob, 1, sequence, &[7; (4 << 20) + 8]));
        },
        &[1],
    );
    let mut steps = Vec::new();
    let report = repair_on(Arc::new(disk), source(), target(), &RepairOptions::default(), &mut |step| {
        steps.push((step.bytes_done, step.bytes_total));
        true
    });
    let total = report.unwrap().bytes;
    assert_eq!(steps, [(third, total), (total, total), (total, total)]);
}

#[test]
fn a_store_without_damage_leaves_no_id_out() {
    let disk = store(3, &options(1 << 20));
    let report = repair_with(&disk, |_| ());
    assert!(report.findings.is_empty() && report.next_document == 4, "{report}");
    assert_eq!(next_ids(&disk), (4, 3));
}

fn manifest(metas: &[SegmentMeta]) -> Vec<u8> {
    let marks = Change::Marks(Marks { next_document: 10, epoch: 1, sequence: 9, next_segment: 9 });
    let changes: Vec<Change> = metas.iter().copied().map(Change::Segment).chain([marks]).collect();
    [&encode_header([1; 16])[..], &encode_edit(1, &changes)].concat()
}

fn meta(id: u32, kind: SegmentKind, length: u64) -> SegmentMeta {
    SegmentMeta { id, kind, epoch: 1, length, footer: 0, min_sequence: 1, max_sequence: 9 }
}

#[test]
fn a_segment_that_is_gone_may_have_held_as_many_documents_as_fit() {
    let next = |metas: &[SegmentMeta], change: &dyn Fn(&SimDisk)| {
        let bytes = manifest(metas);
        let disk = disk([(Path::new("MANIFEST"), &bytes[..])]);
        change(&disk);
        let report = repair_with(&disk, |_| ());
        assert!(report.is_uncertain, "{report}");
        report.next_document - 10 - SPARE_DOCUMENTS
    };
    let log = |length| [meta(1, SegmentKind::Log, length)];
    assert_eq!(next(&log(136_000), &|_| ()), 1000);
    assert_eq!(next(&log(0), &|_| ()), USUAL_SEGMENT / LEAST_DOCUMENT, "nothing says how long it was");
    let unusable =
        |length| move |disk: &SimDisk| disk.plant(&source().join("segment-00000007.strat"), &vec![7u8; length]);
    assert_eq!(next(&log(136_000), &unusable(13_600)), 1100);
    let refused = |disk: &SimDisk| {
        disk.plant(&source().join("segment-00000007.strat"), b"");
        disk.inject(Fault::new(&[Op::Open], 2, Errno::Eio));
    };
    assert_eq!(next(&log(136_000), &refused), 1000 + USUAL_SEGMENT / LEAST_DOCUMENT);
}

/// A compacted segment with a footer, as part of a whole store.
fn compacted(fill: impl FnOnce(&mut Made), footer: &[u64]) -> SimDisk {
    let mut made = Made::new(1);
    fill(&mut made);
    made.footer(footer);
    let bytes = manifest(&[meta(1, SegmentKind::Compacted, made.end())]);
    disk([(Path::new("MANIFEST"), &bytes[..]), (&segment(), &made.bytes[..])])
}

fn packed(number: i64) -> Vec<u8> {
    encode_tree(&tree(number), 1, false).unwrap()
}

fn put_tree(made: &mut Made, document: u64, sequence: u64, payload: &[u8]) -> u64 {
    let mut header = RecordHeader::new(RecordKind::Tree, document, payload).unwrap();
    (header.sequence, header.first_sequence, header.nodes) = (sequence, sequence, 3);
    header.blob = BlobPlace::Inline;
    made.put(&header, payload)
}

#[test]
fn a_document_that_only_a_footer_names_leaves_ids_out_too() {
    let whole = compacted(|made| assert_eq!(put_tree(made, 1, 5, &packed(1)), 96), &[1]);
    let report = repair_with(&whole, |_| ());
    assert_eq!((report.next_document, report.documents_lost, report.findings.len()), (10, 0, 0), "{report}");
    assert_eq!(next_ids(&whole), (10, 3));
    let named = compacted(|made| assert_eq!(put_tree(made, 1, 5, &packed(1)), 96), &[1, 2]);
    let report = repair_with(&named, |_| ());
    assert_eq!((report.next_document, report.documents_lost), (10 + SPARE_DOCUMENTS, 1), "{report}");
    assert_eq!(next_ids(&named), (10 + SPARE_DOCUMENTS, 3 + SPARE_INPUTS));
}

/// As many as may have been in the damaged places, and some that were not yet used.
#[test]
fn ids_are_left_out_that_damage_may_have_hidden() {
    let mut lost = 0;
    let disk = compacted(
        |made| {
            put_tree(made, 1, 5, &packed(1));
            let large = encode_tree(&Tree { blob: vec![7; 30_000], ..tree(2) }, 1, false).unwrap();
            let at = put_tree(made, 2, 5, &large);
            made.bytes[at as usize + 16] ^= 1;
            lost = made.end() - at;
        },
        &[1, 2],
    );
    let report = repair_with(&disk, |_| ());
    assert_eq!(report.bytes_lost, lost);
    let (document, input) = next_ids(&disk);
    assert_eq!(document, 10 + lost / LEAST_DOCUMENT + SPARE_DOCUMENTS);
    // Changes may have been in bytes that are not known, and in records that are damaged: both are counted.
    assert_eq!(input, 3 + 2 * lost / LEAST_INPUT + SPARE_INPUTS);
}

#[test]
fn a_record_that_is_damaged_leaves_inputs_out_and_no_document() {
    let mut lost = 0;
    let disk = compacted(
        |made| {
            let at = put_tree(made, 1, 5, &packed(1));
            lost = made.end() - at;
            let blob_at = made.bytes.windows(50).position(|bytes| bytes == [1; 50]).unwrap();
            made.bytes[blob_at] = 0;
        },
        &[1],
    );
    let report = repair_with(&disk, |_| ());
    assert_eq!((report.documents_in_part, report.bytes_lost, report.is_uncertain), (1, lost, false), "{report}");
    assert_eq!(next_ids(&disk), (10, 3 + lost / LEAST_INPUT + SPARE_INPUTS));
}

/// What a file that it does not name holds may be what is missing.
#[test]
fn a_manifest_is_not_believed_where_what_it_names_is_gone() {
    let mut made = Made::new(2);
    put_tree(&mut made, 1, 5, &packed(1));
    made.footer(&[1]);
    let with = |metas: &[SegmentMeta]| {
        let bytes = manifest(metas);
        let disk = disk([(Path::new("MANIFEST"), &bytes[..]), (Path::new("segment-00000002.strat"), &made.bytes[..])]);
        repair_with(&disk, |_| ()).documents()
    };
    assert_eq!(with(&[]), 0, "it is left from what was compacted");
    assert_eq!(with(&[meta(1, SegmentKind::Compacted, 500)]), 1);
}

/// A tree that repeats a change, and is damaged where the change is not.
#[test]
fn a_change_makes_up_for_what_is_damaged_in_the_tree_that_repeats_it() {
    let with_columns = |number: i64| {
        let columns = Columns::from([("column", Value::Int64(number))]);
        encode_tree(&Tree { columns, ..tree(number) }, 1, false).unwrap()
    };
    let mut delta = DeltaBuilder::default();
    let mut value = Vec::new();
    encode_value(&Value::Int64(5), &mut value);
    delta.set_column("column", Some(value));
    let delta = delta.encode(3).unwrap();
    let later = with_columns(5);
    let column_at = later.windows(6).position(|bytes| bytes == b"column").unwrap();
    let disk = compacted(
        |made| {
            let at = put_tree(made, 1, 5, &later) as usize;
            made.bytes[at + 56 + column_at] ^= 1;
            put_tree(made, 1, 1, &with_columns(1));
            made.record(RecordKind::Delta, 1, 5, &delta);
        },
        &[1],
    );
    let report = repair_with(&disk, |_| ());
    assert_eq!(report.documents_whole, 1, "{report}");
    let db = Db::open_on(Arc::new(disk), target(), &options(1 << 20)).unwrap();
    let column = db.view().unwrap().column(DocumentId::FIRST, "column").unwrap();
    assert_eq!(column, Value::Int64(5));
}

#[test]
fn what_is_damaged_of_a_compressed_tree_costs_no_more_than_its_frame() {
    let mut options = options(1 << 20);
    options.compression = Compression::Zstd;
    let source_disk = SimDisk::new(1);
    source_disk.allow_map();
    let db = Db::open_on(Arc::new(source_disk.clone()), source(), &options).unwrap();
    let text = |number: i64| Value::String((1..4000).map(|at| (at * (number + 7) % 7919).to_string()).collect());
    let inputs = (0..20).map(|number| Input::new(text(number), None)).collect();
    db.write(|batch| batch.put_tree(&Tree { inputs, ..tree(1) })).unwrap();
    db.compact_now(&mut |_| true).unwrap();
    db.close().unwrap();
    let mut files = source_disk.files(source());
    let bytes = files.values_mut().max_by_key(|bytes| bytes.len()).unwrap();
    let salt = SegmentHeader::decode(bytes).unwrap().salt();
    let header = RecordHeader::decode(&bytes[96..], salt, 96).unwrap();
    assert_eq!((header.kind, header.codec), (RecordKind::Tree, Compression::Zstd));
    bytes[96 + header.payload_len as usize / 2] ^= 1;
    let disk = disk(files.iter().map(|(name, bytes)| (&**name, &bytes[..])));
    let report = repair_with(&disk, |_| ());
    assert!(report.documents_in_part == 1 && (1..20).contains(&report.inputs), "{report}");
    let db = Db::open_on(Arc::new(disk), target(), &crate::stores::options(1 << 20)).unwrap();
    let saved = db.view().unwrap().tree(DocumentId::FIRST).unwrap();
    for input in saved.inputs {
        assert_eq!(input.value, text(input.id.map_or(0, InputId::get) as i64 - 1));
    }
}

#[test]
fn a_store_without_a_lock_file_was_open_nowhere() {
    let mut files = store(1, &options(1 << 20)).files(source());
    assert!(files.remove(Path::new("LOCK")).is_some());
    let report = repair_with(&disk(files.iter().map(|(name, bytes)| (&**name, &bytes[..]))), |_| ());
    assert_eq!(report.findings, []);
}

#[test]
fn what_is_behind_the_end_of_a_sealed_segment_is_not_looked_at() {
    let mut files = store(1, &options(1 << 20)).files(source());
    files.get_mut(&segment()).unwrap().extend([7; 500]);
    let report = repair_with(&disk(files.iter().map(|(name, bytes)| (&**name, &bytes[..]))), |_| ());
    assert_eq!(report.findings, []);
}

#[test]
fn a_target_that_cannot_be_listed_is_not_taken_for_an_empty_one() {
    let disk = store(1, &options(1 << 20));
    disk.inject(Fault::new(&[Op::List], 1, Errno::Eio));
    let refused = repair_on(Arc::new(disk.clone()), source(), target(), &RepairOptions::default(), &mut |_| true);
    assert!(matches!(refused, Err(Error::Io { action: "listing", .. })), "{refused:?}");
    assert!(disk.files(target()).is_empty());
}

/// The records of a segment of the repaired store.
fn records(disk: &SimDisk, id: u32) -> Vec<RecordHeader> {
    let bytes = &disk.files(target())[Path::new(&format!("segment-{id:08x}.strat"))];
    let salt = SegmentHeader::decode(bytes).unwrap().salt();
    let (mut at, mut records) = (96, Vec::new());
    while let Ok(header) = RecordHeader::decode(&bytes[at as usize..], salt, at) {
        records.push(header);
        at += header.record_len();
    }
    records
}

#[test]
fn segments_are_filled_up_to_their_size() {
    let length = 56 + (packed(1).len() as u64).next_multiple_of(8);
    let segments = |segment_size| {
        let fill = |made: &mut Made| (1..=6).for_each(|id| assert!(put_tree(made, id, 5, &packed(1)) > 0));
        let disk = compacted(fill, &[1, 2, 3, 4, 5, 6]);
        repair_with(&disk, |options| options.segment_size = segment_size);
        let names = disk.files(target()).into_keys().filter(|name| name.to_string_lossy().starts_with("segment"));
        let count = names.count() as u32;
        let trees = |id| records(&disk, id).iter().filter(|header| header.kind == RecordKind::Tree).count();
        (1..=count).map(trees).collect::<Vec<_>>()
    };
    assert_eq!(segments(96 + 3 * length), [3, 3]);
    assert_eq!(segments(96 + 3 * length - 1), [2, 2, 2]);
    assert_eq!(segments(256), [1; 6], "each has a record, also where that is more than it should hold");
}

/// Where they are not merged, changes keep all that their records say.
#[test]
fn up_to_the_limit_changes_are_merged() {
    let change = |sequence, change: &dyn Fn(&mut DeltaBuilder)| {
        let mut delta = DeltaBuilder::default();
        change(&mut delta);
        let payload = delta.encode(3).unwrap();
        let header = RecordHeader::new(RecordKind::Delta, 1, &payload).unwrap();
        (RecordHeader { sequence, first_sequence: sequence, replaced8: 7, ..header }, payload)
    };
    let mut deltas = [
        change(6, &|delta| delta.set_blob(b"new".to_vec())),
        change(9, &|delta| delta.delete(InputId::new(1).unwrap())),
    ];
    deltas[0].0.blob = BlobPlace::Inline;
    (deltas[1].0.fold, deltas[1].0.first_sequence, deltas[1].0.nodes) = (true, 7, -1);
    let with = |merge_limit| {
        let disk = compacted(
            |made| {
                put_tree(made, 1, 5, &packed(1));
                deltas.iter().for_each(|(header, payload)| assert!(made.put(header, payload) > 0));
            },
            &[1],
        );
        let report = repair_with(&disk, |options| options.merge_limit = merge_limit);
        assert_eq!((report.documents_whole, report.inputs), (1, 1), "{report}");
        let db = Db::open_on(Arc::new(disk.clone()), target(), &options(1 << 20)).unwrap();
        assert_eq!(db.view().unwrap().tree(DocumentId::FIRST).unwrap().blob, b"new");
        let mut records = records(&disk, 1);
        records.retain(|header| header.kind != RecordKind::Footer);
        records
    };
    let apart = with(0);
    assert_eq!(apart[1..], [deltas[0].0, deltas[1].0]);
    let sum = apart.iter().map(|header| u64::from(header.payload_len)).sum::<u64>();
    assert_eq!(with(sum).len(), 1);
    assert_eq!(with(sum - 1).len(), 3);
}

//! How each golden store came to be.
//!
//! 1. Each has something that no other has; tests/golden/census.rs counts that together they have everything.

use stratum::format::manifest::{Change, ManifestState, Marks, SegmentMeta, encode_edit, encode_header};
use stratum::format::names;
use stratum::format::packed::{DeltaBuilder, TreeParts, encode_tree};
use stratum::format::record::{BlobPlace, Frame, RecordHeader, RecordKind};
use stratum::format::segment::{HEADER_LEN, SegmentHeader, SegmentKind};
use stratum::vfs::FileSystem;
use stratum::vfs::sim::{Rng, SimDisk};
use stratum::{Columns, Compression, DocumentId, Durability, Input, InputId, Tree, Value};

use super::{Maker, golden, values};
use crate::anatomy::{Manifest, Segment};
use crate::store::{Golden, files_of, place};

/// Every store, by name.
pub(super) fn all() -> Vec<Golden> {
    vec![
        blobs(),
        blobs_compacted(),
        changes(),
        compacted(),
        compressed("compressed-lz4", Compression::Lz4),
        compressed("compressed-zstd", Compression::Zstd),
        edits(),
        empty(),
        interrupted(),
        recovered(),
        tiny(),
        torn(),
        values_of_every_kind(),
    ]
}

pub(super) fn int(number: i64) -> Value {
    Value::Int64(number)
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_string())
}

/// A small tree that differs from others.
pub(super) fn tree(number: u8, inputs: u8) -> Tree {
    let input = |at: u8| Input {
        id: None,
        value: Value::Int64List(vec![number.into(), at.into()]),
        columns: if at.is_multiple_of(2) { Columns::new() } else { Columns::from([("points", int(at.into()))]) },
        output: (at % 3 != 2).then(|| int(i64::from(number) + i64::from(at))),
    };
    let columns = Columns::from([("limit", int(number.into())), ("title", text("sum"))]);
    Tree { blob: vec![number; usize::from(number % 40) + 3], columns, inputs: (0..inputs).map(input).collect() }
}

/// Bytes that differ from one another.
pub(super) fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(at) >> 3) as u8).collect()
}

fn input(id: u64) -> InputId {
    InputId::new(id).expect("above zero")
}

/// A compressed tree, one whose blob would not shrink, and one of which nothing would; then a change to the first, and
/// a plain tree.
fn compressed(name: &str, compression: Compression) -> Golden {
    let mut maker = Maker::new(40 + compression as u64, 64 << 10);
    maker.options.compression = compression;
    maker.close_and_reopen();
    let words = |count: usize| b"given an array of integers ".repeat(count);
    let first = maker.commit(|batch| batch.put_tree(&Tree { blob: words(20), ..tree(1, 12) })).document;
    let mut rng = Rng::new(12);
    let random = (0..100).map(|_| rng.next_u64() as u8).collect();
    maker.commit(|batch| batch.put_tree(&Tree { blob: random, ..tree(3, 12) }));
    maker.commit(|batch| batch.put_tree(&tree(2, 1)));
    maker.commit(|batch| batch.append_input(first, &text(&"folded ".repeat(9))));
    maker.db.compact_now(&mut |_| true).expect("a compaction");
    maker.commit(|batch| batch.set_output(first, input(2), &int(-1)));
    maker.commit(|batch| batch.put_tree(&tree(4, 2)));
    maker.closed(name)
}

/// A store that never had a commit.
fn empty() -> Golden {
    Maker::new(1, 1000).closed("empty")
}

/// One commit, and the process gone.
fn tiny() -> Golden {
    let mut maker = Maker::new(2, 1000);
    maker.commit(|batch| batch.put_tree(&tree(1, 2)));
    maker.killed("tiny")
}

/// Every kind of value as column, input, output and column of an input; closed, so with footer and checkpoint.
fn values_of_every_kind() -> Golden {
    let mut maker = Maker::new(3, 64 << 10);
    let all = values::all();
    let inputs = all.iter().zip(all.iter().rev()).map(|((_, value), (name, other))| Input {
        id: None,
        value: value.clone(),
        columns: Columns::from([(*name, other.clone())]),
        output: Some(other.clone()),
    });
    let inputs = inputs.chain([Input::new(values::deepest(), None)]).collect();
    let long_name = ("n".repeat(255), Value::Null);
    let columns = all.iter().map(|(name, value)| (name.to_string(), value.clone())).chain([long_name]).collect();
    maker.commit(|batch| batch.put_tree(&Tree { blob: Vec::new(), columns, inputs }));
    maker.commit(|batch| batch.create_document(b"a blob\0", &Columns::new()));
    maker.closed("values")
}

/// What calls can do to documents that are there: through several segments, with folds and a checkpoint on the way.
fn changes() -> Golden {
    let mut maker = Maker::new(4, 1400);
    let first = maker.commit(|batch| batch.put_tree(&tree(1, 4))).document;
    let second = maker.commit(|batch| batch.put_tree(&tree(2, 1))).document;
    let gone = maker.commit(|batch| batch.create_document(b"gone", &Columns::new()));
    maker.commit(|batch| {
        batch.set_blob(first, b"another blob")?;
        batch.set_column(first, "author", &Value::Null)?;
        batch.remove_column(first, "title")?;
        batch.insert_input(first, input(2), &text("inserted"))
    });
    maker.commit(|batch| {
        batch.move_input(first, input(4), Some(input(1)))?;
        batch.move_input(first, input(1), None)?;
        batch.delete_input(first, input(3))?;
        batch.delete_output(first, input(1))?;
        batch.set_output(first, input(5), &text("new"))
    });
    maker.commit(|batch| batch.delete_document(gone));
    for number in 0..7 {
        maker.commit(|batch| batch.append_input(first, &int(number)));
    }
    // Beside this tree its changes are small: they are folded into one delta.
    let large = maker.commit(|batch| batch.put_tree(&Tree { blob: noise(4000), ..tree(5, 1) })).document;
    for name in ["a", "b", "c"] {
        maker.commit(|batch| batch.set_column(large, name, &text(name)));
    }
    maker.commit(|batch| batch.set_blob(large, b"short"));
    maker.commit(|batch| batch.set_column(large, "d", &text("d")));
    for number in 0..3 {
        // Each says anew all that the one before said, and takes its place.
        maker.commit(|batch| batch.set_output(second, input(1), &int(number)));
    }
    maker.db.checkpoint().expect("a checkpoint");
    maker.commit(|batch| {
        batch.set_input_column(second, input(1), "group", &text("b"))?;
        batch.replace_input(second, input(1), &text("replaced"))?;
        batch.set_input_column(first, input(2), "points", &int(2))?;
        batch.remove_input_column(first, input(2), "points")
    });
    maker.commit(|batch| batch.replace_tree(second, &tree(9, 2)));
    // A batch of several documents, one of them new and gone at once, another changed before it was ever written.
    maker.commit(|batch| {
        let brief = batch.create_document(b"brief", &Columns::new())?;
        batch.delete_document(brief)?;
        let ids = batch.put_tree(&tree(3, 2))?;
        batch.insert_input(ids.document, input(1), &text("before all"))?;
        batch.set_column(first, "limit", &int(7))
    });
    maker.killed("changes")
}

/// What compaction makes: trees, folded deltas, and tombstones that it has to keep.
fn compacted() -> Golden {
    let mut maker = Maker::new(5, 1500);
    // It has a segment to itself, and its changes are small beside it and lie elsewhere.
    let large = maker.commit(|batch| batch.put_tree(&Tree { blob: noise(5000), ..tree(4, 3) })).document;
    let documents: Vec<DocumentId> =
        (10..20).map(|number| maker.commit(|batch| batch.put_tree(&tree(number, 2))).document).collect();
    maker.db.checkpoint().expect("a checkpoint");
    for (round, document) in documents.iter().enumerate() {
        maker.commit(|batch| match round {
            0 => batch.set_output(large, input(1), &int(1)),
            1 => batch.set_column(large, "limit", &int(2)),
            _ => batch.set_column(documents[(round + 4) % 10], "limit", &Value::Null),
        });
        if round > 2 && round % 3 != 0 {
            maker.commit(|batch| batch.delete_document(*document));
        }
        while maker.db.maintain().expect("maintenance") {}
    }
    maker.commit(|batch| batch.put_tree(&tree(20, 1)));
    maker.closed("compacted")
}

/// A manifest of many edits, appended to; and segments as small as can be.
fn edits() -> Golden {
    let mut maker = Maker::new(6, 256);
    for number in 0..16 {
        let document = maker.commit(|batch| batch.put_tree(&tree(number, 0))).document;
        if number % 4 == 3 {
            maker.commit(|batch| batch.delete_document(document));
            while maker.db.maintain().expect("maintenance") {}
        }
    }
    maker.killed("edits")
}

/// A process that was killed with commits that nobody had synced; then more of them, in the next process.
fn recovered() -> Golden {
    let mut maker = Maker::new(7, 4000);
    let document = maker.commit(|batch| batch.put_tree(&tree(1, 3))).document;
    for number in 0..4 {
        maker.commit_with(Durability::Os, |batch| batch.append_input(document, &int(number)));
    }
    maker.kill_and_reopen();
    for number in 4..6 {
        maker.commit_with(Durability::Os, |batch| batch.append_input(document, &int(number)));
    }
    maker.killed("recovered")
}

/// Commits that nobody had synced, the last of them cut off in its midst; behind it bytes that were never written.
fn torn() -> Golden {
    let mut maker = Maker::new(8, 4000);
    let document = maker.commit(|batch| batch.put_tree(&tree(1, 2))).document;
    maker.commit(|batch| batch.put_tree(&tree(2, 2)));
    for number in 0..4 {
        maker.commit_with(Durability::Os, |batch| batch.append_input(document, &int(number)));
    }
    let mut files = files_of(&maker.disk);
    let active = Manifest::of(&files).active().expect("an active segment");
    let log = files.get_mut(&active).expect("the active segment");
    let last = Segment::of(log).commits().pop().expect("commits");
    let half = (last.start + last.end) / 2;
    log.truncate(half as usize);
    log.resize(last.end as usize, 0);
    golden("torn", files, maker.moments)
}

/// A process that was killed in the midst of a compaction: its output is there, and nothing names it yet.
fn interrupted() -> Golden {
    let mut maker = Maker::new(9, 1000);
    let documents: Vec<DocumentId> =
        (1..8).map(|number| maker.commit(|batch| batch.put_tree(&tree(number, 1))).document).collect();
    maker.commit(|batch| documents[..3].iter().try_for_each(|document| batch.delete_document(*document)));
    maker.close_and_reopen();
    let checkpoint = files_of(&maker.disk)[names::CHECKPOINT].clone();
    maker.disk.record();
    let first = maker.disk.ops();
    maker.db.compact_now(&mut |_| true).expect("compaction");
    let moments = (first..maker.disk.ops()).rev().filter_map(|op| maker.disk.moment(op));
    let mut files = moments.map(|disk| files_of(&disk));
    let mut files = files.find(|files| files.contains_key(names::MANIFEST_NEW)).expect("the manifest is written anew");
    files.insert(names::CHECKPOINT_NEW.to_string(), checkpoint[..checkpoint.len() / 2].to_vec());
    golden("interrupted", files, maker.moments)
}

/// Blobs that are records of their own, in log and recovered segments.
fn blobs() -> Golden {
    with_blobs().killed("blobs")
}

/// The same after a compaction, and with something behind it.
fn blobs_compacted() -> Golden {
    let mut maker = with_blobs();
    maker.db.compact_now(&mut |_| true).expect("compaction");
    maker.commit(|batch| batch.append_input(DocumentId::FIRST, &text("behind compaction")));
    maker.db.checkpoint().expect("a checkpoint");
    maker.commit(|batch| batch.set_column(DocumentId::FIRST, "limit", &Value::Null));
    maker.killed("blobs-compacted")
}

/// The engine makes such blobs of large ones only, and reads those of any size: here they are written by hand.
fn with_blobs() -> Maker {
    let segment = SegmentHeader {
        store: [7; 16],
        id: 1,
        kind: SegmentKind::Log,
        epoch: 1,
        first_sequence: 1,
        compression: Some(stratum::Compression::None),
    };
    let mut log = segment.encode().to_vec();
    let new = |document: u64, blob: &[u8]| {
        let Tree { columns, inputs, .. } = tree(document as u8, 2);
        let parts = TreeParts { blob, columns: &columns, inputs: &inputs };
        let record = RecordHeader { nodes: 5, ..external(RecordKind::Tree, document) };
        [
            (RecordHeader::new(RecordKind::Blob, document, b"").unwrap(), blob.to_vec()),
            (record, encode_tree(parts, 1, true).unwrap()),
        ]
    };
    commit(&mut log, &segment, (1, HEADER_LEN), &new(1, b"a blob of 21 bytes..."));
    let synced = log.len() as u64;
    commit(&mut log, &segment, (2, synced), &new(2, b"another"));
    let blob = b"a newer blob".to_vec();
    let mut delta = DeltaBuilder::default();
    delta.set_blob_external(blob.len() as u64, RecordHeader::new(RecordKind::Blob, 1, &blob).unwrap().payload_crc);
    let records = [
        (RecordHeader::new(RecordKind::Blob, 1, b"").unwrap(), blob),
        (external(RecordKind::Delta, 1), delta.encode(3).unwrap()),
    ];
    commit(&mut log, &segment, (3, synced), &records);
    let (min_sequence, max_sequence) = (u64::MAX, 0);
    let active =
        SegmentMeta { id: 1, kind: SegmentKind::Log, epoch: 1, length: 0, footer: 0, min_sequence, max_sequence };
    let mut state = ManifestState::empty(segment.store);
    state.apply(&[Change::Segment(active)]);
    state.marks = Marks { next_document: 1, epoch: 1, sequence: 0, next_segment: 2 };
    let manifest = [encode_header(segment.store).to_vec(), encode_edit(1, &state.as_changes())].concat();
    let disk = SimDisk::new(10);
    disk.create_dir_all(place()).expect("a new disk takes a directory");
    disk.plant(&place().join(names::MANIFEST), &manifest);
    disk.plant(&place().join(names::segment(1)), &log);

    let mut maker = Maker::on(disk, 900);
    let second = DocumentId::new(2).expect("above zero");
    for number in 0..6 {
        maker.commit(|batch| batch.set_output(second, input(1 + number as u64 % 2), &int(number)));
    }
    maker
}

/// A record of a document whose blob is a record of its own.
fn external(kind: RecordKind, document: u64) -> RecordHeader {
    RecordHeader { blob: BlobPlace::External, ..RecordHeader::new(kind, document, b"").unwrap() }
}

/// Appends a commit of these records, with its number and what it knows to be durable; lengths and checksums are filled
/// in.
fn commit(
    log: &mut Vec<u8>,
    segment: &SegmentHeader,
    (sequence, durable_offset): (u64, u64),
    records: &[(RecordHeader, Vec<u8>)],
) {
    let mut append = |header: &RecordHeader, payload: &[u8]| {
        let RecordHeader { payload_len, payload_crc, .. } = RecordHeader::new(header.kind, 0, payload).unwrap();
        let header = RecordHeader { payload_len, payload_crc, sequence, first_sequence: sequence, ..*header };
        let bytes = [&header.encode(segment.salt(), log.len() as u64)[..], payload].concat();
        log.extend(bytes);
        log.resize(log.len().next_multiple_of(8), 0);
    };
    let lengths =
        records.iter().map(|(header, payload)| RecordHeader::new(header.kind, 0, payload).unwrap().record_len());
    let frame = Frame { body_len: lengths.sum(), records: records.len() as u32, durable_offset, next_document: 3 };
    append(&RecordHeader::new(RecordKind::Frame, 0, b"").unwrap(), &frame.encode());
    records.iter().for_each(|(header, payload)| append(header, payload));
}

//! That the golden stores together hold everything that version 1 of the format can say.
//!
//! 1. What is there is taken from the files, by docs/format.md; what must be there is written out below.

use std::collections::BTreeSet;

use stratum::Compression;
use stratum::format::checkpoint::{CheckpointReader, Entry};
use stratum::format::compressed::{self, Frames};
use stratum::format::manifest::Change;
use stratum::format::names;
use stratum::format::packed::{BlobState, ColumnsRef, Head, OrderOp, OutputState};
use stratum::format::record::{BlobPlace, RecordKind};
use stratum::format::segment::{HEADER_LEN, SegmentKind};

use crate::anatomy::{Files, Manifest, Record, Segment, segments};
use crate::store::all;

/// Everything, in the words that `census` uses.
const EVERYTHING: &[&str] = &[
    // Files.
    "CHECKPOINT",
    "CHECKPOINT.new",
    "LOCK",
    "MANIFEST",
    "MANIFEST.new",
    "SPARE.compaction",
    "SPARE.log",
    "a segment that no edit names",
    "no CHECKPOINT",
    "no segments",
    // Manifest.
    "a manifest of 20 edits",
    "a manifest of one edit",
    "active: none",
    "active: a segment",
    "edit: adds Log",
    "edit: adds Compacted",
    "edit: adds Recovered",
    "edit: marks",
    "edit: removes",
    // Segments.
    "Log: active",
    "Log: active, torn end",
    "Log: sealed with a footer",
    "Log: sealed without a footer",
    "Log: sealed before its file's end",
    "Compacted: sealed with a footer",
    "Recovered: sealed with a footer",
    "several commits in a segment",
    "several records in a commit",
    "a frame that knows of durable commits",
    "commits that no frame knows as durable",
    // Records.
    "Log: Frame",
    "Log: Tree Inline",
    "Log: Tree External",
    "Log: Tree Inline fold",
    "Log: Delta Unchanged",
    "Log: Delta Inline",
    "Log: Delta Unchanged fold",
    "Log: Delta Inline fold",
    "Log: Delta covers others",
    "Log: Blob",
    "Log: Tombstone",
    "Log: Footer",
    "Log: Delta with replaced bytes",
    "Compacted: Tree Inline",
    "Compacted: Tree Inline fold",
    "Compacted: Tree External fold",
    "Compacted: Delta Unchanged fold",
    "Compacted: Blob",
    "Compacted: Tombstone",
    "Compacted: Footer",
    "Recovered: Frame",
    "Recovered: Tree External",
    "Recovered: Delta External",
    "Recovered: Delta Unchanged",
    "Recovered: Blob",
    "Recovered: Footer",
    "a padded payload",
    // Compressed trees.
    "Lz4: a frame that is shorter",
    "Lz4: a frame that is as it was",
    "Zstd: a frame that is shorter",
    "Zstd: a frame that is as it was",
    // Packed forms.
    "tree: no inputs",
    "tree: ids out of order",
    "tree: an empty blob",
    "tree: column set",
    "tree: column of an input set",
    "tree: an output",
    "tree: no output",
    "tree: a value",
    "delta: insert before",
    "delta: append",
    "delta: move before",
    "delta: move to the end",
    "delta: delete",
    "delta: a value",
    "delta: an output",
    "delta: output removed",
    "delta: column set",
    "delta: column removed",
    "delta: column of an input set",
    "delta: column of an input removed",
    // Checkpoints.
    "checkpoint: in the active segment",
    "checkpoint: behind all segments",
    "checkpoint: Tree",
    "checkpoint: Run",
    "checkpoint: Blob",
    // Values, by the numbers of their kinds.
    "value 1",
    "value 2",
    "value 3",
    "value 4",
    "value 5",
    "value 6",
    "value 7",
    "value 8",
    "value 9",
    "value 10",
    "value 11",
    "value 12",
    "value 13",
];

type Census = BTreeSet<String>;

fn census(files: &Files) -> Census {
    let mut found = Census::new();
    let manifest = Manifest::of(files);
    let named = |name: &str| manifest.state.segments.keys().any(|id| names::segment(*id) == name);
    for name in files.keys() {
        match names::segment_id(name.as_ref()) {
            Some(_) if named(name) => {}
            Some(_) => drop(found.insert("a segment that no edit names".to_string())),
            None => drop(found.insert(name.clone())),
        }
    }
    let mut note = |holds: bool, what: &str| {
        if holds {
            found.insert(what.to_string());
        }
    };
    note(!files.contains_key(names::CHECKPOINT), "no CHECKPOINT");
    note(manifest.state.segments.is_empty(), "no segments");
    note(manifest.edits.len() == 1, "a manifest of one edit");
    note(manifest.edits.len() >= 20, "a manifest of 20 edits");
    note(manifest.active().is_none(), "active: none");
    note(manifest.active().is_some(), "active: a segment");
    for change in manifest.edits.iter().flat_map(|(_, changes)| changes) {
        match change {
            Change::Segment(meta) => note(true, &format!("edit: adds {:?}", meta.kind)),
            Change::Remove(_) => note(true, "edit: removes"),
            Change::Marks(_) => note(true, "edit: marks"),
        };
    }
    for (name, segment) in segments(files).filter(|(name, _)| named(name)) {
        of_segment(&segment, manifest.sealed(name), files[name].len() as u64, &mut found);
    }
    if let Some(bytes) = files.get(names::CHECKPOINT) {
        of_checkpoint(bytes, &mut found);
    }
    found
}

fn of_segment(segment: &Segment, sealed: Option<u64>, file: u64, found: &mut Census) {
    let kind = format!("{:?}", segment.header.kind);
    let footer = segment.records.last().is_some_and(|record| record.header.kind == RecordKind::Footer);
    let (end, commits) = (segment.end(), segment.commits());
    let state = match sealed {
        None if end < file => "active, torn end",
        None => "active",
        Some(length) if length < file => "sealed before its file's end",
        Some(_) if footer => "sealed with a footer",
        Some(_) => "sealed without a footer",
    };
    found.insert(format!("{kind}: {state}"));
    if sealed.is_some() && !footer {
        found.insert(format!("{kind}: sealed without a footer"));
    }
    let durable = commits.iter().map(|commit| commit.durable).max().unwrap_or(end);
    let mut note = |holds: bool, what: &str| {
        if holds {
            found.insert(what.to_string());
        }
    };
    note(commits.len() > 1, "several commits in a segment");
    note(durable > HEADER_LEN && segment.header.kind == SegmentKind::Log, "a frame that knows of durable commits");
    note(
        sealed.is_none() && commits.iter().filter(|commit| commit.start >= durable).count() > 1,
        "commits that no frame knows as durable",
    );
    let several = segment.records.windows(3).any(|three| {
        three[0].header.kind == RecordKind::Frame
            && three[1..].iter().all(|record| record.header.kind != RecordKind::Frame)
    });
    note(several && segment.header.kind.has_frames(), "several records in a commit");
    for record in &segment.records {
        of_record(&kind, record, found);
    }
}

fn of_record(segment: &str, record: &Record, found: &mut Census) {
    let header = &record.header;
    let fold = if header.fold { " fold" } else { "" };
    match header.kind {
        RecordKind::Tree | RecordKind::Delta => {
            found.insert(format!("{segment}: {:?} {:?}{fold}", header.kind, header.blob));
            match header.codec {
                Compression::None => of_packed(&record.payload, found),
                codec => {
                    of_frames(codec, record, found);
                    of_packed(&compressed::plain(header, &record.payload).expect("a compressed tree"), found);
                }
            }
        }
        other => drop(found.insert(format!("{segment}: {other:?}"))),
    }
    let mut note = |holds: bool, what: String| {
        if holds {
            found.insert(what);
        }
    };
    let is_delta = header.kind == RecordKind::Delta;
    note(record.padding() < record.end(), "a padded payload".to_string());
    note(
        is_delta && !header.fold && header.first_sequence < header.sequence,
        format!("{segment}: Delta covers others"),
    );
    note(is_delta && header.replaced8 > 0, format!("{segment}: Delta with replaced bytes"));
    assert!(is_delta || header.kind == RecordKind::Tree || header.blob == BlobPlace::Unchanged);
}

fn of_frames(codec: Compression, record: &Record, found: &mut Census) {
    let frames = Frames::of_payload(&record.header, &record.payload).expect("frames");
    for frame in 0..frames.count() {
        let is_shorter = frames.stored(frame).1 < frames.plain(frame).1;
        found.insert(format!("{codec:?}: a frame that is {}", if is_shorter { "shorter" } else { "as it was" }));
    }
}

fn of_packed(packed: &[u8], found: &mut Census) {
    let head = Head::parse(packed).expect("a head");
    let directory = head.directory().expect("a directory");
    let form = if head.is_delta() { "delta" } else { "tree" };
    let note = |found: &mut Census, holds: bool, what: &str| {
        if holds {
            found.insert(format!("{form}: {what}"));
        }
    };
    let ids: Vec<_> = directory.ids().map(|id| id.expect("an id")).collect();
    note(found, directory.is_empty() && !head.is_delta(), "no inputs");
    note(found, !head.is_delta() && !ids.is_sorted(), "ids out of order");
    note(found, matches!(head.blob(), BlobState::Inline(span) if span.length == 0), "an empty blob");
    let mut inserted = BTreeSet::new();
    for op in directory.order_ops() {
        let op = op.expect("an order operation");
        if let OrderOp::Insert { id, .. } = op {
            inserted.insert(id);
        }
        let what = match op {
            OrderOp::Insert { before: None, .. } => "append",
            OrderOp::Insert { .. } => "insert before",
            OrderOp::Move { before: None, .. } => "move to the end",
            OrderOp::Move { .. } => "move before",
            OrderOp::Delete { .. } => "delete",
        };
        note(found, true, what);
    }
    for entry in directory.iter() {
        let entry = entry.expect("an entry");
        note(found, entry.value.is_some() && !inserted.contains(&entry.id), "a value");
        let output = match entry.output {
            OutputState::At(span) => Some(span),
            OutputState::Removed | OutputState::Unchanged => None,
        };
        note(found, output.is_some(), "an output");
        note(found, matches!(entry.output, OutputState::Unchanged), "no output");
        note(found, matches!(entry.output, OutputState::Removed), "output removed");
        for span in entry.value.into_iter().chain(output) {
            of_value(span.of(packed).expect("a value"), found);
        }
        if let Some(span) = entry.columns {
            let section = ColumnsRef::parse(span.of(packed).expect("columns")).expect("columns");
            of_columns(section, &format!("{form}: column of an input"), found);
        }
    }
    of_columns(head.columns().expect("columns"), &format!("{form}: column"), found);
}

fn of_columns(columns: ColumnsRef<'_>, what: &str, found: &mut Census) {
    for column in columns.iter() {
        match column.expect("a column").1 {
            Some(value) => {
                found.insert(format!("{what} set"));
                of_value(value, found);
            }
            None => drop(found.insert(format!("{what} removed"))),
        }
    }
}

/// The kind of a value is its first byte.
fn of_value(value: &[u8], found: &mut Census) {
    found.insert(format!("value {}", value[0]));
}

fn of_checkpoint(bytes: &[u8], found: &mut Census) {
    let reader = CheckpointReader::open(bytes).expect("a checkpoint");
    let place = if reader.head.position.0 == 0 { "behind all segments" } else { "in the active segment" };
    found.insert(format!("checkpoint: {place}"));
    let rows = reader.rows(|_, entries| {
        for entry in entries {
            let kind = match entry {
                Entry::Tree(_) => "Tree",
                Entry::Run(_) => "Run",
                Entry::Blob(_) => "Blob",
            };
            found.insert(format!("checkpoint: {kind}"));
        }
        Ok(())
    });
    rows.expect("rows");
}

#[test]
fn together_the_stores_hold_everything_that_the_format_can_say() {
    let found: Census = all().iter().flat_map(|golden| census(&golden.files)).collect();
    let missing: Vec<_> = EVERYTHING.iter().filter(|what| !found.contains(**what)).collect();
    assert!(missing.is_empty(), "no golden store has {missing:#?}, they have {found:#?}");
}

#[test]
fn the_stores_are_small() {
    let all = all();
    assert!(all.iter().all(|golden| golden.bytes() < 64 << 10));
    assert!(all.iter().filter(|golden| golden.bytes() < 4 << 10).count() >= 2);
}

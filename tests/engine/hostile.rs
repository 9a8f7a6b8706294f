//! Files whose checksums are right and whose contents no store would write: an error, never a panic, a hang or a loss.

mod long;
mod numbers;
mod slow;

use std::path::Path;
use std::time::{Duration, Instant};

use stratum::format::checkpoint::{CheckpointHead, CheckpointWriter, Entry};
use stratum::format::extent::{Extent, Run};
use stratum::format::manifest::{Change, ManifestState, Marks, SegmentMeta, encode_edit, encode_header};
use stratum::format::packed::encode_tree;
use stratum::format::record::{BlobPlace, Frame, HEADER_LEN, RecordHeader, RecordKind};
use stratum::format::segment::{HEADER_LEN as SEGMENT_HEADER_LEN, SegmentHeader, SegmentKind};
use stratum::vfs::sim::SimDisk;
use stratum::{Columns, Db, DocumentId, Error, Options, Result, Tree, Value};

use crate::runner::{open, store_path};

const STORE: [u8; 16] = [7; 16];

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.segment_size = 1000;
    options.fold_after = 1;
    options
}

/// A disk with a store of these files.
fn disk(files: &[(&str, &[u8])]) -> SimDisk {
    let disk = SimDisk::new(1);
    stratum::vfs::FileSystem::create_dir_all(&disk, store_path()).unwrap();
    files.iter().for_each(|(name, bytes)| disk.plant(&store_path().join(name), bytes));
    disk
}

fn manifest(changes: &[Change], marks: Marks) -> Vec<u8> {
    let mut state = ManifestState::empty(STORE);
    state.apply(changes);
    state.marks = marks;
    [encode_header(STORE).to_vec(), encode_edit(1, &state.as_changes())].concat()
}

fn marks() -> Marks {
    Marks { next_document: 1, epoch: 1, sequence: 0, next_segment: 2 }
}

/// The active segment with this id.
fn active(id: u32, epoch: u64) -> Change {
    let (min_sequence, max_sequence) = (u64::MAX, 0);
    Change::Segment(SegmentMeta { id, kind: SegmentKind::Log, epoch, length: 0, footer: 0, min_sequence, max_sequence })
}

fn header(id: u32, epoch: u64) -> SegmentHeader {
    SegmentHeader {
        store: STORE,
        id,
        kind: SegmentKind::Log,
        epoch,
        first_sequence: 1,
        compression: Some(stratum::Compression::None),
    }
}

/// A segment file with commits of one record each.
fn segment(header: SegmentHeader, commits: &[(RecordHeader, Vec<u8>)], next_document: u64) -> Vec<u8> {
    let mut bytes = header.encode().to_vec();
    for (record, payload) in commits {
        let body_len = record.record_len();
        let frame = Frame { body_len, records: 1, durable_offset: SEGMENT_HEADER_LEN, next_document }.encode();
        let mut head = RecordHeader::new(RecordKind::Frame, 0, &frame).unwrap();
        (head.sequence, head.first_sequence) = (record.sequence, record.sequence);
        for (head, payload) in [(&head, &frame[..]), (record, payload)] {
            bytes.extend(head.encode(header.salt(), bytes.len() as u64));
            bytes.extend(payload);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
    }
    bytes
}

fn tree(document: u64, sequence: u64, nodes: i32) -> (RecordHeader, Vec<u8>) {
    let payload = encode_tree(&Tree::default(), 1, false).unwrap();
    let mut record = RecordHeader::new(RecordKind::Tree, document, &payload).unwrap();
    (record.sequence, record.first_sequence, record.nodes) = (sequence, sequence, nodes);
    record.blob = BlobPlace::Inline;
    (record, payload)
}

/// Opens, writes, compacts, closes: everything that goes on from the numbers in the files.
fn use_store(disk: &SimDisk) -> Result<()> {
    let db = open(disk, &options())?;
    for n in 0..6 {
        db.write(|batch| batch.create_document(&[n; 300], &Columns::new()))?;
    }
    db.view()?.documents(DocumentId::FIRST)?.try_for_each(|id| {
        (0..4).try_for_each(|n| db.write(|batch| batch.set_column(id, "n", &Value::Int64(n))))?;
        db.write(|batch| batch.append_input(id, &Value::Null)).map(drop)
    })?;
    db.verify()?;
    db.compact_now(&mut |_| true)?;
    db.close()
}

#[test]
fn the_files_made_here_are_a_store() {
    let log = segment(header(1, 1), &[tree(1, 1, 1), tree(2, 2, 1)], 3);
    let disk = disk(&[("MANIFEST", &manifest(&[active(1, 1)], marks())), ("segment-00000001.strat", &log)]);
    use_store(&disk).unwrap();
    assert_eq!(open(&disk, &options()).unwrap().view().unwrap().document_count().unwrap(), 8);
}

#[test]
fn numbers_at_the_end_of_their_range_are_damage() {
    let most = u64::MAX;
    let log = segment(header(1, 1), &[tree(1, 1, 1)], 2);
    let plain = manifest(&[active(1, 1)], marks());
    let with_marks = |marks: Marks| disk(&[("MANIFEST", &manifest(&[], marks))]);
    let with_log = |log: &[u8]| disk(&[("MANIFEST", &plain), ("segment-00000001.strat", log)]);
    let disks = [
        with_marks(Marks { next_document: most, ..marks() }),
        with_marks(Marks { epoch: most, ..marks() }),
        with_marks(Marks { sequence: most, ..marks() }),
        with_marks(Marks { next_segment: u32::MAX, ..marks() }),
        disk(&[("MANIFEST", &manifest(&[active(1, 1)], Marks { next_segment: 1, ..marks() }))]),
        disk(&[
            ("MANIFEST", &manifest(&[active(u32::MAX, 1)], Marks { next_segment: u32::MAX, ..marks() })),
            ("segment-ffffffff.strat", &segment(header(u32::MAX, 1), &[], 1)),
        ]),
        disk(&[
            ("MANIFEST", &manifest(&[active(1, most)], Marks { epoch: most, ..marks() })),
            ("segment-00000001.strat", &segment(header(1, most), &[], 1)),
        ]),
    ];
    for (at, disk) in disks.iter().enumerate() {
        let before = disk.files(Path::new("/"));
        let outcome = use_store(disk);
        assert!(matches!(outcome, Err(Error::Corruption(_))), "store {at}: {outcome:?}");
        assert!(at == 4 || disk.files(Path::new("/")).len() <= before.len() + 1, "store {at}");
    }
    // In the tail of the log they are like any other bytes that no commit ends in: discarded.
    for log in [
        segment(header(1, 1), &[tree(1, 1, 1), tree(most, 2, 1)], 3),
        segment(header(1, 1), &[tree(1, 1, 1), tree(2, most, 1)], 3),
        segment(header(1, 1), &[tree(1, 1, 1)], most),
    ] {
        use_store(&with_log(&log)).unwrap();
    }
    use_store(&with_log(&log)).unwrap();
}

#[test]
fn wrong_counts_of_nodes_are_survived_and_found() {
    for nodes in [i32::MAX, i32::MIN, -1] {
        let log = segment(header(1, 1), &[tree(1, 1, nodes), tree(2, 2, nodes)], 3);
        let disk = disk(&[("MANIFEST", &manifest(&[active(1, 1)], marks())), ("segment-00000001.strat", &log)]);
        let db = open(&disk, &options()).unwrap();
        assert!(!db.verify().unwrap().damage.is_empty());
        drop(db);
        use_store(&disk).unwrap();
    }
}

#[test]
fn a_checkpoint_that_makes_no_sense_is_ignored() {
    let log = segment(header(1, 1), &[tree(1, 1, 1), tree(2, 2, 1)], 3);
    let length = log.len() as u64;
    let extent = |segment, offset: u64, length: u64| Extent {
        segment,
        offset8: (offset / 8) as u32,
        length8: (length / 8) as u32,
        nodes: 1,
        sequence: 1,
        replaced8: u32::MAX,
        blob: BlobPlace::Inline,
    };
    let head = |sequence, position, covered| CheckpointHead {
        store: STORE,
        sequence,
        position: (2, position),
        next_document: 3,
        edit: 1,
        segments: vec![(1, covered)],
    };
    let first = Entry::Tree(extent(1, SEGMENT_HEADER_LEN + HEADER_LEN + 32, 136));
    let beyond = Entry::Tree(extent(1, length, 136));
    let gone = Entry::Tree(extent(9, 96, 136));
    let nowhere = Entry::Tree(extent(0, 0, 0));
    let run = Entry::Run(Run { extent: extent(1, 96, 136), first_sequence: 1 });
    let checkpoints = [
        (head(1, 0, length + 8), vec![(1, vec![first])]),
        (head(u64::MAX, 0, length), vec![(1, vec![first])]),
        (head(1, u64::MAX, u64::MAX), vec![(1, vec![first])]),
        (head(2, 0, length), vec![(1, vec![gone]), (2, vec![first])]),
        (head(2, 0, length), vec![(1, vec![run]), (2, vec![first])]),
        (head(2, 0, length), vec![(2, vec![first]), (1, vec![first])]),
        (head(2, 0, length), vec![(u64::MAX, vec![first])]),
        (head(2, 0, length), vec![(0, vec![first]), (1, vec![first]), (2, vec![first])]),
        (head(2, 0, length), vec![(1, vec![nowhere]), (2, vec![first])]),
        (CheckpointHead { position: (1, 100), segments: vec![(1, 100)], ..head(1, 0, 0) }, vec![(1, vec![beyond])]),
    ];
    let (min_sequence, max_sequence) = (1, 2);
    let sealed = SegmentMeta { id: 1, kind: SegmentKind::Log, epoch: 1, length, footer: 0, min_sequence, max_sequence };
    let manifest = manifest(&[Change::Segment(sealed)], Marks { sequence: 2, next_document: 3, ..marks() });
    for (at, (head, rows)) in checkpoints.into_iter().enumerate() {
        let mut writer = CheckpointWriter::new(head, Vec::new());
        rows.iter().for_each(|(document, entries)| writer.row(*document, entries).unwrap());
        let files: [(&str, &[u8]); 3] =
            [("MANIFEST", &manifest), ("segment-00000001.strat", &log), ("CHECKPOINT", &writer.finish().unwrap())];
        let disk = disk(&files);
        let db = open(&disk, &options()).unwrap_or_else(|error| panic!("checkpoint {at}: {error:?}"));
        assert_eq!(read_all(&db).unwrap(), 2, "checkpoint {at}");
        assert!(!db.stats().unwrap().opened_from_checkpoint, "checkpoint {at}");
        drop(db);
        use_store(&disk).unwrap();
    }
}

fn read_all(db: &Db) -> Result<usize> {
    let view = db.view()?;
    view.documents(DocumentId::FIRST)?.try_fold(0, |count, id| view.tree(id).map(|_| count + 1))
}

#[test]
fn a_manifest_made_to_take_long_does_not() {
    let mut bytes = manifest(&[], marks());
    let (length, word) = (4 << 20, 1 | (1u64 << 20) << 32);
    bytes.extend((0..length / 8).flat_map(|_| word.to_le_bytes()));
    let begun = Instant::now();
    let outcome = open(&disk(&[("MANIFEST", &bytes)]), &options());
    assert!(matches!(outcome, Err(Error::Corruption(_))), "{:?}", outcome.err());
    // Without the bound it takes a minute or more, and then opens.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

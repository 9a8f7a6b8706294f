//! What opening a store does to the disk, and what it may leave undone.

use super::*;
use crate::Columns;
use crate::format::checkpoint::{CheckpointReader, CheckpointWriter, Entry};
use crate::format::extent::Extent;
use crate::format::record::BlobPlace;
use crate::log::scan;
use crate::options::Durability;

/// What changes names or contents, or makes either durable.
const CHANGES: [Op; 6] = [Op::Create, Op::Write, Op::Sync, Op::Rename, Op::Unlink, Op::SyncDir];

fn on(disk: &SimDisk) -> Db {
    let options = Options { background: false, segment_size: 4096, ..Options::default() };
    Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options).unwrap()
}

fn create(db: &Db, durability: Durability) {
    let mut batch = db.batch().unwrap();
    batch.create_document(&[7; 1500], &Columns::new()).unwrap();
    batch.commit_with(durability).unwrap();
}

/// How many documents there are, all of them read.
fn count(db: &Db) -> usize {
    let view = db.view().unwrap();
    view.documents(DocumentId::FIRST).unwrap().inspect(|id| drop(view.tree(*id).unwrap())).count()
}

/// Whether opening the store changes nothing and syncs nothing.
fn opens_as_it_is(disk: &SimDisk) -> bool {
    let disk = disk.restart();
    disk.inject(Fault::new(&CHANGES, 0, Errno::Eio));
    let options = Options { background: false, segment_size: 4096, ..Options::default() };
    let opened = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options);
    assert_eq!(opened.is_ok(), disk.faults_struck().is_empty());
    opened.is_ok()
}

#[test]
fn what_was_closed_is_opened_as_it_is() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    (0..9).for_each(|_| create(&db, Durability::Always));
    assert!(!opens_as_it_is(&disk));
    db.close().unwrap();
    assert!(opens_as_it_is(&disk));
    // Closing what was only read changes nothing either.
    disk.inject(Fault::new(&CHANGES, 0, Errno::Eio));
    let db = on(&disk);
    assert_eq!(count(&db), 9);
    db.close().unwrap();
    disk.clear_faults();
    // Without a checkpoint nothing tells that the names are on disk.
    disk.unlink(&Path::new("/store").join(names::CHECKPOINT)).unwrap();
    assert!(!opens_as_it_is(&disk));
}

/// Everything that a process does, up to a call at which it is killed; the next one opens the store, and then the power
/// fails before anything is on disk that it did not wait for. What it showed is there.
fn nothing_that_was_shown_is_lost(disk: &SimDisk, work: impl FnOnce(&SimDisk)) {
    disk.record();
    let first = disk.ops();
    work(disk);
    for op in first..=disk.ops() {
        let killed = disk.moment(op).unwrap().restart();
        let shown = count(&on(&killed));
        let found = count(&on(&killed.image(0)));
        assert_eq!(shown, found, "killed before call {op}");
    }
}

#[test]
fn what_is_shown_after_a_kill_is_durable() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    nothing_that_was_shown_is_lost(&disk, |_| {
        (0..9).for_each(|n| create(&db, [Durability::Always, Durability::Os][n % 2]));
        db.checkpoint().unwrap();
        create(&db, Durability::Os);
        db.view().unwrap().documents(DocumentId::FIRST).unwrap().take(5).for_each(|id| {
            db.write(|batch| batch.delete_document(id)).unwrap();
        });
        db.compact_now(&mut |_| true).unwrap();
        create(&db, Durability::Os);
        db.close().unwrap();
    });
}

/// The tail that was never synced is written anew by the open that finds it. Killed in there, at any call, that leaves
/// a store whose next open shows it.
#[test]
fn what_a_recovery_saved_that_was_killed_is_durable_too() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    create(&db, Durability::Always);
    db.checkpoint().unwrap();
    create(&db, Durability::Os);
    let left = disk.restart();
    nothing_that_was_shown_is_lost(&left, |left| drop(on(left)));
}

/// Where neither a segment nor a checkpoint is left, the manifest alone knows which ids were given.
#[test]
fn ids_of_documents_that_left_no_trace_are_not_given_again() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    (0..3).for_each(|_| create(&db, Durability::Always));
    db.write(|batch| (1..4).try_for_each(|id| batch.delete_document(DocumentId::new(id).unwrap()))).unwrap();
    db.compact_now(&mut |_| true).unwrap();
    db.close().unwrap();
    disk.unlink(&Path::new("/store").join(names::CHECKPOINT)).unwrap();
    assert_eq!(segments(&disk), [0; 0]);
    let db = on(&disk);
    create(&db, Durability::Always);
    let ids: Vec<u64> = db.view().unwrap().documents(DocumentId::FIRST).unwrap().map(DocumentId::get).collect();
    assert_eq!(ids, [4]);
}

/// A checkpoint beside files that were put back from before it was written: it covers more of a segment than there is.
#[test]
fn a_checkpoint_of_more_than_there_is_is_not_believed() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    create(&db, Durability::Os);
    let before = disk.restart();
    create(&db, Durability::Os);
    db.close().unwrap();
    let checkpoint = disk.files(Path::new("/store")).remove(Path::new(names::CHECKPOINT)).unwrap();
    before.plant(&Path::new("/store").join(names::CHECKPOINT), &checkpoint);
    let db = on(&before);
    assert_eq!(count(&db), 1);
    assert_eq!(db.verify().unwrap().damage, []);
}

/// Left by a crash, as any segment that no edit of the manifest names; it is there by mistake, or the manifest is.
#[test]
fn a_segment_of_another_store_is_not_taken_for_a_leftover() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    create(&db, Durability::Always);
    db.close().unwrap();
    let path = Path::new("/store").join(names::segment(7));
    let of_another = SegmentHeader { id: 7, ..SegmentHeader::sample(SegmentKind::Log, 1) };
    disk.plant(&path, &of_another.encode());
    let opened = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &Options::default());
    assert!(matches!(opened, Err(Error::Corruption(_))));
    assert!(disk.files(Path::new("/store")).contains_key(Path::new(&names::segment(7))), "and it is still there");
    disk.unlink(&path).unwrap();
    assert_eq!(count(&on(&disk)), 1);
}

#[test]
fn a_reserve_is_found_again_and_none_is_made_by_opening() {
    let disk = SimDisk::new(1);
    on(&disk).close().unwrap();
    let db = on(&disk);
    assert_eq!(db.stats().unwrap().reserved_bytes, 0);
    db.close().unwrap();
    let has_spare = |disk: &SimDisk| {
        [names::SPARE_LOG, names::SPARE_COMPACTION]
            .map(|name| disk.files(Path::new("/store")).contains_key(Path::new(name)))
    };
    assert_eq!(has_spare(&disk), [false; 2]);
    let db = on(&disk);
    create(&db, Durability::Always);
    let reserved = db.stats().unwrap().reserved_bytes;
    assert!(reserved > 0);
    db.close().unwrap();
    assert_eq!((has_spare(&disk), on(&disk).stats().unwrap().reserved_bytes), ([true; 2], reserved));
}

#[test]
fn a_store_that_is_made_beside_an_open_is_found_and_one_that_cannot_be_read_is_not_taken_for_none() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    create(&db, Durability::Always);
    db.close().unwrap();
    // Looked for right before, and listed right after another process made it.
    disk.inject(Fault::new(&[Op::Open], 0, Errno::Enoent));
    on(&disk).close().unwrap();
    assert_eq!(disk.faults_struck().len(), 1);
    disk.clear_faults();
    for op in [Op::Open, Op::List] {
        disk.inject(Fault::new(&[op], 0, Errno::Eio));
        let opened = Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &Options::default());
        assert!(matches!(opened, Err(Error::Io { .. })), "{op:?}");
        disk.clear_faults();
    }
    assert_eq!(count(&on(&disk)), 1);
}

/// What it says of the names is worth no more than what it says of the documents.
#[test]
fn a_checkpoint_that_is_not_believed_vouches_for_nothing() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    create(&db, Durability::Always);
    db.close().unwrap();
    assert!(opens_as_it_is(&disk));
    let path = Path::new("/store").join(names::CHECKPOINT);
    let bytes = disk.files(Path::new("/store")).remove(Path::new(names::CHECKPOINT)).unwrap();
    let mut writer = CheckpointWriter::new(CheckpointReader::open(&bytes).unwrap().head.clone(), Vec::new());
    let (sequence, blob) = (1, BlobPlace::Inline);
    let nowhere = Extent { segment: 99, offset8: 12, length8: 9, nodes: 1, sequence, replaced8: 0, blob };
    writer.row(1, &[Entry::Tree(nowhere)]).unwrap();
    disk.plant(&path, &writer.finish().unwrap());
    assert!(!opens_as_it_is(&disk));
    let db = on(&disk);
    assert!(!db.stats().unwrap().opened_from_checkpoint);
    assert_eq!(count(&db), 1);
}

/// In its new segment nothing was on disk before it.
#[test]
fn a_frame_that_was_moved_claims_nothing_of_the_segment_it_comes_from() {
    let disk = SimDisk::new(1);
    let db = on(&disk);
    create(&db, Durability::Always);
    create(&db, Durability::Os);
    let db = on(&disk.restart());
    assert_eq!(count(&db), 2);
    let moment = db.core().published();
    let recovered = moment.segments.iter().find(|segment| segment.header().kind == SegmentKind::Recovered).unwrap();
    let commit = scan::commit_at(recovered, HEADER_LEN, recovered.readable()).unwrap();
    assert_eq!((commit.header.sequence, commit.frame.durable_offset), (2, HEADER_LEN));
}

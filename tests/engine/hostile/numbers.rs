//! Numbers that are possible, and so high that a store has no room to go on from them: it is refused, or it takes
//! nothing that is lost then.

use std::path::Path;

use stratum::format::checkpoint::{CheckpointHead, CheckpointWriter, Entry};
use stratum::format::extent::Extent;
use stratum::format::manifest::{Change, Marks, SegmentMeta, encode_edit, encode_header};
use stratum::format::record::{BlobPlace, HEADER_LEN};
use stratum::format::segment::{HEADER_LEN as SEGMENT_HEADER_LEN, SegmentKind};
use stratum::vfs::sim::SimDisk;
use stratum::{Columns, Error, Result};

use super::{STORE, active, disk, header, manifest, marks, options, read_all, segment, tree};
use crate::runner::open;

/// What sequence numbers, epochs, document ids and numbers of edits are below in any file.
const LIMIT: u64 = 1 << 62;
/// Where stores cease to hand them out.
const END: u64 = LIMIT - (1 << 32);
/// The same of segment ids.
const IDS_LIMIT: u32 = 1 << 31;
const IDS_END: u32 = IDS_LIMIT - (1 << 20);

/// Opens, writes, crashes, opens and writes again: whatever a commit was acknowledged for must be there. Gives back how
/// many were, or why the first open was refused.
fn use_until_refused(disk: &SimDisk, what: &str) -> Result<usize> {
    let mut disk = disk.restart();
    let (mut documents, mut taken) = (None, 0);
    for round in 0..3 {
        let db = match open(&disk, &options()) {
            // Nothing was taken in vain: a store that was refused can be repaired, as it is.
            Err(error @ Error::Corruption(_)) if documents.is_none() => return Err(error),
            Err(error) => panic!("{what}: round {round}: {error}"),
            Ok(db) => db,
        };
        let mut known = documents.unwrap_or(read_all(&db).unwrap());
        for n in 0..3 {
            let created = db.write(|batch| batch.create_document(&[n; 300], &Columns::new()));
            known += usize::from(created.is_ok());
            taken += usize::from(created.is_ok());
            assert_eq!(read_all(&db).unwrap_or_else(|error| panic!("{what}: {error}")), known, "{what}: {created:?}");
        }
        assert!(db.verify().unwrap().damage.is_empty(), "{what}");
        documents = Some(known);
        // Closed the first time, which needs no recovery, unless there was no more room for the last segment's end.
        if round > 0 || db.close().is_err() {
            disk = disk.restart();
        }
    }
    Ok(taken)
}

fn numbered(number: u64, changes: &[Change], marks: Marks) -> Vec<u8> {
    let changes = [&[Change::Marks(marks)], changes].concat();
    [encode_header(STORE).to_vec(), encode_edit(number, &changes)].concat()
}

fn with_marks(marks: Marks) -> SimDisk {
    disk(&[("MANIFEST", &numbered(1, &[], marks))])
}

fn of_epoch(epoch: u64) -> SimDisk {
    let log = segment(header(1, epoch), &[tree(1, 1, 1)], 2);
    let manifest = numbered(1, &[active(1, epoch)], Marks { epoch, ..marks() });
    disk(&[("MANIFEST", &manifest), ("segment-00000001.strat", &log)])
}

#[test]
fn a_store_without_room_to_go_on_is_refused_as_it_is() {
    let refused = [
        ("sequence", with_marks(Marks { sequence: LIMIT - 1, ..marks() })),
        ("sequence", with_marks(Marks { sequence: END, ..marks() })),
        ("document", with_marks(Marks { next_document: LIMIT - 1, ..marks() })),
        ("document", with_marks(Marks { next_document: END + 1, ..marks() })),
        ("epoch", with_marks(Marks { epoch: LIMIT - 1, ..marks() })),
        ("epoch", with_marks(Marks { epoch: END, ..marks() })),
        ("epoch of a crash", of_epoch(LIMIT - 1)),
        ("epoch of a crash", of_epoch(END - 1)),
        ("segment", with_marks(Marks { next_segment: IDS_LIMIT, ..marks() })),
        ("segment", with_marks(Marks { next_segment: IDS_END + 1, ..marks() })),
        ("edit", disk(&[("MANIFEST", &numbered(LIMIT - 1, &[], marks()))])),
        ("edit", disk(&[("MANIFEST", &numbered(END, &[], marks()))])),
    ];
    for (what, disk) in &refused {
        let outcome = use_until_refused(disk, what);
        assert!(matches!(outcome, Err(Error::Corruption(_))), "{what}: {outcome:?}");
        let before = disk.files(Path::new("/"));
        assert!(open(disk, &options()).is_err(), "{what}");
        let mut after = disk.files(Path::new("/"));
        after.retain(|path, _| !path.ends_with("LOCK"));
        assert_eq!(after, before, "{what}");
    }
}

#[test]
fn a_store_takes_nothing_that_it_could_not_find_again() {
    for below in 1..=4 {
        let stores = [
            ("sequence", with_marks(Marks { sequence: END - below, ..marks() }), below as usize - 1),
            ("document", with_marks(Marks { next_document: END - below, ..marks() }), below as usize),
            ("document", with_marks(Marks { next_document: END - below + 1, ..marks() }), below as usize - 1),
        ];
        for (what, disk, room) in stores {
            assert_eq!(use_until_refused(&disk, what).unwrap(), room, "{what}, {below} below");
        }
    }
    // A crash takes one more of these: while a store takes anything, some are left for that.
    let kept = 1 << 10;
    for below in 0..=4 {
        let stores = [
            ("segments", with_marks(Marks { next_segment: IDS_END - kept - below, ..marks() })),
            ("epochs", with_marks(Marks { epoch: END - u64::from(kept + below), ..marks() })),
            ("edits", disk(&[("MANIFEST", &numbered(END - u64::from(kept + below) - 1, &[], marks()))])),
        ];
        for (what, disk) in stores {
            let taken = use_until_refused(&disk, what).unwrap();
            assert_eq!(taken > 0, below > 0, "{taken} with room for {below} {what}");
        }
    }
}

#[test]
fn numbers_in_the_log_and_the_checkpoint_lead_to_no_loss_either() {
    let plain = manifest(&[active(1, 1)], marks());
    for number in [LIMIT - 2, LIMIT - 1, END] {
        // At the end of the log, like bytes that no commit ends in.
        for log in [
            segment(header(1, 1), &[tree(1, 1, 1), tree(number, 2, 1)], 3),
            segment(header(1, 1), &[tree(1, 1, 1), tree(2, number, 1)], 3),
            segment(header(1, 1), &[tree(1, 1, 1)], number + 1),
        ] {
            let disk = disk(&[("MANIFEST", &plain), ("segment-00000001.strat", &log)]);
            use_until_refused(&disk, "the log").unwrap();
        }
        let first = stratum::format::segment::SegmentHeader { first_sequence: number, ..header(1, 1) };
        let disk = disk(&[("MANIFEST", &plain), ("segment-00000001.strat", &segment(first, &[], 1))]);
        assert!(matches!(use_until_refused(&disk, "a header"), Err(Error::Corruption(_))));
    }
}

#[test]
fn numbers_of_a_checkpoint_are_not_believed() {
    let log = segment(header(1, 1), &[tree(1, 1, 1)], 2);
    let length = log.len() as u64;
    let (kind, footer) = (SegmentKind::Log, 0);
    let sealed = SegmentMeta { id: 1, kind, epoch: 1, length, footer, min_sequence: 1, max_sequence: 1 };
    let manifest = manifest(&[Change::Segment(sealed)], Marks { sequence: 1, next_document: 2, ..marks() });
    let extent = Extent {
        segment: 1,
        offset8: (SEGMENT_HEADER_LEN + HEADER_LEN + 32) as u32 / 8,
        length8: 136 / 8,
        nodes: 1,
        sequence: 1,
        replaced8: 0,
        blob: BlobPlace::Inline,
    };
    let head = CheckpointHead {
        store: STORE,
        sequence: 1,
        position: (0, 0),
        next_document: 2,
        edit: 1,
        segments: vec![(1, length)],
    };
    for (head, is_used) in [
        (head.clone(), true),
        (CheckpointHead { sequence: LIMIT - 1, ..head.clone() }, false),
        (CheckpointHead { next_document: LIMIT - 1, ..head.clone() }, false),
        (CheckpointHead { sequence: END, ..head.clone() }, false),
        (CheckpointHead { next_document: END + 1, ..head.clone() }, false),
    ] {
        let mut writer = CheckpointWriter::new(head.clone(), Vec::new());
        writer.row(1, &[Entry::Tree(extent)]).unwrap();
        let checkpoint = writer.finish().unwrap();
        let files: [(&str, &[u8]); 3] =
            [("MANIFEST", &manifest), ("segment-00000001.strat", &log), ("CHECKPOINT", &checkpoint)];
        let disk = disk(&files);
        let db = open(&disk.restart(), &options()).unwrap();
        assert_eq!(db.stats().unwrap().opened_from_checkpoint, is_used, "{head:?}");
        assert_eq!(use_until_refused(&disk, "a checkpoint").unwrap(), 9);
    }
}

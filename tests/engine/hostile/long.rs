//! Files with holes, on the real file system: they claim any length, and take no room.

use stratum::format::checkpoint::{CheckpointHead, CheckpointWriter};
use stratum::format::manifest::{Change, Marks, SegmentMeta};
use stratum::format::segment::{HEADER_LEN, SegmentKind};
use stratum::{Db, Error, ReadMode};

use super::{STORE, active, header, manifest, marks, options};

/// What a place in a segment can say: 32-bit offsets of 8 bytes each.
const LONGEST: u64 = 1 << 35;

#[test]
fn a_segment_beyond_what_a_place_in_it_can_say_is_damage() {
    let (min_sequence, max_sequence) = (1, 1);
    let sealed = |length| {
        let (id, kind, epoch, footer) = (1, SegmentKind::Log, 1, 0);
        Change::Segment(SegmentMeta { id, kind, epoch, length, footer, min_sequence, max_sequence })
    };
    for (change, length) in [(sealed(LONGEST + 8), LONGEST + 8), (sealed(1 << 40), 1 << 40), (active(1, 1), 1 << 40)] {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("MANIFEST"), manifest(&[change], Marks { sequence: 1, ..marks() })).unwrap();
        std::fs::write(path("segment-00000001.strat"), header(1, 1).encode()).unwrap();
        let file = std::fs::File::options().write(true).open(path("segment-00000001.strat")).unwrap();
        file.set_len(length).unwrap();
        // It vouches for all of it, so that nothing of it is read.
        let (position, segments) = ((0, 0), vec![(1, length)]);
        let head = CheckpointHead { store: STORE, sequence: 1, position, next_document: 1, edit: 1, segments };
        let checkpoint = CheckpointWriter::new(head, Vec::new()).finish().unwrap();
        std::fs::write(path("CHECKPOINT"), checkpoint).unwrap();
        let mut options = options();
        options.read_mode = ReadMode::Pread;
        let opened = Db::open(dir.path(), &options);
        assert!(matches!(opened, Err(Error::Corruption(_))), "{length}: {:?}", opened.map(drop));
        assert!(HEADER_LEN < length);
    }
}

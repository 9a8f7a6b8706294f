//! Rules that only the manifest's own eyes can see: what is read back, when it is written anew, what is set aside.

use std::path::Path;

use super::*;
use crate::format::manifest::{SegmentMeta, encode_edit, encode_header};
use crate::format::segment::SegmentKind;
use crate::vfs::FileSystem;
use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

const STORE: [u8; 16] = [7; 16];

fn segment(id: u32) -> Change {
    let kind = SegmentKind::Log;
    let meta = SegmentMeta { id, kind, epoch: 1, length: 0, footer: 0, min_sequence: u64::MAX, max_sequence: 0 };
    Change::Segment(meta)
}

fn marks(next_segment: u32) -> Marks {
    Marks { next_document: 1, epoch: 1, sequence: 0, next_segment }
}

fn edit(number: u64, id: u32) -> Vec<u8> {
    encode_edit(number, &[segment(id), Change::Marks(marks(id + 1))])
}

fn disk() -> (SimDisk, Dir) {
    let disk = SimDisk::new(1);
    let dir = Dir::new(Arc::new(disk.clone()), Path::new("/data"));
    disk.create_dir_all(dir.path()).unwrap();
    (disk, dir)
}

fn plant(disk: &SimDisk, dir: &Dir, edits: &[Vec<u8>]) {
    let bytes = edits.iter().fold(encode_header(STORE).to_vec(), |all, edit| [&all[..], edit].concat());
    disk.plant(&dir.join(names::MANIFEST), &bytes);
}

fn bytes(disk: &SimDisk) -> Vec<u8> {
    disk.files(Path::new("/data"))[Path::new(names::MANIFEST)].clone()
}

fn ids(manifest: &Manifest) -> Vec<u32> {
    manifest.state().segments.keys().copied().collect()
}

#[test]
fn only_the_edits_that_follow_each_other_count() {
    let (disk, dir) = disk();
    for (numbers, counted) in [(&[1, 2][..], 2), (&[5, 6], 2), (&[1, 3], 1), (&[5, 2], 1), (&[5, 5], 1)] {
        let edits: Vec<Vec<u8>> = numbers.iter().zip(1..).map(|(number, id)| edit(*number, id)).collect();
        plant(&disk, &dir, &edits);
        let loaded = Manifest::load(&dir).unwrap();
        assert_eq!((loaded.state().segments.len(), loaded.number()), (counted, numbers[counted - 1]), "{numbers:?}");
    }
}

#[test]
fn a_file_that_says_something_else_is_not_intact() {
    let (disk, dir) = disk();
    let mut manifest = Manifest::create(&dir, STORE).unwrap();
    manifest.commit(&[segment(1)], manifest.marks()).unwrap();
    let loaded = Manifest::load(&dir).unwrap();
    for manifest in [&manifest, &loaded] {
        assert!(manifest.is_intact().unwrap());
    }
    let right = bytes(&disk);
    plant(&disk, &dir, &[edit(1, 1), edit(2, 2)]);
    for manifest in [&manifest, &loaded] {
        assert!(!manifest.is_intact().unwrap());
    }
    disk.plant(&dir.join(names::MANIFEST), &right);

    // An edit that did not get into the file is no damage of it.
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Eio).short());
    assert!(manifest.commit(&[segment(2)], manifest.marks()).is_err());
    disk.clear_faults();
    assert!(manifest.is_intact().unwrap());
}

/// A file without its zeros grows with its next edit, and whoever cut it may have cut more.
#[test]
fn a_file_that_lost_its_zeros_is_not_intact() {
    let (disk, dir) = disk();
    let mut manifest = Manifest::create(&dir, STORE).unwrap();
    let whole = bytes(&disk);
    for left in [manifest.end as usize, whole.len() - 8] {
        disk.plant(&dir.join(names::MANIFEST), &whole[..left]);
        assert!(!manifest.is_intact().unwrap(), "{left} bytes of {}", whole.len());
    }
    manifest.commit(&[segment(1)], manifest.marks()).unwrap();
    manifest.give_back();
    assert!(manifest.is_intact().unwrap(), "cut by its owner");
}

#[test]
fn after_an_edit_that_failed_the_file_is_written_anew() {
    let (disk, dir) = disk();
    let mut manifest = Manifest::create(&dir, STORE).unwrap();
    manifest.commit(&[segment(1)], manifest.marks()).unwrap();
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Eio).short());
    assert!(manifest.commit(&[segment(2)], manifest.marks()).is_err());
    disk.clear_faults();
    assert_eq!(ids(&manifest), [1]);
    manifest.commit(&[segment(3)], manifest.marks()).unwrap();
    let whole = encode_edit(manifest.number, &manifest.state().as_changes());
    manifest.give_back();
    assert_eq!(bytes(&disk), [&encode_header(STORE)[..], &whole].concat(), "one edit, and nothing left of others");
    assert_eq!(ids(&Manifest::load(&dir).unwrap()), [1, 3]);
}

#[test]
fn a_file_that_has_grown_long_is_written_anew() {
    let (disk, dir) = disk();
    let mut manifest = Manifest::create(&dir, STORE).unwrap();
    let many: Vec<Change> = (1..=20_000).map(segment).collect();
    manifest.commit(&many, manifest.marks()).unwrap();
    assert!(bytes(&disk).len() as u64 > REWRITE_AT);
    let gone: Vec<Change> = (2..=20_000).map(Change::Remove).collect();
    manifest.commit(&gone, manifest.marks()).unwrap();
    manifest.give_back();
    assert!(bytes(&disk).len() < 1000, "{} bytes for one segment", bytes(&disk).len());
    assert_eq!(ids(&Manifest::load(&dir).unwrap()), [1]);
}

#[test]
fn the_next_edits_always_find_room() {
    let (disk, dir) = disk();
    let mut manifest = Manifest::create(&dir, STORE).unwrap();
    let mut reserved = manifest.end + RESERVED;
    let mut reservations = 0;
    for id in 1..=200 {
        // The disk is full: what was set aside is all there is.
        disk.set_capacity(Some(disk.used()));
        manifest.commit(&[segment(id)], manifest.marks()).unwrap_or_else(|error| panic!("edit {id}: {error}"));
        disk.set_capacity(None);
        // The next edit finds room again, and sets more aside.
        manifest.commit(&[segment(id)], manifest.marks()).unwrap();
        reservations += u64::from(manifest.reserved > reserved);
        reserved = manifest.reserved;
        let used = disk.used();
        assert!((manifest.end + RESERVED / 2..manifest.end + 2 * RESERVED).contains(&used), "{used} bytes are taken");
    }
    assert!((2..20).contains(&reservations), "{reservations} times");
}

/// A file system syncs a file that keeps its length without its journal.
#[test]
fn few_edits_make_the_file_grow() {
    let (disk, dir) = disk();
    let mut manifest = Manifest::create(&dir, STORE).unwrap();
    let mut grew = 0;
    for id in 1..=100 {
        let length = bytes(&disk).len();
        manifest.commit(&[segment(id)], manifest.marks()).unwrap();
        grew += u32::from(bytes(&disk).len() > length);
        let loaded = Manifest::load(&dir).unwrap();
        assert_eq!((loaded.number, loaded.end), (manifest.number, manifest.end), "the zeros are no edit");
    }
    assert!((1..10).contains(&grew), "{grew} of 100 edits");
    manifest.give_back();
    assert_eq!(bytes(&disk).len() as u64, manifest.end);
    manifest.commit(&[segment(101)], manifest.marks()).unwrap();
    assert_eq!(ids(&Manifest::load(&dir).unwrap()).len(), 101);
}

/// Zeros that were written ahead must not complete what a write left out.
#[test]
fn an_edit_that_was_cut_short_is_none() {
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/data"));
        disk.create_dir_all(dir.path()).unwrap();
        let mut manifest = Manifest::create(&dir, STORE).unwrap();
        manifest.commit(&[segment(1)], manifest.marks()).unwrap();
        disk.inject(Fault::new(&[Op::Write], 0, Errno::Eio).short());
        assert!(manifest.commit(&[segment(2)], manifest.marks()).is_err());
        assert_eq!(ids(&Manifest::load(&dir).unwrap()), [1], "seed {seed}: refused, and there");
    }
}

#[test]
fn zeros_that_find_no_room_leave_what_there_is_to_others() {
    let (disk, dir) = disk();
    let mut manifest = Manifest::create(&dir, STORE).unwrap();
    for id in 1.. {
        disk.set_capacity(Some(disk.used() + 50)); // less than an edit
        let used = disk.used();
        if manifest.commit(&[segment(id)], manifest.marks()).is_err() {
            assert!(id > 10, "what was set aside is used first");
            break;
        }
        assert_eq!(disk.used(), used, "edit {id}");
        assert_eq!(ids(&Manifest::load(&dir).unwrap()).len(), id as usize);
    }
    disk.set_capacity(None);
    manifest.commit(&[segment(1)], manifest.marks()).unwrap();
    assert!(manifest.is_intact().unwrap());
}

#[test]
fn a_later_edit_is_found_where_it_stands() {
    let junk = [0xff; 64];
    let whole = edit(3, 1);
    for (before, number, found) in [
        (8, 2, Some(8)),   // at the next place
        (64, 2, Some(64)), // further on
        (8, 3, None),      // not above
        (8, 4, None),      // below
        (0, 2, None),      // here is where the damage is
        (12, 2, None),     // not at a multiple of 8
    ] {
        for from in [0, 16, 24] {
            let bytes = [&vec![0xff; from][..], &junk[..before], &whole].concat();
            assert_eq!(later_edit(&bytes, from, number), found.map(|at| from + at), "{before} bytes, above {number}");
        }
    }
}

#[test]
fn claims_of_long_edits_cost_as_much_as_a_multiple_of_the_bytes() {
    let head = |length: u32| {
        let mut head = [0; 16];
        head[4..8].copy_from_slice(&(length - 16).to_le_bytes());
        head[8] = 9;
        head
    };
    // Each claims nearly all that follows; a whole edit ends it.
    let claims = |count: u32| {
        let total = count * 16 + 8 + edit(3, 1).len() as u32;
        let heads = (0..count).flat_map(|at| head(total - 8 - at * 16));
        (vec![0; 8].into_iter().chain(heads).chain(edit(3, 1)).collect::<Vec<u8>>(), 8 + count as usize * 16)
    };
    let (few, place) = claims(8);
    assert_eq!(later_edit(&few, 0, 2), Some(place), "so many are gone through");
    let (many, place) = claims(400);
    let given_up = later_edit(&many, 0, 2).unwrap();
    assert!(given_up < place && given_up > 8 + MOST_CHECKED / 2 * 16, "given up at byte {given_up}");
}

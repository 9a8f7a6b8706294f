//! What `open` must not touch: each refusal is the right one, and leaves every file as it was.

use std::path::Path;

use stratum::{Db, DocumentId, Error, Options, ReadMode, Result};

use crate::{READ_MODES, contents, files, fill, options, process};

const MANIFEST: &str = "MANIFEST";
const LOCK: &str = "LOCK";

/// A closed store of several sealed segments.
fn store(directory: &Path) {
    let db = Db::open(directory, &options(ReadMode::Mmap)).unwrap();
    fill(&db, 0..20);
    db.close().unwrap();
    assert!(segments(directory).len() > 2);
}

/// The names of the segments, in the order of their ids.
fn segments(directory: &Path) -> Vec<String> {
    files(directory).into_keys().filter(|name| name.starts_with("segment-")).collect()
}

/// Opens what must be refused, with and without a lock file there before, and checks that no file changed. `locks` says
/// that the damage lies where only the holder of the lock looks, so that the lock file may be made.
fn refused(directory: &Path, options: &Options, locks: bool, is_right: impl Fn(&Error) -> bool) {
    for with_lock in [false, true] {
        let lock = directory.join(LOCK);
        if with_lock && directory.exists() {
            std::fs::write(&lock, b"").unwrap();
        } else if lock.exists() {
            std::fs::remove_file(&lock).unwrap();
        }
        let before = files(directory);
        let existed = directory.exists();
        let error = Db::open(directory, options).map(|_| ()).expect_err("this must be refused");
        assert!(is_right(&error), "{error:?}");
        let mut after = files(directory);
        if locks && !with_lock {
            assert_eq!(after.remove(LOCK), Some(Vec::new()));
        }
        assert_eq!(before, after, "after {error}");
        assert_eq!(existed, directory.exists());
    }
}

/// Changes a file's bytes.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Gives a file's header the next format version, and a checksum that fits.
fn make_newer(header: &mut [u8]) {
    let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let (version, length) = (number(8) + 1, number(12) as usize);
    header[8..12].copy_from_slice(&version.to_le_bytes());
    let crc = crc32fast::hash(&header[..length - 4]);
    header[length - 4..length].copy_from_slice(&crc.to_le_bytes());
}

fn is_corruption_of(error: &Error, name: &str) -> bool {
    matches!(error, Error::Corruption(damage) if damage.file.ends_with(name))
}

#[test]
fn a_directory_of_other_files_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("letter.txt"), b"Dear Sir").unwrap();
    let is_right = |error: &Error| {
        let Error::NotAStore { path, what } = error else { return false };
        path == directory.path() && what.contains("letter.txt")
    };
    refused(directory.path(), &Options::default(), false, is_right);
}

#[test]
fn a_manifest_of_another_program_is_no_store() {
    for foreign in [&b""[..], b"MANIFEST-000004\n", b"# a manifest of something else, longer than the magic"] {
        let directory = tempfile::tempdir().unwrap();
        let manifest = directory.path().join(MANIFEST);
        std::fs::write(&manifest, foreign).unwrap();
        let is_right = |error: &Error| matches!(error, Error::NotAStore { path, .. } if *path == manifest);
        refused(directory.path(), &Options::default(), false, is_right);
    }
}

#[test]
fn a_damaged_manifest_is_corruption() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let manifest = directory.path().join(MANIFEST);
    let whole = std::fs::read(&manifest).unwrap();
    for at in [9, 20, 95] {
        change(&manifest, |bytes| bytes[at] ^= 0x10);
        refused(directory.path(), &Options::default(), false, |error| is_corruption_of(error, MANIFEST));
        std::fs::write(&manifest, &whole).unwrap();
    }
    std::fs::write(&manifest, &whole[..40]).unwrap();
    refused(directory.path(), &Options::default(), false, |error| is_corruption_of(error, MANIFEST));
    std::fs::write(&manifest, &whole[..96]).unwrap();
    refused(directory.path(), &Options::default(), true, |error| is_corruption_of(error, MANIFEST));
}

#[test]
fn segments_without_a_manifest_are_corruption() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    std::fs::remove_file(directory.path().join(MANIFEST)).unwrap();
    let is_right = |error: &Error| matches!(error, Error::Corruption(_));
    refused(directory.path(), &Options::default(), false, is_right);
}

#[test]
fn damaged_missing_and_truncated_segments_are_corruption() {
    for mode in READ_MODES {
        let directory = tempfile::tempdir().unwrap();
        store(directory.path());
        let options = options(mode);
        for name in segments(directory.path()) {
            let path = directory.path().join(&name);
            let whole = std::fs::read(&path).unwrap();
            let is_right = |error: &Error| is_corruption_of(error, &name);

            change(&path, |bytes| bytes[33] ^= 1);
            refused(directory.path(), &options, true, is_right);
            std::fs::remove_file(&path).unwrap();
            refused(directory.path(), &options, true, is_right);
            for left in [0, 50, 96, whole.len() - 1] {
                std::fs::write(&path, &whole[..left]).unwrap();
                refused(directory.path(), &options, true, is_right);
            }
            std::fs::write(&path, &whole).unwrap();
        }
        let db = Db::open(directory.path(), &options).unwrap();
        assert_eq!(db.view().unwrap().document_count().unwrap(), 20, "whole again, it opens");
    }
}

#[test]
fn a_segment_in_the_place_of_another_is_corruption() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let names = segments(directory.path());
    std::fs::copy(directory.path().join(&names[0]), directory.path().join(&names[1])).unwrap();
    refused(directory.path(), &Options::default(), true, |error| is_corruption_of(error, &names[1]));
}

#[test]
fn a_newer_manifest_or_segment_is_a_newer_format() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let mut names = vec![MANIFEST.to_string()];
    names.extend(segments(directory.path()));
    for name in names {
        let file = directory.path().join(&name);
        let whole = std::fs::read(&file).unwrap();
        change(&file, |bytes| make_newer(bytes));
        let is_right = |error: &Error| matches!(error, Error::NewerFormat { path, .. } if *path == file);
        refused(directory.path(), &Options::default(), name != MANIFEST, is_right);
        std::fs::write(&file, whole).unwrap();
    }
}

#[test]
fn a_newer_or_damaged_checkpoint_is_ignored() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let checkpoint = directory.path().join("CHECKPOINT");
    let whole = std::fs::read(&checkpoint).unwrap();
    let opened = || {
        let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
        (db.stats().unwrap().opened_from_checkpoint, contents(&db.view().unwrap()))
    };
    let (used, expected) = opened();
    assert!(used);
    let changes: [fn(&mut Vec<u8>); 3] = [|bytes| make_newer(bytes), |bytes| bytes[70] ^= 1, Vec::clear];
    for make in changes {
        std::fs::write(&checkpoint, &whole).unwrap();
        change(&checkpoint, make);
        assert_eq!(opened(), (false, expected.clone()));
    }
}

#[test]
fn create_and_exclusive_are_kept_to() {
    let directory = tempfile::tempdir().unwrap();
    let is_right = |error: &Error| matches!(error, Error::OpenRefused { .. });
    let mut existing = Options::default();
    existing.create = false;
    refused(directory.path(), &existing, false, is_right);
    refused(&directory.path().join("a/b"), &existing, false, is_right);
    assert!(!directory.path().join("a").exists());

    let place = directory.path().join("store");
    let mut exclusive = Options::default();
    exclusive.exclusive = true;
    Db::open(&place, &exclusive).unwrap().close().unwrap();
    refused(&place, &exclusive, false, is_right);
    Db::open(&place, &existing).unwrap().close().unwrap();
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let bad: [fn(&mut Options); 13] = [
        |options| options.segment_size = 255,
        |options| options.segment_size = (4 << 30) + 1,
        |options| options.max_record_bytes = 0,
        |options| options.max_record_bytes = (1 << 31) + 1,
        |options| options.max_batch_bytes = options.max_record_bytes - 1,
        |options| options.max_batch_bytes = (3 << 30) + 1,
        |options| options.max_amplification = 1.09,
        |options| options.max_amplification = f64::NAN,
        |options| options.max_amplification = f64::INFINITY,
        |options| options.fold_after = 0,
        |options| options.fold_after = 1001,
        |options| options.sync_interval = std::time::Duration::ZERO,
        |options| options.sync_interval = std::time::Duration::from_secs(3601),
    ];
    for make in bad {
        let mut options = Options::default();
        make(&mut options);
        let place = directory.path().join("store");
        refused(&place, &options, false, |error| matches!(error, Error::InvalidArgument(_)));
    }
}

fn is_locked(opened: &Result<Db>, place: &Path) -> bool {
    matches!(opened, Err(Error::Locked(path)) if path == place)
}

#[test]
fn a_second_opener_is_refused_at_once() {
    if let Some(place) = process::started_in() {
        assert!(is_locked(&Db::open(&place, &Options::default()), &place));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(directory.path(), &options(ReadMode::Mmap)).unwrap();
    fill(&db, 0..20);
    let before = files(directory.path());
    assert!(is_locked(&Db::open(directory.path(), &Options::default()), directory.path()));
    assert!(is_locked(&Db::open(directory.path().join("."), &Options::default()), &directory.path().join(".")));
    process::passes("refusals::a_second_opener_is_refused_at_once", directory.path());
    assert_eq!(before, files(directory.path()));
    fill(&db, 20..21);
    assert_eq!(db.view().unwrap().documents(DocumentId::FIRST).unwrap().count(), 21);
    db.close().unwrap();
    Db::open(directory.path(), &Options::default()).unwrap().close().unwrap();
}

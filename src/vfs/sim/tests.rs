//! Each rule of the model, one small test. Rules about what *may* survive look at many images and demand that
//! every allowed outcome is among them, and no other.

use std::collections::BTreeSet;

use super::*;

mod evicted;
mod lies;

const SEEDS: u64 = 400;

fn disk() -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new("/d").join(name)
}

fn create(disk: &SimDisk, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = disk.create(&path(name)).unwrap();
    file.write_all_at(0, bytes).unwrap();
    file
}

/// A file whose contents and name are durable.
fn settled(disk: &SimDisk, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = create(disk, name, bytes);
    file.sync().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    file
}

fn contents(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    disk.files(Path::new("/d")).remove(Path::new(name))
}

/// Every content that the file has in some image.
fn outcomes(disk: &SimDisk, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    disk.crash_images(0, SEEDS).iter().map(|image| contents(image, name)).collect()
}

fn names(disk: &SimDisk) -> String {
    let files = disk.files(Path::new("/d"));
    files.keys().map(|name| name.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// Every set of names that some image has.
fn name_outcomes(disk: &SimDisk) -> BTreeSet<String> {
    disk.crash_images(0, SEEDS).iter().map(names).collect()
}

fn set<const COUNT: usize>(all: [&str; COUNT]) -> BTreeSet<String> {
    all.into_iter().map(String::from).collect()
}

#[test]
fn synced_contents_survive_and_only_they_are_sure_to() {
    let disk = disk();
    let file = settled(&disk, "a", b"old");
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"old".to_vec())]));
    file.write_all_at(3, b"!").unwrap();
    let seen = outcomes(&disk, "a");
    assert_eq!(seen, BTreeSet::from([Some(b"old".to_vec()), Some(b"old\0".to_vec()), Some(b"old!".to_vec())]));
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"old!".to_vec())]));
}

#[test]
fn a_synced_file_without_a_synced_name_may_be_gone() {
    let disk = disk();
    create(&disk, "a", b"bytes").sync().unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None, Some(b"bytes".to_vec())]));
}

#[test]
fn a_synced_name_without_synced_contents_may_be_empty() {
    let disk = disk();
    create(&disk, "a", b"xy");
    disk.sync_dir(Path::new("/d")).unwrap();
    let seen = outcomes(&disk, "a");
    for expected in [b"".as_slice(), b"x", b"xy", b"\0\0"] {
        assert!(seen.contains(&Some(expected.to_vec())), "{expected:?} in {seen:?}");
    }
    assert!(!seen.contains(&None));
}

#[test]
fn overwritten_bytes_may_be_new_stale_or_torn() {
    let disk = disk();
    let file = settled(&disk, "a", &[b'o'; 1024]);
    file.write_all_at(0, &[b'n'; 1024]).unwrap();
    let seen = outcomes(&disk, "a");
    let halves = |first, second| [[first; 512], [second; 512]].concat();
    for (first, second) in [(b'o', b'o'), (b'n', b'n'), (b'n', b'o'), (b'o', b'n')] {
        assert!(seen.contains(&Some(halves(first, second))), "{first} {second}");
    }
    assert!(seen.iter().flatten().all(|bytes| bytes.len() == 1024 && bytes.iter().all(|byte| b"on".contains(byte))));
    assert!(seen.iter().flatten().any(|bytes| bytes[0] == b'n' && bytes[511] == b'o'), "torn inside a sector");
}

#[test]
fn unsynced_writes_are_reordered() {
    let disk = disk();
    let file = settled(&disk, "a", b"");
    file.write_all_at(0, b"1").unwrap();
    file.write_all_at(1, b"2").unwrap();
    let seen = outcomes(&disk, "a");
    for expected in [b"".as_slice(), b"1", b"12", b"\x002", b"1\0", b"\0\0"] {
        assert!(seen.contains(&Some(expected.to_vec())), "{expected:?} in {seen:?}");
    }
}

#[test]
fn a_lost_truncation_hides_what_was_written_after_it() {
    let disk = disk();
    let file = settled(&disk, "a", b"oldold");
    file.truncate(0).unwrap();
    file.write_all_at(0, b"new").unwrap();
    let seen = outcomes(&disk, "a");
    assert!(seen.contains(&Some(b"oldold".to_vec())) && seen.contains(&Some(Vec::new())));
    assert!(seen.contains(&Some(b"new".to_vec())));
    assert!(!seen.contains(&Some(b"newold".to_vec())));
}

#[test]
fn of_eight_seeds_one_keeps_nothing_and_one_everything() {
    let disk = disk();
    settled(&disk, "a", b"1");
    create(&disk, "b", b"2");
    disk.unlink(&path("a")).unwrap();
    let images: Vec<_> = disk.crash_images(13, 8).iter().map(|image| image.files(Path::new("/d"))).collect();
    assert!(images.contains(&BTreeMap::from([(PathBuf::from("a"), b"1".to_vec())])));
    assert!(images.contains(&BTreeMap::from([(PathBuf::from("b"), b"2".to_vec())])));
}

#[test]
fn everything_in_an_image_is_durable() {
    let disk = disk();
    create(&disk, "a", b"123456");
    for image in disk.crash_images(0, 50) {
        let before = image.files(Path::new("/"));
        assert!(image.crash_images(0, 8).iter().all(|again| again.files(Path::new("/")) == before));
    }
}

#[test]
fn names_made_and_removed_may_be_lost_independently() {
    let disk = disk();
    settled(&disk, "a", b"");
    create(&disk, "b", b"");
    disk.unlink(&path("a")).unwrap();
    assert_eq!(name_outcomes(&disk), set(["", "a", "b", "a b"]));
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(name_outcomes(&disk), set(["b"]));
}

#[test]
fn changes_of_one_name_keep_their_order() {
    let disk = disk();
    create(&disk, "a", b"1").sync().unwrap();
    disk.unlink(&path("a")).unwrap();
    create(&disk, "a", b"2").sync().unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None, Some(b"1".to_vec()), Some(b"2".to_vec())]));
}

#[test]
fn a_rename_is_one_step_and_may_be_lost() {
    let disk = disk();
    settled(&disk, "a", b"old");
    settled(&disk, "t", b"new");
    disk.rename(&path("t"), &path("a")).unwrap();
    let seen: BTreeSet<_> = disk.crash_images(0, SEEDS).iter().map(|i| (names(i), contents(i, "a").unwrap())).collect();
    assert_eq!(seen, BTreeSet::from([("a t".into(), b"old".to_vec()), ("a".into(), b"new".to_vec())]));
}

#[test]
fn a_rename_does_not_survive_without_the_name_it_moves() {
    let disk = disk();
    create(&disk, "t", b"new").sync().unwrap();
    disk.rename(&path("t"), &path("a")).unwrap();
    assert_eq!(name_outcomes(&disk), set(["", "t", "a"]));
}

#[test]
fn syncing_one_directory_leaves_the_other_but_for_what_it_builds_on() {
    let disk = disk();
    disk.create_dir_all(Path::new("/e")).unwrap();
    create(&disk, "moved", b"");
    create(&disk, "stays", b"");
    disk.rename(&path("moved"), Path::new("/e/moved")).unwrap();
    disk.sync_dir(Path::new("/e")).unwrap();
    let image = disk.image(0);
    assert_eq!(image.files(Path::new("/")).into_keys().collect::<Vec<_>>(), [PathBuf::from("e/moved")]);
}

#[test]
fn a_link_is_the_same_file() {
    let disk = disk();
    let file = settled(&disk, "a", b"1");
    disk.link(&path("a"), &path("b")).unwrap();
    assert_eq!(name_outcomes(&disk), set(["a", "a b"]));
    file.write_all_at(0, b"2").unwrap();
    assert_eq!(contents(&disk, "b").unwrap(), b"2");
    for image in disk.crash_images(0, SEEDS) {
        if let Some(linked) = contents(&image, "b") {
            assert_eq!(contents(&image, "a").unwrap(), linked);
            image.open(&path("a"), OpenMode::ReadWrite).unwrap().write_all_at(0, b"3").unwrap();
            assert_eq!(contents(&image, "b").unwrap(), b"3");
        }
    }
}

#[test]
fn an_unlinked_file_stays_readable_and_keeps_its_room_until_closed() {
    let disk = disk();
    let file = create(&disk, "a", b"12345");
    disk.unlink(&path("a")).unwrap();
    assert_eq!(disk.open(&path("a"), OpenMode::Read).err().unwrap().kind(), io::ErrorKind::NotFound);
    file.read_exact_at(0, &mut [0; 5]).unwrap();
    assert_eq!(disk.used(), 5);
    drop(file);
    assert_eq!(disk.used(), 0);
}

#[test]
fn a_file_whose_removal_was_lost_comes_back_whole() {
    let disk = disk();
    drop(settled(&disk, "a", b"12345"));
    disk.unlink(&path("a")).unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None, Some(b"12345".to_vec())]));
}

#[test]
fn a_failed_sync_drops_what_was_pending() {
    let disk = disk();
    let file = settled(&disk, "a", b"old");
    file.write_all_at(0, b"new").unwrap();
    disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio));
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(libc::EIO));
    assert_eq!(contents(&disk, "a").unwrap(), b"new", "the cache still shows it");
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"old".to_vec())]));
    file.write_all_at(3, b"+").unwrap();
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"old+".to_vec())]), "later writes are saved");
    assert_eq!(contents(&disk.restart(), "a").unwrap(), b"new+", "and a mere restart sees the cache");
}

#[test]
fn a_sync_that_fails_half_way_saves_a_part() {
    let seen: BTreeSet<_> = (0..200)
        .map(|seed| {
            let disk = SimDisk::new(seed);
            let file = disk.create(Path::new("/a")).unwrap();
            disk.sync_dir(Path::new("/")).unwrap();
            file.write_all_at(0, b"12").unwrap();
            disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio).short());
            file.sync().unwrap_err();
            file.sync().unwrap();
            disk.image(1).files(Path::new("/")).remove(Path::new("a")).unwrap()
        })
        .collect();
    for expected in [b"".as_slice(), b"1", b"12", b"\0\0"] {
        assert!(seen.contains(expected), "{expected:?} in {seen:?}");
    }
}

#[test]
fn a_failed_sync_dir_leaves_names_pending() {
    let disk = disk();
    create(&disk, "a", b"");
    disk.inject(Fault::new(&[Op::SyncDir], 0, Errno::Eio));
    disk.sync_dir(Path::new("/d")).unwrap_err();
    assert_eq!(name_outcomes(&disk), set(["", "a"]));
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(name_outcomes(&disk), set(["a"]));
}

#[test]
fn a_crash_lets_that_many_operations_happen_and_none_after() {
    let script = |disk: &SimDisk| -> io::Result<()> {
        disk.create_dir_all(Path::new("/d"))?;
        let file = disk.create(&path("a"))?;
        file.write_all_at(0, b"1")?;
        file.sync()?;
        file.read_exact_at(0, &mut [0])?;
        disk.sync_dir(Path::new("/d"))
    };
    let whole = SimDisk::new(0);
    script(&whole).unwrap();
    assert_eq!((whole.ops(), whole.reads()), (5, 1));
    for op in 0..5 {
        let disk = SimDisk::new(0);
        disk.crash_at(op);
        script(&disk).unwrap_err();
        assert!(disk.has_crashed());
        assert_eq!(disk.ops(), op);
        let before = disk.files(Path::new("/"));
        disk.create(&path("b")).err().unwrap();
        disk.open(&path("a"), OpenMode::Read).err().unwrap();
        assert_eq!(disk.files(Path::new("/")), before);
        assert_eq!(disk.image(0).files(Path::new("/")).len(), 0, "the name is durable after the last operation only");
    }
    assert_eq!(whole.image(0).files(Path::new("/")).len(), 1);
}

#[test]
fn a_recorded_moment_is_what_a_crash_would_have_left() {
    let script = |disk: &SimDisk| -> io::Result<()> {
        let file = disk.create(Path::new("/a"))?;
        file.write_all_at(0, &[5; 2000])?;
        file.sync()?;
        disk.sync_dir(Path::new("/"))?;
        file.write_all_at(100, &[6; 1000])?;
        disk.rename(Path::new("/a"), Path::new("/b"))
    };
    let whole = SimDisk::new(0);
    whole.record();
    script(&whole).unwrap();
    for op in 0..=whole.ops() {
        let crashed = SimDisk::new(0);
        crashed.crash_at(op);
        assert_eq!(script(&crashed).is_err(), op < whole.ops());
        let moment = whole.moment(op).unwrap();
        for seed in 0..20 {
            assert_eq!(moment.image(seed).files(Path::new("/")), crashed.image(seed).files(Path::new("/")));
        }
        assert_eq!(moment.restart().files(Path::new("/")), crashed.files(Path::new("/")));
        assert!(moment.list(Path::new("/")).is_err(), "a moment is past");
    }
    assert!(whole.moment(whole.ops() + 1).is_none());
}

#[test]
fn the_same_seed_gives_the_same_images() {
    let make = || {
        let disk = disk();
        create(&disk, "a", &[7; 3000]);
        create(&disk, "b", &[8; 100]);
        disk.unlink(&path("a")).unwrap();
        disk
    };
    let (one, other) = (make(), make());
    for seed in 0..50 {
        assert_eq!(one.image(seed).files(Path::new("/")), other.image(seed).files(Path::new("/")));
    }
    let different: BTreeSet<_> = one.crash_images(0, 100).iter().map(|image| image.files(Path::new("/"))).collect();
    assert!(different.len() > 10);
}

#[test]
fn a_restart_keeps_the_cache_and_what_is_pending() {
    let disk = disk();
    let _held = disk.lock(&path("LOCK")).unwrap().unwrap();
    settled(&disk, "a", b"1").write_all_at(1, b"2").unwrap();
    disk.crash_at(0);
    disk.sync_dir(Path::new("/d")).unwrap_err();
    let next = disk.restart();
    assert_eq!(contents(&next, "a").unwrap(), b"12");
    assert!(outcomes(&next, "a").contains(&Some(b"1".to_vec())), "still not durable");
    assert!(next.lock(&path("LOCK")).unwrap().is_some());
    next.open(&path("a"), OpenMode::ReadWrite).unwrap().sync().unwrap();
    assert_eq!(outcomes(&next, "a"), BTreeSet::from([Some(b"12".to_vec())]));
}

#[test]
fn faults_strike_the_call_they_name() {
    let disk = disk();
    let file = create(&disk, "a", b"");
    disk.inject(Fault::new(&[Op::Write], 1, Errno::Enospc));
    file.write_at(0, b"1").unwrap();
    file.sync().unwrap();
    assert_eq!(file.write_at(1, b"2").unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    file.write_at(1, b"3").unwrap();
    assert_eq!(contents(&disk, "a").unwrap(), b"13");
    assert_eq!(disk.faults_struck(), [Op::Write]);
    disk.inject(Fault::new(Op::READING, 0, Errno::Eio).sticky());
    for _ in 0..3 {
        assert!(file.read_at(0, &mut [0]).is_err());
        assert!(disk.list(Path::new("/d")).is_err());
        assert!(disk.open(&path("a"), OpenMode::Read).is_err());
    }
    disk.clear_faults();
    file.read_exact_at(0, &mut [0]).unwrap();
}

#[test]
fn a_short_fault_moves_a_part_and_then_fails() {
    let disk = disk();
    let file = create(&disk, "a", b"");
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Enospc).short());
    let count = file.write_at(0, b"12345678").unwrap();
    assert!((1..8).contains(&count));
    assert_eq!(file.write_at(8, b"9").unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    file.write_at(0, b"12345678").unwrap();
    disk.inject(Fault::new(&[Op::Rename], 0, Errno::Eio).short());
    disk.rename(&path("a"), &path("b")).unwrap_err();
    assert_eq!(names(&disk), "b", "the rename happened and was reported as failed");
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Enospc).short().sticky());
    assert!(file.write_all_at(0, b"xyz").is_err() && file.write_all_at(0, b"xyz").is_err());
}

#[test]
fn every_kind_of_call_can_fail() {
    for op in Op::MUTATING.iter().chain(Op::READING) {
        let disk = disk();
        let file = create(&disk, "a", b"1");
        disk.inject(Fault::new(&[*op], 0, Errno::Eio));
        let failed = match op {
            Op::CreateDir => disk.create_dir_all(Path::new("/e")).is_err(),
            Op::Create => disk.create(&path("b")).is_err(),
            Op::Write => file.write_at(0, b"2").is_err(),
            Op::Truncate => file.truncate(0).is_err(),
            Op::Preallocate => file.preallocate(10).is_err(),
            Op::Sync => file.sync().is_err(),
            Op::Rename => disk.rename(&path("a"), &path("b")).is_err(),
            Op::Link => disk.link(&path("a"), &path("b")).is_err(),
            Op::Unlink => disk.unlink(&path("a")).is_err(),
            Op::SyncDir => disk.sync_dir(Path::new("/d")).is_err(),
            Op::Lock => disk.lock(&path("LOCK")).is_err(),
            Op::Open => disk.open(&path("a"), OpenMode::Read).is_err(),
            Op::Read => file.read_at(0, &mut [0]).is_err(),
            Op::Map => file.map(1).is_err(),
            Op::List => disk.list(Path::new("/d")).is_err(),
            Op::Length => file.len().is_err(),
        };
        assert!(failed && disk.faults_struck() == [*op], "{op:?}");
        assert_eq!(contents(&disk, "a").unwrap(), b"1", "{op:?} failed without effect");
        assert_eq!(names(&disk), "a", "{op:?} failed without effect");
    }
}

#[test]
fn chaos_is_overcome_by_the_loops_of_the_trait() {
    let disk = disk();
    let file = create(&disk, "a", b"");
    disk.set_chaos(0.7);
    let bytes: Vec<u8> = (0..=255).collect();
    let (mut was_short, mut was_interrupted) = (false, false);
    for _ in 0..100 {
        match file.write_at(0, &bytes) {
            Ok(count) => was_short |= count < bytes.len(),
            Err(error) => was_interrupted |= error.kind() == io::ErrorKind::Interrupted,
        }
        file.write_all_at(0, &bytes).unwrap();
        let mut into = vec![0; 256];
        file.read_exact_at(0, &mut into).unwrap();
        assert_eq!(into, bytes);
    }
    assert!(was_short && was_interrupted);
}

#[test]
fn a_full_disk_takes_what_fits_and_overwrites_freely() {
    let disk = disk();
    let file = create(&disk, "a", b"1234");
    disk.set_capacity(Some(10));
    assert_eq!(file.write_at(4, b"567890abc").unwrap(), 6, "short");
    assert_eq!(file.write_at(10, b"x").unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    assert_eq!(file.write_at(0, b"abcdefghij").unwrap(), 10);
    let other = disk.create(&path("b")).unwrap();
    assert_eq!(other.write_at(0, b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    file.truncate(3).unwrap();
    assert_eq!(other.write_at(0, b"xxxxxxxxxx").unwrap(), 7);
    drop(other);
    disk.unlink(&path("b")).unwrap();
    assert_eq!(file.write_at(3, b"1234567").unwrap(), 7);
}

#[test]
fn preallocated_room_is_taken_and_can_be_written() {
    let disk = disk();
    disk.set_capacity(Some(10));
    let spare = disk.create(&path("spare")).unwrap();
    assert_eq!(spare.preallocate(11).unwrap_err().kind(), io::ErrorKind::StorageFull);
    spare.preallocate(8).unwrap();
    assert_eq!((spare.len().unwrap(), disk.used()), (0, 8));
    let other = create(&disk, "b", b"12");
    assert!(other.write_at(2, b"3").is_err());
    assert_eq!(spare.write_at(0, b"12345678").unwrap(), 8);
    assert!(spare.write_at(8, b"9").is_err());
}

#[test]
fn a_reader_and_a_writer_keep_each_other_out() {
    let disk = disk();
    assert!(disk.lock_for_reading(&path("LOCK")).is_err(), "and makes nothing");
    drop(disk.lock(&path("LOCK")).unwrap());
    let operations = disk.ops();
    let reader = disk.lock_for_reading(&path("LOCK")).unwrap();
    assert!(reader.is_some() && disk.ops() == operations);
    assert!(disk.lock(&path("LOCK")).unwrap().is_none());
    drop(reader);
    let writer = disk.lock(&path("LOCK")).unwrap();
    assert!(writer.is_some() && disk.lock_for_reading(&path("LOCK")).unwrap().is_none());
}

#[test]
fn a_lock_is_held_once_until_dropped_and_no_image_has_it() {
    let disk = disk();
    let held = disk.lock(&path("LOCK")).unwrap();
    assert!(held.is_some() && disk.lock(&path("LOCK")).unwrap().is_none());
    assert!(disk.image(1).lock(&path("LOCK")).unwrap().is_some());
    drop(held);
    assert!(disk.lock(&path("LOCK")).unwrap().is_some());
}

#[test]
fn maps_are_copies_of_what_is_there_where_allowed() {
    let disk = disk();
    let file = create(&disk, "a", b"123");
    assert_eq!(file.map(3).err().unwrap().kind(), io::ErrorKind::Unsupported);
    disk.allow_map();
    let map = file.map(3).unwrap();
    assert_eq!(file.map(4).err().unwrap().kind(), io::ErrorKind::Unsupported, "it could not see the file grow");
    drop(file);
    disk.unlink(&path("a")).unwrap();
    assert_eq!(&map[..], b"123");
}

#[test]
fn names_are_checked_as_a_file_system_does() {
    let disk = disk();
    let file = create(&disk, "a", b"");
    assert_eq!(disk.create(&path("a")).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(disk.create(Path::new("/none/a")).err().unwrap().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.link(&path("a"), &path("a")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(disk.rename(&path("b"), &path("c")).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.unlink(&path("b")).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.list(Path::new("/none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(disk.create_dir_all(&path("a/b")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    assert!(disk.open(Path::new("/d"), OpenMode::Read).is_err());
    assert!(disk.open(&path("a"), OpenMode::Read).unwrap().write_at(0, b"1").is_err());
    assert!(file.write_at(u64::MAX, b"1").is_err() && file.truncate(u64::MAX).is_err());
    disk.create_dir_all(&path("sub")).unwrap();
    let listed: BTreeSet<_> = disk.list(Path::new("/d/../d/.")).unwrap().into_iter().collect();
    assert_eq!(listed, BTreeSet::from([PathBuf::from("a"), PathBuf::from("sub")]));
}

#[test]
fn planted_bytes_are_durable() {
    let disk = disk();
    let file = settled(&disk, "a", b"good");
    disk.plant(&path("a"), b"bad");
    disk.plant(&path("b"), b"new");
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"bad".to_vec())]));
    assert_eq!(outcomes(&disk, "b"), BTreeSet::from([Some(b"new".to_vec())]));
    file.read_exact_at(0, &mut [0; 3]).unwrap();
    assert_eq!(disk.used(), 6);
}

#[test]
fn the_disk_can_be_shared_between_threads() {
    let disk = disk();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let disk = disk.clone();
            scope.spawn(move || create(&disk, &format!("f{thread}"), &[thread; 100]).sync().unwrap());
        }
    });
    assert_eq!(names(&disk), "f0 f1 f2 f3");
}

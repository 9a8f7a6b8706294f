//! What a kernel forgets that could not write what it was to make durable.

use super::*;

#[test]
fn an_evicted_sync_takes_back_what_reads_saw_and_keeps_the_length() {
    let disk = disk();
    let file = settled(&disk, "a", b"old");
    file.write_all_at(0, b"newer").unwrap();
    disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio).evicted());
    assert!(file.sync().is_err());
    assert_eq!(contents(&disk, "a"), Some(b"old\0\0".to_vec()));
    file.write_all_at(0, b"N").unwrap();
    file.sync().unwrap();
    assert_eq!(contents(&disk, "a"), Some(b"Nld\0\0".to_vec()), "seen");
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"Nld".to_vec())]), "and on the disk");
}

#[test]
fn an_evicted_length_may_be_forgotten_once_nobody_has_the_file_open() {
    let after = |seed| {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/d")).unwrap();
        let file = settled(&disk, "a", b"old");
        file.write_all_at(3, b"er").unwrap();
        disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio).evicted());
        assert!(file.sync().is_err());
        file.write_all_at(1, b"-").unwrap();
        assert_eq!(contents(&disk, "a"), Some(b"o-d\0\0".to_vec()));
        let restarted = contents(&disk.restart(), "a");
        drop(file);
        assert_eq!(contents(&disk, "a"), restarted);
        restarted.unwrap()
    };
    let seen: BTreeSet<Vec<u8>> = (0..20).map(after).collect();
    assert_eq!(seen, BTreeSet::from([b"o-d".to_vec(), b"o-d\0\0".to_vec()]));
}

#[test]
fn evicted_names_are_seen_and_no_later_sync_saves_them() {
    let disk = disk();
    settled(&disk, "a", b"1");
    create(&disk, "b", b"2").sync().unwrap();
    disk.rename(&path("a"), &path("c")).unwrap();
    disk.inject(Fault::new(&[Op::SyncDir], 0, Errno::Eio).evicted());
    assert!(disk.sync_dir(Path::new("/d")).is_err());
    create(&disk, "e", b"3").sync().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!((names(&disk).as_str(), names(&disk.restart()).as_str()), ("b c e", "b c e"));
    assert_eq!(name_outcomes(&disk), set(["a e"]));
}

//! What a disk does that keeps less than it says, and what it shows of files that are gone.

use super::*;

#[test]
fn a_lost_sync_leaves_everything_pending_until_an_honest_one() {
    let disk = disk();
    let file = settled(&disk, "a", b"old");
    file.write_all_at(0, b"new").unwrap();
    disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio).lost());
    file.sync().unwrap();
    assert_eq!(disk.faults_struck(), [Op::Sync]);
    assert!(outcomes(&disk, "a").contains(&Some(b"old".to_vec())), "the sync was a lie");
    assert!(outcomes(&disk, "a").contains(&Some(b"new".to_vec())), "which may come true");
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"new".to_vec())]));
}

#[test]
fn a_lost_sync_of_names_leaves_them_pending() {
    let disk = disk();
    create(&disk, "a", b"").sync().unwrap();
    disk.inject(Fault::new(&[Op::SyncDir], 0, Errno::Eio).lost());
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(name_outcomes(&disk), set(["", "a"]));
}

#[test]
fn a_lost_write_is_seen_by_reads_and_by_no_later_process() {
    let disk = disk();
    let file = settled(&disk, "a", b"");
    file.write_all_at(0, b"12").unwrap();
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Eio).lost());
    file.write_all_at(2, b"34").unwrap();
    file.write_all_at(4, b"56").unwrap();
    file.sync().unwrap();
    assert_eq!(contents(&disk, "a").unwrap(), b"123456");
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"12\0\x0056".to_vec())]));
}

#[test]
fn a_fault_strikes_as_often_as_it_says() {
    let disk = disk();
    let file = create(&disk, "a", b"1234");
    disk.inject(Fault::new(&[Op::Read], 1, Errno::Eintr).times(3));
    let struck: Vec<_> = (0..7).map(|_| file.read_at(0, &mut [0]).is_err()).collect();
    assert_eq!(struck, [false, true, true, true, false, false, false]);
    disk.inject(Fault::new(&[Op::Read], 0, Errno::Eintr).times(5));
    file.read_exact_at(0, &mut [0; 4]).unwrap();
    disk.inject(Fault::new(&[Op::Write], 0, Errno::Eio).short().times(2));
    let struck: Vec<_> = (0..4).map(|_| file.write_at(0, b"1234").is_ok_and(|count| count == 4)).collect();
    assert_eq!(struck, [false, false, false, true], "the short one, its error, and another");
}

#[test]
fn a_length_without_bytes_may_show_what_a_file_that_is_gone_had_there() {
    let disk = disk();
    drop(settled(&disk, "gone", b"secrets"));
    disk.unlink(&path("gone")).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    let file = settled(&disk, "a", b"12");
    file.write_all_at(2, b"345").unwrap();
    let seen = outcomes(&disk, "a");
    for expected in [b"12".as_slice(), b"12345", b"12\0\0\0", b"12cre", b"123re"] {
        assert!(seen.contains(&Some(expected.to_vec())), "{expected:?} in {seen:?}");
    }
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(b"12345".to_vec())]));
}

#[test]
fn disks_that_hold_the_same_have_the_same_fingerprint() {
    let one = disk();
    settled(&one, "a", b"1");
    let same = one.image(3).fingerprint();
    assert_eq!(one.fingerprint(), same);
    let file = create(&one, "b", b"2");
    let others = one.crash_images(0, 40);
    let different: BTreeSet<_> = others.iter().map(SimDisk::fingerprint).collect();
    let contents: BTreeSet<_> = others.iter().map(|image| image.files(Path::new("/"))).collect();
    assert_eq!(different.len(), contents.len());
    assert!(different.contains(&same) && different.len() > 2);
    file.write_all_at(0, b"3").unwrap();
    assert!(!different.contains(&one.fingerprint()));
}

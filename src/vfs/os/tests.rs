//! The real file system, in a temporary directory.
#![allow(unsafe_code)] // one test forks

use std::path::Path;

use super::*;

fn in_temporary<T>(work: impl FnOnce(&OsFileSystem, &Path) -> T) -> T {
    let dir = tempfile::tempdir().expect("a temporary directory");
    work(&OsFileSystem, dir.path())
}

#[test]
fn what_is_written_is_read() {
    in_temporary(|fs, dir| {
        let path = dir.join("a");
        let file = fs.create(&path).unwrap();
        file.write_all_at(3, b"log").unwrap();
        file.sync().unwrap();
        assert_eq!(file.len().unwrap(), 6);
        let again = fs.open(&path, OpenMode::Read).unwrap();
        let mut into = [9; 6];
        again.read_exact_at(0, &mut into).unwrap();
        assert_eq!(&into, b"\0\0\0log");
        assert_eq!(again.read_at(6, &mut into).unwrap(), 0);
        assert_eq!(again.read_exact_at(1, &mut into).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(again.write_at(0, b"x").is_err(), "opened for reading only");
        file.truncate(2).unwrap();
        assert_eq!(again.len().unwrap(), 2);
    });
}

#[test]
fn create_wants_a_new_name_and_open_an_old_one() {
    in_temporary(|fs, dir| {
        let path = dir.join("a");
        assert_eq!(fs.open(&path, OpenMode::ReadWrite).err().unwrap().kind(), io::ErrorKind::NotFound);
        fs.create(&path).unwrap();
        assert_eq!(fs.create(&path).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    });
}

#[test]
fn names_are_listed_renamed_linked_and_removed() {
    in_temporary(|fs, dir| {
        fs.create(&dir.join("a")).unwrap().write_all_at(0, b"1").unwrap();
        fs.link(&dir.join("a"), &dir.join("b")).unwrap();
        assert_eq!(fs.link(&dir.join("a"), &dir.join("b")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs.create(&dir.join("c")).unwrap();
        fs.rename(&dir.join("a"), &dir.join("c")).unwrap();
        fs.sync_dir(dir).unwrap();
        let mut names = fs.list(dir).unwrap();
        names.sort();
        assert_eq!(names, [PathBuf::from("b"), PathBuf::from("c")]);
        assert_eq!(fs.open(&dir.join("c"), OpenMode::Read).unwrap().len().unwrap(), 1);
        let held = fs.open(&dir.join("b"), OpenMode::Read).unwrap();
        fs.unlink(&dir.join("b")).unwrap();
        fs.unlink(&dir.join("c")).unwrap();
        held.read_exact_at(0, &mut [0]).unwrap();
        assert!(fs.list(dir).unwrap().is_empty());
    });
}

#[test]
fn directories_are_made_with_their_parents() {
    in_temporary(|fs, dir| {
        let deep = dir.join("x/y/z");
        fs.create_dir_all(&deep).unwrap();
        fs.create_dir_all(&deep).unwrap();
        assert!(fs.list(&deep).unwrap().is_empty());
        for unnamed in ["x/..", ".", "/"] {
            fs.create_dir_all(&dir.join(unnamed)).unwrap();
        }
        fs.create(&dir.join("file")).unwrap();
        assert!(fs.create_dir_all(&dir.join("file")).is_err());
        assert!(fs.create_dir_all(&dir.join("file/under")).is_err());
    });
}

/// A directory of pipes and links in the place of files must not hold anybody up, nor lead anybody elsewhere.
#[test]
fn what_is_no_ordinary_file_is_refused_at_once() {
    in_temporary(|fs, dir| {
        let [pipe, link, target] = ["pipe", "link", "target"].map(|name| dir.join(name));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs.create(&target).unwrap().write_all_at(0, b"another's").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let (fs, paths) = (*fs, [pipe.clone(), PathBuf::from("/dev/zero"), dir.to_path_buf()]);
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for mode in [OpenMode::Read, OpenMode::ReadWrite] {
                assert!(paths.iter().all(|path| fs.open(path, mode).is_err()), "{mode:?}");
            }
            assert!(fs.lock_for_reading(&pipe).is_err() && fs.lock(&pipe).is_err());
            done.send(()).unwrap();
        });
        let waited = wait.recv_timeout(std::time::Duration::from_secs(60));
        assert_eq!(waited, Ok(()), "a timeout: one of them waits for a writer; else see the other thread's panic");
        assert!(fs.open(&link, OpenMode::ReadWrite).is_err() && fs.lock(&link).is_err());
        assert_eq!(fs.open(&link, OpenMode::Read).unwrap().len().unwrap(), 9, "who only reads may be led elsewhere");
    });
}

#[test]
fn a_lock_is_held_once_even_within_a_process_and_goes_with_its_holder() {
    in_temporary(|fs, dir| {
        let path = dir.join("LOCK");
        let held = fs.lock(&path).unwrap();
        assert!(held.is_some());
        assert!(fs.lock(&path).unwrap().is_none());
        // What fcntl locks would lose: some descriptor of the file is closed.
        drop(fs.open(&path, OpenMode::ReadWrite).unwrap());
        assert!(fs.lock(&path).unwrap().is_none());
        drop(held);
        assert!(fs.lock(&path).unwrap().is_some());
    });
}

#[test]
fn reserving_space_leaves_the_length() {
    in_temporary(|fs, dir| {
        let file = fs.create(&dir.join("a")).unwrap();
        file.preallocate(0).unwrap();
        file.preallocate(1 << 16).unwrap();
        assert_eq!(file.len().unwrap(), 0);
        assert!(file.preallocate(u64::MAX).is_err());
    });
}

#[test]
fn a_mapping_sees_the_file_grow_and_outlives_it() {
    in_temporary(|fs, dir| {
        let path = dir.join("a");
        let file = fs.create(&path).unwrap();
        let map = file.map(1 << 20).unwrap();
        assert_eq!(map.len(), 1 << 20);
        file.write_all_at(0, b"first").unwrap();
        assert_eq!(&map[..5], b"first");
        file.write_all_at(5, b"second").unwrap();
        assert_eq!(&map[5..11], b"second");
        drop(file);
        fs.unlink(&path).unwrap();
        assert_eq!(&map[..11], b"firstsecond");
    });
}

#[test]
fn odd_mapping_lengths_are_answered() {
    in_temporary(|fs, dir| {
        let file = fs.create(&dir.join("a")).unwrap();
        assert!(file.map(0).unwrap().is_empty());
        assert!(file.map(u64::MAX).is_err());
        assert!(file.map(u64::MAX >> 1).is_err());
    });
}

#[test]
fn a_forked_child_is_of_another_generation() {
    let before = fork::generation();
    assert_eq!(before, fork::generation());
    // SAFETY: the child only reads atomics and leaves through _exit.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let differs = fork::generation() != before;
        // SAFETY: ends the child without running the test harness's exit handlers in it.
        unsafe { libc::_exit(if differs { 7 } else { 8 }) };
    }
    let mut status = 0;
    // SAFETY: `status` is valid for a write, `child` is our own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status));
    assert_eq!(libc::WEXITSTATUS(status), 7, "the child's generation must differ");
    assert_eq!(fork::generation(), before, "the parent's must not");
}

/// A child between its fork and its exec still holds every descriptor of its parent.
#[test]
fn a_lock_for_reading_keeps_writers_out_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    let fs = OsFileSystem;
    assert_eq!(fs.lock_for_reading(&path).err().map(|error| error.kind()), Some(io::ErrorKind::NotFound));
    assert!(!path.exists());
    drop(fs.lock(&path).unwrap());
    let readers = [fs.lock_for_reading(&path).unwrap(), fs.lock_for_reading(&path).unwrap()];
    assert!(readers.iter().all(Option::is_some) && fs.lock(&path).unwrap().is_none());
    drop(readers);
    let writer = fs.lock(&path).unwrap();
    assert!(writer.is_some() && fs.lock_for_reading(&path).unwrap().is_none());
}

#[test]
fn a_lock_is_free_at_once_while_children_are_being_spawned() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    std::process::Command::new("true").status().unwrap();
                }
            });
        }
        let taken = (0..100).filter(|_| OsFileSystem.lock(&path).unwrap().is_some()).count();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(taken, 100);
    });
}

#[test]
fn no_id_is_given_twice() {
    let ids: std::collections::HashSet<[u8; 16]> = (0..100).map(|_| OsFileSystem.unique_id().unwrap()).collect();
    assert_eq!(ids.len(), 100);
}

#[test]
fn directories_may_be_made_by_several_at_once() {
    in_temporary(|fs, dir| {
        for round in 0..30 {
            let path = dir.join(format!("{round}/a/b"));
            let begin = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                let make = || {
                    begin.wait();
                    fs.create_dir_all(&path)
                };
                let all: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
                all.into_iter().for_each(|made| made.join().unwrap().unwrap());
            });
            assert!(path.is_dir());
        }
    });
}

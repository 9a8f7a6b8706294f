//! What a system may do to a process: limits, signals, files cut short or taken away, odd paths. Each is a status, and
//! nothing acknowledged is lost.
//!
//! 1. What changes a process as a whole happens in one of its own, which runs the test's other half.

#![allow(unsafe_code)] // setrlimit, sigaction, setitimer

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};

use stratum::{Columns, Db, DocumentId, Durability, Error, Options, ReadMode, Result};

use crate::child::{self, Running};
use crate::mounts::{Kind, Mounted};
use crate::worker::status;

const MODES: [ReadMode; 2] = [ReadMode::Mmap, ReadMode::Pread];

/// Small segments, so that files are made and given up all the time.
fn options(read_mode: ReadMode) -> Options {
    let mut options = Options::default();
    options.read_mode = read_mode;
    options.segment_size = 4 << 10;
    options.checkpoint_bytes = 8 << 10;
    options
}

fn put(db: &Db, content: u64) -> Result<DocumentId> {
    db.write(|batch| batch.create_document(&content.to_le_bytes().repeat(40), &Columns::new()))
}

/// Checks that exactly these documents are there, each with its content.
fn check(db: &Db, expected: &[(DocumentId, u64)]) {
    let view = db.view().unwrap();
    let documents: Vec<_> = view.documents(DocumentId::FIRST).unwrap().collect();
    assert_eq!(documents, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    for (id, content) in expected {
        assert_eq!(view.blob(*id).unwrap()[..], content.to_le_bytes().repeat(40), "document {id}");
    }
    assert_eq!(db.verify().unwrap().damage, []);
}

/// Runs the other half of a test in a process of its own.
fn alone(test: &str, job: &str, folder: &Path) -> (ExitStatus, String) {
    let mut process = Running::start(&mut child::again(&format!("limits::{test}"), job), &folder.join("said"));
    let status = process.wait();
    (status, process.said())
}

fn passes(test: &str, job: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = alone(test, &format!("{job}\n{}", folder.path().join("store").display()), folder.path());
    assert!(status.success() && said.contains("test result: ok. 1 passed"), "{job}: {status}: {said}");
}

/// The job of this process: what, and where.
fn job() -> Option<(String, PathBuf)> {
    let job = child::job()?;
    child::begin();
    let (what, store) = job.split_once('\n').unwrap();
    Some((what.to_string(), store.into()))
}

/// Sets a limit of this process; as high as it may be for a value above that.
fn limit(resource: libc::__rlimit_resource_t, value: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes the struct and setrlimit reads it; it outlives both calls.
    let done = unsafe {
        libc::getrlimit(resource, &raw mut limit);
        limit.rlim_cur = value.min(limit.rlim_max);
        libc::setrlimit(resource, &raw const limit)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// Works while a limit is low: what is refused is refused by one of `says`. Then with the limit gone, then reopened.
/// Gives back how many were refused.
fn under_limit(store: &Path, mode: ReadMode, low: impl Fn(&Db), high: impl Fn(), says: &[&str]) -> u64 {
    let db = Db::open(store, &options(mode)).unwrap();
    let mut there: Vec<_> = (0..20).map(|content| (put(&db, content).unwrap(), content)).collect();
    low(&db);
    let (mut refused, mut poisoned) = (0, false);
    for content in 20..220 {
        match put(&db, content) {
            Ok(id) => there.push((id, content)),
            Err(error) => {
                assert!(says.contains(&status(&error)), "{error}");
                poisoned |= matches!(error, Error::Poisoned(_));
                refused += 1;
            }
        }
    }
    if let Err(error) = db.compact_now(&mut |_| true) {
        assert!(says.contains(&status(&error)), "{error}");
    }
    high();
    // A sync that could not even begin stops all writing until a reopen; everything else goes on by itself.
    if db.stats().unwrap().poisoned || poisoned {
        assert!(matches!(put(&db, 1000), Err(Error::Poisoned(_))));
    } else {
        there.push((put(&db, 1000).unwrap(), 1000));
        check(&db, &there);
    }
    drop(db);
    let db = Db::open(store, &options(mode)).unwrap();
    check(&db, &there);
    put(&db, 2000).unwrap();
    db.close().unwrap();
    refused
}

fn of_mode(what: &str) -> ReadMode {
    if what.ends_with("Mmap") { ReadMode::Mmap } else { ReadMode::Pread }
}

/// Leaves this process so many descriptors more than it has open now.
fn leave_descriptors(free: usize) {
    let listed = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
    let mut open: Vec<u64> = listed.map(|name| name.to_str().unwrap().parse().unwrap()).collect();
    open.retain(|number| std::fs::read_link(format!("/proc/self/fd/{number}")).is_ok()); // not the listing's own
    let mut unused = (0..).filter(|number| !open.contains(number));
    limit(libc::RLIMIT_NOFILE, unused.nth(free).unwrap()); // numbers below it, of which so many are unused
}

/// However few descriptors are left: what needs one is refused, and nothing is poisoned.
#[test]
fn a_process_that_may_open_no_more_files_is_told() {
    if let Some((what, store)) = job() {
        let (free, mode) = what.split_once(' ').unwrap();
        let low = |db: &Db| {
            // After it there is nothing for the store's thread to do, so that it holds no descriptor for a moment.
            db.checkpoint().unwrap();
            leave_descriptors(free.parse().unwrap());
        };
        let refused = under_limit(&store, of_mode(mode), low, || limit(libc::RLIMIT_NOFILE, 1000), &["IO"]);
        assert!(refused > 0 || free != "0", "the limit was not felt");
        return;
    }
    for mode in MODES {
        for free in 0..5 {
            passes("a_process_that_may_open_no_more_files_is_told", &format!("{free} {mode:?}"));
        }
    }
}

/// A store has more segments than a process may open files, as any large one does.
#[test]
fn a_store_of_many_segments_is_repaired_with_few_descriptors() {
    if let Some((_, store)) = job() {
        let db = Db::open(&store, &options(ReadMode::Pread)).unwrap();
        let there: Vec<_> = (0..600).map(|content| (put(&db, content).unwrap(), content)).collect();
        let segments = db.stats().unwrap().segments;
        db.close().unwrap();
        assert!(segments > 50, "{segments}");
        leave_descriptors(20);
        let repaired = store.with_extension("repaired");
        let report = stratum::repair(&store, &repaired, &Default::default(), &mut |_| true).unwrap();
        assert!(report.is_lossless() && report.findings.is_empty(), "{report}");
        limit(libc::RLIMIT_NOFILE, 1000);
        check(&Db::open(&repaired, &options(ReadMode::Pread)).unwrap(), &there);
        return;
    }
    passes("a_store_of_many_segments_is_repaired_with_few_descriptors", "");
}

/// The signal that comes with it ends a process that does not ignore it, as it does with any file: that is the host's.
#[test]
fn a_process_whose_files_may_not_grow_is_told() {
    if let Some((what, store)) = job() {
        // SAFETY: ignoring a signal takes no handler.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        let low = |_: &Db| limit(libc::RLIMIT_FSIZE, 2000);
        let high = || limit(libc::RLIMIT_FSIZE, libc::RLIM_INFINITY);
        assert!(under_limit(&store, of_mode(&what), low, high, &["IO"]) > 0, "the limit was not felt");
        return;
    }
    MODES.iter().for_each(|mode| passes("a_process_whose_files_may_not_grow_is_told", &format!("{mode:?}")));
}

#[test]
fn a_process_that_may_map_no_more_is_told() {
    if let Some((_, store)) = job() {
        let mut options = options(ReadMode::Mmap);
        options.background = false;
        let db = Db::open(&store, &options).unwrap();
        let mut there: Vec<_> = (0..5).map(|content| (put(&db, content).unwrap(), content)).collect();
        // As much as there is now and a little for malloc; a segment of 256 MiB is more.
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let used: u64 = pages.split(' ').next().unwrap().parse().unwrap();
        limit(libc::RLIMIT_AS, used * 4096 + (64 << 20));
        options.segment_size = 256 << 20;
        let other = store.with_extension("large");
        let large = Db::open(&other, &options).unwrap();
        for content in 0..3 {
            let refused = put(&large, content);
            assert!(matches!(refused, Err(Error::NoMemory)), "{refused:?}");
        }
        there.push((put(&db, 5).unwrap(), 5));
        limit(libc::RLIMIT_AS, libc::RLIM_INFINITY);
        check(&db, &there);
        let there = [(put(&large, 7).unwrap(), 7)];
        check(&large, &there);
        large.close().unwrap();
        check(&Db::open(&other, &options).unwrap(), &there);
        return;
    }
    passes("a_process_that_may_map_no_more_is_told", "map");
}

/// Signals that came, so that the storm is known to have been one.
static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Has a signal come every so many microseconds, to whatever thread, without calls being begun again.
fn storm(microseconds: libc::suseconds_t) {
    // SAFETY: an action of zeros with a handler that only adds to an atomic, and no SA_RESTART; sigaction reads it, and
    // setitimer the interval.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
        assert_eq!(libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()), 0);
        let each = libc::timeval { tv_sec: 0, tv_usec: microseconds };
        let timer = libc::itimerval { it_interval: each, it_value: each };
        assert_eq!(libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()), 0);
    }
}

#[test]
fn signals_that_interrupt_calls_are_not_noticed() {
    if let Some((what, store)) = job() {
        storm(150);
        let mut there = Vec::new();
        for round in 0..6 {
            let db = Db::open(&store, &options(of_mode(&what))).unwrap();
            check(&db, &there);
            for content in 0..25 {
                there.push((put(&db, round * 100 + content).unwrap(), round * 100 + content));
            }
            for (id, _) in there.drain(..10) {
                db.write(|batch| batch.delete_document(id)).unwrap();
            }
            db.checkpoint().unwrap();
            db.compact_now(&mut |_| true).unwrap();
            check(&db, &there);
            if round % 2 == 0 {
                db.close().unwrap();
            }
            assert_eq!(db.stats().map_or(0, |stats| stats.background_failures), 0);
        }
        let signals = SIGNALS.load(Ordering::Relaxed);
        assert!(signals > 100, "a storm of {signals} signals is none");
        return;
    }
    MODES.iter().for_each(|mode| passes("signals_that_interrupt_calls_are_not_noticed", &format!("{mode:?}")));
}

#[test]
fn a_file_that_is_cut_short_ends_a_process_that_maps_it_and_is_a_status_with_pread() {
    let test = "a_file_that_is_cut_short_ends_a_process_that_maps_it_and_is_a_status_with_pread";
    if let Some((what, store)) = job() {
        let mut options = options(of_mode(&what));
        options.segment_size = 1 << 20;
        let db = Db::open(&store, &options).unwrap();
        let blob = vec![5; 300 << 10];
        let document = db.write(|batch| batch.create_document(&blob, &Columns::new())).unwrap();
        let cut = std::fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path());
        let cut = cut.filter(|path| path.extension() == Some(OsStr::new("strat")));
        cut.for_each(|path| std::fs::File::options().write(true).open(path).unwrap().set_len(4096).unwrap());
        let read = db.view().unwrap().blob(document).map(|blob| blob.len());
        assert!(matches!(read, Err(Error::Io { .. } | Error::Corruption(_))), "{read:?}");
        return;
    }
    passes(test, "Pread");
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = alone(test, &format!("Mmap\n{}", folder.path().join("store").display()), folder.path());
    assert_eq!(status.signal(), Some(libc::SIGBUS), "documented for mappings: {said}");
}

#[test]
fn a_checkpoint_that_is_cut_short_ends_a_process_that_maps_it_and_nothing_with_pread() {
    let test = "a_checkpoint_that_is_cut_short_ends_a_process_that_maps_it_and_nothing_with_pread";
    if let Some((what, store)) = job() {
        let options = options(of_mode(&what));
        let db = Db::open(&store, &options).unwrap();
        let there: Vec<_> = (0..400).map(|content| (put(&db, content).unwrap(), content)).collect();
        db.close().unwrap();
        let db = Db::open(&store, &options).unwrap();
        let checkpoint = std::fs::File::options().write(true).open(store.join("CHECKPOINT")).unwrap();
        checkpoint.set_len(4096).unwrap();
        check(&db, &there);
        return;
    }
    passes(test, "Pread");
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = alone(test, &format!("Mmap\n{}", folder.path().join("store").display()), folder.path());
    assert_eq!(status.signal(), Some(libc::SIGBUS), "documented for mappings: {said}");
}

#[test]
fn a_directory_that_is_removed_under_a_store_is_told() {
    for mode in MODES {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let db = Db::open(&store, &options(mode)).unwrap();
        let there: Vec<_> = (0..5).map(|content| (put(&db, content).unwrap(), content)).collect();
        std::fs::remove_dir_all(&store).unwrap();
        let refused = (5..200).find_map(|content| put(&db, content).err());
        assert!(matches!(refused, Some(Error::Io { .. } | Error::CommitUnknown { .. })), "{refused:?}");
        assert_eq!(db.view().unwrap().blob(there[0].0).unwrap().len(), 320, "what is open can be read");
        assert!(!store.exists(), "nobody makes it again");
    }
}

#[test]
fn a_file_system_that_may_only_be_read_is_told() {
    for mode in MODES {
        let Some(mounted) = Mounted::new(&Kind::Tmpfs(""), 4 << 20) else { return };
        let store = mounted.path().join("store");
        let db = Db::open(&store, &options(mode)).unwrap();
        let mut there: Vec<_> = (0..40).map(|content| (put(&db, content).unwrap(), content)).collect();
        db.close().unwrap();
        drop(db);
        mounted.remount("ro");
        let refused = Db::open(&store, &options(mode)).err();
        assert!(matches!(refused, Some(Error::Io { .. })), "{refused:?}");
        mounted.remount("rw");
        let db = Db::open(&store, &options(mode)).unwrap();
        check(&db, &there);
        there.push((put(&db, 40).unwrap(), 40));
        db.close().unwrap();
    }
}

#[test]
fn paths_may_be_any_bytes_and_lead_through_links() {
    for mode in MODES {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(OsStr::from_bytes(b"\xff\xfe odd \n \xc3"));
        let link = folder.path().join("link");
        let db = Db::open(&odd, &options(mode)).unwrap();
        std::os::unix::fs::symlink(&odd, &link).unwrap();
        assert!(matches!(Db::open(&link, &options(mode)), Err(Error::Locked(_))), "the same store by another name");
        let mut there: Vec<_> = (0..60).map(|content| (put(&db, content).unwrap(), content)).collect();
        db.compact_now(&mut |_| true).unwrap();
        drop(db);
        let db = Db::open(&link, &options(mode)).unwrap();
        check(&db, &there);
        let mut batch = db.batch().unwrap();
        let id = batch.create_document(&60_u64.to_le_bytes().repeat(40), &Columns::new()).unwrap();
        batch.commit_with(Durability::Os).unwrap();
        there.push((id, 60));
        db.close().unwrap();
        check(&Db::open(&odd, &options(mode)).unwrap(), &there);
    }
}

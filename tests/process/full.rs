//! Full disks: small file systems filled to the last block or the last inode, emptied, and filled again.
//!
//! 1. A commit is refused with `NoSpace` and nothing else; what was acknowledged stays readable, also after a reopen.
//! 2. Deletes and `compact_now` work on the full disk, and make room that commits can use.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stratum::vfs::sim::Rng;
use stratum::{Columns, Db, DocumentId, Durability, Error, Options, ReadMode, Result};

use crate::child::Running;
use crate::journal::{Record, digest, parse};
use crate::kills::{Subject, live};
use crate::mounts::{Kind, Mounted};
use crate::seed;
use crate::worker::{Job, MAKER};

/// Read modes, with and without the store's own threads.
const ALL: [(ReadMode, bool); 4] =
    [(ReadMode::Mmap, false), (ReadMode::Mmap, true), (ReadMode::Pread, false), (ReadMode::Pread, true)];
/// Two of them, on slower disks.
const SOME: [(ReadMode, bool); 2] = [ALL[1], ALL[2]];

/// A store on a small disk, with what it must hold.
struct Store {
    place: PathBuf,
    options: Options,
    db: Db,
    /// The seed of each document's blob.
    expected: BTreeMap<DocumentId, u64>,
    rng: Rng,
    /// Commits that were refused.
    refused: u64,
}

fn blob(seed: u64, most: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let length = rng.below(most);
    (0..length.div_ceil(8)).flat_map(|_| rng.next_u64().to_le_bytes()).take(length as usize).collect()
}

impl Store {
    fn open(place: PathBuf, options: Options) -> Store {
        let db = Db::open(&place, &options).unwrap();
        Store { place, options, db, expected: BTreeMap::new(), rng: Rng::new(seed()), refused: 0 }
    }

    fn put(&mut self) -> Result<()> {
        let seed = self.rng.next_u64();
        let durability = [Durability::Always, Durability::Os, Durability::Interval][self.rng.index(3)];
        let mut batch = self.db.batch()?;
        let document = batch.create_document(&blob(seed, self.most()), &Columns::new())?;
        batch.commit_with(durability)?;
        self.expected.insert(document, seed);
        Ok(())
    }

    /// The largest blob, in bytes.
    fn most(&self) -> u64 {
        self.options.segment_size / 4
    }

    /// Puts documents until the disk refuses some in a row; gives back how many there was room for.
    fn fill(&mut self) -> usize {
        let before = self.expected.len();
        let mut in_a_row = 0;
        while in_a_row < 12 {
            match self.put() {
                Ok(()) => in_a_row = 0,
                Err(Error::NoSpace { .. }) => {
                    in_a_row += 1;
                    self.refused += 1;
                }
                Err(error) => panic!("a full disk gave {error}"),
            }
        }
        self.expected.len() - before
    }

    fn check(&self) {
        let view = self.db.view().unwrap();
        let documents: Vec<_> = view.documents(DocumentId::FIRST).unwrap().collect();
        assert_eq!(documents, self.expected.keys().copied().collect::<Vec<_>>());
        for (document, seed) in &self.expected {
            assert!(view.blob(*document).unwrap()[..] == blob(*seed, self.most()), "document {document} is another");
        }
        assert_eq!(self.db.verify().unwrap().damage, []);
    }

    /// Deletes a share of the documents, in small batches, all of which must go through.
    fn delete(&mut self, share: f64) {
        let chosen: Vec<_> = self.expected.keys().copied().filter(|_| self.rng.chance(share)).collect();
        for documents in chosen.chunks(5) {
            let delete = || self.db.write(|batch| documents.iter().try_for_each(|id| batch.delete_document(*id)));
            // The reserve is a segment, which in a test may be absurdly small: it is to be compacted away then.
            let mut deleted = delete();
            if self.options.segment_size < 64 << 10 && matches!(deleted, Err(Error::NoSpace { .. })) {
                self.compact();
                deleted = delete();
            }
            deleted.unwrap_or_else(|error| panic!("a delete on the full disk: {error}"));
            documents.iter().for_each(|id| assert!(self.expected.remove(id).is_some()));
        }
    }

    fn compact(&self) {
        let before = self.db.stats().unwrap();
        let compacted = self.db.compact_now(&mut |_| true);
        compacted.unwrap_or_else(|error| {
            let stats = self.db.stats().unwrap();
            panic!("compact_now on the full disk: {error}\n{:?}\nbefore {before:?}\nnow {stats:?}", self.options)
        });
    }

    fn reopen(&mut self) {
        self.db.close().unwrap_or_else(|error| panic!("a close on the full disk: {error}"));
        let opened = Db::open(&self.place, &self.options);
        self.db = opened.unwrap_or_else(|error| panic!("an open on the full disk: {error}"));
    }
}

fn options(read_mode: ReadMode, segment_size: u64, background: bool) -> Options {
    let mut options = Options::default();
    options.read_mode = read_mode;
    options.segment_size = segment_size;
    options.checkpoint_bytes = segment_size * 4;
    options.background = background;
    options
}

/// Fills a disk, checks, makes room, and fills it again: rounds of it.
fn rounds(kind: &Kind, size: u64, segment_size: u64, modes: &[(ReadMode, bool)]) {
    for (mode, background) in modes.iter().copied() {
        let Some(mounted) = Mounted::new(kind, size) else { return };
        let mut store = Store::open(mounted.path().join("store"), options(mode, segment_size, background));
        let mut filled = Vec::new();
        for round in 0..4 {
            filled.push(store.fill());
            store.check();
            if round % 2 == 1 {
                store.reopen();
                store.check();
                store.fill();
            }
            store.delete([0.5, 0.9, 0.3, 0.7][round]);
            store.compact();
            store.check();
        }
        println!("{kind:?}, {mode:?}, background {background}: {filled:?} documents, {} refused", store.refused);
        assert!(filled.iter().all(|count| *count >= 4), "the room did not come back: {filled:?}");
        assert!(store.refused >= 48);
        store.reopen();
        store.check();
        store.db.close().unwrap();
    }
}

#[test]
fn a_full_ext4_refuses_commits_takes_deletes_and_gives_its_room_back() {
    match std::env::var("STRATUM_MKFS") {
        Ok(mkfs) => {
            let size = crate::setting("STRATUM_MKFS_MEGABYTES", 320) << 20;
            rounds(&Kind::Made(mkfs), size, size / 128, &ALL);
        }
        Err(_) => rounds(&Kind::Ext4(&[]), 6 << 20, 64 << 10, &SOME),
    }
}

#[test]
fn an_ext4_without_inodes_refuses_commits_takes_deletes_and_gives_them_back() {
    rounds(&Kind::Ext4(&["-N", "32"]), 8 << 20, 4 << 10, &SOME);
}

#[test]
fn a_full_tmpfs_refuses_commits_takes_deletes_and_gives_its_room_back() {
    rounds(&Kind::Tmpfs(""), 4 << 20, 64 << 10, &ALL);
    rounds(&Kind::Tmpfs(",nr_inodes=24"), 8 << 20, 4 << 10, &ALL);
}

/// Another program takes all the room that is left.
fn take_all(path: &Path) -> File {
    let mut file = File::create(path).unwrap();
    let chunk = [7; 4096];
    loop {
        match file.write(&chunk) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
            Err(error) => panic!("{error}"),
        }
    }
    file.sync_all().unwrap();
    file
}

#[test]
fn a_disk_that_another_program_filled_is_no_different() {
    for (kind, mode) in [(Kind::Ext4(&[]), ReadMode::Mmap), (Kind::Tmpfs(""), ReadMode::Pread)] {
        let Some(mounted) = Mounted::new(&kind, 8 << 20) else { return };
        let mut store = Store::open(mounted.path().join("store"), options(mode, 64 << 10, true));
        (0..40).for_each(|_| store.put().unwrap());
        for _ in 0..3 {
            let other = mounted.path().join("another program's");
            let file = take_all(&other);
            store.fill();
            store.check();
            store.reopen();
            store.check();
            store.delete(0.5);
            store.compact();
            store.check();
            file.set_len(0).unwrap();
            std::fs::remove_file(&other).unwrap();
            (0..20).for_each(|_| store.put().unwrap());
            store.check();
        }
        store.db.close().unwrap();
    }
}

/// Has a worker begin, and waits until there is all that its successors need on a disk without room.
fn wait_until_made(worker: &mut Running, journal: &Path) {
    worker.go();
    let made = Record::Ack(MAKER, 1, "OK".to_string());
    let told = || parse(&std::fs::read_to_string(journal).unwrap_or_default());
    while !told().contains(&made) && worker.is_running() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_process_that_is_killed_on_a_full_disk_loses_nothing() {
    let (mut rng, mut refused) = (Rng::new(seed()), 0);
    for kind in [Kind::Ext4(&[]), Kind::Tmpfs("")] {
        let Some(mounted) = Mounted::new(&kind, 8 << 20) else { return };
        let mut subject = Subject::new(&mounted.beside().join("work"), digest);
        for life in 0..12 {
            let mut job = Job::new(&subject.folder, seed() + life);
            job.store = mounted.path().join("store");
            // The first one makes the store; the others find a disk with hardly any room.
            let other = mounted.path().join("another program's");
            let mut file = (life > 0).then(|| take_all(&other));
            if let Some(file) = &file {
                let length = file.metadata().unwrap().len();
                file.set_len(length.saturating_sub(rng.below(24 << 10))).unwrap();
            }
            let mut worker = job.start();
            if life == 0 {
                wait_until_made(&mut worker, &job.journal);
            }
            live(worker, &job.journal, &mut rng);
            // Where the reserves are used up, too, an open may not find the little room that it needs. It says so, and
            // has lost nothing: with room, all is there. (A file that is still open keeps its room.)
            let mut make_room = || {
                let was_full = file.take().map(drop).is_some();
                was_full.then(|| std::fs::remove_file(&other).unwrap()).is_some()
            };
            let records = subject.must_be_right_with_room(&job, &mut make_room);
            let is_refused = |record: &&Record| matches!(record, Record::Ack(_, _, status) if status == "NO_SPACE");
            refused += records.iter().filter(is_refused).count();
            let strange = records.iter().find(|record| match record {
                Record::Ack(_, _, status) => !["OK", "NO_SPACE"].contains(&status.as_str()),
                Record::Refused(_, status) => status != "NO_SPACE",
                _ => false,
            });
            assert_eq!(strange, None, "a full disk is told as such");
            make_room();
        }
        println!("{kind:?}: {} acknowledged, {refused} refused so far", subject.oracle.acknowledged);
    }
    assert!(refused > 0, "the disk was never full");
}

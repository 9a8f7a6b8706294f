//! Names that cannot be made durable, and renames that fail.
//!
//! Whatever the store begins, exchanges or makes anew then, it is poisoned, or the call is refused before anything
//! depends on the name. Nothing that was acknowledged is lost by it, now, after a reopen or after a power loss, also
//! where the kernel forgets the names and says later that they are durable; and nothing that was refused appears.

use std::collections::BTreeMap;

use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Db, DocumentId, Durability, Error, Options, Result};

use crate::others::{Blobs, blobs};
use crate::plain::{options, put};
use crate::runner::{Context, open};

/// What the store was asked to keep, by its blob, and what it said.
#[derive(Default)]
struct Asked(BTreeMap<Vec<u8>, Result<DocumentId>>);

impl Asked {
    fn put(&mut self, db: &Db, number: u8, length: usize) {
        let blob = vec![number; length];
        let said = put(db, &blob, Durability::Always);
        self.0.insert(blob, said);
    }

    /// All that was acknowledged, and nothing that was refused; what is unknown only in a store that was opened since.
    fn check(&self, found: &Blobs, is_reopened: bool) {
        let blobs: Vec<_> = found.values().collect();
        for (blob, said) in &self.0 {
            let is_there = blobs.contains(&blob);
            match said {
                Ok(_) => assert!(is_there, "blob {} of {} bytes is lost", blob[0], blob.len()),
                Err(Error::CommitUnknown { .. }) if is_reopened => {}
                Err(error) => assert!(!is_there, "blob {} is there in spite of {error:?}", blob[0]),
            }
        }
    }

    fn failed(&self) -> bool {
        self.0.values().any(Result::is_err)
    }
}

type Work = fn(&Db, &mut Asked) -> Result<()>;

const WORKS: [(&str, Work); 4] = [
    ("a new segment", |db, asked| {
        (20..26).for_each(|number| asked.put(db, number, 300));
        Ok(())
    }),
    ("compaction", |db, _| db.compact_now(&mut |_| true)),
    ("a checkpoint", |db, _| db.checkpoint()),
    ("closing", |db, _| db.close()),
];

/// What came of the faults of one kind of work.
#[derive(Default, Debug)]
struct Came {
    struck: u64,
    failed: u64,
    poisoned: u64,
}

/// A store of a few segments with garbage in them. Just opened, its next edit of the manifest rewrites that.
fn store(disk: &SimDisk, options: &Options, is_just_opened: bool, asked: &mut Asked) -> Db {
    let db = open(disk, options).unwrap();
    for number in 1..9 {
        asked.put(&db, number, 200);
        let garbage = put(&db, &[number; 150], Durability::Always).unwrap();
        db.write(|batch| batch.delete_document(garbage)).unwrap();
    }
    if is_just_opened {
        db.checkpoint().unwrap();
        drop(db);
        return open(disk, options).unwrap();
    }
    db
}

/// Opens a disk and looks; what it shows must stay when more is committed and the power goes.
fn look(disk: &SimDisk, options: &Options, asked: &Asked) {
    let db = open(disk, options).unwrap();
    let found = blobs(&db).unwrap();
    asked.check(&found, true);
    assert_eq!(db.verify().unwrap().damage, []);
    let mut expected = found;
    for number in 30..33 {
        expected.insert(put(&db, &[number; 250], Durability::Always).unwrap(), vec![number; 250]);
    }
    for image in disk.crash_images(0, 3) {
        assert_eq!(blobs(&open(&image, options).unwrap()).unwrap(), expected, "built upon what was not durable");
    }
}

/// Makes the call of that number fail; false where there are fewer.
fn fail(work: Work, is_just_opened: bool, fault: &Fault, came: &mut Came) -> bool {
    let disk = SimDisk::new(fault.nth);
    let mut options = options(700);
    options.max_amplification = 1.1;
    let mut asked = Asked::default();
    let db = store(&disk, &options, is_just_opened, &mut asked);
    disk.inject(fault.clone());
    let said = work(&db, &mut asked);
    if disk.faults_struck().is_empty() {
        return false;
    }
    disk.clear_faults();
    came.struck += 1;
    came.failed += u64::from(said.is_err() || asked.failed());
    let is_closed = matches!(db.view(), Err(Error::Closed));
    if !is_closed {
        asked.check(&blobs(&db).unwrap(), false);
        let is_poisoned = db.stats().unwrap().poisoned;
        came.poisoned += u64::from(is_poisoned);
        assert!(is_poisoned || !matches!(said, Err(Error::CommitUnknown { .. })), "unknown, and not poisoned");
        for number in 10..14 {
            asked.put(&db, number, 250);
            let said = &asked.0[&vec![number; 250]];
            match said {
                Ok(_) => assert!(!is_poisoned, "a poisoned store commits"),
                Err(error) => assert!(is_poisoned && matches!(error, Error::Poisoned(_)), "{error:?}"),
            }
        }
        asked.check(&blobs(&db).unwrap(), false);
    }
    for image in disk.crash_images(fault.nth * 8, 8) {
        look(&image, &options, &asked);
    }
    look(&disk.restart(), &options, &asked);
    drop(db);
    look(&disk, &options, &asked);
    true
}

#[test]
fn a_failed_sync_dir_or_rename_poisons_or_is_refused_before_anything_depends_on_it() {
    let _again = again!();
    for (name, work) in WORKS {
        for op in [Op::SyncDir, Op::Rename] {
            let mut came = Came::default();
            for (is_just_opened, flavour) in (0..8).map(|number| (number % 2 == 1, number / 2)) {
                for nth in 0.. {
                    let fault = Fault::new(&[op], nth, Errno::Eio);
                    let fault = [fault.clone(), fault.clone().short(), fault.clone().evicted(), fault.sticky()];
                    let fault = &fault[flavour];
                    let _context = Context(|| format!("{name}, just opened: {is_just_opened}, {fault:?}"));
                    if !fail(work, is_just_opened, fault, &mut came) {
                        break;
                    }
                }
            }
            println!("{name}, {op:?}: {came:?}");
            assert!(came.struck >= 4, "{name}, {op:?}: {came:?}");
            assert!(came.failed > 0 && (came.poisoned > 0 || name == "closing"), "{name}, {op:?}: {came:?}");
        }
    }
}

//! Makes the golden stores: the same bytes each time, on a simulated disk.
//!
//! 1. A store is what lies on the disk at the end of its recipe: closed, or as a killed process leaves it.
//! 2. What a recipe commits is kept moment by moment, read through the store itself.

use std::fs;
use std::sync::Arc;

use stratum::vfs::sim::SimDisk;
use stratum::{Batch, Db, Durability, Options, Result};

use crate::anatomy::{Files, Manifest, Segment};
use crate::dump;
use crate::store::{Golden, Moment, all, files_of, folder, options, place, text_of};

mod grown;
mod recipes;
mod values;

pub(crate) use grown::grown;

/// A store at work.
struct Maker {
    disk: SimDisk,
    options: Options,
    db: Db,
    moments: Vec<Moment>,
}

impl Maker {
    /// A new store.
    fn new(seed: u64, segment_size: u64) -> Maker {
        Maker::on(SimDisk::new(seed), segment_size)
    }

    /// The store of a disk, or a new one there.
    fn on(disk: SimDisk, segment_size: u64) -> Maker {
        let mut options = options(Default::default());
        options.create = true;
        options.segment_size = segment_size;
        let db = open(&disk, &options);
        let mut maker = Maker { disk, options, db, moments: Vec::new() };
        maker.note();
        maker
    }

    /// Keeps what the store holds now.
    fn note(&mut self) {
        let view = self.db.view().expect("the store is open");
        let highest = view.documents(stratum::DocumentId::FIRST).expect("the store is open").last();
        let before = self.moments.last().map_or(0, |moment| moment.highest_document);
        let moment = Moment {
            sequence: view.sequence(),
            highest_document: highest.map_or(before, |id| id.get().max(before)),
            documents: dump::lines(&view).expect("the store reads"),
        };
        self.moments.push(moment);
    }

    /// Commits a batch that is on disk when this returns.
    fn commit<T>(&mut self, work: impl FnOnce(&mut Batch) -> Result<T>) -> T {
        self.commit_with(Durability::Always, work)
    }

    fn commit_with<T>(&mut self, durability: Durability, work: impl FnOnce(&mut Batch) -> Result<T>) -> T {
        let mut batch = self.db.batch().expect("the store takes batches");
        let result = work(&mut batch).expect("the batch takes what a recipe writes");
        batch.commit_with(durability).expect("the store takes what a recipe commits");
        self.note();
        result
    }

    /// The process is killed, and the next one opens the store.
    fn kill_and_reopen(&mut self) {
        self.disk = self.disk.restart();
        self.db = open(&self.disk, &self.options);
    }

    fn close_and_reopen(&mut self) {
        self.db.close().expect("the store closes");
        self.db = open(&self.disk, &self.options);
    }

    /// What a killed process leaves.
    fn killed(self, name: &str) -> Golden {
        golden(name, files_of(&self.disk), self.moments)
    }

    fn closed(self, name: &str) -> Golden {
        self.db.close().expect("the store closes");
        self.killed(name)
    }
}

fn open(disk: &SimDisk, options: &Options) -> Db {
    Db::open_on(Arc::new(disk.clone()), place(), options).expect("the store opens")
}

/// The store with the moments that damage may lead back to: those of the active segment's commits, and the one before.
fn golden(name: &str, files: Files, mut moments: Vec<Moment>) -> Golden {
    let active = Manifest::of(&files).active();
    let commits = active.map(|active| Segment::of(&files[&active]).commits()).unwrap_or_default();
    moments.dedup();
    if let (Some(first), Some(last)) = (commits.first(), commits.last()) {
        moments.retain(|moment| moment.sequence <= last.sequence);
        let before = moments.iter().rposition(|moment| moment.sequence < first.sequence);
        moments.drain(..before.unwrap_or(0));
    } else {
        moments.drain(..moments.len() - 1);
    }
    Golden { name: name.to_string(), files, moments }
}

fn write(golden: &Golden) {
    let store = folder("v1").join(&golden.name);
    if store.exists() {
        fs::remove_dir_all(&store).expect("the old store goes");
    }
    fs::create_dir_all(&store).expect("a folder for the store");
    for (name, bytes) in &golden.files {
        fs::write(store.join(name), bytes).expect("a file of the store");
    }
    let expectations = folder("v1").join(format!("{}.jsonl", golden.name));
    fs::write(expectations, text_of(&golden.moments)).expect("the store's expectations");
}

#[test]
fn the_recipes_still_make_stores_that_hold_the_same() {
    let made = recipes::all();
    if let Ok(version) = std::env::var("STRATUM_GOLDEN_WRITE") {
        assert_eq!(version, "v1", "there is no such version to be written");
        made.iter().for_each(write);
    }
    let committed = all();
    let names = |stores: &[Golden]| stores.iter().map(|store| store.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&made), names(&committed));
    for (made, committed) in made.iter().zip(&committed) {
        assert_eq!(made.newest(), committed.newest(), "{}", made.name);
    }
}

#[test]
fn a_recipe_makes_the_same_bytes_each_time() {
    for (one, other) in recipes::all().into_iter().zip(recipes::all()) {
        assert!(one.files == other.files && one.moments == other.moments, "{}", one.name);
    }
}

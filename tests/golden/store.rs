//! A golden store: its files, and what they hold.
//!
//! 1. A store is read from tests/golden and never written there, but by `make::stores_are_written_anew`.
//! 2. `moments` are what the store held after each commit of its active segment, and before the first of them: what a
//!    reported rollback may lead to. The last is what it holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, iter};

use serde_json::{Value as Json, json};
use stratum::vfs::FileSystem;
use stratum::vfs::sim::SimDisk;
use stratum::{Db, Options, ReadMode, Result};

use crate::anatomy::Files;

/// A store at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) sequence: u64,
    /// The highest document id that was in a commit until then.
    pub(crate) highest_document: u64,
    /// Its documents, as `dump` has them.
    pub(crate) documents: Vec<String>,
}

/// A store with what it holds.
#[derive(Clone)]
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) files: Files,
    pub(crate) moments: Vec<Moment>,
}

impl Golden {
    /// The newest moment.
    pub(crate) fn newest(&self) -> &Moment {
        self.moments.last().expect("a store has a moment")
    }

    pub(crate) fn bytes(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    /// A simulated disk with this store.
    pub(crate) fn disk(&self) -> SimDisk {
        disk(&self.files)
    }
}

/// Where stores are on a simulated disk.
pub(crate) fn place() -> &'static Path {
    Path::new("/store")
}

/// A simulated disk with these files.
pub(crate) fn disk(files: &Files) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.allow_map();
    disk.create_dir_all(place()).expect("a new disk takes a directory");
    files.iter().for_each(|(name, bytes)| disk.plant(&place().join(name), bytes));
    disk
}

/// The files of the store on a simulated disk.
pub(crate) fn files_of(disk: &SimDisk) -> Files {
    let files = disk.files(place()).into_iter();
    files.map(|(name, bytes)| (name.to_string_lossy().into_owned(), bytes)).collect()
}

/// Options for a golden store: nothing runs but what is called.
pub(crate) fn options(read_mode: ReadMode) -> Options {
    let mut options = Options::default();
    options.background = false;
    options.create = false;
    options.read_mode = read_mode;
    options.segment_size = 1000;
    options.fold_after = 2;
    options
}

pub(crate) fn open(disk: &SimDisk, read_mode: ReadMode) -> Result<Db> {
    Db::open_on(Arc::new(disk.clone()), place(), &options(read_mode))
}

/// The folder of a version's stores.
pub(crate) fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version)
}

/// Every store of every version.
pub(crate) fn all() -> Vec<Golden> {
    let stores_of = |version: &String| {
        let names = names_in(&folder(version));
        names.iter().map(|name| load(version, name)).collect::<Vec<_>>()
    };
    let stores: Vec<Golden> =
        names_in(&folder("")).iter().filter(|name| is_version(name)).flat_map(stores_of).collect();
    assert!(!stores.is_empty(), "there are no golden stores");
    stores
}

fn is_version(name: &str) -> bool {
    name.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok())
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
    let mut names: Vec<String> =
        paths.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

fn load(version: &str, name: &str) -> Golden {
    let read = |path: &Path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let store = folder(version).join(name);
    let entries = fs::read_dir(&store).unwrap_or_else(|error| panic!("{}: {error}", store.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), read(&path)));
    let files = files.collect();
    let text = String::from_utf8(read(&folder(version).join(format!("{name}.jsonl")))).expect("expectations are text");
    Golden { name: name.to_string(), files, moments: moments_of(&text) }
}

/// The moments as text: a line for each moment, and behind it its documents.
pub(crate) fn text_of(moments: &[Moment]) -> String {
    let lines = moments.iter().flat_map(|moment| {
        let head = json!({
            "moment": moment.sequence,
            "documents": moment.documents.len(),
            "highest_document": moment.highest_document,
        });
        iter::once(head.to_string()).chain(moment.documents.iter().cloned())
    });
    lines.map(|line| line + "\n").collect()
}

fn moments_of(text: &str) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for line in text.lines() {
        match moments.last_mut() {
            Some(moment) if !line.starts_with("{\"moment\":") => moment.documents.push(line.to_string()),
            _ => {
                let head: Json = serde_json::from_str(line).expect("a moment is JSON");
                let number = |name: &str| head[name].as_u64().unwrap_or_else(|| panic!("no {name} in {line}"));
                let (sequence, highest_document) = (number("moment"), number("highest_document"));
                moments.push(Moment { sequence, highest_document, documents: Vec::new() });
            }
        }
    }
    assert_eq!(text_of(&moments), text, "expectations are in the form that dump gives them");
    moments
}

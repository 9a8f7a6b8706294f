//! The public API on the real file system: refusals, life cycle, batches, views, limits, threads, processes.
//!
//! 1. Where reading matters, a test runs in both read modes.
//! 2. A test that looks at its process as a whole (descriptors, forks, a second process) runs again in a process of its
//!    own (`process`), since the others of this binary run beside it.

mod batches;
mod beneath;
mod closing;
mod compression;
mod fork;
mod lifecycle;
mod limits;
mod process;
mod refusals;
mod stress;
mod throttle;
mod views;

use std::collections::BTreeMap;
use std::path::Path;

use stratum::{Columns, Db, DocumentId, Durability, Input, Options, ReadMode, Tree, Value, View};

/// Both ways of reading.
const READ_MODES: [ReadMode; 2] = [ReadMode::Mmap, ReadMode::Pread];

/// Small segments, no syncs that are not asked for, no thread of the store's own.
fn options(read_mode: ReadMode) -> Options {
    let mut options = Options::default();
    options.read_mode = read_mode;
    options.segment_size = 4 << 10;
    options.durability = Durability::Os;
    options.background = false;
    options
}

/// A tree whose every part follows from `content`.
fn tree(content: u8) -> Tree {
    let columns =
        Columns::from([("name", Value::String(format!("tree {content}"))), ("at", Value::Int64(content.into()))]);
    let inputs = (0..3).map(|at| Input::new(Value::Int64List(vec![content.into(); at]), Some(Value::Int64(at as i64))));
    Tree { blob: vec![content; 300], columns, inputs: inputs.collect() }
}

/// Puts a tree of each content.
fn fill(db: &Db, contents: impl IntoIterator<Item = u8>) -> Vec<DocumentId> {
    let put = |content| db.write(|batch| batch.put_tree(&tree(content))).unwrap().document;
    contents.into_iter().map(put).collect()
}

/// Everything that a view shows.
fn contents(view: &View) -> BTreeMap<u64, Tree> {
    let documents = view.documents(DocumentId::FIRST).unwrap();
    documents.map(|document| (document.get(), view.tree(document).unwrap())).collect()
}

/// Names and bytes of every file in a directory; empty where there is no directory.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(directory) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_string(), std::fs::read(&path).unwrap())).collect()
}

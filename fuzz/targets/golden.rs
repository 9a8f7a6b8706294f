//! Small good stores, made when the target starts, with everything in them that a store can have.
//!
//! 1. Each comes with all that was ever to be read in it: every version of every document, commit by commit.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratum::vfs::sim::SimDisk;
use stratum::{Columns, Compression, Db, DocumentId, Durability, Input, InputId, Options, Result, Tree, Value};

/// What a document was after some commit.
pub type Version = Tree;
/// Every version of every document.
pub type History = HashMap<DocumentId, Vec<Version>>;

/// A store.
pub struct Golden {
    /// Its files by name.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// What it ever held.
    pub history: History,
    /// What it was made with.
    pub options: Options,
}

const PLACE: &str = "/store";

/// One store closed with a checkpoint, one killed in the middle of its work, one killed after a compaction, one that is
/// almost empty; and one compressed with each codec.
pub fn all() -> Vec<Golden> {
    let make = |work: fn(&mut Maker) -> Result<()>, segment_size, is_closed, compression| {
        make(work, segment_size, is_closed, compression).expect("a good store is made")
    };
    vec![
        make(life, 1 << 12, true, Compression::None),
        make(life, 1 << 13, false, Compression::None),
        make(compacted, 2048, false, Compression::None),
        make(birth, 1 << 12, false, Compression::None),
        make(compressed, 1 << 12, true, Compression::Lz4),
        make(compressed, 1 << 12, false, Compression::Zstd),
    ]
}

struct Maker {
    db: Db,
    history: History,
}

fn make(
    work: fn(&mut Maker) -> Result<()>,
    segment_size: u64,
    is_closed: bool,
    compression: Compression,
) -> Result<Golden> {
    let disk = SimDisk::new(9);
    let mut options = Options::default();
    options.background = false;
    options.segment_size = segment_size;
    options.fold_after = 3;
    options.compression = compression;
    let db = Db::open_on(Arc::new(disk.clone()), Path::new(PLACE), &options)?;
    let mut maker = Maker { db: db.clone(), history: History::new() };
    work(&mut maker)?;
    if is_closed {
        db.close()?;
    }
    Ok(Golden { files: disk.files(Path::new(PLACE)), history: maker.history, options })
}

impl Maker {
    fn commit<T>(&mut self, durability: Durability, work: impl FnOnce(&mut stratum::Batch) -> Result<T>) -> Result<T> {
        let mut batch = self.db.batch()?;
        let result = work(&mut batch)?;
        batch.commit_with(durability)?;
        let view = self.db.view()?;
        for id in view.documents(DocumentId::FIRST)? {
            let (tree, versions) = (view.tree(id)?, self.history.entry(id).or_default());
            if versions.last() != Some(&tree) {
                versions.push(tree);
            }
        }
        Ok(result)
    }
}

fn tree(number: i64) -> Tree {
    let input = |at: i64| Input {
        id: None,
        value: Value::Int64List(vec![number, at]),
        columns: Columns::from([("case", Value::Int64(at))]),
        output: (at != 1).then(|| Value::StringMap(vec![("sum".into(), format!("{}", number + at))])),
    };
    Tree {
        blob: format!("<p>problem {number}</p>").into_bytes(),
        columns: Columns::from([
            ("name", Value::String(format!("p{number}"))),
            ("limit", Value::Double(number as f64 / 3.0)),
        ]),
        inputs: (0..3).map(input).collect(),
    }
}

fn birth(maker: &mut Maker) -> Result<()> {
    maker.commit(Durability::Always, |batch| batch.put_tree(&tree(1))).map(drop)
}

/// Trees, changes, folds, a large blob, deletes, a checkpoint in between, and an unsynced tail.
fn life(maker: &mut Maker) -> Result<()> {
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(maker.commit(Durability::Always, |batch| batch.put_tree(&tree(number)))?.document);
    }
    let first = InputId::FIRST;
    for number in 0..5 {
        maker.commit(Durability::Os, |batch| {
            let input = batch.append_input(ids[0], &Value::List(vec![Value::Null, Value::Bool(true)]))?;
            batch.move_input(ids[0], input, Some(first))?;
            batch.set_output(ids[0], input, &Value::Decimal("1e99".into()))?;
            batch.set_column(ids[1], "limit", &Value::Int64(number))?;
            batch.set_blob(ids[2], format!("blob {number}").as_bytes())
        })?;
    }
    maker.db.checkpoint()?;
    maker.commit(Durability::Always, |batch| {
        batch.set_blob(ids[3], &[7; (64 << 10) + 8])?;
        batch.delete_document(ids[4])
    })?;
    maker.commit(Durability::Os, |batch| batch.delete_input(ids[0], first))?;
    maker.commit(Durability::Os, |batch| batch.replace_tree(ids[1], &tree(11))).map(drop)
}

/// The same, compacted, and a little more.
fn compacted(maker: &mut Maker) -> Result<()> {
    life(maker)?;
    maker.db.compact_now(&mut |_| true)?;
    maker.commit(Durability::Always, |batch| batch.put_tree(&tree(20)))?;
    let id = maker.db.view()?.documents(DocumentId::FIRST)?.next().unwrap_or(DocumentId::FIRST);
    maker.commit(Durability::Os, |batch| batch.set_column(id, "late", &Value::Bytes(vec![1, 2, 3]))).map(drop)
}

/// Trees of one frame and of more, compacted, with changes on them.
fn compressed(maker: &mut Maker) -> Result<()> {
    let words = |count: usize| b"given an array of integers, ".repeat(count);
    for (number, count) in [(1, 20), (2, 10_000), (3, 0)] {
        let mut tree = Tree { blob: words(count), ..tree(number) };
        if count < 1000 {
            tree.inputs[0].value = Value::Bytes(words(20));
        }
        maker.commit(Durability::Always, |batch| batch.put_tree(&tree))?;
    }
    maker.db.compact_now(&mut |_| true)?;
    let first = DocumentId::FIRST;
    maker.commit(Durability::Always, |batch| batch.set_output(first, InputId::FIRST, &Value::Int64(9)))?;
    maker.commit(Durability::Os, |batch| batch.set_column(first, "late", &Value::Null))
}

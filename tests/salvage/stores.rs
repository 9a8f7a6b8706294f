//! Stores to be damaged, with everything that was ever in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratum::vfs::sim::{Rng, SimDisk};
use stratum::{Columns, Db, DocumentId, Input, InputId, Options, Tree, Value};

pub fn source() -> &'static Path {
    Path::new("/data/damaged")
}

pub fn target() -> &'static Path {
    Path::new("/data/repaired")
}

pub type Files = BTreeMap<PathBuf, Vec<u8>>;

pub fn options(segment_size: u64) -> Options {
    let mut options = Options::default();
    options.background = false;
    options.segment_size = segment_size;
    options.fold_after = 2;
    options
}

/// A store, what it holds, and what it ever held.
#[derive(Clone)]
pub struct Store {
    pub files: Files,
    pub now: BTreeMap<u64, Tree>,
    pub history: BTreeMap<u64, Vec<Tree>>,
}

impl Store {
    /// A disk with these files in the place of the store.
    pub fn disk(&self, files: &Files) -> SimDisk {
        let disk = SimDisk::new(1);
        stratum::vfs::FileSystem::create_dir_all(&disk, source()).unwrap();
        files.iter().for_each(|(name, bytes)| disk.plant(&source().join(name), bytes));
        disk
    }
}

/// Everything that a store holds.
pub fn contents(db: &Db) -> BTreeMap<u64, Tree> {
    let view = db.view().unwrap();
    let documents = view.documents(DocumentId::FIRST).unwrap();
    documents.map(|id| (id.get(), view.tree(id).unwrap())).collect()
}

/// A store at work.
pub struct Work {
    pub disk: SimDisk,
    pub db: Db,
    options: Options,
    history: BTreeMap<u64, Vec<Tree>>,
}

impl Work {
    pub fn new(options: Options) -> Work {
        Work::on(SimDisk::new(7), options)
    }

    /// Goes on with what is on a disk.
    pub fn on(disk: SimDisk, options: Options) -> Work {
        disk.allow_map();
        let db = Db::open_on(Arc::new(disk.clone()), source(), &options).unwrap();
        Work { disk, db, options, history: BTreeMap::new() }
    }

    /// Commits a batch, and remembers what the documents were after it.
    pub fn write<T>(&mut self, work: impl FnOnce(&mut stratum::Batch) -> stratum::Result<T>) -> T {
        let result = self.db.write(work).unwrap();
        for (id, tree) in contents(&self.db) {
            let states = self.history.entry(id).or_default();
            if states.last() != Some(&tree) {
                states.push(tree);
            }
        }
        result
    }

    /// Ends the process without closing, and opens again what the disk has then.
    pub fn crash(&mut self) {
        self.disk = self.disk.restart();
        self.disk.allow_map();
        self.db = Db::open_on(Arc::new(self.disk.clone()), source(), &self.options).unwrap();
    }

    pub fn reopen(&mut self) {
        self.db.close().unwrap();
        self.db = Db::open_on(Arc::new(self.disk.clone()), source(), &self.options).unwrap();
    }

    /// The store as a process leaves it that ends without closing it.
    pub fn left(self) -> Store {
        Store { files: self.disk.files(source()), now: contents(&self.db), history: self.history }
    }

    pub fn done(self) -> Store {
        let now = contents(&self.db);
        self.db.close().unwrap();
        Store { files: self.disk.files(source()), now, history: self.history }
    }
}

pub fn tree(content: i64, inputs: i64) -> Tree {
    let columns = Columns::from([("name", Value::String(format!("tree {content}"))), ("at", Value::Int64(content))]);
    let input = |at: i64| {
        let mut input = Input::new(Value::Int64List(vec![content, at]), (at % 3 != 2).then_some(Value::Int64(at)));
        if at % 2 == 1 {
            input.columns.set("group", Value::Int64(content + at));
        }
        input
    };
    Tree { blob: format!("blob of {content}").into_bytes(), columns, inputs: (0..inputs).map(input).collect() }
}

/// A few documents with changes, a batch over two of them, and a delete, in one segment that is still written to.
pub fn log() -> Store {
    work_of_a_few(64 << 10).done()
}

/// The same, left without closing: no checkpoint and no footer tells what was there.
pub fn left() -> Store {
    // With few of the zeros that are ahead of a log: each of them is damaged in turn.
    work_of_a_few(5 << 10).left()
}

fn work_of_a_few(segment_size: u64) -> Work {
    let mut work = Work::new(options(segment_size));
    let first = work.write(|batch| batch.put_tree(&tree(1, 3)));
    let (second, gone) = work.write(|batch| Ok((batch.put_tree(&tree(2, 2))?, batch.put_tree(&tree(3, 1))?)));
    let (one, two) = (first.document, second.document);
    work.write(|batch| batch.set_output(one, first.input(2).unwrap(), &Value::Int64(77)));
    work.write(|batch| {
        let id = batch.insert_input(two, second.input(1).unwrap(), &Value::Bool(true))?;
        batch.set_input_column(two, id, "new", &Value::Null)?;
        batch.set_column(one, "changed", &Value::Bool(true))
    });
    work.write(|batch| batch.delete_document(gone.document));
    work.write(|batch| batch.move_input(one, first.input(0).unwrap(), None));
    work.write(|batch| batch.put_tree(&tree(4, 1)));
    work
}

/// The same in several segments, some of them compacted, with a checkpoint, and more behind it.
pub fn compacted() -> Store {
    let mut work = work_of_a_few(700);
    work.db.compact_now(&mut |_| true).unwrap();
    work.db.checkpoint().unwrap();
    let id = work.write(|batch| batch.put_tree(&tree(5, 2)));
    work.write(|batch| batch.delete_input(id.document, id.input(0).unwrap()));
    work.done()
}

/// With a segment that recovery wrote, and work after it.
pub fn recovered() -> Store {
    let mut work = work_of_a_few(900);
    work.crash();
    work.write(|batch| batch.put_tree(&tree(6, 2)));
    work.write(|batch| batch.delete_document(DocumentId::new(2).unwrap()));
    work.crash();
    work.write(|batch| batch.put_tree(&tree(7, 1)));
    work.done()
}

/// With blobs that are records of their own, one of them replaced.
pub fn blobs() -> Store {
    let mut work = Work::new(options(64 << 10));
    let blob = |byte: u8| (0..70_000u32).map(|at| byte ^ at as u8).collect::<Vec<u8>>();
    let first = work.write(|batch| batch.put_tree(&Tree { blob: blob(1), ..tree(1, 2) }));
    work.write(|batch| batch.put_tree(&Tree { blob: blob(2), ..tree(2, 1) }));
    work.write(|batch| batch.set_blob(first.document, &blob(3)));
    work.write(|batch| batch.append_input(first.document, &Value::Null));
    work.done()
}

/// Random work: the same seed gives the same store.
pub fn random(seed: u64) -> Store {
    let mut rng = Rng::new(seed);
    let mut work = Work::new(options(256 + rng.below(3000)));
    for step in 0..10 + rng.below(40) {
        random_step(&mut work, &mut rng, step as i64);
    }
    work.done()
}

fn random_step(work: &mut Work, rng: &mut Rng, step: i64) {
    let now: Vec<(DocumentId, Vec<InputId>)> = contents(&work.db)
        .into_iter()
        .map(|(id, tree)| {
            let inputs = tree.inputs.iter().filter_map(|input| input.id).collect();
            (DocumentId::new(id).unwrap(), inputs)
        })
        .collect();
    let pick = |rng: &mut Rng, length: usize| rng.below(length as u64) as usize;
    match rng.below(20) {
        0 => return work.db.compact_now(&mut |_| true).unwrap(),
        1 => return work.db.checkpoint().unwrap(),
        2 => return work.crash(),
        3 => return work.reopen(),
        _ => {}
    }
    let calls = 1 + rng.below(3);
    work.write(|batch| {
        let mut touched = Vec::new();
        for _ in 0..calls {
            if now.is_empty() || rng.below(4) == 0 {
                batch.put_tree(&tree(step, rng.below(5) as i64))?;
                continue;
            }
            let (id, inputs) = &now[pick(rng, now.len())];
            if touched.contains(id) {
                continue;
            }
            touched.push(*id);
            match (rng.below(9), inputs.is_empty()) {
                (0, _) => batch.delete_document(*id)?,
                (1, _) => drop(batch.replace_tree(*id, &tree(step, 2))?),
                (2, _) => batch.set_blob(*id, &[step as u8; 40])?,
                (3, _) => batch.set_column(*id, "at", &Value::Int64(step))?,
                (4, _) | (_, true) => drop(batch.append_input(*id, &Value::Int64(step))?),
                (5, _) => batch.delete_input(*id, inputs[pick(rng, inputs.len())])?,
                (6, _) => batch.move_input(*id, inputs[pick(rng, inputs.len())], None)?,
                (7, _) => batch.replace_input(*id, inputs[pick(rng, inputs.len())], &Value::Int64(step))?,
                _ => batch.set_output(*id, inputs[pick(rng, inputs.len())], &Value::Int64(step))?,
            }
        }
        Ok(())
    });
}

//! The yardstick: the least that anyone could do with these documents on this machine.
//!
//! One append-only file, a hash map from document to place, each tree encoded in one buffer with one CRC-32, checked on
//! every read, bytes taken out of the mapped file, one writer at a time for all that wait (group commit). There is no
//! recovery, no rotation, no snapshot, no batch that is all or nothing, no compaction to speak of.
//!
//! ```text
//! record: 0 u32 CRC of what follows   4 u32 kind   8 u64 document   16 u32 body length   20 u32 zero   24 body
//! ```
//!
//! 1. What was appended to a document later (a blob, an input) is a record of its own, found through `Changes`.
//! 2. An index entry is published after its bytes were written, and synced if the commit asked for it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex, RwLock};
use stratum::vfs::os::OsFileSystem;
use stratum::vfs::{File, FileSystem, Mapping, OpenMode};
use stratum::{Columns, Tree, Value};

use crate::codec;
use crate::engine::{Engine, Kind, Sync};

/// Address space for the file, which grows into its mapping. Under valgrind there is less.
const MAPPED: [u64; 2] = [1 << 38, 1 << 34];
const HEADER: usize = 24;
/// Bytes that a tree usually has beside its blob.
const USUAL_INPUTS: usize = 6 << 10;

const TREE: u32 = 1;
const BLOB: u32 = 2;
const INPUT: u32 = 3;
const TOMBSTONE: u32 = 4;

/// The yardstick.
pub const RAW: Kind = Kind { name: "raw", open: |dir| Box::new(Raw::open(dir)) };

/// The store.
pub struct Raw {
    dir: PathBuf,
    file: Arc<dyn File>,
    map: Box<dyn Mapping>,
    index: RwLock<Index>,
    next_document: AtomicU64,
    queue: Mutex<Queue>,
    turned: Condvar,
}

#[derive(Default)]
struct Index {
    trees: Map<Place>,
    changes: Map<Changes>,
}

type Map<T> = HashMap<u64, T, BuildHasherDefault<Mix>>;

#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    length: u32,
}

/// What came to a document after its tree.
#[derive(Default)]
struct Changes {
    blob: Option<Place>,
    inputs: Vec<Place>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Write>,
    leading: bool,
    next_ticket: u64,
    /// Every ticket below is done.
    done: u64,
    end: u64,
}

/// One commit on its way.
#[derive(Default)]
struct Write {
    buffer: Vec<u8>,
    /// Kind, document and place within the buffer.
    entries: Vec<(u32, u64, Place)>,
    sync: bool,
}

impl Write {
    /// Adds a record whose body `fill` appends.
    fn record(&mut self, kind: u32, document: u64, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        self.buffer.extend([0; HEADER]);
        fill(&mut self.buffer);
        let body = (self.buffer.len() - start - HEADER) as u32;
        let record = &mut self.buffer[start..];
        record[4..8].copy_from_slice(&kind.to_le_bytes());
        record[8..16].copy_from_slice(&document.to_le_bytes());
        record[16..20].copy_from_slice(&body.to_le_bytes());
        let crc = crc32fast::hash(&record[4..]);
        record[..4].copy_from_slice(&crc.to_le_bytes());
        self.entries.push((kind, document, Place { offset: start as u64, length: HEADER as u32 + body }));
    }
}

impl Index {
    fn note(&mut self, kind: u32, document: u64, place: Place) {
        match kind {
            TREE => {
                self.trees.insert(document, place);
                self.changes.remove(&document);
            }
            BLOB => self.changes.entry(document).or_default().blob = Some(place),
            INPUT => self.changes.entry(document).or_default().inputs.push(place),
            TOMBSTONE => {
                self.trees.remove(&document);
                self.changes.remove(&document);
            }
            other => panic!("a record of kind {other}"),
        }
    }
}

impl Raw {
    fn path(dir: &Path) -> PathBuf {
        dir.join("raw")
    }

    /// Commits, for everybody who waits if it is this thread's turn.
    fn submit(&self, write: Write) {
        let mut queue = self.queue.lock();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push(write);
        while queue.leading && queue.done <= ticket {
            self.turned.wait(&mut queue);
        }
        if queue.done > ticket {
            return;
        }
        queue.leading = true;
        let (group, up_to, start) = (std::mem::take(&mut queue.waiting), queue.next_ticket, queue.end);
        drop(queue);
        let end = self.write(&group, start);
        let mut queue = self.queue.lock();
        (queue.end, queue.done, queue.leading) = (end, up_to, false);
        self.turned.notify_all();
    }

    /// Writes a group at `start`, syncs and publishes it; gives back where it ends.
    fn write(&self, group: &[Write], start: u64) -> u64 {
        let joined;
        let buffer = match group {
            [alone] => &alone.buffer,
            _ => {
                joined = group.iter().map(|write| &write.buffer[..]).collect::<Vec<_>>().concat();
                &joined
            }
        };
        self.file.write_all_at(start, buffer).expect("writing");
        if group.iter().any(|write| write.sync) {
            self.file.sync().expect("syncing");
        }
        let mut index = self.index.write();
        let mut base = start;
        for write in group {
            for (kind, document, place) in &write.entries {
                index.note(*kind, *document, Place { offset: base + place.offset, length: place.length });
            }
            base += write.buffer.len() as u64;
        }
        base
    }

    fn bury(&self, document: u64, sync: bool) {
        let mut write = Write { sync, ..Write::default() };
        write.record(TOMBSTONE, document, |_| ());
        self.submit(write);
    }

    /// The body of a record, checked.
    fn body(&self, place: Place) -> &[u8] {
        let record = &self.map[place.offset as usize..][..place.length as usize];
        assert_eq!(crc32fast::hash(&record[4..]).to_le_bytes(), record[..4], "a record's checksum does not match");
        &record[HEADER..]
    }

    fn tree_place(&self, document: u64) -> Place {
        *self.index.read().trees.get(&document).expect("the document is there")
    }

    /// Walks the records of a file from its front to its end.
    fn scan(&mut self, length: u64) {
        let index = self.index.get_mut();
        let (mut at, mut last) = (0, 0);
        while at < length {
            let header = &self.map[at as usize..][..HEADER];
            let (kind, document) = (codec::u32_at(header, 4), codec::u64_at(header, 8));
            let place = Place { offset: at, length: HEADER as u32 + codec::u32_at(header, 16) };
            index.note(kind, document, place);
            last = last.max(document);
            at += u64::from(place.length);
        }
        self.next_document = AtomicU64::new(last + 1);
        self.queue.get_mut().end = length;
    }

    fn of_file(dir: &Path, file: Arc<dyn File>) -> Raw {
        Raw {
            dir: dir.to_path_buf(),
            map: MAPPED.iter().find_map(|length| file.map(*length).ok()).expect("mapping"),
            file,
            index: RwLock::default(),
            next_document: AtomicU64::new(1),
            queue: Mutex::default(),
            turned: Condvar::new(),
        }
    }
}

impl Raw {
    fn open(dir: &Path) -> Raw {
        let path = Raw::path(dir);
        let mut raw = match OsFileSystem.create(&path) {
            Ok(file) => Raw::of_file(dir, file),
            Err(_) => Raw::of_file(dir, OsFileSystem.open(&path, OpenMode::ReadWrite).expect("opening")),
        };
        let length = raw.file.len().expect("the file's length");
        raw.scan(length);
        raw
    }
}

impl Engine for Raw {
    fn close(self: Box<Self>) {
        self.flush();
    }

    fn put(&self, trees: &[&Tree], sync: Sync) -> u64 {
        let first = self.next_document.fetch_add(trees.len() as u64, Ordering::Relaxed);
        let size: usize = trees.iter().map(|tree| tree.blob.len() + USUAL_INPUTS).sum();
        let mut write = Write { sync: sync == Sync::Now, ..Write::default() };
        write.buffer.reserve(size);
        for (document, tree) in (first..).zip(trees) {
            write.record(TREE, document, |out| codec::encode_tree(tree, out));
        }
        self.submit(write);
        first
    }

    fn replace(&self, document: u64, tree: &Tree) {
        let mut write = Write { sync: true, ..Write::default() };
        write.record(TREE, document, |out| codec::encode_tree(tree, out));
        self.submit(write);
    }

    fn add_input(&self, document: u64, value: &Value) {
        let mut write = Write { sync: true, ..Write::default() };
        write.record(INPUT, document, |out| codec::encode_value(value, out));
        self.submit(write);
    }

    fn set_blob(&self, document: u64, blob: &[u8]) {
        let mut write = Write::default();
        write.record(BLOB, document, |out| out.extend_from_slice(blob));
        self.submit(write);
    }

    fn delete(&self, document: u64) {
        self.bury(document, false);
    }

    fn remove(&self, document: u64) -> bool {
        let is_there = self.index.read().trees.contains_key(&document);
        if is_there {
            self.bury(document, true);
        }
        is_there
    }

    fn flush(&self) {
        self.file.sync().expect("syncing");
    }

    /// Copies what is live into a new file, as it is; the changes stay records of their own.
    fn compact(&mut self) {
        let (path, new_path) = (Raw::path(&self.dir), self.dir.join("raw.new"));
        let file = OsFileSystem.create(&new_path).expect("creating");
        let old = self.index.read();
        let mut live: Vec<(u32, u64, Place)> = old.trees.iter().map(|(id, place)| (TREE, *id, *place)).collect();
        for (id, changes) in &old.changes {
            live.extend(changes.blob.iter().map(|place| (BLOB, *id, *place)));
            live.extend(changes.inputs.iter().map(|place| (INPUT, *id, *place)));
        }
        live.sort_unstable_by_key(|(.., place)| place.offset);
        let mut index = Index::default();
        let (mut buffer, mut written) = (Vec::with_capacity(2 << 20), 0);
        for (kind, document, place) in live {
            let offset = written + buffer.len() as u64;
            self.body(place);
            buffer.extend_from_slice(&self.map[place.offset as usize..][..place.length as usize]);
            index.note(kind, document, Place { offset, ..place });
            if buffer.len() >= 1 << 20 {
                file.write_all_at(written, &buffer).expect("writing");
                written += buffer.len() as u64;
                buffer.clear();
            }
        }
        drop(old);
        file.write_all_at(written, &buffer).expect("writing");
        file.sync().expect("syncing");
        OsFileSystem.rename(&new_path, &path).expect("renaming");
        OsFileSystem.sync_dir(&self.dir).expect("syncing the directory");
        let mut new = Raw::of_file(&self.dir, file);
        *new.index.get_mut() = index;
        new.queue.get_mut().end = written + buffer.len() as u64;
        new.next_document = AtomicU64::new(self.next_document.load(Ordering::Relaxed));
        *self = new;
    }

    fn documents(&self) -> Vec<u64> {
        let mut documents: Vec<u64> = self.index.read().trees.keys().copied().collect();
        documents.sort_unstable();
        documents
    }

    fn find_blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let index = self.index.read();
        let changed = index.changes.get(&document).and_then(|changes| changes.blob);
        let Some(tree) = index.trees.get(&document).copied() else { return false };
        drop(index);
        match changed {
            Some(place) => read(self.body(place)),
            None => read(codec::blob(self.body(tree))),
        }
        true
    }

    fn columns(&self, document: u64) -> Columns {
        codec::columns(self.body(self.tree_place(document)))
    }

    fn input(&self, document: u64, position: u32) -> Value {
        codec::input(self.body(self.tree_place(document)), position)
    }

    fn tree(&self, document: u64) -> Tree {
        let index = self.index.read();
        let tree = *index.trees.get(&document).expect("the document is there");
        let (blob, inputs) = match index.changes.get(&document) {
            Some(changes) => (changes.blob, changes.inputs.clone()),
            None => (None, Vec::new()),
        };
        drop(index);
        let mut tree = codec::decode_tree(self.body(tree));
        if let Some(place) = blob {
            tree.blob = self.body(place).to_vec();
        }
        tree.inputs.extend(inputs.into_iter().map(|place| codec::decode_input(self.body(place))));
        tree
    }
}

/// A hash for numbers that the store hands out one after another.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

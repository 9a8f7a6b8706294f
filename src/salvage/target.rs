//! The new store: compacted segments, and one manifest that makes them a store.
//!
//! 1. Until the manifest is renamed into its place the directory is no store, and `REPAIR.unfinished` in it says why.
//! 2. Segments and their names are durable before that, by `SegmentBuilder::finish` and `Dir::sync`.
//! 3. A repair that fails or is stopped removes what it made. One that ends in a failed sync or rename of the manifest
//!    leaves it: it may be complete.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::extent::Extent;
use crate::format::manifest::{Change, ManifestState, Marks, SegmentMeta, append_edit, encode_header};
use crate::format::names;
use crate::format::record::RecordHeader;
use crate::format::segment::{SegmentHeader, SegmentKind};
use crate::log::Dir;
use crate::log::build::SegmentBuilder;
use crate::options::ReadMode;
use crate::vfs::{FileLock, FileSystem};

const UNFINISHED: &[u8] = b"A repair into this directory was cut short. Remove the directory, and repair again.\n";
const EPOCH: u64 = 1;

/// A store being written.
pub struct Target {
    dir: Dir,
    _lock: Box<dyn FileLock>,
    store: [u8; 16],
    segment_size: u64,
    builder: Option<SegmentBuilder<'static>>,
    segments: Vec<SegmentMeta>,
    next_segment: u32,
    is_store: bool,
}

impl Target {
    /// Takes a directory that is empty or does not exist.
    pub fn create(fs: Arc<dyn FileSystem>, path: &Path, segment_size: u64) -> Result<Target> {
        match fs.list(path) {
            Ok(names) if !names.is_empty() => {
                let what = "what is repaired goes into an empty directory, or one that does not exist";
                return Err(Error::OpenRefused { path: path.to_path_buf(), what });
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("listing", path, error));
            }
            // Also where it is there: its own name may not be durable.
            _ => fs.create_dir_all(path).map_err(|error| Error::io("creating the directory", path, error))?,
        }
        let dir = Dir::new(fs, path);
        let (lock, store) = begin(&dir)?;
        let (builder, segments) = (None, Vec::new());
        Ok(Target { dir, _lock: lock, store, segment_size, builder, segments, next_segment: 1, is_store: false })
    }

    /// Adds a record of a document. Documents ascend.
    pub fn append(&mut self, header: &RecordHeader, payload: &[u8]) -> Result<Extent> {
        let is_full = |builder: &SegmentBuilder<'_>| {
            !builder.is_empty() && builder.length() + header.record_len() > self.segment_size
        };
        if self.builder.as_ref().is_some_and(is_full) {
            self.end_segment()?;
        }
        let builder = match &mut self.builder {
            Some(builder) => builder,
            none => {
                let (id, kind) = (self.next_segment, SegmentKind::Compacted);
                let head = SegmentHeader {
                    store: self.store,
                    id,
                    kind,
                    epoch: EPOCH,
                    first_sequence: 0,
                    compression: Some(crate::options::Compression::None),
                };
                self.next_segment += 1;
                none.insert(SegmentBuilder::create(&self.dir, head, None)?)
            }
        };
        builder.append(header, payload)
    }

    fn end_segment(&mut self) -> Result<()> {
        if let Some(builder) = self.builder.take() {
            let (_, meta) = builder.finish(ReadMode::Pread)?;
            self.segments.push(meta);
        }
        Ok(())
    }

    /// Makes it a store.
    pub fn finish(&mut self, next_document: u64, sequence: u64) -> Result<()> {
        self.end_segment()?;
        self.dir.sync()?;
        let mut state = ManifestState::empty(self.store);
        let marks = Marks { next_document, epoch: EPOCH, sequence, next_segment: self.next_segment };
        let changes = self.segments.iter().copied().map(Change::Segment);
        state.apply(&changes.chain([Change::Marks(marks)]).collect::<Vec<_>>());
        let mut bytes = encode_header(self.store).to_vec();
        append_edit(&mut bytes, 1, state.changes())?;
        self.dir.replace(names::MANIFEST_NEW, names::MANIFEST, |mut file| file.write_at(0, &bytes))?;
        self.is_store = true;
        self.dir.remove(&self.dir.join(names::REPAIR_UNFINISHED))?;
        self.dir.sync()
    }

    /// Removes what was made, unless it is a store already; as far as that can be done: an error is on its way.
    pub fn abandon(mut self) {
        if self.is_store {
            return;
        }
        self.builder = None;
        for id in 1..self.next_segment {
            let _ = self.dir.remove(&self.dir.segment(id));
        }
        give_back(&self.dir);
    }
}

/// Marks the directory as what it is, durably, and locks it.
fn begin(dir: &Dir) -> Result<(Box<dyn FileLock>, [u8; 16])> {
    let started = || {
        let path = dir.join(names::REPAIR_UNFINISHED);
        let marker = dir.create(&path)?;
        marker.write_all_at(0, UNFINISHED).map_err(|error| Error::io("writing", &path, error))?;
        marker.sync().map_err(|error| Error::io("syncing", &path, error))?;
        let path = dir.join(names::LOCK);
        let lock = dir.fs().lock(&path).map_err(|error| Error::io("locking", &path, error))?;
        let lock = lock.ok_or_else(|| Error::Locked(dir.path().to_path_buf()))?;
        dir.sync()?;
        let store = dir.fs().unique_id().map_err(|error| Error::io("making an id for", dir.path(), error))?;
        Ok((lock, store))
    };
    started().inspect_err(|_| give_back(dir))
}

fn give_back(dir: &Dir) {
    for name in [names::MANIFEST_NEW, names::LOCK, names::REPAIR_UNFINISHED] {
        let _ = dir.remove(&dir.join(name));
    }
}

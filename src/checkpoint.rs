//! The index checkpoint: the index on disk, so that opening a store does not scan it.
//!
//! 1. Disposable: missing, stale or damaged it is ignored, and the log tells the same.
//! 2. It covers only what is durable: the caller syncs the log up to `state.position` first.
//! 3. It is written piece by piece, since it may be as large as the index: what a checkpoint takes of memory for a
//!    while, an allocator may keep for good.
//! 4. Opening one checks all of it, once. Where files are mapped that builds nothing: its pages stay where they are
//!    until they are wanted. Where they are not, a copy would have to be kept beside what is built of it: so all of it
//!    is built, and the copy goes.
//! 5. Entries keep their sequence numbers, so that what compaction moved later can be matched (`recovery::rebuild`).

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::checkpoint::{CheckpointHead, CheckpointReader, CheckpointWriter, Sink};
use crate::format::names;
use crate::index::{Assembly, Index, Ledger, Pages, State, Unread};
use crate::log::Dir;
use crate::log::dir::Replacement;
use crate::memory;
use crate::options::ReadMode;

/// Writes a checkpoint of `state`, made after the manifest's edit of this number; gives back its size in bytes.
pub fn write(dir: &Dir, store: [u8; 16], state: &State, next_document: u64, edit: u64) -> Result<u64> {
    let segments = state.segments.iter().map(|segment| {
        let covered = if segment.id() == state.position.0 { state.position.1 } else { segment.readable() };
        (segment.id(), covered)
    });
    let head = CheckpointHead {
        store,
        sequence: state.sequence,
        position: state.position,
        next_document,
        edit,
        segments: memory::collect(segments)?,
    };
    let mut length = 0;
    dir.replace(names::CHECKPOINT_NEW, names::CHECKPOINT, |file| {
        let mut writer = CheckpointWriter::new(head, file);
        let mut written = Ok(());
        state.index.for_each(|document, slot| {
            if written.is_ok() {
                written = writer.row(document, &slot.to_entries());
            }
        })?;
        written?;
        length = writer.finish()?.length();
        Ok(())
    })?;
    Ok(length)
}

impl Sink for Replacement<'_> {
    type Error = Error;

    fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.write_at(offset, bytes)
    }
}

/// A checkpoint read back.
pub struct Loaded {
    /// What it covers.
    pub head: CheckpointHead,
    /// The index at that moment.
    pub index: Index,
    /// Live bytes per segment at that moment.
    pub ledger: Ledger,
}

/// Reads the checkpoint, which is there; `None` where it cannot be believed. A read that fails is an error: the
/// next one might not.
pub fn load(dir: &Dir, store: &[u8; 16], mode: ReadMode) -> Result<Option<Loaded>> {
    let path = dir.join(names::CHECKPOINT);
    let bytes = dir.view(&path, mode)?;
    let Ok(reader) = CheckpointReader::open(&bytes) else { return Ok(None) };
    if reader.head.store != *store {
        return Ok(None);
    }
    let mut table = memory::vec(reader.pages().len())?;
    table.extend(reader.pages());
    let head = reader.head;
    let pages = Arc::new(Pages::new(path, bytes, table));
    let mut assembly = Assembly::default();
    for page in pages.each() {
        let added = if mode == ReadMode::Pread { assembly.add_built(&page) } else { assembly.add(page) };
        match added {
            Ok(true) => {}
            Ok(false) | Err(Unread::Rotten(_)) => return Ok(None),
            Err(Unread::NoMemory) => return Err(Error::NoMemory),
        }
    }
    let (index, ledger) = assembly.finish();
    Ok(Some(Loaded { head, index, ledger }))
}

#[cfg(test)]
mod tests;

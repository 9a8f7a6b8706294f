//! The reserve: blocks set aside while there is room, so that deletes and compaction, which make room, succeed on a
//! full disk.
//!
//! 1. The reserved file never held a record; taking it is a rename, after which it is an ordinary new segment.
//! 2. Failing to set it aside is no error: there is just nothing to take then.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::dir::Dir;
use crate::error::{Error, Result};
use crate::format::names;
use crate::vfs::{File, OpenMode};

/// The reserved segment of a store.
#[derive(Default)]
pub struct Spare {
    /// Bytes set aside; zero for none.
    reserved: Mutex<u64>,
}

impl Spare {
    /// Sets aside at least `bytes`, if there is room; cheap where that is done already.
    pub fn reserve(&self, dir: &Dir, bytes: u64) {
        let mut reserved = self.reserved.lock();
        if *reserved >= bytes {
            return;
        }
        let path = dir.join(names::SPARE);
        let file = match dir.fs().open(&path, OpenMode::ReadWrite) {
            Ok(file) => Ok(file),
            Err(_) => dir.fs().create(&path),
        };
        if file.and_then(|file| file.preallocate(bytes)).is_ok() {
            *reserved = bytes;
        }
    }

    /// Bytes set aside.
    pub fn reserved(&self) -> u64 {
        *self.reserved.lock()
    }

    /// The reserved file, now a new segment's.
    pub fn take(&self, dir: &Dir, path: &Path) -> Result<Arc<dyn File>> {
        let mut reserved = self.reserved.lock();
        *reserved = 0;
        let spare = dir.join(names::SPARE);
        dir.fs().rename(&spare, path).map_err(|error| Error::io("taking the reserved segment for", path, error))?;
        dir.fs().open(path, OpenMode::ReadWrite).map_err(|error| Error::io("opening", path, error))
    }
}

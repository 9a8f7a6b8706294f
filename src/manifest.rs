//! The manifest: which segments exist. An append-only file of edits, each durable before it counts.
//!
//! ```text
//!   commit: append edit, sync           write fails: the next edit rewrites the file (MANIFEST.new, rename)
//!                                       sync, rename fails: unknown which state is on disk; the store is poisoned
//! ```
//!
//! 1. `state` is what all edits that returned `Ok` say; an edit that failed before its sync changed nothing.
//! 2. The first edit after opening rewrites the file: what was read may be the page cache's, left from a failed sync,
//!    and an edit behind one that never reached the disk would be damage.
//! 3. Numbers of edits are never used again, also not in the file that takes the place of another: blocks of the old
//!    one may turn up behind the end of the new one, and what they hold must not pass for its next edits.
//! 4. Zeros are written ahead of the next edits, and go to disk with the sync of one: an edit that overwrites them is
//!    synced alone, where one that makes the file grow is synced with the file's length, and so with whatever else the
//!    file system puts in its journal: data of the log. Nothing depends on them; `give_back` cuts them off.
//! 5. No number is read or written that leaves no room for many more edits: a store that could not make the next one
//!    would have to take back what it was told.
//! 6. Bytes behind the last whole edit are an edit that nobody was told of, if nothing valid follows them and no
//!    segment with commits is left unnamed (`recovery` checks that); else they are damage.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::manifest::{self, Change, EditAt, FIRST_TAG_AT, HEADER_LEN, ManifestState, Marks};
use crate::format::{HeaderError, names};
use crate::log::Dir;
use crate::vfs::File;

/// Bytes after which the file is rewritten.
const REWRITE_AT: u64 = 1 << 20;
/// How often the bytes behind a damaged edit may be gone through in search of later ones.
const MOST_CHECKED: usize = 64;
/// Bytes written ahead for edits, so that segments can be exchanged on a full disk as well.
const RESERVED: u64 = 8 << 10;

/// The manifest of an open store.
pub struct Manifest {
    dir: Dir,
    state: ManifestState,
    /// Absent until the first edit after opening.
    file: Option<Arc<dyn File>>,
    end: u64,
    number: u64,
    must_rewrite: bool,
    /// Zeros are written up to this offset.
    reserved: u64,
}

impl Manifest {
    /// Creates the manifest of a new store.
    pub fn create(dir: &Dir, store: [u8; 16]) -> Result<Manifest> {
        let state = ManifestState::empty(store);
        let mut manifest =
            Manifest { dir: dir.clone(), state, file: None, end: 0, number: 0, must_rewrite: true, reserved: 0 };
        manifest.rewrite()?;
        Ok(manifest)
    }

    /// Reads the header only: the store's UUID. Says what is wrong with a manifest that is not ours to read.
    pub fn peek(dir: &Dir) -> Result<[u8; 16]> {
        let path = dir.join(names::MANIFEST);
        let file = dir.open(&path)?;
        let length = file.len().map_err(|error| Error::io("reading the length of", &path, error))?;
        let mut head = vec![0; length.min(4096) as usize];
        file.read_exact_at(0, &mut head).map_err(|error| Error::io("reading", &path, error))?;
        store_of(&path, &head)
    }

    /// Whether the file still says what was read or written. Not asked of a file that an edit failed to get into: the
    /// next edit writes it anew.
    pub fn is_intact(&self) -> Result<bool> {
        if self.must_rewrite && self.file.is_some() {
            return Ok(true);
        }
        let found = Manifest::load(&self.dir)?;
        let has_zeros = self.file.is_none() || found.reserved >= self.reserved;
        Ok(has_zeros && (found.state, found.number, found.end) == (self.state.clone(), self.number, self.end))
    }

    /// Reads the whole file.
    pub fn load(dir: &Dir) -> Result<Manifest> {
        let path = dir.join(names::MANIFEST);
        let bytes = dir.read(&path)?;
        let store = store_of(&path, &bytes)?;
        let mut state = ManifestState::empty(store);
        let (mut at, mut number) = (HEADER_LEN, 0);
        loop {
            match manifest::decode_edit(bytes.get(at..).unwrap_or_default()) {
                // The first edit of a file goes on from the numbers of the file that it replaced.
                EditAt::Edit(found, changes, length) if found == number + 1 || number == 0 => {
                    state.apply(&changes);
                    number = found;
                    at += length;
                }
                EditAt::Newer(tag) => {
                    return Err(Error::NewerFormat { path, what: format!("an edit with change {tag}") });
                }
                EditAt::NoMemory => return Err(Error::NoMemory),
                EditAt::End => break,
                EditAt::Edit(..) | EditAt::Damaged => {
                    if let Some(offset) = later_edit(&bytes, at, number) {
                        let what = format!("an edit is damaged; a later one follows at byte {offset}");
                        return Err(Error::corruption(&path, at as u64, None, what));
                    }
                    break;
                }
            }
        }
        if number == 0 {
            return Err(Error::corruption(&path, at as u64, None, "the first edit is damaged"));
        }
        if state.segments.keys().any(|id| *id >= state.marks.next_segment) {
            let what = "it names a segment whose id was never handed out";
            return Err(Error::corruption(&path, HEADER_LEN as u64, None, what));
        }
        check_numbers(&path, &state.marks, number, 0)?;
        let zeros = bytes[at..].iter().take_while(|byte| **byte == 0).count();
        let (end, reserved) = (at as u64, (at + zeros) as u64);
        Ok(Manifest { dir: dir.clone(), state, file: None, end, number, must_rewrite: true, reserved })
    }

    /// What the manifest says.
    pub fn state(&self) -> &ManifestState {
        &self.state
    }

    /// Number of the newest edit.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The marks to raise for the next edit.
    pub fn marks(&self) -> Marks {
        self.state.marks
    }

    /// Whether an edit may set these marks and leave room for so many more: what the next open would refuse is not
    /// written.
    pub fn check(&self, marks: &Marks, room: u32) -> Result<()> {
        check_numbers(&self.dir.join(names::MANIFEST), marks, self.number + 1, room)
    }

    /// Makes changes, durably and at once. `marks.next_segment` rises by itself above every segment that is named.
    pub fn commit(&mut self, changes: &[Change], mut marks: Marks) -> Result<()> {
        for change in changes {
            if let Change::Segment(meta) = change {
                marks.next_segment = marks.next_segment.max(meta.id + 1);
            }
        }
        self.check(&marks, 0)?;
        let mut state = self.state.clone();
        state.apply(changes);
        state.marks = marks;
        let before = std::mem::replace(&mut self.state, state);
        let written = if self.must_rewrite || self.end >= REWRITE_AT { self.rewrite() } else { self.append(changes) };
        if written.is_err() {
            self.state = before;
        }
        written
    }

    fn append(&mut self, changes: &[Change]) -> Result<()> {
        let Some(file) = self.file.clone() else { return self.rewrite() };
        let path = self.dir.join(names::MANIFEST);
        let marks = Change::Marks(self.state.marks);
        let mut edit = Vec::new();
        manifest::append_edit(&mut edit, self.number + 1, changes.iter().copied().chain([marks]))?;
        // The zeros ahead must not complete an edit whose last bytes are zeros and could not be written: it becomes one
        // with the last byte that is written, which is not zero.
        let tag = std::mem::take(&mut edit[FIRST_TAG_AT]);
        let written = file.write_all_at(self.end, &edit);
        let written = written.and_then(|()| file.write_all_at(self.end + FIRST_TAG_AT as u64, &[tag]));
        if let Err(error) = written {
            self.must_rewrite = true;
            return Err(Error::io("writing", &path, error));
        }
        let end = self.end + edit.len() as u64;
        self.reserve(&*file, end);
        file.sync().map_err(|error| Error::unknown("syncing", &path, error))?;
        self.end = end;
        self.number += 1;
        Ok(())
    }

    /// Writes the whole state into a new file, which takes the old one's place.
    fn rewrite(&mut self) -> Result<()> {
        let mut bytes = manifest::encode_header(self.state.store).to_vec();
        manifest::append_edit(&mut bytes, self.number + 1, self.state.changes())?;
        let file = self.dir.replace(names::MANIFEST_NEW, names::MANIFEST, |mut file| file.write_at(0, &bytes))?;
        self.end = bytes.len() as u64;
        self.number += 1;
        self.must_rewrite = false;
        self.reserved = self.end;
        self.reserve(&*file, self.end);
        self.file = Some(file);
        Ok(())
    }

    /// Writes zeros for the edits that follow the one that ends at `end`. Best effort: without, an edit on a full disk
    /// is refused and nothing is lost. What is wrong with the file the next sync tells.
    fn reserve(&mut self, file: &dyn File, end: u64) {
        let (from, until) = (self.reserved.max(end), end + RESERVED);
        if end + RESERVED / 2 <= self.reserved {
            return;
        }
        match file.write_all_at(from, &[0; RESERVED as usize][..(until - from) as usize]) {
            Ok(()) => self.reserved = until,
            // The last room of a full disk is for others.
            Err(_) => drop(file.truncate(from)),
        }
    }

    /// Closes the file. Nothing may be committed any more.
    pub fn let_go(&mut self) {
        self.file = None;
    }

    /// Cuts off what was written ahead. Where it stays, it does no harm.
    pub fn give_back(&mut self) {
        if let Some(file) = &self.file
            && !self.must_rewrite
            && file.truncate(self.end).is_ok()
        {
            self.reserved = self.end;
        }
    }
}

fn check_numbers(path: &Path, marks: &Marks, number: u64, room: u32) -> Result<()> {
    if marks.leave_room(number, room) {
        return Ok(());
    }
    let what = "its numbers are so high that no store came to them and none can go on from them";
    Err(Error::corruption(path, HEADER_LEN as u64, None, what))
}

/// The UUID in a manifest's header.
fn store_of(path: &Path, bytes: &[u8]) -> Result<[u8; 16]> {
    manifest::decode_header(bytes).map_err(|error| match error {
        HeaderError::Foreign => {
            let what = "the manifest is another program's file".to_string();
            Error::NotAStore { path: path.to_path_buf(), what }
        }
        HeaderError::Damaged(what) => Error::corruption(path, 0, None, what),
        HeaderError::Newer(what) => Error::NewerFormat { path: path.to_path_buf(), what },
    })
}

/// Where a valid edit with a number above `number` stands behind a place that is none. In bytes that were made to take
/// long, the place where it was given up.
fn later_edit(bytes: &[u8], from: usize, number: u64) -> Option<usize> {
    let mut to_check = MOST_CHECKED * bytes.len();
    (from + 8..bytes.len()).step_by(8).find(|at| {
        let rest = &bytes[*at..];
        let Some((_, length)) = manifest::edit_head(rest).filter(|(found, _)| *found > number) else { return false };
        let Some(left) = to_check.checked_sub(length) else { return true };
        to_check = left;
        // Also one that is not understood: what it says must not be lost for that.
        !matches!(manifest::decode_edit(rest), EditAt::End | EditAt::Damaged)
    })
}

#[cfg(test)]
mod tests;

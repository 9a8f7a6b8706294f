//! A page of the index that lies in the checkpoint until somebody wants it.
//!
//! 1. Opening a store takes no memory for its documents, and no time but that of checking it once (`Assembly::add`). It
//!    is built when a slot in it is first asked for; every version of the index that shares it then has it.
//! 2. Which documents it has is known without it: so that the ids can be listed whatever becomes of the file.
//! 3. Its checksum is verified again when it is built: a mapped file may be read anew from the disk, and what has
//!    rotted there since must not be taken for documents that were deleted.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::radix::Page;
use super::slot::Slot;
use crate::error::{Damage, Error};
use crate::format::Malformed;
use crate::format::checkpoint::{PageAt, Trees};
use crate::log::Bytes;
use crate::memory::NoMemory;

/// Why a page cannot be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unread {
    /// There is no memory for it.
    NoMemory,
    /// It is not what its table says; once opened, not any more what it was then.
    Rotten(Box<Damage>),
}

impl From<NoMemory> for Unread {
    fn from(_: NoMemory) -> Unread {
        Unread::NoMemory
    }
}

impl From<Unread> for Error {
    fn from(unread: Unread) -> Error {
        match unread {
            Unread::NoMemory => Error::NoMemory,
            Unread::Rotten(damage) => Error::Corruption(damage),
        }
    }
}

/// The file of a checkpoint, which stays for as long as there is a page that may be wanted.
#[derive(Debug)]
pub struct Pages {
    path: PathBuf,
    bytes: Bytes,
    table: Vec<PageAt>,
}

impl Pages {
    /// The pages that a file has.
    pub fn new(path: PathBuf, bytes: Bytes, table: Vec<PageAt>) -> Pages {
        Pages { path, bytes, table }
    }

    /// Each of them, in order.
    pub fn each(self: &Arc<Pages>) -> impl Iterator<Item = Stored> {
        (0..self.table.len()).map(|at| Stored { pages: Arc::clone(self), at, built: OnceLock::new() })
    }
}

/// A page that can be built.
#[derive(Clone, Debug)]
pub struct Stored {
    pages: Arc<Pages>,
    at: usize,
    built: OnceLock<Arc<Page>>,
}

impl Stored {
    fn place(&self) -> &PageAt {
        &self.pages.table[self.at]
    }

    /// Its documents' ids, without the lowest bits.
    pub fn number(&self) -> u64 {
        self.place().number
    }

    /// The lowest place from `from` on whose slot is in use.
    pub fn next(&self, from: u8) -> Option<u8> {
        self.place().present.next(from)
    }

    /// The page.
    pub fn page(&self) -> Result<&Arc<Page>, Unread> {
        if let Some(page) = self.built.get() {
            return Ok(page);
        }
        let mut slots = Vec::new();
        self.slots(|place, slot| slots.push((place, slot)))?;
        Ok(self.built.get_or_init(|| Arc::new(Page::of(slots))))
    }

    /// The page, if it was built.
    pub fn built(&self) -> Option<&Arc<Page>> {
        self.built.get()
    }

    /// Calls `each` with every slot in use, without building the page.
    pub fn slots(&self, mut each: impl FnMut(u8, Slot)) -> Result<(), Unread> {
        let read = self.place().rows(&self.pages.bytes, |document, entries| {
            each(document as u8, Slot::of(entries)?);
            Ok(())
        });
        read.map_err(|malformed| self.unread(malformed))
    }

    /// The sums of a page that has nothing but trees.
    pub fn trees(&self) -> Result<Option<Trees>, Unread> {
        self.place().trees(&self.pages.bytes).map_err(|malformed| self.unread(malformed))
    }

    fn unread(&self, malformed: Malformed) -> Unread {
        if malformed == Malformed::NO_MEMORY {
            return Unread::NoMemory;
        }
        Unread::Rotten(Box::new(Damage {
            file: self.pages.path.clone(),
            offset: self.place().start as u64,
            document: None,
            what: format!("{}; open the store again, which makes the index from the log", malformed.0),
        }))
    }

    /// Bytes of memory, but for those of the mapped file.
    pub fn memory(&self) -> u64 {
        let copied = if self.pages.bytes.is_mapped() { 0 } else { self.place().length };
        let built = self.built().map_or(0, |page| page.memory() + (size_of::<Page>() + 16) as u64);
        built + (copied + size_of::<PageAt>()) as u64
    }
}

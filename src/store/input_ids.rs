//! Handing out input ids: known at once inside a batch, never twice within a document.
//!
//! 1. While any batch that took ids of a document is open, the lowest free id is kept here; afterwards the document
//!    itself knows it. The store publishes a commit before its batch lets go, so there is no gap between the two.
//! 2. The document is asked only under the lock, for the same reason.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::error::{Error, Result};

const SHARDS: u64 = 16;

/// The lowest free input id of each document that open batches add inputs to.
#[derive(Default)]
pub struct InputIds {
    shards: [Mutex<HashMap<u64, Taken>>; SHARDS as usize],
}

struct Taken {
    next: u64,
    batches: u32,
}

impl InputIds {
    /// Takes `count` ids; gives back the first. `stored` reads the document's own lowest free id. `first_time` says
    /// that the calling batch holds no ids of this document yet; it must `release` once in the end.
    pub fn take(
        &self,
        document: u64,
        count: u64,
        first_time: bool,
        stored: impl FnOnce() -> Result<u64>,
    ) -> Result<u64> {
        let mut shard = self.shard(document).lock();
        let known = shard.get(&document).map_or(0, |taken| taken.next);
        let first = known.max(stored()?);
        let next = after(document, first, count)?;
        shard.try_reserve(1).map_err(|_| Error::NoMemory)?;
        let taken = shard.entry(document).or_insert(Taken { next, batches: 0 });
        taken.next = next;
        taken.batches += u32::from(first_time);
        Ok(first)
    }

    /// A batch that took ids of this document is done.
    pub fn release(&self, document: u64) {
        let mut shard = self.shard(document).lock();
        if let Some(taken) = shard.get_mut(&document) {
            taken.batches -= 1;
            if taken.batches == 0 {
                shard.remove(&document);
            }
        }
    }

    fn shard(&self, document: u64) -> &Mutex<HashMap<u64, Taken>> {
        &self.shards[(document % SHARDS) as usize]
    }
}

/// The lowest free id after `count` were taken from `first` on.
pub fn after(document: u64, first: u64, count: u64) -> Result<u64> {
    let next = first.saturating_add(count);
    if next > u64::from(u32::MAX) + 1 {
        return Err(Error::InvalidArgument(format!(
            "document {document} has used up its input ids (4,294,967,295 in its life); \
             put its tree into a new document"
        )));
    }
    Ok(next)
}

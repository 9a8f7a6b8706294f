//! Handing out input ids: known at once inside a batch, never twice within a document.
//!
//! 1. While any batch that took ids of a document is open, the lowest free id is kept here; afterwards the document
//!    itself knows it. The store publishes a commit before its batch lets go, so there is no gap between the two.
//! 2. The document is asked only under the lock, for the same reason.

use rustc_hash::FxHashMap;

use crate::error::{Error, Result};
use crate::sync::Mutex;

const SHARDS: u64 = 16;

/// The lowest free input id of each document that open batches add inputs to.
#[derive(Default)]
pub struct InputIds {
    shards: [Mutex<FxHashMap<u64, Taken>>; SHARDS as usize],
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

    fn shard(&self, document: u64) -> &Mutex<FxHashMap<u64, Taken>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_hands_out_ids_up_to_the_highest() {
        let highest = u64::from(u32::MAX);
        assert_eq!(after(1, 1, 2).unwrap(), 3);
        assert_eq!(after(1, highest, 1).unwrap(), highest + 1);
        assert_eq!(after(1, highest + 1, 0).unwrap(), highest + 1);
        for (first, count) in [(highest, 2), (highest + 1, 1), (1, u64::MAX)] {
            let refused = after(7, first, count);
            assert!(
                matches!(&refused, Err(Error::InvalidArgument(what)) if what.contains("document 7")),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn any_document_has_a_shard() {
        let ids = InputIds::default();
        for document in [1, 15, 16, 17, 1 << 40, u64::MAX] {
            assert_eq!(ids.take(document, 3, true, || Ok(5)).unwrap(), 5);
            assert_eq!(ids.take(document, 1, false, || Ok(5)).unwrap(), 8, "what an open batch took is gone");
            ids.release(document);
            assert_eq!(ids.take(document, 1, true, || Ok(5)).unwrap(), 5, "no batch is open that took it");
        }
    }
}

/// Interleavings of batches that take ids of one document (.ci/models).
#[cfg(test)]
#[cfg(loom)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::sync::atomic::{AtomicU64, Ordering};
    use crate::sync::thread;

    /// The ids and the document's own lowest free one, as what was published says it.
    #[derive(Default)]
    struct Document {
        ids: InputIds,
        stored: AtomicU64,
    }

    impl Document {
        /// A batch that takes an id twice, and commits or not; gives back the ids that it committed.
        fn batch(&self, commits: bool) -> Vec<u64> {
            let stored = || Ok(self.stored.load(Ordering::Acquire));
            let first = self.ids.take(7, 1, true, stored).unwrap();
            let second = self.ids.take(7, 1, false, stored).unwrap();
            assert!(second > first);
            if commits {
                // Publishing: under the writer's lock a commit follows all before it.
                self.stored.fetch_max(second + 1, Ordering::AcqRel);
            }
            self.ids.release(7);
            if commits { vec![first, second] } else { Vec::new() }
        }
    }

    #[test]
    fn no_id_is_committed_twice() {
        for abandons in [false, true] {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = Some(3);
            builder.check(move || {
                let document = Arc::new(Document::default());
                let threads: Vec<_> = [true, !abandons]
                    .into_iter()
                    .map(|commits| {
                        let document = Arc::clone(&document);
                        thread::spawn(move || document.batch(commits))
                    })
                    .collect();
                let mut ids = document.batch(true);
                threads.into_iter().for_each(|thread| ids.extend(thread.join().unwrap()));
                let count = ids.len();
                ids.sort_unstable();
                ids.dedup();
                assert_eq!(ids.len(), count, "an id was handed out twice");
                let tables = document.ids.shards.iter().map(|shard| shard.lock().len());
                assert_eq!(tables.sum::<usize>(), 0, "something is kept of batches that are gone");
            });
        }
    }
}

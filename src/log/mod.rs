//! The log: segment files, written by appending, read by position.
//!
//! 1. A byte that was ever part of a record is never overwritten nor cut off.
//! 2. A reader is given a place only after all of the record was written; it needs no lock then.
//! 3. Nothing here knows what records mean for documents.

mod ahead;
pub mod build;
pub mod bytes;
pub mod dir;
pub mod scan;
pub mod segment;
pub mod spare;
pub mod sync;
pub mod table;
pub mod writer;

use crate::error::{Error, Result};
use crate::format::{KEPT_FOR_RECOVERY, SEGMENT_IDS_END};
use crate::sync::atomic::{AtomicU32, Ordering};

pub use bytes::Bytes;
pub use dir::Dir;
pub use segment::Segment;
pub use table::SegmentTable;

/// An id for a new segment.
pub fn next_id(ids: &AtomicU32) -> Result<u32> {
    if ids.load(Ordering::Relaxed) >= SEGMENT_IDS_END - KEPT_FOR_RECOVERY {
        return Err(Error::InvalidArgument("segment ids are used up; repair the store into a new one".to_string()));
    }
    Ok(ids.fetch_add(1, Ordering::Relaxed))
}

/// Takes back an id of which no file came to be, unless others were given since: refused attempts must not use them up.
pub fn return_id(ids: &AtomicU32, id: u32) {
    let _others_came_first = ids.compare_exchange(id + 1, id, Ordering::Relaxed, Ordering::Relaxed);
}

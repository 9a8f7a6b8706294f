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

pub use bytes::Bytes;
pub use dir::Dir;
pub use segment::Segment;
pub use table::SegmentTable;

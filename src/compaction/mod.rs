//! Compaction: which segments to give up, and what of them to keep.
//!
//! ```text
//!   plan --> rewrite: copy what the index still reaches, fold documents with deltas
//!        --> outputs synced, directory synced
//!        --> manifest edit "outputs replace victims" --> index entries swapped, a few at a time --> victims unlinked
//! ```
//!
//! 1. Up to the edit nothing changes: a failed or crashed rewrite leaves files that nobody names.
//! 2. The moment that is copied is durable: a record goes only because of one that no crash can take back.
//! 3. Outputs keep original sequence numbers. A document that changed meanwhile keeps its newer state, by the rule in
//!    `index::slot`; what was copied for it is garbage in the output.
//! 4. A tombstone goes only when no other segment can hold a record of its document, and when a checkpoint knows of
//!    the delete (or the next open from that checkpoint would have to read the whole log). Those that have to stay
//!    count as live until a checkpoint is written, or the same ones would be rewritten over and over.
//! 5. What deltas replaced of a tree that cannot be folded counts as live, too, for as long as the tree is there: no
//!    rewriting frees it, and background work would not come to an end.
//! 6. Views that were open before keep reading the victims, which live on without a name until the last view is gone.

mod plan;
mod rewrite;

pub use plan::{Usage, choose, choose_all, fitting, is_due, is_over_ceiling};
pub use rewrite::{Job, KeptTombstones, Output, Unfolded, discard, newest_blob_place, rewrite};

//! Stratum: an embedded, log-structured, hierarchical storage engine.

pub mod capi;
mod checkpoint;
mod compaction;
pub mod error;
pub mod format;
pub mod ids;
mod index;
mod log;
mod manifest;
pub mod memory;
pub mod options;
mod recovery;
pub mod salvage;
pub mod store;
mod sync;
pub mod tree;
pub mod value;
pub mod vfs;

pub use error::{Damage, Error, Missing, Result};
pub use ids::{DocumentId, InputId};
pub use options::{Durability, Options, ReadMode};
pub use salvage::{Finding, FindingKind, Outcome, RepairOptions, RepairProgress, RepairReport, repair};
pub use store::{Batch, Db, Documents, Inputs, PackedTree, Pinned, Progress, Stats, VerifyReport, View};
pub use tree::{Columns, Input, Tree, TreeIds};
pub use value::Value;

/// The README's example in Rust, compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

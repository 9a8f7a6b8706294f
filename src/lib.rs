//! Stratum: an embedded, log-structured, hierarchical storage engine for golden sets.
//!
//! A store is a directory of documents. A document is a blob with named columns and an ordered chain of inputs; an
//! input is a typed [`Value`] with columns of its own and at most one output. A whole document is a [`Tree`], written
//! and read in one call.
//!
//! | | |
//! |---|---|
//! | [`Db`] | an open store: [`Db::write`] for changes, [`Db::view`] for reads |
//! | [`Batch`] | changes that become visible and durable together |
//! | [`View`] | reads of one moment; [`Db::snapshot`] gives one that compaction spares within bounds |
//! | [`Tree`], [`Columns`], [`Input`], [`Value`] | what is stored, as plain data |
//! | [`Pinned`], [`PackedTree`] | what is stored, as the store's own bytes, without a copy |
//! | [`Options`], [`Durability`], [`ReadMode`], [`Compression`] | how a store is opened, when a commit is done |
//! | [`Error`], [`Missing`], [`Damage`] | what can go wrong; each text says what to do |
//! | [`repair`] | saves what is left of a damaged store into a new one |
//!
//! ```
//! use stratum::{Columns, Db, Input, Options, Tree, Value};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("sums.stratum");
//! let db = Db::open(&path, &Options::default())?;
//! let ids = db.write(|batch| {
//!     batch.put_tree(&Tree {
//!         blob: b"Add two numbers.".to_vec(),
//!         columns: Columns::from([("level", Value::Int64(1))]),
//!         inputs: vec![Input::new(Value::Int64List(vec![2, 3]), Some(Value::Int64(5)))],
//!     })
//! })?;
//! for document in db.view()?.documents(ids.document)? {
//!     println!("{document}: {:?}", db.view()?.tree(document)?);
//! }
//! db.close()?;
//! # Ok::<(), stratum::Error>(())
//! ```
//!
//! Everything here may be used from any thread; a [`Batch`] and the iterators belong to one at a time. Other languages
//! reach the same store through the C ABI in [`capi`]. What is promised, and which test holds it, is in
//! docs/guarantees.md, the format in docs/format.md, how it is built in docs/architecture.md.

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
pub use options::{Compression, Durability, Options, ReadMode};
pub use salvage::{Finding, FindingKind, Outcome, RepairOptions, RepairProgress, RepairReport, repair};
pub use store::{Batch, Db, Documents, Inputs, PackedTree, Pinned, Progress, Stats, VerifyReport, View};
pub use tree::{Columns, Input, Tree, TreeIds};
pub use value::Value;

/// The README's example in Rust, compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

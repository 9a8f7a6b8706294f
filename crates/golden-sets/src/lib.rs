//! The workload "golden sets", and what it is measured on.
//!
//! ```text
//!   workload   the trees                  engine   what every side of a comparison can do
//!   phases     what is measured           raw      the yardstick      native, through_c   Stratum
//! ```
//!
//! The criterion benchmarks of the root package and `bench-compare`, which adds other engines, are built on it.

#![allow(clippy::missing_panics_doc)] // a benchmark that fails ends

pub mod c_form;
pub mod codec;
pub mod engine;
pub mod native;
pub mod phases;
pub mod raw;
pub mod through_c;
pub mod workload;

pub use engine::{Engine, Kind, Sync};

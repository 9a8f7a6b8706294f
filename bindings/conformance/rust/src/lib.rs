//! The conformance suite of the bindings, as ../README.md tells it: the reference runner, and what drives the others.
//!
//! 1. The runner uses what `stratum` offers every program in Rust, nothing else.
//! 2. Two runners that do the same write the same bytes: `canonical` is the one place that says how.

pub mod canonical;
pub mod compare;
pub mod dump;
pub mod generate;
mod packed;
mod reads;
pub mod runner;
pub mod script;
pub mod shrink;
mod wire;
mod writes;

//! The C ABI: what `include/stratum.h` declares. It uses the crate's public API only.
//!
//! 1. Every function runs inside the wall of `guard`: no panic and no print crosses into the host.
//! 2. A handle is a number (`handles`): one that is closed, foreign or being closed is a status, never a fault.
//! 3. What C passes in is read through `arguments` and `value_in` alone, which check before they touch.
//! 4. No Rust enum or bool crosses: constants are numbers and are checked.
//! 5. The header is made from these files, in the order of build.rs; their doc comments are its text, written for C.

#![allow(non_camel_case_types)] // the types' names are C's
#![allow(clippy::missing_safety_doc)] // one contract for all functions: the conventions at the head of stratum.h
#![allow(clippy::not_unsafe_ptr_arg_deref)] // handles are never dereferenced

mod arguments;
mod guard;
mod handles;
mod kept;
mod operations;
mod packed_out;
mod value_in;
mod value_out;

pub mod apply;
pub mod batch;
pub mod batch_writes;
pub mod cursor;
pub mod db;
pub mod db_writes;
pub mod error;
pub mod options;
pub mod pinned;
pub mod result;
pub mod salvage;
pub mod stats;
pub mod status;
pub mod tree;
pub mod value;
pub mod verify;
pub mod view;

//! The golden vectors of docs/format.md.

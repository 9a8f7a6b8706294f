//! What the compiler and the linter do not check: layers, where unsafe code and the file system may be, the shape of
//! files, links, examples.
//!
//! 1. Every rule reads the files as they stand in the checkout; there are no lists of files to be kept.
//! 2. Every rule is also shown a text that breaks it, so that a rule that sees nothing is noticed.
//! 3. A failure lists every place, as `file:line: what`.

mod code;
mod documents;
mod examples;
mod files;
mod layers;
mod rooms;
mod shape;

/// Fails with every place where a rule does not hold.
fn none(rule: &str, places: &[String]) {
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

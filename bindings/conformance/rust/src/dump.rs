//! A whole store as canonical lines: how runners of different languages find out that they see the same store.

use std::path::Path;

use serde_json::json;
use stratum::{Db, DocumentId, Options};

use crate::canonical::canonical;
use crate::wire::{Call, Stop, from_tree, number};

/// The lines of one store: one for each document, then how many there are; or the status that opening or reading it
/// answers.
pub fn dump(store: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    if let Err(stop) = documents(store, &mut lines) {
        let status = match stop {
            Stop::Status(status) => status.to_string(),
            Stop::Broken(what) => what,
        };
        lines.push(canonical(&json!({"status": status})));
    }
    lines
}

fn documents(store: &Path, lines: &mut Vec<String>) -> Call<()> {
    let mut options = Options::default();
    options.create = false;
    let db = Db::open(store, &options)?;
    let view = db.snapshot()?;
    for document in view.documents(DocumentId::FIRST)? {
        let tree = view.tree(document)?;
        lines.push(canonical(&json!({"document": number(document.get()), "tree": from_tree(&tree)})));
    }
    lines.push(canonical(&json!({"documents": number(view.document_count()?)})));
    db.close()?;
    Ok(())
}

//! The plainest store there is, for tests that say themselves what they do with it.

use stratum::{Columns, Db, DocumentId, Durability, Options, Result};

/// Options without work in the background.
pub(crate) fn options(segment_size: u64) -> Options {
    let mut options = Options::default();
    options.background = false;
    options.segment_size = segment_size;
    options
}

/// Puts a document of nothing but a blob, in a commit of its own.
pub(crate) fn put(db: &Db, blob: &[u8], durability: Durability) -> Result<DocumentId> {
    let mut batch = db.batch()?;
    let id = batch.create_document(blob, &Columns::new())?;
    batch.commit_with(durability)?;
    Ok(id)
}

//! Batch calls on documents.

use std::sync::Arc;

use super::Batch;
use super::trees::is_external;
use crate::error::{Error, Missing, Result};
use crate::format::crc;
use crate::format::packed::DeltaBuilder;
use crate::ids::DocumentId;
use crate::memory;
use crate::tree::{MAX_COLUMN_NAME, check_column_name};
use crate::value::Value;

impl Batch {
    /// Replaces a document's blob.
    ///
    /// # Errors
    /// `NotFound`; `TooLarge` over `max_record_bytes` or `max_batch_bytes`.
    pub fn set_blob(&mut self, document: DocumentId, blob: &[u8]) -> Result<()> {
        self.check_record("the blob", blob.len() as u64)?;
        self.check_room(blob.len() as u64)?;
        let pending = self.pending(document)?;
        let copy = memory::copy(blob)?;
        if is_external(blob.len() as u64) {
            // Of the copy: what a caller lends may change meanwhile, against all rules.
            pending.delta.set_blob_external(copy.len() as u64, crc(&copy));
            pending.blob = Some(Arc::new(copy));
        } else {
            pending.delta.set_blob(copy);
            pending.blob = None;
        }
        self.note(blob.len() as u64, false);
        Ok(())
    }

    /// Sets a column of a document, creating or replacing it.
    ///
    /// # Errors
    /// `NotFound` for the document, `InvalidArgument` for a name or value that may not be stored, `TooLarge`.
    pub fn set_column(&mut self, document: DocumentId, name: &str, value: &Value) -> Result<()> {
        check_column_name(name)?;
        let value = self.encode(value)?;
        let size = (value.len() + name.len()) as u64;
        self.check_room(size)?;
        self.pending(document)?.delta.set_column(name, Some(value));
        self.note(size, false);
        Ok(())
    }

    /// Removes a column of a document.
    ///
    /// # Errors
    /// `NotFound` for the document or the column, `TooLarge` over `max_batch_bytes`.
    pub fn remove_column(&mut self, document: DocumentId, name: &str) -> Result<()> {
        check_lookup_name(name)?;
        self.check_room(name.len() as u64)?;
        let there = match self.pending(document)?.delta.column(name) {
            Some(changed) => changed.is_some(),
            None => self.below(document, |stack| Ok(stack.column(name)?.is_some()))?,
        };
        if !there {
            return Err(Missing::Column(document).into());
        }
        self.pending(document)?.delta.set_column(name, None);
        self.note(name.len() as u64, true);
        Ok(())
    }

    /// Deletes a document with everything under it. Its id is never used again.
    ///
    /// # Errors
    /// `NotFound`, `TooLarge` over `max_batch_bytes`.
    pub fn delete_document(&mut self, document: DocumentId) -> Result<()> {
        self.check_room(0)?;
        let pending = self.pending(document)?;
        pending.deleted = true;
        pending.tree = None;
        pending.delta = DeltaBuilder::default();
        pending.blob = None;
        pending.need_output.clear();
        self.note(0, true);
        Ok(())
    }
}

/// A name that no column can have is a mistake, not a column that is missing.
pub(super) fn check_lookup_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_COLUMN_NAME {
        return Err(Error::InvalidArgument(format!("no column can have a name of {} bytes", name.len())));
    }
    Ok(())
}

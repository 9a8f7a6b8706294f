//! Batch calls on whole trees.

use std::borrow::Cow;
use std::sync::Arc;

use super::Batch;
use super::contents::NewTree;
use crate::error::{Error, Missing, Result};
use crate::format::NUMBERS_END;
use crate::format::packed::{self, BlobState, Head, TreeParts};
use crate::format::value::encoded_len;
use crate::ids::{DocumentId, InputId};
use crate::memory;
use crate::tree::{Columns, Input, Tree, TreeIds};

/// Blobs over this many bytes are records of their own, which folding does not copy.
const EXTERNAL_OVER: u64 = 64 << 10;

impl Batch {
    /// Creates a document with a blob and columns, and no inputs.
    ///
    /// # Errors
    /// `InvalidArgument` for a column that may not be stored, `TooLarge` over `max_record_bytes` or `max_batch_bytes`.
    pub fn create_document(&mut self, blob: &[u8], columns: &Columns) -> Result<DocumentId> {
        self.put(None, blob.into(), columns, &[]).map(|ids| ids.document)
    }

    /// Creates a document with everything under it. Ids in the tree's inputs are ignored.
    ///
    /// # Errors
    /// As for [`Batch::create_document`].
    pub fn put_tree(&mut self, tree: &Tree) -> Result<TreeIds> {
        self.put(None, (&tree.blob).into(), &tree.columns, &tree.inputs)
    }

    /// Replaces everything of a document. It keeps its id; its inputs get fresh ones.
    ///
    /// # Errors
    /// `NotFound`, and as for [`Batch::create_document`].
    pub fn replace_tree(&mut self, document: DocumentId, tree: &Tree) -> Result<TreeIds> {
        self.put(Some(document), (&tree.blob).into(), &tree.columns, &tree.inputs)
    }

    /// Creates a document from a packed tree (docs/format.md). Ids in it are ignored.
    ///
    /// # Errors
    /// `InvalidArgument` where the bytes are no packed tree, and as for [`Batch::create_document`].
    pub fn put_packed(&mut self, packed: &[u8]) -> Result<TreeIds> {
        self.put_bytes(None, packed)
    }

    /// Replaces everything of a document by a packed tree.
    ///
    /// # Errors
    /// `NotFound`, and as for [`Batch::put_packed`].
    pub fn replace_packed(&mut self, document: DocumentId, packed: &[u8]) -> Result<TreeIds> {
        self.put_bytes(Some(document), packed)
    }

    fn put(
        &mut self,
        replaces: Option<DocumentId>,
        blob: Cow<'_, [u8]>,
        columns: &Columns,
        inputs: &[Input],
    ) -> Result<TreeIds> {
        self.core.check_writable()?;
        self.check_tree(&blob, columns, inputs)?;
        let external = is_external(blob.len() as u64);
        // The checksum is one of what is kept: what a caller lends may change meanwhile, against all rules.
        let (blob, blob_apart) = match blob {
            Cow::Borrowed(lent) if external => (&[][..], Some(Arc::new(memory::copy(lent)?))),
            Cow::Owned(own) if external => (&[][..], Some(Arc::new(own))),
            _ => (&*blob, None),
        };
        let blob = blob_apart.as_ref().map_or(blob, |kept| kept);
        let ids = self.take_ids(replaces, inputs.len() as u64)?;
        let first = ids.first_input.map_or_else(|| self.next_free(ids.document), InputId::get);
        let packed = packed::encode_tree(TreeParts { blob, columns, inputs }, first, external);
        let packed = packed.map_err(|error| error.into_error(|what| Error::InvalidArgument(what.to_string())))?;
        let outputs = inputs.iter().filter(|input| input.output.is_some()).count();
        let tree = NewTree { packed: Arc::new(packed), nodes: (1 + inputs.len() + outputs) as u32, external };
        self.set_tree(ids.document, tree, blob_apart);
        Ok(ids)
    }

    fn put_bytes(&mut self, replaces: Option<DocumentId>, lent: &[u8]) -> Result<TreeIds> {
        self.core.check_writable()?;
        let invalid = |error: crate::format::Malformed| {
            error.into_error(|_| Error::InvalidArgument(format!("the packed tree is {error}")))
        };
        self.check_room(lent.len() as u64)?;
        // What is checked is what is kept: what a caller lends may change meanwhile, against all rules.
        let mut packed = memory::copy(lent)?;
        packed::check(&packed).map_err(invalid)?;
        let head = Head::parse(&packed).map_err(invalid)?;
        if head.is_delta() {
            return Err(Error::InvalidArgument("the packed bytes are a delta, not a tree".to_string()));
        }
        let BlobState::Inline(blob) = head.blob() else {
            return Err(Error::InvalidArgument("the packed tree does not hold its blob".to_string()));
        };
        self.check_bodies(&packed, &head).map_err(|error| match error {
            Body::Malformed(error) => invalid(error),
            Body::TooLarge(error) => error,
        })?;
        let (nodes, inputs) = (1 + head.entry_count() + head.output_count(), head.entry_count().into());
        if is_external(blob.length) {
            // The blob goes into a record of its own, so the tree is packed anew.
            let tree = packed::to_tree(&packed, None).map_err(invalid)?;
            drop(packed);
            return self.put(replaces, tree.blob.into(), &tree.columns, &tree.inputs);
        }
        let ids = self.take_ids(replaces, inputs)?;
        let first = ids.first_input.map_or_else(|| self.next_free(ids.document), InputId::get);
        packed::renumber(&mut packed, first).map_err(invalid)?;
        self.set_tree(ids.document, NewTree { packed: Arc::new(packed), nodes, external: false }, None);
        Ok(ids)
    }

    /// Whether everything in the tree may be stored.
    fn check_tree(&self, blob: &[u8], columns: &Columns, inputs: &[Input]) -> Result<()> {
        self.check_record("the blob", blob.len() as u64)?;
        let check_columns = |columns: &Columns| -> Result<()> {
            columns.check()?;
            columns.iter().try_for_each(|(_, value)| self.check_record("the column", encoded_len(value)))
        };
        check_columns(columns)?;
        for input in inputs {
            check_columns(&input.columns)?;
            for value in std::iter::once(&input.value).chain(&input.output) {
                value.check()?;
                self.check_record("the value", encoded_len(value))?;
            }
        }
        let apart = if is_external(blob.len() as u64) { blob.len() as u64 } else { 0 };
        self.check_room(packed::tree_len(TreeParts { blob, columns, inputs }, is_external(blob.len() as u64)) + apart)
    }

    /// Whether the values of a packed tree, each of which checks out, are within the limits.
    fn check_bodies(&self, packed: &[u8], head: &Head<'_>) -> std::result::Result<(), Body> {
        if let BlobState::Inline(blob) = head.blob() {
            self.check_record("the blob", blob.length).map_err(Body::TooLarge)?;
        }
        self.check_columns(head.columns().map_err(Body::Malformed)?)?;
        for entry in head.directory().map_err(Body::Malformed)?.iter() {
            let entry = entry.map_err(Body::Malformed)?;
            let output = if let packed::OutputState::At(span) = entry.output { Some(span) } else { None };
            for span in entry.value.into_iter().chain(output) {
                self.check_record("the value", span.length).map_err(Body::TooLarge)?;
            }
            if let Some(span) = entry.columns {
                let section = span.verified(packed).and_then(packed::ColumnsRef::parse);
                self.check_columns(section.map_err(Body::Malformed)?)?;
            }
        }
        Ok(())
    }

    fn check_columns(&self, columns: packed::ColumnsRef<'_>) -> std::result::Result<(), Body> {
        for column in columns.iter() {
            let (_, value) = column.map_err(Body::Malformed)?;
            let length = value.map_or(0, <[u8]>::len) as u64;
            self.check_record("the column", length).map_err(Body::TooLarge)?;
        }
        Ok(())
    }

    /// The ids of a tree with so many inputs.
    fn take_ids(&mut self, replaces: Option<DocumentId>, inputs: u64) -> Result<TreeIds> {
        let document = match replaces {
            Some(document) => {
                self.pending(document)?;
                document
            }
            None => {
                let id = self.core.next_document.fetch_add(1, crate::sync::atomic::Ordering::Relaxed);
                let document = DocumentId::new(id).filter(|_| id < NUMBERS_END);
                let document =
                    document.ok_or_else(|| Error::InvalidArgument("document ids are used up".to_string()))?;
                self.contents.expect_document()?;
                self.contents.document(document).created = true;
                document
            }
        };
        if inputs == 0 {
            return Ok(TreeIds { document, first_input: None, inputs: 0 });
        }
        let first = self.take_inputs(document, inputs)?;
        Ok(TreeIds { document, first_input: InputId::new(first), inputs: inputs as u32 })
    }

    /// Takes ids for new inputs of a document; gives back the first.
    pub(super) fn take_inputs(&mut self, document: DocumentId, count: u64) -> Result<u64> {
        let core = Arc::clone(&self.core);
        self.contents.take_inputs(document, count, || {
            let state = core.newest()?;
            let slot = state.index.get(document.get())?;
            let layers = crate::index::layers::Layers::open(&state, document.get(), slot, core.options.verify_reads)?;
            Ok(layers.ok_or(Missing::Document(document))?.stack()?.next_input_id())
        })
    }

    /// The lowest input id that this batch knows to be free; ids that the stored document has handed out are reserved
    /// when the batch is committed.
    fn next_free(&mut self, document: DocumentId) -> u64 {
        self.contents.document(document).next_input.max(1)
    }

    fn set_tree(&mut self, document: DocumentId, tree: NewTree, blob: Option<Arc<Vec<u8>>>) {
        let size = tree.packed.len() as u64 + blob.as_ref().map_or(0, |blob| blob.len()) as u64;
        let pending = self.contents.document(document);
        pending.tree = Some(tree);
        pending.blob = blob;
        pending.delta = packed::DeltaBuilder::default();
        pending.need_output.clear();
        self.note(size, false);
    }
}

/// Whether a blob of so many bytes is to be a record of its own.
pub(super) fn is_external(length: u64) -> bool {
    length > EXTERNAL_OVER
}

enum Body {
    Malformed(crate::format::Malformed),
    TooLarge(Error),
}

//! Views: one moment of the whole store, and everything that can be read at it.

use std::ops::Deref;
use std::sync::Arc;

use super::core::Core;
use super::moment::{Gate, Moment};
use super::read;
use super::retained::Lease;
use crate::error::{Error, Result};
use crate::format::Malformed;
use crate::format::packed::{self, Head};
use crate::ids::{DocumentId, InputId};
use crate::index::layers::Layers;
use crate::log::Bytes;
use crate::sync::Guard;
use crate::tree::{Columns, Input, Tree};
use crate::value::Value;

/// One moment of the whole store.
///
/// A view stays at its moment for as long as it lives, through writes and compaction; it keeps the replaced segments
/// that it needs. Cheap to clone; all calls may be made from any thread, and never wait for a writer. After the store
/// was closed every call says `Closed`.
///
/// ```
/// use stratum::{Columns, Db, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let document = db.write(|batch| batch.create_document(b"old", &Columns::new()))?;
/// let before = db.snapshot()?;
/// db.write(|batch| batch.set_blob(document, b"new"))?;
/// assert_eq!(&before.blob(document)?[..], b"old");
/// assert_eq!(&db.view()?.blob(document)?[..], b"new");
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone)]
pub struct View(Hold);

enum Hold {
    Latest(Guard<Arc<Moment>>),
    Snapshot { lease: Arc<Lease>, sequence: u64, gate: Arc<Gate> },
}

impl Clone for Hold {
    fn clone(&self) -> Hold {
        match self {
            Hold::Latest(moment) => Hold::Latest(Guard::from_inner(Arc::clone(moment))),
            Hold::Snapshot { lease, sequence, gate } => {
                Hold::Snapshot { lease: Arc::clone(lease), sequence: *sequence, gate: Arc::clone(gate) }
            }
        }
    }
}

impl View {
    pub(super) fn latest(core: &Core) -> Result<View> {
        Ok(View(Hold::Latest(core.newest()?)))
    }

    pub(super) fn snapshot(core: &Core) -> Result<View> {
        core.check_not_forked()?;
        let (lease, sequence) = core.retained.lease(|| core.newest().map(Guard::into_inner))?;
        Ok(View(Hold::Snapshot { lease, sequence, gate: Arc::clone(&core.gate) }))
    }

    /// Reads at this view's moment.
    fn at<T>(&self, read: impl FnOnce(&Arc<Moment>) -> Result<T>) -> Result<T> {
        match &self.0 {
            Hold::Latest(moment) => {
                moment.gate.check_open()?;
                read(moment)
            }
            Hold::Snapshot { lease, gate, .. } => {
                let moment = lease.load();
                // Afterwards: a close takes leases back, too, and is not to pass for `max_retained_bytes`.
                gate.check_open()?;
                read(moment.as_ref().ok_or(Error::SnapshotTooOld)?)
            }
        }
    }

    /// Reads a document, which must be there, at this view's moment.
    fn document<T>(&self, document: DocumentId, read: impl FnOnce(&Layers<'_>) -> Result<T>) -> Result<T> {
        self.at(|moment| read(&read::open(moment, document, moment.gate.verify)?))
    }

    /// Sequence number of the newest commit in this view; zero before the first. After an open it may be a higher one,
    /// which a commit was given that failed, or that a power loss took back, and that is not given again: no commit in
    /// the view has a higher one, and every commit after it has.
    pub fn sequence(&self) -> u64 {
        match &self.0 {
            Hold::Latest(moment) => moment.sequence,
            Hold::Snapshot { sequence, .. } => *sequence,
        }
    }

    /// How many documents there are.
    ///
    /// # Errors
    /// `Closed`, `Forked` and, for snapshots, `SnapshotTooOld`; so do all calls below.
    pub fn document_count(&self) -> Result<u64> {
        self.at(|moment| Ok(moment.index.documents()))
    }

    /// Whether the document is there.
    ///
    /// # Errors
    /// As for [`View::document_count`].
    pub fn exists(&self, document: DocumentId) -> Result<bool> {
        self.at(|moment| Ok(!moment.index.get(document.get())?.is_vacant()))
    }

    /// Live ids from `from` on, ascending.
    ///
    /// # Errors
    /// As for [`View::document_count`].
    pub fn documents(&self, from: DocumentId) -> Result<Documents> {
        self.at(|moment| Ok(Documents { moment: Arc::clone(moment), next: Some(from.get()) }))
    }

    /// A document's blob: a view of the store's own bytes where it can be.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Io`.
    pub fn blob(&self, document: DocumentId) -> Result<Pinned> {
        self.document(document, |layers| layers.blob().map(Pinned))
    }

    /// A document's columns. Reads no blob.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Io`.
    pub fn columns(&self, document: DocumentId) -> Result<Columns> {
        self.document(document, read::columns)
    }

    /// One column of a document. Reads no blob.
    ///
    /// # Errors
    /// `NotFound` for the document or the column, `Corruption`, `Io`.
    pub fn column(&self, document: DocumentId, name: &str) -> Result<Value> {
        self.document(document, |layers| read::column(layers, document, name))
    }

    /// How many inputs a document has.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Io`.
    pub fn input_count(&self, document: DocumentId) -> Result<u64> {
        self.document(document, |layers| {
            let stack = layers.stack()?;
            if stack.deltas.is_empty() {
                return Ok(stack.base.entry_count().into());
            }
            let order = stack.order().map_err(|error| layers.malformed(error))?;
            Ok(order.len() as u64)
        })
    }

    /// The ids of a document's inputs, in the chain's order.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Io`.
    pub fn input_ids(&self, document: DocumentId) -> Result<Vec<InputId>> {
        self.document(document, |layers| layers.stack()?.order().map_err(|error| layers.malformed(error)))
    }

    /// A cursor over a document's inputs in the chain's order, one decoded at a time.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Io`.
    pub fn inputs(&self, document: DocumentId) -> Result<Inputs> {
        self.at(|moment| {
            let layers = read::open(moment, document, moment.gate.verify)?.into_kept();
            let order = layers.stack()?.order();
            let order = order.map_err(|error| layers.malformed(error))?;
            Ok(Inputs { layers, order: order.into_iter(), located: Vec::new() })
        })
    }

    /// An input's value. Reads no other input.
    ///
    /// # Errors
    /// `NotFound` for the document or the input, `Corruption`, `Io`.
    pub fn input(&self, document: DocumentId, input: InputId) -> Result<Value> {
        self.document(document, |layers| read::input(layers, document, input))
    }

    /// An input's columns.
    ///
    /// # Errors
    /// `NotFound` for the document or the input, `Corruption`, `Io`.
    pub fn input_columns(&self, document: DocumentId, input: InputId) -> Result<Columns> {
        self.document(document, |layers| read::input_columns(layers, document, input))
    }

    /// An input's output.
    ///
    /// # Errors
    /// `NotFound` for the document, the input or the output, `Corruption`, `Io`.
    pub fn output(&self, document: DocumentId, input: InputId) -> Result<Value> {
        self.document(document, |layers| read::output(layers, document, input))
    }

    /// The whole document: blob, columns, inputs in order, outputs; all of one moment.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Io`.
    pub fn tree(&self, document: DocumentId) -> Result<Tree> {
        self.document(document, |layers| layers.tree())
    }

    /// The whole document in its packed form: the store's own bytes where the document is unchanged since it was
    /// written or folded and is not compressed, a copy otherwise.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Io`.
    pub fn packed_tree(&self, document: DocumentId) -> Result<PackedTree> {
        self.document(document, |layers| layers.packed().map(PackedTree))
    }
}

/// Live document ids, ascending; all of one moment.
///
/// ```
/// use stratum::{Columns, Db, DocumentId, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let made = db.write(|batch| {
///     Ok([batch.create_document(b"a", &Columns::new())?, batch.create_document(b"b", &Columns::new())?])
/// })?;
/// let mut listed = Vec::new();
/// for document in db.view()?.documents(DocumentId::FIRST)? {
///     listed.push(document);
/// }
/// assert_eq!(listed, made);
/// # Ok::<(), stratum::Error>(())
/// ```
pub struct Documents {
    moment: Arc<Moment>,
    next: Option<u64>,
}

impl Documents {
    /// Goes on from this id, backwards too.
    pub fn seek(&mut self, from: DocumentId) {
        self.next = Some(from.get());
    }
}

impl Iterator for Documents {
    type Item = DocumentId;

    fn next(&mut self) -> Option<DocumentId> {
        let found = self.next.and_then(|from| self.moment.index.next(from));
        self.next = found.and_then(|found| found.checked_add(1));
        found.and_then(DocumentId::new)
    }
}

/// The inputs of one document in the chain's order; all of one moment.
///
/// ```
/// use stratum::{Columns, Db, Options, Value};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let document = db.write(|batch| {
///     let document = batch.create_document(b"", &Columns::new())?;
///     for number in 1..=3 {
///         batch.append_input(document, &Value::Int64(number))?;
///     }
///     Ok(document)
/// })?;
/// let mut sum = 0;
/// for input in db.view()?.inputs(document)? {
///     let Value::Int64(number) = input?.value else { unreachable!("nothing else was put") };
///     sum += number;
/// }
/// assert_eq!(sum, 6);
/// # Ok::<(), stratum::Error>(())
/// ```
pub struct Inputs {
    layers: Layers<'static>,
    order: std::vec::IntoIter<InputId>,
    /// The next few inputs, the nearest last: directories are verified once for all of them.
    located: Vec<(InputId, packed::Node)>,
}

/// Inputs that a cursor looks up at once.
const LOCATED_AT_ONCE: usize = 256;

impl Iterator for Inputs {
    type Item = Result<Input>;

    fn next(&mut self) -> Option<Result<Input>> {
        if self.located.is_empty() {
            let next = self.order.as_slice();
            match read::locate_all(&self.layers, &next[..next.len().min(LOCATED_AT_ONCE)]) {
                Ok(located) => self.located = located,
                Err(error) => return Some(Err(error)),
            }
            self.order.by_ref().take(LOCATED_AT_ONCE).for_each(drop);
        }
        let (id, node) = self.located.pop()?;
        let input = read::whole_input(&self.layers, id, &node);
        if matches!(input, Err(Error::NoMemory)) {
            self.located.push((id, node)); // there may be memory when it is asked for again
        }
        Some(input)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.order.len() + self.located.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Inputs {}

/// Bytes of the store, valid for as long as this lives, also after the store was closed.
///
/// ```
/// use stratum::{Columns, Db, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let document = db.write(|batch| batch.create_document(b"Add two numbers.", &Columns::new()))?;
/// let blob = db.view()?.blob(document)?;
/// db.write(|batch| batch.delete_document(document))?;
/// db.close()?;
/// assert_eq!(&blob[..3], b"Add"); // still there: whoever holds it keeps it
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone)]
pub struct Pinned(Bytes);

impl Pinned {
    /// Whether the bytes are the store's own (a mapped segment) rather than a copy.
    pub fn is_pinned(&self) -> bool {
        self.0.is_mapped()
    }
}

impl Deref for Pinned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A whole tree in its packed form (docs/format.md), beginning at an address divisible by 8. Valid for as long as this
/// lives, also after the store was closed.
///
/// ```
/// use stratum::{Columns, Db, Input, Options, Tree, Value};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let tree = Tree { inputs: vec![Input::new(Value::Int64(1), None)], ..Tree::default() };
/// let ids = db.write(|batch| batch.put_tree(&tree))?;
/// let packed = db.view()?.packed_tree(ids.document)?;
/// let copy = db.write(|batch| batch.put_packed(packed.as_bytes()))?;
/// assert_eq!(db.view()?.tree(copy.document)?.inputs, packed.to_tree()?.inputs);
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone)]
pub struct PackedTree(Bytes);

impl PackedTree {
    /// The packed form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the bytes are the store's own (a mapped segment) rather than a copy.
    pub fn is_pinned(&self) -> bool {
        self.0.is_mapped()
    }

    /// The head, for reading parts of the tree in place.
    ///
    /// # Errors
    /// `InvalidArgument` where the bytes are no packed tree.
    pub fn head(&self) -> Result<Head<'_>> {
        Head::parse(&self.0).map_err(unpacked)
    }

    /// The tree, decoded.
    ///
    /// # Errors
    /// `InvalidArgument` where the bytes do not check out (reads were not verified).
    pub fn to_tree(&self) -> Result<Tree> {
        packed::to_tree(&self.0, None).map_err(unpacked)
    }
}

/// Bytes of the store's own that cannot be unpacked.
fn unpacked(error: Malformed) -> Error {
    error.into_error(|what| Error::InvalidArgument(what.to_string()))
}

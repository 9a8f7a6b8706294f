//! Reading one document: its tree and the deltas on it, as layers.
//!
//! 1. A layer's head (header, directory, columns) is enough to find a body; bodies are read one by one, so that
//!    columns cost no blob, and one input not its tree.
//! 2. What is returned was checked: record header and head always, bodies unless `verify` is off.
//! 3. Reading counts nothing that other threads count: segments are borrowed from the state, and bytes that are only
//!    looked at from the segments. What a caller keeps is counted (`Bytes`).
//! 4. Damage is reported with segment, offset and document, never skipped.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use super::slot::Slot;
use super::state::State;
use crate::error::{Error, Result};
use crate::format::extent::{Extent, Run};
use crate::format::packed::{BlobState, Head, HeadFields, MergedBlob, Span, Stack};
use crate::format::record::{self, RecordHeader, RecordKind};
use crate::format::{Malformed, crc, packed};
use crate::log::{Bytes, Segment};
use crate::tree::Tree;

/// Bytes read at first where there is no mapping: record header, packed header and the directory of a usual tree.
const FIRST_READ: u64 = 4096;

/// One packed tree or delta of a document.
struct Layer<'a> {
    segment: Cow<'a, Arc<Segment>>,
    offset: u64,
    header: RecordHeader,
    head: HeadFields,
    /// Where the segment is not mapped: the payload from its start on, at least the head.
    copied: Option<Bytes>,
    verify: bool,
}

/// Bytes that are looked at and not kept.
enum Part<'a> {
    Lent(&'a [u8]),
    Read(Bytes),
}

impl Deref for Part<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Part::Lent(bytes) => bytes,
            Part::Read(bytes) => bytes,
        }
    }
}

impl<'a> Layer<'a> {
    fn open(state: &'a State, extent: &Extent, document: u64, kind: RecordKind, verify: bool) -> Result<Layer<'a>> {
        let segment = segment_of(state, extent, document)?;
        let (offset, length) = (extent.offset(), extent.length());
        if let Some(record) = segment.mapped(offset, length)? {
            let header = checked_header(segment, record, extent, document, kind)?;
            let head = read_head(segment, &header, offset, payload_of(record, &header))?;
            return Ok(Layer { segment: Cow::Borrowed(segment), offset, header, head, copied: None, verify });
        }
        let first = segment.read(offset, length.min(FIRST_READ))?;
        let header = checked_header(segment, &first, extent, document, kind)?;
        let payload = payload_of(&first, &header);
        let head = read_head(segment, &header, offset, payload)?;
        let copied = if head.head_len() > payload.len() as u64 {
            segment.read(offset + record::HEADER_LEN, head.head_len())?
        } else {
            first.slice(record::HEADER_LEN..record::HEADER_LEN + payload.len() as u64).unwrap_or(first)
        };
        Ok(Layer { segment: Cow::Borrowed(segment), offset, header, head, copied: Some(copied), verify })
    }

    /// The layer with a hold of its own on its segment.
    fn into_kept(self) -> Layer<'static> {
        let Layer { segment, offset, header, head, copied, verify } = self;
        Layer { segment: Cow::Owned(segment.into_owned()), offset, header, head, copied, verify }
    }

    /// The payload from its start on: at least the head, all of it where it is mapped.
    fn start(&self) -> &[u8] {
        match &self.copied {
            Some(bytes) => bytes,
            None => {
                let start = (self.offset + record::HEADER_LEN) as usize;
                let payload = || self.segment.mapping()?.get(start..)?.get(..self.header.payload_len as usize);
                payload().unwrap_or_default() // it was there when the layer was opened
            }
        }
    }

    fn head(&self) -> Result<Head<'_>> {
        self.head.of(self.start()).map_err(|error| self.malformed(error))
    }

    fn malformed(&self, error: Malformed) -> Error {
        error.into_error(|what| self.segment.damage(self.offset, Some(self.header.document), what))
    }

    /// A part of the payload, to be kept.
    fn kept(&self, offset: u64, length: u64) -> Result<Bytes> {
        match self.copied.as_ref().and_then(|bytes| bytes.slice(offset..offset.checked_add(length)?)) {
            Some(bytes) => Ok(bytes),
            None => self.segment.read(self.offset + record::HEADER_LEN + offset, length),
        }
    }

    /// A part of the payload, to be looked at.
    fn part(&self, offset: u64, length: u64) -> Result<Part<'_>> {
        let place = self.offset + record::HEADER_LEN + offset;
        let lent = match &self.copied {
            Some(bytes) => bytes.get(offset as usize..).and_then(|rest| rest.get(..length as usize)),
            None => self.segment.mapped(place, length)?,
        };
        lent.map_or_else(|| self.segment.read(place, length).map(Part::Read), |bytes| Ok(Part::Lent(bytes)))
    }

    /// Passes on a body of this layer, once its checksum is verified.
    fn checked_body<'s, B: Deref<Target = [u8]>>(
        &'s self,
        span: Span,
        take: impl FnOnce(&'s Self, u64, u64) -> Result<B>,
    ) -> Result<B> {
        let end = span.offset.checked_add(span.length);
        if end.is_none_or(|end| end > self.header.payload_len.into()) {
            return Err(self.malformed(Malformed("a body lies outside of its tree")));
        }
        let bytes = take(self, span.offset, span.length)?;
        if self.verify && crc(&bytes) != span.crc {
            return Err(self.malformed(Malformed("a body's checksum does not match")));
        }
        Ok(bytes)
    }

    /// Passes on the whole payload, once its checksum is verified.
    fn checked_whole<'s, B: Deref<Target = [u8]>>(
        &'s self,
        take: impl FnOnce(&'s Self, u64, u64) -> Result<B>,
    ) -> Result<B> {
        let bytes = take(self, 0, self.header.payload_len.into())?;
        if self.verify && crc(&bytes) != self.header.payload_crc {
            return Err(self.malformed(Malformed("the payload's checksum does not match")));
        }
        Ok(bytes)
    }

    /// The whole payload, its checksum verified, to be kept.
    fn whole(&self) -> Result<Bytes> {
        self.checked_whole(Layer::kept)
    }
}

/// What of a record's payload is in its first bytes.
fn payload_of<'a>(record: &'a [u8], header: &RecordHeader) -> &'a [u8] {
    let rest = record.get(record::HEADER_LEN as usize..).unwrap_or_default();
    rest.get(..header.payload_len as usize).unwrap_or(rest)
}

/// The packed header that a payload begins with.
fn read_head(segment: &Segment, header: &RecordHeader, offset: u64, payload: &[u8]) -> Result<HeadFields> {
    let head = HeadFields::parse(payload);
    let head = head.map_err(|error| segment.damage(offset, Some(header.document), error.0))?;
    if head.head_len() > header.payload_len.into() {
        return Err(segment.damage(offset, Some(header.document), "the head of a packed form is cut off"));
    }
    Ok(head)
}

/// A document at one moment, ready to be read.
pub struct Layers<'a> {
    document: u64,
    tree: Layer<'a>,
    /// Oldest first.
    deltas: Vec<Layer<'a>>,
    blob: Option<(Cow<'a, Arc<Segment>>, Extent)>,
    verify: bool,
}

impl<'a> Layers<'a> {
    /// Opens the layers of `slot`; `None` where it is vacant.
    pub fn open(state: &'a State, document: u64, slot: &Slot, verify: bool) -> Result<Option<Layers<'a>>> {
        let Some(tree) = slot.tree() else { return Ok(None) };
        let tree = Layer::open(state, tree, document, RecordKind::Tree, verify)?;
        let open = |run: &Run| Layer::open(state, &run.extent, document, RecordKind::Delta, verify);
        let deltas = slot.runs().iter().map(open).collect::<Result<_>>()?;
        let blob = match slot.blob() {
            Some(extent) => Some((Cow::Borrowed(segment_of(state, extent, document)?), *extent)),
            None => None,
        };
        Ok(Some(Layers { document, tree, deltas, blob, verify }))
    }

    /// The layers with holds of their own on their segments.
    pub fn into_kept(self) -> Layers<'static> {
        let Layers { document, tree, deltas, blob, verify } = self;
        Layers {
            document,
            tree: tree.into_kept(),
            deltas: deltas.into_iter().map(Layer::into_kept).collect(),
            blob: blob.map(|(segment, extent)| (Cow::Owned(segment.into_owned()), extent)),
            verify,
        }
    }

    /// The heads, for finding things.
    pub fn stack(&self) -> Result<Stack<'_>> {
        Ok(Stack { base: self.tree.head()?, deltas: self.deltas.iter().map(Layer::head).collect::<Result<_>>()? })
    }

    fn layer(&self, layer: usize) -> Result<&Layer<'a>> {
        match layer.checked_sub(1).map(|delta| self.deltas.get(delta)) {
            None => Ok(&self.tree),
            Some(Some(delta)) => Ok(delta),
            Some(None) => Err(self.malformed(Malformed("a document has no such layer"))),
        }
    }

    /// A body that the stack found, to be looked at.
    pub fn body(&self, (layer, span): (usize, Span)) -> Result<impl Deref<Target = [u8]>> {
        self.layer(layer)?.checked_body(span, Layer::part)
    }

    /// Damage that the decoding of something in this document came across.
    pub fn malformed(&self, error: Malformed) -> Error {
        self.tree.malformed(error)
    }

    /// The document's blob.
    pub fn blob(&self) -> Result<Bytes> {
        match self.stack()?.blob() {
            (layer, BlobState::Inline(span)) => self.layer(layer)?.checked_body(span, Layer::kept),
            (_, BlobState::External { length, crc }) => self.external_blob(length, crc),
            (_, BlobState::Unchanged) => Err(self.malformed(Malformed("no layer says where the blob is"))),
        }
    }

    fn external_blob(&self, length: u64, expected: u32) -> Result<Bytes> {
        let (segment, extent) =
            self.blob.as_ref().ok_or_else(|| self.malformed(Malformed("the blob's record is missing")))?;
        let bytes = segment.read(extent.offset(), extent.length())?;
        let header = checked_header(segment, &bytes, extent, self.document, RecordKind::Blob)?;
        let wrong = |what| segment.damage(extent.offset(), Some(self.document), what);
        if u64::from(header.payload_len) != length {
            return Err(wrong("the blob has another length than its document says"));
        }
        let blob = bytes.slice(record::HEADER_LEN..record::HEADER_LEN + length);
        let blob = blob.ok_or_else(|| wrong("the blob is cut off"))?;
        if self.verify && crc(&blob) != expected {
            return Err(wrong("the blob's checksum does not match"));
        }
        Ok(blob)
    }

    /// The whole document as one packed tree with its blob inside: the store's own bytes where it is unchanged.
    pub fn packed(&self) -> Result<Bytes> {
        if self.is_plain()? { self.tree.whole() } else { Ok(Bytes::copy(&self.merged()?)?) }
    }

    /// The whole document, decoded.
    pub fn tree(&self) -> Result<Tree> {
        // Either way the checksums of whole payloads were verified: those within them tell nothing more.
        let tree = if self.is_plain()? {
            packed::to_tree_unverified(&self.tree.checked_whole(Layer::part)?)
        } else {
            packed::to_tree_unverified(&self.merged()?)
        };
        tree.map_err(|error| self.malformed(error))
    }

    /// Whether the document is one packed tree that holds its blob.
    fn is_plain(&self) -> Result<bool> {
        Ok(self.deltas.is_empty() && matches!(self.tree.head()?.blob(), BlobState::Inline(_)))
    }

    /// The layers as one packed tree with the blob inside.
    fn merged(&self) -> Result<Vec<u8>> {
        match self.stack()?.blob().1 {
            BlobState::External { .. } => self.merge_with(&[], MergedBlob::Inline(&self.blob()?)),
            _ => self.merge_with(&[], MergedBlob::Keep),
        }
    }

    /// The whole document as one packed tree; a blob that is a record of its own stays apart.
    pub fn folded(&self) -> Result<Bytes> {
        if self.deltas.is_empty() {
            return self.tree.whole();
        }
        Ok(Bytes::copy(&self.merge_with(&[], MergedBlob::Keep)?)?)
    }

    /// The whole document with one more delta on it, as one packed tree.
    pub fn folded_with(&self, delta: &[u8]) -> Result<Vec<u8>> {
        self.merge_with(&[delta], MergedBlob::Keep)
    }

    fn merge_with(&self, newer: &[&[u8]], blob: MergedBlob<'_>) -> Result<Vec<u8>> {
        let (tree, payloads) = (self.tree.whole()?, self.deltas_from(0)?);
        let deltas: Vec<&[u8]> = payloads.iter().map(|bytes| &bytes[..]).chain(newer.iter().copied()).collect();
        packed::merge(&tree, &deltas, blob).map_err(|error| self.malformed(error))
    }

    /// The deltas from the `first`-th run on, and one more, as one delta.
    pub fn composed_with(&self, first: usize, delta: &[u8]) -> Result<Vec<u8>> {
        let payloads = self.deltas_from(first)?;
        let mut deltas: Vec<&[u8]> = payloads.iter().map(|bytes| &bytes[..]).collect();
        deltas.push(delta);
        packed::compose(&deltas).map_err(|error| self.malformed(error))
    }

    /// Payloads of the deltas from the `first`-th run on.
    pub fn deltas_from(&self, first: usize) -> Result<Vec<Bytes>> {
        self.deltas.iter().skip(first).map(Layer::whole).collect()
    }
}

fn segment_of<'a>(state: &'a State, extent: &Extent, document: u64) -> Result<&'a Arc<Segment>> {
    state.segments.get(extent.segment).ok_or_else(|| {
        let file = std::path::PathBuf::from(crate::format::names::segment(extent.segment));
        let document = crate::ids::DocumentId::new(document);
        Error::corruption(&file, extent.offset(), document, "the index points into a segment that is not there")
    })
}

fn checked_header(
    segment: &Segment,
    bytes: &[u8],
    extent: &Extent,
    document: u64,
    kind: RecordKind,
) -> Result<RecordHeader> {
    let header = segment.decode_header(bytes, extent.offset())?;
    if header.document != document || header.kind != kind || header.sequence != extent.sequence {
        let what = "another record than the index names";
        return Err(segment.damage(extent.offset(), Some(document), what));
    }
    if header.record_len() != extent.length() {
        return Err(segment.damage(extent.offset(), Some(document), "another length than the index names"));
    }
    Ok(header)
}

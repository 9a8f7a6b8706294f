//! Reading one document: its tree and the deltas on it, as layers.
//!
//! 1. A layer's head (header, directory, columns) is enough to find a body; bodies are read one by one, so that
//!    columns cost no blob, and one input not its tree.
//! 2. What is returned was checked: record header and head always, bodies unless `verify` is off.
//! 3. Damage is reported with segment, offset and document, never skipped.

use std::sync::Arc;

use super::slot::Slot;
use super::state::State;
use crate::error::{Error, Result};
use crate::format::extent::Extent;
use crate::format::packed::{BlobState, Head, MergedBlob, Span, Stack};
use crate::format::record::{self, RecordHeader, RecordKind};
use crate::format::{Malformed, crc, packed};
use crate::log::{Bytes, Segment};

/// Bytes read at first where there is no mapping: record header, packed header and the directory of a usual tree.
const FIRST_READ: u64 = 4096;

/// One packed tree or delta of a document.
pub struct Layer {
    segment: Arc<Segment>,
    offset: u64,
    header: RecordHeader,
    /// The payload from its start on: at least the head, all of it where it is mapped.
    start: Bytes,
    verify: bool,
}

impl Layer {
    fn open(state: &State, extent: &Extent, document: u64, kind: RecordKind, verify: bool) -> Result<Layer> {
        let segment = segment_of(state, extent, document)?;
        let (offset, length) = (extent.offset(), extent.length());
        let first = if segment.mapping().is_some() { length } else { length.min(FIRST_READ) };
        let bytes = segment.read(offset, first)?;
        let header = checked_header(&segment, &bytes, extent, document, kind)?;
        let payload_len = u64::from(header.payload_len);
        let cut = || segment.damage(offset, Some(document), "the record is shorter than its index entry");
        let end = first.min(record::HEADER_LEN + payload_len);
        let mut start = bytes.slice(record::HEADER_LEN..end).ok_or_else(cut)?;
        let malformed = |error: Malformed| segment.damage(offset, Some(document), error.0);
        let head_len = Head::head_len(&start).map_err(malformed)?;
        if head_len > start.len() as u64 {
            if head_len > payload_len {
                return Err(cut());
            }
            start = segment.read(offset + record::HEADER_LEN, head_len)?;
        }
        Ok(Layer { segment, offset, header, start, verify })
    }

    fn head(&self) -> Result<Head<'_>> {
        Head::parse(&self.start).map_err(|error| self.malformed(error))
    }

    fn malformed(&self, error: Malformed) -> Error {
        self.segment.damage(self.offset, Some(self.header.document), error.0)
    }

    /// A body of this layer.
    fn body(&self, span: Span) -> Result<Bytes> {
        let end = span.offset.checked_add(span.length).filter(|end| *end <= self.header.payload_len.into());
        let end = end.ok_or_else(|| self.malformed(Malformed("a body lies outside of its tree")))?;
        let bytes = match self.start.slice(span.offset..end) {
            Some(bytes) => bytes,
            None => self.segment.read(self.offset + record::HEADER_LEN + span.offset, span.length)?,
        };
        if self.verify && crc(&bytes) != span.crc {
            return Err(self.malformed(Malformed("a body's checksum does not match")));
        }
        Ok(bytes)
    }

    /// The whole payload, its checksum verified.
    fn whole(&self) -> Result<Bytes> {
        let bytes = match self.start.slice(0..self.header.payload_len.into()) {
            Some(bytes) => bytes,
            None => self.segment.read(self.offset + record::HEADER_LEN, self.header.payload_len.into())?,
        };
        if self.verify && crc(&bytes) != self.header.payload_crc {
            return Err(self.malformed(Malformed("the payload's checksum does not match")));
        }
        Ok(bytes)
    }
}

/// A document at one moment, ready to be read.
pub struct Layers {
    document: u64,
    /// The tree, then the deltas, oldest first.
    layers: Vec<Layer>,
    blob: Option<(Arc<Segment>, Extent)>,
    verify: bool,
}

impl Layers {
    /// Opens the layers of `slot`; `None` where it is vacant.
    pub fn open(state: &State, document: u64, slot: &Slot, verify: bool) -> Result<Option<Layers>> {
        let Some(tree) = slot.tree() else { return Ok(None) };
        let mut layers = Vec::with_capacity(1 + slot.runs().len());
        layers.push(Layer::open(state, tree, document, RecordKind::Tree, verify)?);
        for run in slot.runs() {
            layers.push(Layer::open(state, &run.extent, document, RecordKind::Delta, verify)?);
        }
        let blob = match slot.blob() {
            Some(extent) => Some((segment_of(state, extent, document)?, *extent)),
            None => None,
        };
        Ok(Some(Layers { document, layers, blob, verify }))
    }

    /// The heads, for finding things.
    pub fn stack(&self) -> Result<Stack<'_>> {
        let Some((tree, deltas)) = self.layers.split_first() else { return Err(Error::Closed) };
        Ok(Stack { base: tree.head()?, deltas: deltas.iter().map(Layer::head).collect::<Result<_>>()? })
    }

    /// A body that the stack found.
    pub fn body(&self, (layer, span): (usize, Span)) -> Result<Bytes> {
        self.layers[layer].body(span)
    }

    /// Damage that the decoding of something in this document came across.
    pub fn malformed(&self, error: Malformed) -> Error {
        self.layers[0].malformed(error)
    }

    /// The document's blob.
    pub fn blob(&self) -> Result<Bytes> {
        match self.stack()?.blob() {
            (layer, BlobState::Inline(span)) => self.body((layer, span)),
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
        let external = match self.stack()?.blob().1 {
            BlobState::External { .. } => Some(self.blob()?),
            _ => None,
        };
        match (&self.layers[..], &external) {
            ([tree], None) => tree.whole(),
            (_, Some(blob)) => self.merged(MergedBlob::Inline(blob)),
            (_, None) => self.merged(MergedBlob::Keep),
        }
    }

    /// The whole document as one packed tree; a blob that is a record of its own stays apart.
    pub fn folded(&self) -> Result<Bytes> {
        match &self.layers[..] {
            [tree] => tree.whole(),
            _ => self.merged(MergedBlob::Keep),
        }
    }

    fn merged(&self, blob: MergedBlob<'_>) -> Result<Bytes> {
        let payloads = self.layers.iter().map(Layer::whole).collect::<Result<Vec<_>>>()?;
        let deltas: Vec<&[u8]> = payloads[1..].iter().map(|bytes| &bytes[..]).collect();
        let merged = packed::merge(&payloads[0], &deltas, blob).map_err(|error| self.malformed(error))?;
        Ok(Bytes::copy(&merged))
    }

    /// The whole document with one more delta on it, as one packed tree.
    pub fn folded_with(&self, delta: &[u8]) -> Result<Vec<u8>> {
        let payloads = self.layers.iter().map(Layer::whole).collect::<Result<Vec<_>>>()?;
        let mut deltas: Vec<&[u8]> = payloads[1..].iter().map(|bytes| &bytes[..]).collect();
        deltas.push(delta);
        packed::merge(&payloads[0], &deltas, MergedBlob::Keep).map_err(|error| self.malformed(error))
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
        self.layers[1 + first..].iter().map(Layer::whole).collect()
    }
}

fn segment_of(state: &State, extent: &Extent, document: u64) -> Result<Arc<Segment>> {
    state.segments.get(extent.segment).cloned().ok_or_else(|| {
        let file = std::path::PathBuf::from(crate::format::names::segment(extent.segment));
        let document = crate::ids::DocumentId::new(document);
        Error::corruption(&file, extent.offset(), document, "the index points into a segment that is not there")
    })
}

fn checked_header(
    segment: &Arc<Segment>,
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

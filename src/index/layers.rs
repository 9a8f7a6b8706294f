//! Reading one document: its tree and the deltas on it, as layers.
//!
//! 1. A layer's head (header, directory, columns) is enough to find a body; bodies are read one by one, so that
//!    columns cost no blob, and one input not its tree.
//! 2. What is returned was checked: record header and head always, bodies unless `verify` is off.
//! 3. Reading counts nothing that other threads count: segments are borrowed from the state, and bytes that are only
//!    looked at from the segments. What a caller keeps is counted (`Bytes`).
//! 4. Of a compressed tree the head is plain; of the rest only the frames are decompressed that a body lies in. Their
//!    checksums are verified also where `verify` is off. What a caller keeps of it is the blob, or all of it: the blob
//!    has frames of its own, and so holds on to nothing else.
//! 5. Damage is reported with segment, offset and document, never skipped.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::slot::Slot;
use super::state::State;
use crate::error::{Error, Result};
use crate::format::compressed::Frames;
use crate::format::extent::{Extent, Run};
use crate::format::packed::{BlobState, Head, HeadFields, MergedBlob, Span, Stack};
use crate::format::record::{self, RecordHeader, RecordKind};
use crate::format::{Malformed, crc, packed};
use crate::log::{Bytes, Segment};
use crate::memory;
use crate::options::Compression;
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
    /// Where it is compressed: what was decompressed so far.
    coded: Option<Box<OnceLock<Coded>>>,
    verify: bool,
}

/// The frames of a compressed tree.
struct Coded {
    frames: Frames,
    /// The plain bytes of each.
    opened: Vec<OnceLock<Bytes>>,
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

impl From<Bytes> for Part<'_> {
    fn from(bytes: Bytes) -> Self {
        Part::Read(bytes)
    }
}

impl<'a> Layer<'a> {
    fn open(state: &'a State, extent: &Extent, document: u64, kind: RecordKind, verify: bool) -> Result<Layer<'a>> {
        let segment = segment_of(state, extent, document)?;
        let (offset, length) = (extent.offset(), extent.length());
        if let Some(record) = segment.mapped(offset, length)? {
            let header = checked_header(segment, record, extent, document, kind)?;
            let head = read_head(segment, &header, offset, payload_of(record, &header))?;
            let coded = coded(&header);
            return Ok(Layer { segment: Cow::Borrowed(segment), offset, header, head, copied: None, coded, verify });
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
        let (segment, copied, coded) = (Cow::Borrowed(segment), Some(copied), coded(&header));
        Ok(Layer { segment, offset, header, head, copied, coded, verify })
    }

    /// The layer with a hold of its own on its segment.
    fn into_kept(self) -> Layer<'static> {
        let Layer { segment, offset, header, head, copied, coded, verify } = self;
        Layer { segment: Cow::Owned(segment.into_owned()), offset, header, head, copied, coded, verify }
    }

    /// The payload as it is stored, from its start on: at least the head, all of it where it is mapped.
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

    /// A part of the plain payload, to be kept.
    fn kept(&self, offset: u64, length: u64) -> Result<Bytes> {
        if self.coded.is_some() {
            return self.decompressed(offset, length);
        }
        match self.copied.as_ref().and_then(|bytes| bytes.slice(offset..offset.checked_add(length)?)) {
            Some(bytes) => Ok(bytes),
            None => self.segment.read(self.offset + record::HEADER_LEN + offset, length),
        }
    }

    /// A part of the plain payload, to be looked at.
    fn part(&self, offset: u64, length: u64) -> Result<Part<'_>> {
        if self.coded.is_some() {
            self.decompressed(offset, length).map(Part::Read)
        } else {
            self.stored(offset, length)
        }
    }

    /// A part of the payload as it is stored, to be looked at.
    fn stored(&self, offset: u64, length: u64) -> Result<Part<'_>> {
        let place = self.offset + record::HEADER_LEN + offset;
        let lent = match &self.copied {
            Some(bytes) => bytes.get(offset as usize..).and_then(|rest| rest.get(..length as usize)),
            None => self.segment.mapped(place, length)?,
        };
        lent.map_or_else(|| self.segment.read(place, length).map(Part::Read), |bytes| Ok(Part::Lent(bytes)))
    }

    /// The frames of a compressed tree.
    fn coded(&self) -> Result<&Coded> {
        let plain = || self.malformed(Malformed("a tree that is not compressed has no frames"));
        let coded = self.coded.as_deref().ok_or_else(plain)?;
        if let Some(coded) = coded.get() {
            return Ok(coded);
        }
        let at = self.head.head_len();
        let length = Frames::table_len(&self.stored(at, 4)?).map_err(|error| self.malformed(error))?;
        // Or the rest of the segment would be read to find that its checksum does not match.
        if length > u64::from(self.header.payload_len).saturating_sub(at) {
            return Err(self.malformed(Malformed("the table of a compressed tree reaches beyond it")));
        }
        let frames = Frames::parse(&self.stored(at, length)?, &self.header, &self.head);
        let frames = frames.map_err(|error| self.malformed(error))?;
        let opened = memory::collect((0..frames.count()).map(|_| OnceLock::new()))?;
        Ok(coded.get_or_init(|| Coded { frames, opened }))
    }

    /// A part of the plain form of a compressed tree, behind its head.
    fn decompressed(&self, offset: u64, length: u64) -> Result<Bytes> {
        let outside = || self.malformed(Malformed("a body lies outside of its tree"));
        let coded = self.coded()?;
        let end = offset.checked_add(length).filter(|end| *end <= self.header.plain_len()).ok_or_else(outside)?;
        let frames = coded.frames.of(offset..end);
        if frames.len() == 1 {
            let (from, _) = coded.frames.plain(frames.start);
            let range = offset.checked_sub(from).zip(end.checked_sub(from)).ok_or_else(outside)?;
            return self.frame(coded, frames.start)?.slice(range.0..range.1).ok_or_else(outside);
        }
        Bytes::filled(length as usize, |into| {
            let mut rest = into;
            for number in frames {
                let (from, length) = coded.frames.plain(number);
                let part = offset.saturating_sub(from)..length.min(end - from);
                let (to, behind) = rest.split_at_mut_checked((part.end - part.start) as usize).ok_or_else(outside)?;
                if part == (0..length) {
                    self.open_frame(coded, number, to)?;
                } else {
                    let frame = self.frame(coded, number)?;
                    to.copy_from_slice(frame.get(part.start as usize..part.end as usize).ok_or_else(outside)?);
                }
                rest = behind;
            }
            if rest.is_empty() { Ok(()) } else { Err(outside()) }
        })
    }

    /// The plain bytes of a frame.
    fn frame(&self, coded: &Coded, number: usize) -> Result<Bytes> {
        if let Some(opened) = coded.opened[number].get() {
            return Ok(opened.clone());
        }
        let length = coded.frames.plain(number).1 as usize;
        let plain = Bytes::filled(length, |into| self.open_frame(coded, number, into))?;
        Ok(coded.opened[number].get_or_init(|| plain).clone())
    }

    fn open_frame(&self, coded: &Coded, number: usize, into: &mut [u8]) -> Result<()> {
        let (at, length) = coded.frames.stored(number);
        let stored = self.stored(at, length)?;
        coded.frames.open(number, &stored, into).map_err(|error| self.malformed(error))
    }

    /// The whole plain form of a compressed tree.
    fn all_decompressed(&self) -> Result<Bytes> {
        let stored = self.stored(0, self.header.payload_len.into())?;
        if crc(&stored) != self.header.payload_crc {
            return Err(self.malformed(Malformed("the payload's checksum does not match")));
        }
        let frames = &self.coded()?.frames;
        // Only now the length is known to be what the frames have.
        Bytes::filled(self.header.plain_len() as usize, |into| {
            frames.open_all(&stored, into).map_err(|error| self.malformed(error))
        })
    }

    /// Passes on a body of this layer, once its checksum is verified.
    fn checked_body<'s, B: Deref<Target = [u8]>>(
        &'s self,
        span: Span,
        take: impl FnOnce(&'s Self, u64, u64) -> Result<B>,
    ) -> Result<B> {
        let end = span.offset.checked_add(span.length);
        if end.is_none_or(|end| end > self.header.plain_len()) {
            return Err(self.malformed(Malformed("a body lies outside of its tree")));
        }
        let bytes = take(self, span.offset, span.length)?;
        if self.verify && crc(&bytes) != span.crc {
            return Err(self.malformed(Malformed("a body's checksum does not match")));
        }
        Ok(bytes)
    }

    /// Passes on the whole plain payload, once the checksum of what is stored is verified.
    fn checked_whole<'s, B: Deref<Target = [u8]> + From<Bytes>>(
        &'s self,
        take: impl FnOnce(&'s Self, u64, u64) -> Result<B>,
    ) -> Result<B> {
        if self.coded.is_some() {
            return self.all_decompressed().map(B::from);
        }
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

/// Room for what will be decompressed of a record.
fn coded(header: &RecordHeader) -> Option<Box<OnceLock<Coded>>> {
    (header.codec != Compression::None).then(Box::default)
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
        let deltas = memory::try_collect(slot.runs().iter().map(open))?;
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
        Ok(Stack { base: self.tree.head()?, deltas: memory::try_collect(self.deltas.iter().map(Layer::head))? })
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

    /// Bytes of the tree's record if it were plain.
    pub fn plain_tree_len(&self) -> u64 {
        self.tree.header.plain_record_len()
    }

    /// What the tree is compressed with.
    pub fn tree_codec(&self) -> Compression {
        self.tree.header.codec
    }

    /// About how many stored bytes a part of a layer takes.
    pub fn stored_len(&self, layer: usize, length: u64) -> u64 {
        let tree = &self.tree.header;
        match layer {
            0 => length.saturating_mul(tree.payload_len.into()) / tree.plain_len().max(1),
            _ => length,
        }
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

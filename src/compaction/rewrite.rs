//! Writing what is live in some segments into new ones.
//!
//! 1. Reads one moment of the store; what commits change meanwhile is sorted out when the result is published.
//! 2. Every payload that is copied was verified: a damaged victim ends the job, its inputs untouched.
//! 3. A tree comes out compressed as the store's options say, or plain where that gains nothing. On a full disk it
//!    stays as it was, and is folded only with deltas that go anyway: the reserve was measured for that.
//! 4. A document with deltas comes out as one tree, so that trees stay contiguous; where its tree is large, lies
//!    elsewhere and has changed little, its deltas come out as one delta. Where that would be more than a record may
//!    hold, or meets damage elsewhere, they are copied as they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::Malformed;
use crate::format::checkpoint::Entry;
use crate::format::compressed::{self, Compressor};
use crate::format::extent::{Extent, Run, nodes_of, replaced_by_one};
use crate::format::manifest::SegmentMeta;
use crate::format::packed;
use crate::format::record::{BlobPlace, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, SegmentHeader, SegmentKind};
use crate::index::layers::Layers;
use crate::index::{Slot, State};
use crate::log::build::{Grant, SegmentBuilder};
use crate::log::spare::Spare;
use crate::log::{Dir, Segment, next_id, scan};
use crate::memory;
use crate::options::{Compression, Options};
use crate::sync::atomic::AtomicU32;

/// A tree is not rewritten for deltas of less than this share of it.
const FOLD_SHARE: u64 = 4;

/// What a job works on.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The store.
    pub dir: &'a Dir,
    /// Its options.
    pub options: &'a Options,
    /// The moment to be copied.
    pub state: &'a State,
    /// Every sealed segment.
    pub sealed: &'a [SegmentMeta],
    /// Those to be replaced.
    pub victims: &'a [SegmentMeta],
    /// Gives segment ids.
    pub next_segment: &'a AtomicU32,
    /// For the outputs' headers.
    pub store: [u8; 16],
    /// For the outputs' headers.
    pub epoch: u64,
    /// Sequence number up to which tombstones may go.
    pub forget_up_to: u64,
    /// On a full disk: blocks for the first output.
    pub spare: Option<&'a Spare>,
    /// How fast outputs may be written.
    pub grant: Grant<'a>,
}

/// What takes the victims' place.
#[derive(Default)]
pub struct Output {
    /// New segments, synced, their names not yet durable.
    pub segments: Vec<(Arc<Segment>, SegmentMeta)>,
    /// What the index must know of each record in them.
    pub entries: Vec<(u64, Entry)>,
    /// Bytes of the victims.
    pub bytes_read: u64,
    /// Bytes of the outputs.
    pub bytes_written: u64,
    /// Documents whose deltas were folded.
    pub folds: u64,
    /// What could not be dropped yet.
    pub kept: KeptTombstones,
    /// What could not be folded.
    pub unfolded: Vec<Unfolded>,
}

/// A record that was copied as it is although deltas replaced a part of it: garbage that rewriting does not free, for
/// as long as the document has the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfolded {
    /// The segment that it was copied to.
    pub segment: u32,
    /// The document.
    pub document: u64,
    /// Bytes of it that are dead.
    pub dead: u64,
}

/// Tombstones that compaction had to keep: garbage that rewriting does not free.
#[derive(Clone, Debug, Default)]
pub struct KeptTombstones {
    /// Bytes of them by segment.
    pub bytes: HashMap<u32, u64>,
    /// Highest sequence number of those that a newer checkpoint may let go; zero for none.
    pub await_checkpoint_of: u64,
}

/// Runs a job. On an error its files are gone again and nothing else has changed.
pub fn rewrite(job: &Job<'_>) -> Result<Output> {
    let mut writer = Writer {
        job,
        builder: None,
        compressor: Compressor::default(),
        output: Output::default(),
        handled: HashSet::new(),
        elsewhere: None,
    };
    writer.run()?;
    Ok(std::mem::take(&mut writer.output))
}

/// Removes the files of an output that will not be published.
pub fn discard(dir: &Dir, output: &Output) {
    for (segment, _) in &output.segments {
        // Left behind, the file is a leftover that no manifest names; the next open removes it.
        let _ = dir.remove(segment.path());
    }
}

struct Writer<'a> {
    job: &'a Job<'a>,
    builder: Option<(SegmentBuilder<'a>, u32)>,
    compressor: Compressor,
    output: Output,
    /// Documents that were folded already.
    handled: HashSet<u64>,
    /// Documents with records in segments that stay, loaded at the first tombstone; `None` for those of a segment that
    /// cannot be read.
    elsewhere: Option<Vec<(u64, Option<Vec<u64>>)>>,
}

impl<'a> Writer<'a> {
    fn run(&mut self) -> Result<()> {
        for victim in self.job.victims {
            let segment = self.segment(victim.id)?;
            scan::records(&segment, HEADER_LEN, victim.length, |offset, header| self.record(&segment, offset, header))?;
            self.output.bytes_read += victim.length;
        }
        self.finish_segment()
    }

    fn segment(&self, id: u32) -> Result<Arc<Segment>> {
        let segment = self.job.state.segments.get(id).cloned();
        segment.ok_or_else(|| Error::corruption(&self.job.dir.segment(id), 0, None, "the segment is not open"))
    }

    fn record(&mut self, segment: &Arc<Segment>, offset: u64, header: &RecordHeader) -> Result<()> {
        let here = Extent::of(header, segment.id(), offset);
        let slot = self.job.state.index.get(header.document)?;
        let changed = !slot.runs().is_empty();
        match header.kind {
            RecordKind::Tree if slot.tree().is_some_and(|tree| tree.same_place(&here)) => {
                if changed {
                    self.fold(header.document, slot)
                } else {
                    self.copy(segment, offset)
                }
            }
            RecordKind::Delta if slot.runs().iter().any(|run| run.extent.same_place(&here)) => {
                self.fold(header.document, slot)
            }
            RecordKind::Blob if slot.blob().is_some_and(|blob| blob.same_place(&here)) => self.copy(segment, offset),
            RecordKind::Tombstone if !self.may_forget(header)? => self.keep_tombstone(segment, offset, header),
            _ => Ok(()),
        }
    }

    fn keep_tombstone(&mut self, segment: &Arc<Segment>, offset: u64, header: &RecordHeader) -> Result<()> {
        self.copy(segment, offset)?;
        let kept = &mut self.output.kept;
        if let Some((_, id)) = &self.builder {
            *kept.bytes.entry(*id).or_default() += header.record_len();
        }
        if header.sequence > self.job.forget_up_to {
            kept.await_checkpoint_of = kept.await_checkpoint_of.max(header.sequence);
        }
        Ok(())
    }

    /// Whether nothing is left that this tombstone hides.
    fn may_forget(&mut self, tombstone: &RecordHeader) -> Result<bool> {
        if tombstone.sequence > self.job.forget_up_to {
            return Ok(false);
        }
        if self.elsewhere.is_none() {
            let mut elsewhere = Vec::new();
            for meta in self.job.sealed {
                if !self.job.victims.iter().any(|victim| victim.id == meta.id) {
                    let documents = scan::documents(&self.segment(meta.id)?, meta.length, meta.footer);
                    elsewhere.push((meta.min_sequence, unless_damaged(documents)?));
                }
            }
            self.elsewhere = Some(elsewhere);
        }
        // The active segment needs no look: it was begun after the tombstone, behind which nothing is written.
        let holds = |(min_sequence, documents): &(u64, Option<Vec<u64>>)| {
            *min_sequence <= tombstone.sequence
                && documents.as_ref().is_none_or(|documents| documents.binary_search(&tombstone.document).is_ok())
        };
        Ok(!self.elsewhere.iter().flatten().any(holds))
    }

    fn copy(&mut self, segment: &Arc<Segment>, offset: u64) -> Result<()> {
        let (header, payload) = segment.record(offset)?;
        let codec = self.codec(header.codec);
        if header.kind != RecordKind::Tree || header.codec == codec {
            return self.append(&header, &payload);
        }
        if header.codec == Compression::None {
            return self.append_tree(&header, &payload, codec);
        }
        let plain = compressed::plain(&header, &payload);
        let plain =
            plain.map_err(|error| error.into_error(|what| segment.damage(offset, Some(header.document), what)))?;
        self.append_tree(&header.recoded(&plain, Compression::None), &plain, codec)
    }

    /// What a tree is to be compressed with that was compressed with `own`.
    fn codec(&self, own: Compression) -> Compression {
        if self.job.spare.is_some() { own } else { self.job.options.compression }
    }

    /// Appends a tree whose payload is plain.
    fn append_tree(&mut self, header: &RecordHeader, plain: &[u8], codec: Compression) -> Result<()> {
        match self.compressor.compress(plain, codec) {
            Ok(Some(payload)) => self.append(&header.recoded(&payload, codec), &payload),
            // Bytes with a checksum that holds and no tree in them are for `verify` to tell, not to be made worse.
            Ok(None) => self.append(header, plain),
            Err(error) if error != Malformed::NO_MEMORY => self.append(header, plain),
            Err(_) => Err(Error::NoMemory),
        }
    }

    /// Writes a document's deltas in a denser form; as they are where that cannot be done.
    fn fold(&mut self, document: u64, slot: &Slot) -> Result<()> {
        self.handled.try_reserve(1).map_err(|_| Error::NoMemory)?;
        if !self.handled.insert(document) {
            return Ok(());
        }
        // What is not in a victim was not measured for the reserve.
        if self.job.spare.is_some() && !slot.tree_and_deltas().all(|at| self.goes(at)) {
            return self.copy_all(document, slot, |_| true);
        }
        let (header, payload, own) = match self.denser(document, slot) {
            Ok(Some(record)) => record,
            // Damage elsewhere is not made worse by leaving the document as it is; copying from a damaged victim fails.
            Ok(None) | Err(Error::Corruption(_)) => return self.copy_all(document, slot, |_| true),
            Err(error) => return Err(error),
        };
        if header.kind == RecordKind::Delta {
            self.copy_all(document, slot, |at| slot.tree() == Some(at))?;
        }
        self.output.folds += 1;
        match header.kind {
            RecordKind::Tree => self.append_tree(&header, &payload, self.codec(own)),
            _ => self.append(&header, &payload),
        }
    }

    /// A document with its deltas as one tree, or its deltas as one, and what its tree was compressed with; `None`
    /// where that is more than a record may hold.
    fn denser(&self, document: u64, slot: &Slot) -> Result<Option<(RecordHeader, Vec<u8>, Compression)>> {
        let (Some(tree), Some(last)) = (slot.tree(), slot.runs().last()) else { return Ok(None) };
        let Some(layers) = Layers::open(self.job.state, document, slot, true)? else { return Ok(None) };
        let runs: u64 = slot.runs().iter().map(|run| run.extent.length()).sum();
        let limit = self.job.options.max_batch_bytes;
        let tree_len = layers.plain_tree_len();
        let whole = self.goes(tree) || tree_len <= runs.saturating_mul(FOLD_SHARE);
        let (mut header, payload) = if whole && tree_len + runs <= limit {
            let payload = layers.folded()?;
            let mut header = RecordHeader::new(RecordKind::Tree, document, &payload)?;
            header.blob = if slot.blob_is_external() { BlobPlace::External } else { BlobPlace::Inline };
            header.nodes = slot.nodes() as i32;
            header.first_sequence = last.extent.sequence;
            (header, memory::copy(&payload)?)
        } else if runs <= limit {
            compose(&layers, document, slot.runs())?
        } else {
            return Ok(None);
        };
        header.sequence = last.extent.sequence;
        header.fold = true;
        Ok(Some((header, payload, layers.tree_codec())))
    }

    /// Copies those of a document's tree and deltas that lie in victims, and are `wanted`.
    fn copy_all(&mut self, document: u64, slot: &Slot, wanted: impl Fn(&Extent) -> bool) -> Result<()> {
        let going = |(at, _): &(&Extent, u64)| slot.blob() != Some(*at) && self.goes(at) && wanted(at);
        let going: Vec<(Extent, u64)> = slot.live().filter(going).map(|(at, live)| (*at, live)).collect();
        going.iter().try_for_each(|(at, live)| {
            self.copy(&self.segment(at.segment)?, at.offset())?;
            match &self.builder {
                // With room again it may be folded.
                Some((_, segment)) if *live < at.length() && self.job.spare.is_none() => {
                    let unfolded = Unfolded { segment: *segment, document, dead: at.length() - live };
                    Ok(memory::push(&mut self.output.unfolded, unfolded)?)
                }
                _ => Ok(()),
            }
        })
    }

    /// Whether a record lies in a victim.
    fn goes(&self, extent: &Extent) -> bool {
        self.job.victims.iter().any(|victim| victim.id == extent.segment)
    }

    fn append(&mut self, header: &RecordHeader, payload: &[u8]) -> Result<()> {
        let full = |builder: &SegmentBuilder<'_>| {
            let bytes = builder.length() + header.record_len();
            // There is but one reserve: what it was taken for goes into it.
            self.job.spare.is_none() && bytes > self.job.options.segment_size
        };
        if self.builder.as_ref().is_some_and(|(builder, _)| full(builder)) {
            self.finish_segment()?;
        }
        if self.builder.is_none() {
            self.builder = Some(self.begin_segment()?);
        }
        let Some((builder, _)) = &mut self.builder else { return Ok(()) };
        let extent = builder.append(header, payload)?;
        let entry = match header.kind {
            RecordKind::Tree => Entry::Tree(extent),
            RecordKind::Delta => Entry::Run(Run { extent, first_sequence: header.first_sequence }),
            RecordKind::Blob => Entry::Blob(extent),
            _ => return Ok(()),
        };
        memory::push(&mut self.output.entries, (header.document, entry))?;
        Ok(())
    }

    fn begin_segment(&self) -> Result<(SegmentBuilder<'a>, u32)> {
        let id = next_id(self.job.next_segment)?;
        let header = SegmentHeader {
            store: self.job.store,
            id,
            kind: SegmentKind::Compacted,
            epoch: self.job.epoch,
            first_sequence: 0,
            compression: self.job.spare.is_none().then_some(self.job.options.compression),
        };
        let spare = self.job.spare.filter(|_| self.output.segments.is_empty());
        Ok((SegmentBuilder::create(self.job.dir, header, spare)?.granted(self.job.grant), id))
    }

    fn finish_segment(&mut self) -> Result<()> {
        let Some((builder, id)) = self.builder.take() else { return Ok(()) };
        match builder.finish(self.job.options.read_mode) {
            Ok((segment, meta)) => {
                self.output.bytes_written += meta.length;
                self.output.segments.push((segment, meta));
                Ok(())
            }
            Err(error) => {
                let _ = self.job.dir.remove(&self.job.dir.segment(id));
                Err(error)
            }
        }
    }
}

/// What was written and not handed out goes, also where a panic ends the job: it will be tried again.
impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if let Some((_, id)) = self.builder.take() {
            let _ = self.job.dir.remove(&self.job.dir.segment(id));
        }
        discard(self.job.dir, &self.output);
    }
}

/// What was read, or `None` where it is damaged.
fn unless_damaged<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(Error::Corruption(_)) => Ok(None),
        other => other.map(Some),
    }
}

/// All deltas of a document as one.
fn compose(layers: &Layers, document: u64, runs: &[Run]) -> Result<(RecordHeader, Vec<u8>)> {
    let payloads = layers.deltas_from(0)?;
    let slices: Vec<&[u8]> = payloads.iter().map(|payload| &payload[..]).collect();
    let payload = packed::compose(&slices).map_err(|error| layers.malformed(error))?;
    let mut header = RecordHeader::new(RecordKind::Delta, document, &payload)?;
    header.blob = newest_blob_place(runs);
    header.nodes = nodes_of(runs);
    let parts = runs.iter().map(|run| (run.extent.length(), run.extent.replaced()));
    header.replaced8 = replaced_by_one(header.record_len(), parts);
    header.first_sequence = runs.first().map_or(0, |run| run.first_sequence);
    Ok((header, payload))
}

/// What a run of deltas says of the blob.
pub fn newest_blob_place(runs: &[Run]) -> BlobPlace {
    let places = runs.iter().rev().map(|run| run.extent.blob);
    places.into_iter().find(|place| *place != BlobPlace::Unchanged).unwrap_or(BlobPlace::Unchanged)
}

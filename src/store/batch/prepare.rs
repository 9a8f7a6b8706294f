//! From a batch to the records of its commit.
//!
//! 1. `prepare` is a pure function of a state and a batch, but for what it folds. The commit leader uses what it gave
//!    as long as the documents are still what they were, and calls it again otherwise.
//! 2. Everything that the calls checked is checked again here, against the state that the commit will follow.
//! 3. A fold is a record beside the delta it repeats: history stays history. It can be left out.
//! 4. While compaction may be folding what was committed up to some moment (`Core::folding`), nothing is written that
//!    takes the place of any of that: of two deltas that overlap neither covers the other. Later deltas are folded into
//!    one another, so that a document has few, however long compaction takes. The leader has the last word.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::contents::{Contents, Pending};
use crate::error::{Error, Missing, Result};
use crate::format::extent::{Run, nodes_of, replaced_by_one};
use crate::format::packed::{self, BlobState, Head, MergedBlob, OrderOp, OutputState};
use crate::format::record::{BlobPlace, FRAME_RECORD_LEN, RecordHeader, RecordKind};
use crate::format::{Malformed, packed::PendingBlob};
use crate::ids::{DocumentId, InputId};
use crate::index::layers::Layers;
use crate::index::{Slot, State};
use crate::memory;
use crate::store::core::Core;
use crate::store::fold::{Budget, Fold};
use crate::sync::atomic::Ordering;

/// The records of a commit, without their places and sequence number.
pub struct Prepared {
    pub changes: Vec<Change>,
}

/// The records of one document.
pub struct Change {
    pub document: u64,
    /// What the document was when this was prepared.
    pub before: Slot,
    pub records: Vec<Record>,
}

/// A record to be written. A first sequence number of zero stands for the commit's own.
pub struct Record {
    pub header: RecordHeader,
    /// Shared with the batch where it stands there already.
    pub payload: Arc<Vec<u8>>,
    /// The header's other fields where the record may take the place of deltas before it.
    covering: Option<RecordHeader>,
}

impl Record {
    fn new(kind: RecordKind, document: DocumentId, payload: impl Into<Arc<Vec<u8>>>) -> Result<Record> {
        let payload = payload.into();
        Ok(Record { header: RecordHeader::new(kind, document.get(), &payload)?, payload, covering: None })
    }

    /// The header to write while compaction may be folding what was committed up to `folding`.
    pub fn header(&self, folding: u64) -> RecordHeader {
        self.covering.filter(|covering| covering.first_sequence > folding).unwrap_or(self.header)
    }

    /// Whether it is to be written then.
    pub fn is_written(&self, folding: u64) -> bool {
        !self.header.fold || folding == 0 || self.header.first_sequence > folding
    }
}

impl Prepared {
    /// Whether every document is still what it was.
    pub fn still_holds(&self, state: &State) -> bool {
        self.changes.iter().all(|change| state.index.get(change.document).is_ok_and(|now| change.before.same(now)))
    }

    /// Bytes of the records.
    pub fn bytes(&self, folding: u64) -> u64 {
        self.all(folding).map(|record| record.header.record_len()).sum()
    }

    /// Bytes of the whole commit.
    pub fn commit_bytes(&self, folding: u64) -> u64 {
        FRAME_RECORD_LEN + self.bytes(folding)
    }

    /// How many records there are.
    pub fn records(&self, folding: u64) -> usize {
        self.all(folding).count()
    }

    fn all(&self, folding: u64) -> impl Iterator<Item = &Record> {
        let records = self.changes.iter().flat_map(|change| &change.records);
        records.filter(move |record| record.is_written(folding))
    }
}

/// Makes the records of a batch that is to follow `state`.
pub fn prepare(core: &Core, state: &State, contents: &Contents) -> Result<Prepared> {
    let mut changes = Vec::new();
    let mut budget = Budget::of(contents.bytes());
    for (document, pending) in contents.documents().filter(|(_, pending)| pending.changes_anything()) {
        let before = state.index.get(document.get())?.clone();
        let records = match (pending.created, pending.deleted) {
            (true, true) => continue,
            (false, _) if before.is_vacant() => return Err(Missing::Document(document).into()),
            (_, true) => vec![Record::new(RecordKind::Tombstone, document, Vec::new())?],
            _ => match &pending.tree {
                Some(_) => new_tree(document, pending, lowest_free_input(core, state, document, &before)?)?,
                None => new_delta(core, (state, document, &before), pending, &mut budget)?,
            },
        };
        if !records.is_empty() {
            memory::push(&mut changes, Change { document: document.get(), before, records })?;
        }
    }
    Ok(Prepared { changes })
}

fn internal(error: Malformed) -> Error {
    error.into_error(|what| Error::InvalidArgument(format!("the batch cannot be packed: {what}")))
}

fn blob_record(document: DocumentId, pending: &Pending) -> Result<Option<Record>> {
    pending.blob.as_ref().map(|blob| Record::new(RecordKind::Blob, document, Arc::clone(blob))).transpose()
}

/// The lowest input id that the document has not handed out, to this batch or to any that was committed before it.
fn lowest_free_input(core: &Core, state: &State, document: DocumentId, before: &Slot) -> Result<u64> {
    match Layers::open(state, document.get(), before, core.options.verify_reads)? {
        Some(layers) => Ok(layers.stack()?.next_input_id()),
        None => Ok(1),
    }
}

/// A whole document, with the batch's further changes folded in.
fn new_tree(document: DocumentId, pending: &Pending, lowest_free_input: u64) -> Result<Vec<Record>> {
    let Some(tree) = &pending.tree else { return Ok(Vec::new()) };
    let (mut nodes, mut external) = (tree.nodes, tree.external);
    let payload = if pending.delta.is_empty() {
        let mut packed = Arc::clone(&tree.packed);
        if Head::parse(&packed).map_err(internal)?.next_input_id() < lowest_free_input {
            let mut copy = memory::copy(&packed[..])?;
            packed::reserve_ids(&mut copy, lowest_free_input).map_err(internal)?;
            packed = Arc::new(copy);
        }
        packed
    } else {
        let delta = pending.delta.encode(pending.next_input.max(lowest_free_input)).map_err(internal)?;
        let merged = packed::merge(&tree.packed, &[&delta], MergedBlob::Keep).map_err(internal)?;
        let head = Head::parse(&merged).map_err(internal)?;
        nodes = 1 + head.entry_count() + head.output_count();
        external = match pending.delta.blob() {
            Some(blob) => matches!(blob, PendingBlob::External { .. }),
            None => external,
        };
        Arc::new(merged)
    };
    let mut record = Record::new(RecordKind::Tree, document, payload)?;
    record.header.nodes = nodes as i32;
    record.header.blob = if external { BlobPlace::External } else { BlobPlace::Inline };
    Ok(blob_record(document, pending)?.filter(|_| external).into_iter().chain([record]).collect())
}

/// Changes to a stored document, and a fold where its deltas have become many.
fn new_delta(
    core: &Core,
    (state, document, before): (&State, DocumentId, &Slot),
    pending: &Pending,
    budget: &mut Budget,
) -> Result<Vec<Record>> {
    if pending.delta.is_empty() {
        return Ok(Vec::new());
    }
    let layers = Layers::open(state, document.get(), before, core.options.verify_reads)?;
    let layers = layers.ok_or(Missing::Document(document))?;
    let stack = layers.stack()?;
    let payload = pending.delta.encode(pending.next_input.max(stack.next_input_id())).map_err(internal)?;
    let found = examine(document, &layers, &payload, &pending.need_output)?;
    // The deltas that stay as they are.
    let folding = core.folding.load(Ordering::Relaxed);
    let fixed = before.runs().partition_point(|run| run.first_sequence <= folding);
    let kept = kept_deltas(before, &layers, &payload)?.max(fixed);
    let mut record = Record::new(RecordKind::Delta, document, payload)?;
    record.header.nodes = found.nodes;
    record.header.replaced8 = (found.replaced / 8).min(u32::MAX.into()) as u32;
    record.header.blob = match pending.delta.blob() {
        None => BlobPlace::Unchanged,
        Some(PendingBlob::Inline(_)) => BlobPlace::Inline,
        Some(PendingBlob::External { .. }) => BlobPlace::External,
    };
    record.covering = covering(&record, &before.runs()[kept..]);
    // Beside a compaction that folds, the tree is its own.
    let tree_len = if folding == 0 { layers.plain_tree_len() } else { u64::MAX };
    // The deltas behind `kept` are superseded anyway.
    let sizes = before.runs()[fixed..kept].iter().map(|run| run.extent.length());
    let sizes: Vec<u64> = sizes.chain([record.header.record_len()]).collect();
    let fold = match budget.plan(tree_len, &sizes, core.options.fold_after) {
        Fold::Not => None,
        Fold::All => Some(folded_tree(&layers, document, before, &record)?),
        Fold::From(first) => Some(folded_delta(&layers, document, (before, fixed + first), &record)?),
    };
    Ok(blob_record(document, pending)?.into_iter().chain([record]).chain(fold).collect())
}

/// What a delta does to the document it follows.
struct Effect {
    /// By how many nodes it changes it.
    nodes: i32,
    /// About how many stored bytes it makes meaningless.
    replaced: u64,
}

/// Checks a delta against the document it follows.
fn examine(document: DocumentId, layers: &Layers, delta: &[u8], need_output: &FxHashSet<InputId>) -> Result<Effect> {
    let head = Head::parse(delta).map_err(internal)?;
    let directory = head.directory().map_err(internal)?;
    let stack = layers.stack()?;
    let stored = stack.layers().map_err(|error| layers.malformed(error))?;
    let mut inserted = FxHashSet::default();
    let mut anchors = FxHashSet::default();
    let operations = directory.order_ops().len();
    inserted.try_reserve(operations).map_err(|_| Error::NoMemory)?;
    anchors.try_reserve(2 * operations).map_err(|_| Error::NoMemory)?;
    for op in directory.order_ops() {
        match op.map_err(internal)? {
            OrderOp::Insert { id, before } => {
                inserted.insert(id);
                anchors.extend(before);
            }
            OrderOp::Move { id, before } => anchors.extend([id].into_iter().chain(before)),
            OrderOp::Delete { .. } => {}
        }
    }
    let locate = |id| {
        let node = stored.locate(id).map_err(|error| layers.malformed(error))?;
        node.ok_or_else(|| Error::from(Missing::Input(document, id)))
    };
    for anchor in anchors.difference(&inserted) {
        locate(*anchor)?;
    }
    let mut effect = Effect { nodes: 0, replaced: replaced_blob(&head, layers, &stack) };
    let stored_len = |(layer, span): (usize, packed::Span)| layers.stored_len(layer, span.length);
    for entry in directory.iter() {
        let entry = entry.map_err(internal)?;
        if inserted.contains(&entry.id) {
            if !entry.deleted {
                effect.nodes += 1 + i32::from(matches!(entry.output, OutputState::At(_)));
            }
            continue;
        }
        let node = locate(entry.id)?;
        let old_output = node.output.map(stored_len);
        if old_output.is_none() && need_output.contains(&entry.id) {
            return Err(Missing::Output(document, entry.id).into());
        }
        if entry.deleted || entry.value.is_some() {
            effect.replaced += stored_len(node.value);
        }
        let keeps_output = !entry.deleted && matches!(entry.output, OutputState::Unchanged);
        let has_output = !entry.deleted && matches!(entry.output, OutputState::At(_));
        if !keeps_output {
            effect.replaced += old_output.unwrap_or(0);
            effect.nodes += i32::from(has_output) - i32::from(old_output.is_some());
        }
        effect.nodes -= i32::from(entry.deleted);
    }
    Ok(effect)
}

/// Bytes of an inline blob that a delta replaces.
fn replaced_blob(delta: &Head<'_>, layers: &Layers<'_>, stack: &packed::Stack<'_>) -> u64 {
    match (delta.blob(), stack.blob()) {
        (BlobState::Unchanged, _) => 0,
        (_, (layer, BlobState::Inline(span))) => layers.stored_len(layer, span.length),
        _ => 0,
    }
}

/// How many of the deltas before still say something beside a new one. The others, the newest, are superseded without a
/// fold.
fn kept_deltas(before: &Slot, layers: &Layers, delta: &[u8]) -> Result<usize> {
    let newer = Head::parse(delta).map_err(internal)?;
    let stack = layers.stack()?;
    let mut kept = before.runs().len();
    while kept > 0 && packed::supersedes(&newer, &stack.deltas[kept - 1]).map_err(|error| layers.malformed(error))? {
        kept -= 1;
    }
    Ok(kept)
}

/// The header of a delta that takes the place of the runs before it, where there are any.
fn covering(record: &Record, runs: &[Run]) -> Option<RecordHeader> {
    Some(RecordHeader {
        first_sequence: runs.first()?.first_sequence,
        nodes: record.header.nodes.wrapping_add(nodes_of(runs)),
        replaced8: replaced_by_one(record.header.record_len(), parts(runs, record)),
        ..record.header
    })
}

/// Length and replaced bytes of some runs and of a delta behind them.
fn parts<'a>(runs: &'a [Run], delta: &Record) -> impl Iterator<Item = (u64, u64)> + 'a {
    let own = (delta.header.record_len(), u64::from(delta.header.replaced8) * 8);
    runs.iter().map(|run| (run.extent.length(), run.extent.replaced())).chain([own])
}

/// The record that repeats the tree, its deltas and a new one as one tree.
fn folded_tree(layers: &Layers, document: DocumentId, slot: &Slot, delta: &Record) -> Result<Record> {
    let mut record = Record::new(RecordKind::Tree, document, layers.folded_with(&delta.payload)?)?;
    record.header.nodes = (slot.nodes() as i32).wrapping_add(delta.header.nodes);
    let of_tree = slot.tree().map_or(BlobPlace::Unchanged, |tree| tree.blob);
    record.header.blob = match place_of_blob(slot.runs(), delta) {
        BlobPlace::Unchanged => of_tree,
        place => place,
    };
    record.header.fold = true;
    Ok(record)
}

/// The record that repeats the deltas from the `first`-th on and a new one as one delta.
fn folded_delta(
    layers: &Layers,
    document: DocumentId,
    (slot, first): (&Slot, usize),
    delta: &Record,
) -> Result<Record> {
    let runs = &slot.runs()[first..];
    let mut record = Record::new(RecordKind::Delta, document, layers.composed_with(first, &delta.payload)?)?;
    record.header.first_sequence = runs.first().map_or(0, |run| run.first_sequence);
    record.header.nodes = nodes_of(runs).wrapping_add(delta.header.nodes);
    record.header.replaced8 = replaced_by_one(record.header.record_len(), parts(runs, delta));
    record.header.blob = place_of_blob(runs, delta);
    record.header.fold = true;
    Ok(record)
}

/// What some deltas and a new one say of the blob.
fn place_of_blob(runs: &[Run], delta: &Record) -> BlobPlace {
    match delta.header.blob {
        BlobPlace::Unchanged => crate::compaction::newest_blob_place(runs),
        place => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What compaction may be folding stays as it is until it is done.
    #[test]
    fn records_take_the_place_only_of_what_no_compaction_folds() {
        let own = RecordHeader::new(RecordKind::Delta, 7, &[]).unwrap();
        let covering = Some(RecordHeader { first_sequence: 5, ..own });
        let delta = Record { header: own, payload: Arc::default(), covering };
        let first_with = |folding| delta.header(folding).first_sequence;
        assert_eq!([0, 4, 5, 6].map(first_with), [5, 5, 0, 0]);
        assert!([0, 4, 5, 6].into_iter().all(|folding| delta.is_written(folding)), "a change is written in any case");
        let header = RecordHeader { first_sequence: 5, fold: true, ..own };
        let fold = Record { header, payload: Arc::default(), covering: None };
        assert_eq!([0, 4, 5, 6].map(|folding| fold.is_written(folding)), [true, true, false, false]);
    }
}

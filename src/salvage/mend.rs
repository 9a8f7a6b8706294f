//! A document put together from whatever of it checks out.
//!
//! 1. Which inputs there are, and their order, is what the newest tree says whose directory checks out, changed by the
//!    deltas after it whose directories do.
//! 2. Each part (the blob, the columns, an input's value, output, columns) is the newest that checks out. Where a newer
//!    one is there and does not, the part is *older*, or lost where there is no other.
//! 3. An input without a value is lost. Nothing is made up in the place of what is lost.
//! 4. Costs time and memory in proportion to the records of the document.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::chain::Chain;
use super::report::{Finding, FindingKind};
use super::survey::Found;
use crate::format::packed::{BlobState, ColumnsRef, Directory, Entry, Head, OutputState, Span};
use crate::format::record::RecordKind;
use crate::format::value::decode_value;
use crate::format::{Decoded, Malformed};
use crate::ids::InputId;
use crate::memory::{self, NoMemory};
use crate::tree::{Columns, Input, Tree};
use crate::value::Value;

/// A record of the document, with its payload, as far as that could be read.
pub struct Layer {
    pub found: Found,
    pub bytes: Vec<u8>,
}

/// A blob record that checks out.
#[derive(Clone, Copy)]
pub struct BlobRecord {
    pub found: Found,
    pub crc: u32,
}

/// Where the blob comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blob {
    /// There is none that checks out.
    Lost,
    /// In a layer.
    Inline(usize, Span),
    /// A record of its own.
    Record(Found),
}

/// A document put together.
pub struct Mended {
    pub tree: Tree,
    pub ids: Vec<InputId>,
    pub blob: Blob,
    pub next_input_id: u64,
    pub findings: Vec<Finding>,
    /// Whether anything at all was there.
    pub is_anything: bool,
}

/// A part of an input or document, and whether a newer one is lost.
#[derive(Clone, Copy)]
struct Part<T> {
    now: T,
    /// Of the layer that `now` comes from.
    sequence: u64,
    is_older: bool,
}

impl<T> Part<T> {
    fn none(now: T) -> Part<T> {
        Part { now, sequence: 0, is_older: false }
    }

    fn set(&mut self, now: T, sequence: u64) {
        *self = Part { now, sequence, is_older: false };
    }

    /// What a layer says does not check out. The same change, in a record beside it, may have said it already.
    fn miss(&mut self, sequence: u64) {
        self.is_older |= self.sequence != sequence;
    }
}

struct Pieces {
    value: Part<Option<(usize, Span)>>,
    output: Part<Option<(usize, Span)>>,
    columns: Part<Vec<(usize, Span)>>,
}

/// A layer whose head checks out.
struct Open<'a> {
    found: Found,
    head: Option<Head<'a>>,
    directory: Option<Directory<'a>>,
    bytes: &'a [u8],
}

impl<'a> Open<'a> {
    fn of(layer: &'a Layer) -> Result<Open<'a>, NoMemory> {
        let is_delta = layer.found.kind == RecordKind::Delta;
        let head = Head::parse(&layer.bytes).ok().filter(|head| head.is_delta() == is_delta);
        // Inputs that share bytes could come to many times the record.
        let directory = match head.map(|head| head.directory_of_all()) {
            Some(Err(Malformed::NO_MEMORY)) => return Err(NoMemory),
            directory => directory.and_then(|directory| directory.ok()),
        };
        // One entry that makes no sense is reason enough to believe none: no store wrote them.
        let directory = directory.filter(|directory| directory.iter().all(|entry| entry.is_ok()));
        Ok(Open { found: layer.found, head, directory, bytes: &layer.bytes })
    }

    fn is_tree(&self) -> bool {
        self.found.kind == RecordKind::Tree
    }
}

/// Puts a document together. `layers` are its trees and deltas, the oldest first, and those that cover others behind
/// them; `blobs` its blob records. Up to `lost` a change of it is known to be lost.
pub fn mend(document: u64, layers: &[Layer], blobs: &[BlobRecord], lost: Option<u64>) -> Result<Mended, NoMemory> {
    let open: Vec<Open<'_>> = memory::try_collect(layers.iter().map(Open::of))?;
    let mut mending = Mending { document, open: &open, findings: Vec::new() };
    let (ids, is_order_older) = mending.order(lost);
    mending.say_unknown(&ids);
    let pieces = mending.pieces(&ids);
    let columns = mending.columns();
    let blob = mending.blob(blobs);
    let is_anything = open.iter().any(|layer| layer.directory.is_some() && layer.is_tree())
        || !ids.is_empty()
        || !columns.now.is_empty()
        || blob.now != Blob::Lost;
    if is_order_older {
        let what = "which inputs there are, or their order, may be older, or in part a guess";
        mending.note(FindingKind::InputsOlder, None, what);
    }
    mending.say_columns(&columns);
    mending.say_blob(&blob);
    let (mut inputs, mut kept) = (Vec::new(), Vec::new());
    for id in ids {
        if let Some(input) = pieces.get(&id).and_then(|pieces| mending.input(id, pieces)) {
            inputs.push(input);
            kept.push(id);
        }
    }
    let heads = open.iter().filter_map(|layer| layer.head.map(|head| head.next_input_id()));
    let highest = kept.iter().map(|id| id.get() + 1).max().unwrap_or(1);
    let next_input_id = heads.max().unwrap_or(1).max(highest);
    let tree = Tree { blob: Vec::new(), columns: columns.now, inputs };
    Ok(Mended { tree, ids: kept, blob: blob.now, next_input_id, findings: mending.findings, is_anything })
}

struct Mending<'a> {
    document: u64,
    open: &'a [Open<'a>],
    findings: Vec<Finding>,
}

impl<'a> Mending<'a> {
    fn note(&mut self, kind: FindingKind, input: Option<InputId>, what: &str) {
        self.findings.push(Finding { input, ..Finding::of_document(kind, self.document, what) });
    }

    /// The newest tree whose directory checks out.
    fn base(&self) -> Option<usize> {
        self.open.iter().rposition(|layer| layer.is_tree() && layer.directory.is_some())
    }

    /// For each layer, whether it is a delta whose changes are in a later one too, whose directory checks out.
    fn covered(&self) -> Vec<bool> {
        let mut earliest = u64::MAX;
        let is_covered = |layer: &Open<'_>| {
            let is_delta = layer.found.kind == RecordKind::Delta;
            let is_covered = is_delta && earliest <= layer.found.first_sequence;
            if is_delta && layer.directory.is_some() {
                earliest = earliest.min(layer.found.first_sequence);
            }
            is_covered
        };
        // The later in order, the newer is the newest change: what goes back as far as well holds all of it.
        let mut covered: Vec<bool> = self.open.iter().rev().map(is_covered).collect();
        covered.reverse();
        covered
    }

    /// The inputs in their order, and whether that may not be what it was.
    fn order(&self, lost: Option<u64>) -> (Vec<InputId>, bool) {
        let base = self.base();
        let from = base.map_or(0, |at| self.open[at].found.sequence);
        let mut is_older = base.is_none() || lost.is_some_and(|sequence| sequence > from);
        let mut chain = Chain::default();
        let mut inserted = BTreeSet::new();
        if let Some(directory) = base.and_then(|at| self.open[at].directory) {
            is_older |= !directory.ids().flatten().all(|id| chain.insert(id, None));
        }
        let covered = self.covered();
        let mut uncovered: Vec<usize> = Vec::new();
        for (at, layer) in self.open.iter().enumerate() {
            if layer.found.sequence > from && !covered[at] {
                is_older |= layer.directory.is_none();
                uncovered.push(at);
            }
        }
        for directory in uncovered.iter().filter_map(|at| self.open[*at].directory) {
            if directory.is_delta() {
                is_older |= !chain.apply(&directory);
                let with_value = directory.iter().flatten().filter(|entry| entry.value.is_some());
                inserted.extend(with_value.map(|entry| entry.id));
            }
        }
        for id in inserted {
            // It was inserted by a change that is lost: where, that alone said.
            if chain.insert(id, None) {
                is_older = true;
            }
        }
        (chain.into_ids(), is_older)
    }

    /// Inputs that changes name, and that nothing that checks out tells more of.
    fn say_unknown(&mut self, ids: &[InputId]) {
        let known: HashSet<&InputId> = ids.iter().collect();
        let from = self.base().map_or(0, |at| self.open[at].found.sequence);
        let newer = self.open.iter().filter(|layer| layer.found.sequence > from);
        let entries: Vec<Entry> =
            newer.filter_map(|layer| layer.directory).flat_map(|all| all.iter()).flatten().collect();
        let deleted: HashSet<InputId> = entries.iter().filter(|entry| entry.deleted).map(|entry| entry.id).collect();
        let unknown = entries.iter().map(|entry| entry.id).filter(|id| !known.contains(id) && !deleted.contains(id));
        for id in unknown.collect::<BTreeSet<_>>() {
            self.note(FindingKind::InputLost, Some(id), "the input is lost; a change of it is left");
        }
    }

    /// The newest parts of each input that check out.
    fn pieces(&self, ids: &[InputId]) -> HashMap<InputId, Pieces> {
        let blank = || Pieces { value: Part::none(None), output: Part::none(None), columns: Part::none(Vec::new()) };
        let mut pieces: HashMap<InputId, Pieces> = ids.iter().map(|id| (*id, blank())).collect();
        for (at, layer) in self.open.iter().enumerate() {
            for entry in layer.directory.iter().flat_map(|directory| directory.iter()).flatten() {
                if let Some(pieces) = pieces.get_mut(&entry.id) {
                    self.lay(at, layer, &entry, pieces);
                }
            }
        }
        pieces
    }

    /// Lays what an entry says of an input over what is known of it.
    fn lay(&self, at: usize, layer: &Open<'_>, entry: &Entry, pieces: &mut Pieces) {
        let sequence = layer.found.sequence;
        if let Some(span) = entry.value {
            match value(layer.bytes, span) {
                Ok(_) => pieces.value.set(Some((at, span)), sequence),
                Err(_) => pieces.value.miss(sequence),
            }
        }
        match entry.output {
            OutputState::At(span) => match value(layer.bytes, span) {
                Ok(_) => pieces.output.set(Some((at, span)), sequence),
                Err(_) => pieces.output.miss(sequence),
            },
            OutputState::Removed => pieces.output.set(None, sequence),
            OutputState::Unchanged if layer.is_tree() => pieces.output.set(None, sequence),
            OutputState::Unchanged => {}
        }
        match entry.columns {
            Some(span) if columns(layer.bytes, span).is_ok() => {
                let mut sections = if layer.is_tree() { Vec::new() } else { std::mem::take(&mut pieces.columns.now) };
                sections.push((at, span));
                let is_older = pieces.columns.is_older && !layer.is_tree();
                pieces.columns = Part { now: sections, sequence, is_older };
            }
            Some(_) => pieces.columns.miss(sequence),
            None if layer.is_tree() => pieces.columns.set(Vec::new(), sequence),
            None => {}
        }
    }

    fn input(&mut self, id: InputId, pieces: &Pieces) -> Option<Input> {
        let Some(value) = self.decoded(pieces.value.now) else {
            self.note(FindingKind::InputLost, Some(id), "the input is lost, with what hung on it");
            return None;
        };
        if pieces.value.is_older {
            self.note(FindingKind::InputOlder, Some(id), "the input's value is an older one");
        }
        let output = self.decoded(pieces.output.now);
        match (&output, pieces.output.is_older) {
            (Some(_), true) => self.note(FindingKind::OutputOlder, Some(id), "the output is an older one"),
            (None, true) => self.note(FindingKind::OutputLost, Some(id), "the output is lost"),
            _ => {}
        }
        if pieces.columns.is_older {
            let what = "some of the input's columns are lost or older than they were";
            self.note(FindingKind::InputColumnsOlder, Some(id), what);
        }
        let mut all = Columns::new();
        for (at, span) in &pieces.columns.now {
            let section = self.open.get(*at).and_then(|layer| columns(layer.bytes, *span).ok());
            section.into_iter().flatten().for_each(|change| set(&mut all, change));
        }
        Some(Input { id: Some(id), value, columns: all, output })
    }

    fn decoded(&self, place: Option<(usize, Span)>) -> Option<Value> {
        let (at, span) = place?;
        value(self.open.get(at)?.bytes, span).ok()
    }

    fn columns(&self) -> Part<Columns> {
        let mut part = Part::none(Columns::new());
        for layer in self.open {
            let sequence = layer.found.sequence;
            match layer.head.and_then(|head| changes(head.columns().ok()?).ok()) {
                Some(changes) => {
                    if layer.is_tree() {
                        part = Part::none(Columns::new());
                    }
                    part.sequence = sequence;
                    changes.into_iter().for_each(|change| set(&mut part.now, change));
                }
                None => part.miss(sequence),
            }
        }
        part
    }

    fn say_columns(&mut self, columns: &Part<Columns>) {
        match (columns.is_older, columns.now.is_empty()) {
            (true, true) => self.note(FindingKind::ColumnsLost, None, "the document's columns are lost"),
            (true, false) => {
                self.note(FindingKind::ColumnsOlder, None, "some of the document's columns are older, or lost");
            }
            _ => {}
        }
    }

    fn blob(&self, blobs: &[BlobRecord]) -> Part<Blob> {
        let mut part = Part::none(Blob::Lost);
        let mut by_contents = HashMap::new();
        for blob in blobs {
            // The first of those that are alike.
            by_contents.entry((u64::from(blob.found.payload_len), blob.crc)).or_insert(blob.found);
        }
        for (at, layer) in self.open.iter().enumerate() {
            let sequence = layer.found.sequence;
            match layer.head.map(|head| head.blob()) {
                Some(BlobState::Unchanged) => {}
                Some(BlobState::Inline(span)) if span.verified(layer.bytes).is_ok() => {
                    part.set(Blob::Inline(at, span), sequence);
                }
                Some(BlobState::External { length, crc }) => match by_contents.get(&(length, crc)) {
                    Some(found) => part.set(Blob::Record(*found), sequence),
                    None => part.miss(sequence),
                },
                Some(BlobState::Inline(_)) | None => part.miss(sequence),
            }
        }
        part
    }

    fn say_blob(&mut self, blob: &Part<Blob>) {
        if blob.now == Blob::Lost {
            self.note(FindingKind::BlobLost, None, "the blob is lost: it is empty now");
        } else if blob.is_older {
            self.note(FindingKind::BlobOlder, None, "the blob is an older one, or may be");
        }
    }
}

fn value(bytes: &[u8], span: Span) -> Decoded<Value> {
    decode_value(span.verified(bytes)?)
}

type Change = (String, Option<Value>);

fn columns(bytes: &[u8], span: Span) -> Decoded<Vec<Change>> {
    changes(ColumnsRef::parse(span.verified(bytes)?)?)
}

fn changes(section: ColumnsRef<'_>) -> Decoded<Vec<Change>> {
    let decode = |column: Decoded<(&str, Option<&[u8]>)>| {
        let (name, value) = column?;
        Ok((name.to_string(), value.map(decode_value).transpose()?))
    };
    section.iter().map(decode).collect()
}

fn set(columns: &mut Columns, (name, value): Change) {
    match value {
        Some(value) => drop(columns.set(name, value)),
        None => drop(columns.remove(&name)),
    }
}

/// What the findings of a document come to.
pub fn verdict(findings: &[Finding]) -> Option<FindingKind> {
    use FindingKind::*;
    let lost = |finding: &Finding| matches!(finding.kind, BlobLost | ColumnsLost | InputLost | OutputLost);
    match findings {
        [] => None,
        _ if findings.iter().any(lost) => Some(DocumentInPart),
        _ => Some(DocumentOlder),
    }
}

#[cfg(test)]
mod tests;

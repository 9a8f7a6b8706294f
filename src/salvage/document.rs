//! Writing one document into the new store.
//!
//! 1. Where everything of a document checks out, it is the same tree that a read gives, put together as a read does it.
//!    Only where that fails is it mended (`mend`).
//! 2. A tree that is written passed the full check: the new store verifies clean whatever the old one held.
//! 3. Input ids go on behind all that the document can have handed out: what was lost had room for so many.

use std::cmp::Reverse;

use super::mend::{self, Blob, BlobRecord, Layer, Mended};
use super::records::Records;
use super::report::{Finding, FindingKind, RepairReport};
use super::source::Files;
use super::survey::{Found, Loss};
use super::target::Target;
use crate::error::{Error, Result};
use crate::format::compressed;
use crate::format::packed::{self, BlobState, Head, MergedBlob};
use crate::format::record::{BlobPlace, HEADER_LEN as RECORD_LEN, RecordHeader, RecordKind};
use crate::format::{Decoded, Malformed};
use crate::log::Dir;
use crate::memory;
use crate::options::Compression;
use crate::tree::Tree;

/// Where documents come from and go to.
pub struct Documents<'a> {
    pub dir: &'a Dir,
    pub files: &'a mut Files,
    /// `None` where nothing is to be written.
    pub target: Option<&'a mut Target>,
    pub report: &'a mut RepairReport,
    /// Input ids to leave out where changes of a document may be lost.
    pub spare_input_ids: u64,
    /// Documents whose records come to more than this are written as tree and deltas.
    pub merge_limit: u64,
}

/// A document, ready to be written.
struct Ready {
    packed: Vec<u8>,
    blob: Option<Vec<u8>>,
    /// Deltas to write as they are, where merging them would take too much memory.
    apart: Option<Apart>,
}

/// Deltas that are not merged into their tree.
struct Apart {
    /// Sequence number of the tree.
    sequence: u64,
    /// Inputs of the document, all deltas applied.
    inputs: u64,
    deltas: Vec<(RecordHeader, Vec<u8>)>,
}

/// What checks out; `None` for what does not. Refused memory says nothing of the bytes.
fn sound<T>(decoded: Decoded<T>) -> Result<Option<T>> {
    match decoded {
        Ok(value) => Ok(Some(value)),
        Err(Malformed::NO_MEMORY) => Err(Error::NoMemory),
        Err(_) => Ok(None),
    }
}

/// How many inputs a tree with its deltas has, where its blob is, and its lowest free input id. Every input is there.
fn outline(tree: &[u8], deltas: &[(RecordHeader, Vec<u8>)]) -> Decoded<(u64, BlobState, u64)> {
    let heads = deltas.iter().map(|(_, payload)| Head::parse(payload)).collect::<Decoded<Vec<_>>>()?;
    let stack = packed::Stack { base: Head::parse(tree)?, deltas: heads };
    let (order, layers) = (stack.order()?, stack.layers()?);
    for id in &order {
        layers.locate(*id)?.ok_or(Malformed("an input of the order is not there"))?;
    }
    Ok((order.len() as u64, stack.blob().1, stack.next_input_id()))
}

impl Documents<'_> {
    /// Saves what of a document can be saved.
    pub fn save(&mut self, document: u64, records: &Records, losses: &[Loss]) -> Result<()> {
        let (mut layers, mut blobs) = (Vec::new(), Vec::new());
        for found in records.as_slice() {
            match found.kind {
                RecordKind::Blob => blobs.push(*found),
                RecordKind::Tree | RecordKind::Delta => layers.push(*found),
                RecordKind::Frame | RecordKind::Tombstone | RecordKind::Footer => {}
            }
        }
        // Of records with the same newest change, the one that repeats more of the older ones comes last.
        layers.sort_by_key(|found| {
            (found.sequence, found.kind == RecordKind::Tree, Reverse(found.first_sequence), found.whole)
        });
        blobs.sort_by_key(|found| Reverse(found.sequence));
        let sequence = records.as_slice().iter().map(|found| found.sequence).max().unwrap_or_default();
        for loss in losses {
            self.say_missing(document, loss);
        }
        let mut findings = Vec::new();
        let ready = if losses.is_empty() { self.whole(document, &layers, &blobs)? } else { None };
        let ready = match ready {
            Some(ready) => ready,
            None => match self.mended(document, &layers, &blobs, losses, &mut findings)? {
                Some(ready) => ready,
                None => {
                    self.lose(document);
                    return Ok(());
                }
            },
        };
        self.count(document, findings, !losses.is_empty());
        self.write(document, sequence, ready)
    }

    /// A document of which records must have been there, and none was found.
    pub fn lose_unseen(&mut self, document: u64, losses: &[Loss]) {
        losses.iter().for_each(|loss| self.say_missing(document, loss));
        self.lose(document);
    }

    fn lose(&mut self, document: u64) {
        self.report.documents_lost += 1;
        let what = "nothing of the document could be saved";
        self.report.findings.push(Finding::of_document(FindingKind::DocumentLost, document, what));
    }

    fn say_missing(&mut self, document: u64, loss: &Loss) {
        let what = match loss.kind {
            Some(RecordKind::Tree) => "a tree of the document is lost",
            Some(RecordKind::Blob) => "a blob of the document is lost",
            Some(_) => "a change of the document is lost",
            None => "a record of the document is lost, which may have been its newest or not",
        };
        let path = self.dir.segment(loss.segment);
        let document = crate::ids::DocumentId::new(document);
        let sequence = if loss.kind.is_some() { loss.sequence } else { 0 };
        let finding = Finding::of_file(FindingKind::RecordMissing, &path, what);
        self.report.findings.push(Finding { document, sequence, ..finding });
    }

    fn count(&mut self, document: u64, mut findings: Vec<Finding>, is_older: bool) {
        let verdict = mend::verdict(&findings).or(is_older.then_some(FindingKind::DocumentOlder));
        let (counter, what) = match verdict {
            None => (&mut self.report.documents_whole, ""),
            Some(FindingKind::DocumentInPart) => (&mut self.report.documents_in_part, "the document is saved in part"),
            Some(_) => (&mut self.report.documents_older, "the document may be older than it was"),
        };
        *counter += 1;
        if let Some(kind) = verdict {
            self.report.findings.push(Finding::of_document(kind, document, what));
        }
        self.report.findings.append(&mut findings);
    }

    /// The payload's plain form, as far as it checks out.
    fn plain_payload(&mut self, found: &Found) -> Result<Vec<u8>> {
        let payload = self.payload(found)?;
        if found.codec == Compression::None {
            return Ok(payload);
        }
        compressed::plain_in_part(&found.coding(&payload)?, &payload).map_err(|_| Error::NoMemory)
    }

    fn payload(&mut self, found: &Found) -> Result<Vec<u8>> {
        self.files.read(self.dir, found.file as usize, found.offset() + RECORD_LEN, found.payload_len.into())
    }

    /// Header and payload of the record if it were plain, where they still check out: they were read once before, and a
    /// failing disk fails any time.
    fn whole_record(&mut self, document: u64, found: &Found) -> Result<Option<(RecordHeader, Vec<u8>)>> {
        let stored = self.files.read(self.dir, found.file as usize, found.offset(), RECORD_LEN)?;
        let field = |at| crate::format::read_u32(&stored, at).ok();
        let (Some(nodes), Some(payload_crc), Some(replaced8)) = (field(40), field(44), field(48)) else {
            return Ok(None);
        };
        let stored = self.payload(found)?;
        if stored.len() != found.payload_len as usize || crate::format::crc(&stored) != payload_crc {
            return Ok(None);
        }
        let payload = match found.codec {
            Compression::None => stored,
            _ => match sound(compressed::plain(&found.coding(&stored)?, &stored))? {
                Some(plain) => plain,
                None => return Ok(None),
            },
        };
        let header = RecordHeader {
            nodes: nodes.cast_signed(),
            replaced8,
            blob: found.blob,
            fold: found.fold,
            sequence: found.sequence,
            first_sequence: found.first_sequence,
            ..RecordHeader::new(found.kind, document, &payload)?
        };
        Ok(Some((header, payload)))
    }

    /// The document as a read gives it; `None` where anything of it does not check out.
    fn whole(&mut self, document: u64, layers: &[Found], blobs: &[Found]) -> Result<Option<Ready>> {
        let Some(base) = layers.iter().rposition(|found| found.kind == RecordKind::Tree) else { return Ok(None) };
        if layers.iter().any(|found| !found.whole) {
            return Ok(None);
        }
        let mut records = Vec::new();
        for found in &layers[base..] {
            let Some((header, payload)) = self.whole_record(document, found)? else { return Ok(None) };
            if sound(packed::check(&payload))?.is_none() {
                return Ok(None);
            }
            records.push((header, payload));
        }
        let deltas = records.split_off(1);
        let Some((tree_header, tree)) = records.pop() else { return Ok(None) };
        let Some((order, state, next_input_id)) = sound(outline(&tree, &deltas))? else { return Ok(None) };
        let blob = match state {
            BlobState::External { length, crc } => match self.blob(document, blobs, length, crc)? {
                Some(blob) => Some(blob),
                None => return Ok(None),
            },
            _ => None,
        };
        if deltas.is_empty() {
            return Ok(Some(Ready { packed: tree, blob, apart: None }));
        }
        let length = deltas.iter().map(|(_, payload)| payload.len()).sum::<usize>() + tree.len();
        if length as u64 <= self.merge_limit {
            let payloads: Vec<&[u8]> = deltas.iter().map(|(_, payload)| &payload[..]).collect();
            let merged = packed::merge(&tree, &payloads, MergedBlob::Keep);
            let checked = merged.and_then(|packed| packed::check(&packed).map(|()| packed));
            return Ok(sound(checked)?.map(|packed| Ready { packed, blob, apart: None }));
        }
        let mut packed = tree;
        if sound(packed::reserve_ids(&mut packed, next_input_id))?.is_none() {
            return Ok(None);
        }
        let apart = Apart { sequence: tree_header.sequence, inputs: order, deltas };
        Ok(Some(Ready { packed, blob, apart: Some(apart) }))
    }

    /// The blob record that a tree or delta means.
    fn blob(&mut self, document: u64, blobs: &[Found], length: u64, crc: u32) -> Result<Option<Vec<u8>>> {
        for found in blobs.iter().filter(|found| u64::from(found.payload_len) == length) {
            match self.whole_record(document, found)? {
                Some((header, bytes)) if header.payload_crc == crc => return Ok(Some(bytes)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The document put together from what checks out; `None` where that is nothing.
    fn mended(
        &mut self,
        document: u64,
        layers: &[Found],
        blobs: &[Found],
        losses: &[Loss],
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Ready>> {
        let read = |found: &Found| Ok(Layer { found: *found, bytes: self.plain_payload(found)? });
        let layers = layers.iter().map(read).collect::<Result<Vec<_>>>()?;
        let mut records = Vec::new();
        for found in blobs.iter().filter(|found| found.whole) {
            let record = self.whole_record(document, found)?;
            records.extend(record.map(|(header, _)| BlobRecord { found: *found, crc: header.payload_crc }));
        }
        let lost = losses.iter().filter(|loss| loss.kind != Some(RecordKind::Blob)).map(|loss| loss.sequence).max();
        let mended = mend::mend(document, &layers, &records, lost)?;
        if !mended.is_anything {
            return Ok(None);
        }
        let Mended { mut tree, ids, blob, next_input_id, findings: found, .. } = mended;
        findings.extend(found);
        let is_external = matches!(blob, Blob::Record(_));
        tree.blob = match blob {
            Blob::Lost => Vec::new(),
            Blob::Inline(at, span) => match layers.get(at).and_then(|layer| span.of(&layer.bytes).ok()) {
                Some(blob) => memory::copy(blob)?,
                None => return Ok(None),
            },
            Blob::Record(found) => match self.whole_record(document, &found)? {
                Some((_, blob)) => blob,
                None => return Ok(None),
            },
        };
        // There is no other reason to refuse what was just read.
        let packed = packed::encode_with_ids(&tree, |at| ids[at].raw(), next_input_id, is_external)
            .map_err(|_| Error::NoMemory)?;
        if packed.len() > u32::MAX as usize {
            return Ok(None); // more than a record can hold, which no commit can have written
        }
        if sound(packed::check(&packed))?.is_none() {
            return Ok(None);
        }
        let Tree { blob, .. } = tree;
        Ok(Some(Ready { packed, blob: is_external.then_some(blob), apart: None }))
    }

    fn write(&mut self, document: u64, newest: u64, ready: Ready) -> Result<()> {
        let Ready { mut packed, blob, apart } = ready;
        let Ok(head) = Head::parse(&packed) else { return Ok(()) };
        let (inputs, outputs) = (u64::from(head.entry_count()), u64::from(head.output_count()));
        let is_external = matches!(head.blob(), BlobState::External { .. });
        let next = head.next_input_id();
        // A tree that passed its check takes any number up to the highest.
        let _ = packed::reserve_ids(&mut packed, (next + self.spare_input_ids).min(1 << 32));
        let apart = apart.unwrap_or(Apart { sequence: newest, inputs, deltas: Vec::new() });
        let changed: i64 = apart.deltas.iter().map(|(header, _)| i64::from(header.nodes)).sum();
        self.report.inputs += apart.inputs;
        self.report.outputs += (inputs + outputs).saturating_add_signed(changed).saturating_sub(apart.inputs);
        let Some(target) = &mut self.target else { return Ok(()) };
        if let Some(blob) = blob {
            let mut header = RecordHeader::new(RecordKind::Blob, document, &blob)?;
            (header.sequence, header.first_sequence) = (newest, newest);
            target.append(&header, &blob)?;
        }
        let mut header = RecordHeader::new(RecordKind::Tree, document, &packed)?;
        (header.sequence, header.first_sequence) = (apart.sequence, apart.sequence);
        header.nodes = (1 + inputs + outputs) as i32;
        header.blob = if is_external { BlobPlace::External } else { BlobPlace::Inline };
        target.append(&header, &packed)?;
        apart.deltas.iter().try_for_each(|(header, payload)| target.append(header, payload).map(drop))
    }
}

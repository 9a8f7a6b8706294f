//! A full check of a store: every record, every document, and the index against the log.
//!
//! 1. Damage is collected, not thrown: the check goes on with the next record or segment. An I/O error ends it.
//! 2. It checks one moment, while commits and reads go on; compaction and a close wait.
//! 3. Every byte that the store relies on is read anew, whatever an earlier read found: headers of files, record
//!    headers, payloads, padding, footers and the manifest; of the checkpoint the pages that the index still has there.

use std::path::Path;
use std::sync::Arc;

use super::core::{Core, Writer};
use crate::error::{Damage, Error, Result};
use crate::format::record::{self, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, SegmentHeader};
use crate::format::{check_zero, compressed, names, packed};
use crate::index::State;
use crate::index::layers::Layers;
use crate::log::{Segment, scan};
use crate::options::Compression;
use crate::recovery;

/// What a full check found.
///
/// ```
/// use stratum::{Columns, Db, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// db.write(|batch| batch.create_document(b"one", &Columns::new()))?;
/// let report = db.verify()?;
/// assert_eq!(report.documents, 1);
/// assert!(report.damage.is_empty());
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Segments read.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Live documents.
    pub documents: u64,
    /// Their inputs.
    pub inputs: u64,
    /// Their outputs.
    pub outputs: u64,
    /// Empty where all is well.
    pub damage: Vec<Damage>,
}

impl VerifyReport {
    /// Keeps damage, passes everything else on.
    fn keep<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Err(Error::Corruption(damage)) => {
                self.damage.push(*damage);
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

impl Core {
    /// Reads and checks everything.
    pub fn verify(&self) -> Result<VerifyReport> {
        let _maintenance = self.maintenance()?;
        // Not before: it may have waited for a close.
        self.check_open()?;
        let mut report = VerifyReport::default();
        let (state, named) = {
            let writer = self.writer.lock();
            let checked = self.check_manifest(&writer);
            report.keep(checked)?;
            (self.published(), writer.manifest.state().segments.clone())
        };
        let mut segments = Vec::new();
        for segment in state.segments.iter() {
            let length = if segment.id() == state.position.0 { state.position.1 } else { segment.readable() };
            let footer = named.get(&segment.id()).map_or(0, |meta| meta.footer);
            report.segments += 1;
            report.bytes += length;
            check_segment(segment, length, footer, &mut report)?;
            segments.push((Arc::clone(segment), length));
        }
        check_documents(&state, &mut report)?;
        let rebuilt = recovery::rebuild(&segments, None);
        if let Some(rebuilt) = report.keep(rebuilt)?
            && rebuilt.index != state.index
            && report.damage.is_empty()
        {
            report.damage.push(damage(self.dir.path(), "the index is not what the log says"));
        }
        Ok(report)
    }

    /// Whether the manifest's file says what is known of it; the caller holds `writer`. After a failed sync it may say
    /// more.
    fn check_manifest(&self, writer: &Writer) -> Result<()> {
        if self.is_poisoned() {
            return Ok(());
        }
        let path = self.dir.join(names::MANIFEST);
        let differs = |what: &str| Err(Error::Corruption(Box::new(damage(&path, what))));
        match writer.manifest.is_intact() {
            Ok(true) => Ok(()),
            Ok(false) => differs("the manifest is not what was read or written before"),
            Err(Error::NotAStore { what, .. } | Error::NewerFormat { what, .. }) => differs(&what),
            Err(error) => Err(error),
        }
    }
}

fn damage(path: &Path, what: &str) -> Damage {
    Damage { file: path.to_path_buf(), offset: 0, document: None, what: what.to_string() }
}

fn check_segment(segment: &Arc<Segment>, length: u64, footer: u64, report: &mut VerifyReport) -> Result<()> {
    report.keep(check_header(segment))?;
    let mut found = Vec::new();
    let scanned = scan::records(segment, HEADER_LEN, length, |offset, header| {
        crate::memory::push(&mut found, (offset, *header))?;
        Ok(())
    });
    let is_whole = report.keep(scanned)?.is_some();
    for (offset, header) in &found {
        report.records += 1;
        let checked = check_record(segment, *offset, header);
        report.keep(checked)?;
    }
    if footer != 0 {
        let listed = scan::documents(segment, length, footer);
        let listed = report.keep(listed)?;
        // It may name more: documents of commits that were refused after they had been given their places.
        let is_named = |listed: &[u64]| found.iter().all(|(_, header)| listed.binary_search(&header.document).is_ok());
        if is_whole && listed.is_some_and(|listed| !is_named(&listed)) {
            let wrong = segment.damage(footer, None, "the footer does not name the segment's documents");
            report.keep::<()>(Err(wrong))?;
        }
    }
    Ok(())
}

fn check_header(segment: &Arc<Segment>) -> Result<()> {
    let bytes = segment.read(0, HEADER_LEN)?;
    match SegmentHeader::decode(&bytes) {
        Ok(header) if header == *segment.header() => Ok(()),
        _ => Err(segment.damage(0, None, "the segment's header is not what it was when it was opened")),
    }
}

fn check_record(segment: &Arc<Segment>, offset: u64, header: &RecordHeader) -> Result<()> {
    let (_, payload) = segment.record(offset)?;
    let malformed =
        |error: crate::format::Malformed| error.into_error(|what| segment.damage(offset, Some(header.document), what));
    let end = record::HEADER_LEN + u64::from(header.payload_len);
    let padding = segment.read(offset + end, header.record_len() - end)?;
    check_zero(&padding).map_err(malformed)?;
    if matches!(header.kind, RecordKind::Tree | RecordKind::Delta) {
        let checked = match header.codec {
            Compression::None => packed::check(&payload),
            _ => compressed::plain(header, &payload).and_then(|plain| packed::check(&plain)),
        };
        checked.map_err(malformed)?;
    }
    Ok(())
}

fn check_documents(state: &State, report: &mut VerifyReport) -> Result<()> {
    let mut next = state.index.next(0);
    while let Some(document) = next {
        next = document.checked_add(1).and_then(|from| state.index.next(from));
        report.documents += 1;
        let checked = check_document(state, document);
        if let Some((inputs, outputs)) = report.keep(checked)? {
            report.inputs += inputs;
            report.outputs += outputs;
        }
    }
    Ok(())
}

/// Reads a document whole; gives back how many inputs and outputs it has.
fn check_document(state: &State, document: u64) -> Result<(u64, u64)> {
    let slot = state.index.get(document)?;
    let Some(layers) = Layers::open(state, document, slot, true)? else { return Ok((0, 0)) };
    let tree = packed::to_tree(&layers.packed()?, None).map_err(|error| layers.malformed(error))?;
    let outputs = tree.inputs.iter().filter(|input| input.output.is_some()).count() as u64;
    let inputs = tree.inputs.len() as u64;
    if slot.nodes() != (1 + inputs + outputs) as i64 {
        return Err(layers.malformed(crate::format::Malformed("the record's count of nodes is wrong")));
    }
    Ok((inputs, outputs))
}

//! Reading a segment from its first record to its end, past whatever does not check out.
//!
//! 1. A record is believed where its header's checksum holds, at its place, in this segment. Behind bytes that are no
//!    record the next one is looked for at every multiple of 8.
//! 2. In a log sequence numbers rise. What is behind a higher one is left of commits that failed, and was never
//!    promised.
//! 3. Payloads are read for their checksum in pieces; no record is held in memory.
//! 4. Where a log was not closed, what its end deletes may never have been promised: from the first commit on that is
//!    not whole and that no frame says was on disk, deletions are left out. Opening the store would not make them
//!    either.

use std::collections::BTreeSet;

use super::identify::SegmentFile;
use super::report::{Finding, FindingKind, RepairReport};
use super::source::Window;
use super::survey::{Found, Survey};
use crate::error::{Error, Result};
use crate::format::record::{self, FRAME_LEN, Frame, HEADER_LEN as RECORD_LEN, RecordError, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, MOST_BYTES};
use crate::memory;

/// Bytes between two calls of the progress callback.
const STEP: u64 = 8 << 20;

/// A commit that is being read.
struct Commit {
    sequence: u64,
    offset: u64,
    /// How many records it has, and where it ends; `None` where its frame is damaged.
    frame: Option<(u32, u64)>,
    whole: u32,
    damaged: u32,
}

/// A walk through one segment.
pub struct Scan<'a> {
    segment: &'a SegmentFile,
    number: u32,
    window: Window,
    survey: &'a mut Survey,
    report: &'a mut RepairReport,
    /// The highest sequence number so far.
    newest: u64,
    commit: Option<Commit>,
    /// Where commits that are not whole, or bytes between commits that are no record, begin.
    torn: Vec<u64>,
    /// Everything before was on disk, by what frames say.
    durable: u64,
    /// Deletions, with their records' places.
    tombstones: Vec<(u64, Found, u64)>,
    /// Where bytes without a record begin.
    lost_from: Option<u64>,
    /// Documents that have a record here.
    documents: BTreeSet<u64>,
    footer: Option<Vec<u64>>,
}

impl<'a> Scan<'a> {
    pub fn new(
        segment: &'a SegmentFile,
        number: u32,
        window: Window,
        survey: &'a mut Survey,
        report: &'a mut RepairReport,
    ) -> Scan<'a> {
        Scan {
            segment,
            number,
            window,
            survey,
            report,
            newest: 0,
            commit: None,
            torn: Vec::new(),
            durable: 0,
            tombstones: Vec::new(),
            lost_from: None,
            documents: BTreeSet::new(),
            footer: None,
        }
    }

    /// Reads it all. `step` is told how many bytes are done, and ends the walk by answering false; so does this then.
    pub fn run(mut self, step: &mut dyn FnMut(u64) -> bool) -> Result<bool> {
        let limit = self.segment.limit.min(self.segment.size).min(MOST_BYTES);
        let (mut at, mut told) = (HEADER_LEN, 0);
        while at + RECORD_LEN <= limit {
            if at - told >= STEP {
                told = at;
                if !step(at) {
                    return Ok(false);
                }
            }
            let bytes = self.window.get(at, RECORD_LEN as usize);
            match RecordHeader::decode(bytes, self.segment.salt, at) {
                Ok(header) => {
                    self.close_gap(at)?;
                    self.record(at, &header, limit)?;
                    at = (at + header.record_len()).min(limit);
                }
                // Among damaged bytes some look like a newer record now and then, by chance.
                Err(RecordError::Newer(_)) if self.lost_from.is_some() => at += 8,
                Err(RecordError::Damaged(_)) => {
                    self.lost_from.get_or_insert(at);
                    at += 8;
                }
                Err(RecordError::Newer(what)) => {
                    return Err(Error::NewerFormat { path: self.segment.path.clone(), what });
                }
            }
        }
        self.end(at.min(limit))?;
        Ok(true)
    }

    fn is_log(&self) -> bool {
        self.segment.kind.has_frames()
    }

    fn finding(&self, kind: FindingKind, offset: u64, length: u64, what: impl Into<String>) -> Finding {
        Finding { offset, length, ..Finding::of_file(kind, &self.segment.path, what) }
    }

    /// Bytes without a record end here, where one begins.
    fn close_gap(&mut self, at: u64) -> Result<()> {
        if let Some(from) = self.lost_from.take() {
            memory::push(&mut self.torn, from)?;
            self.lost(from, at, FindingKind::BytesLost, "no record checks out here; what it held is not known");
        }
        Ok(())
    }

    fn lost(&mut self, from: u64, to: u64, kind: FindingKind, what: &str) {
        let length = to - from;
        self.report.bytes_lost = self.report.bytes_lost.saturating_add(length);
        self.survey.unknown(length);
        let mut finding = self.finding(kind, from, length, what);
        finding.sequence = self.commit.as_ref().map_or(0, |commit| match commit.frame {
            Some((_, end)) if from < end => commit.sequence,
            _ => 0,
        });
        self.report.findings.push(finding);
    }

    fn record(&mut self, at: u64, header: &RecordHeader, limit: u64) -> Result<()> {
        if header.kind != RecordKind::Footer && self.is_log() && self.is_stale(header) {
            return Ok(());
        }
        let fits = at + RECORD_LEN + u64::from(header.payload_len) <= limit;
        let whole = fits && self.window.crc(at + RECORD_LEN, header.payload_len.into()) == header.payload_crc;
        self.report.records += u64::from(whole);
        if !whole {
            self.damaged(at, header, limit);
        }
        if !fits {
            // The file is cut off here; how much was behind it nothing tells.
            self.survey.unknown(header.record_len());
        }
        match header.kind {
            RecordKind::Frame => self.frame(at, header, whole)?,
            RecordKind::Footer => self.footer(at, header, whole)?,
            _ => {
                self.count(at, header, whole)?;
                self.documents.insert(header.document);
                let found = Found::new(self.number, at, header, whole);
                if header.kind == RecordKind::Tombstone && self.is_log() {
                    memory::push(&mut self.tombstones, (header.document, found, at))?;
                } else {
                    self.survey.record(header.document, found)?;
                }
            }
        }
        self.newest = self.newest.max(header.sequence);
        Ok(())
    }

    /// Whether a record of a log is left of a commit that failed, or that recovery discarded.
    fn is_stale(&self, header: &RecordHeader) -> bool {
        let is_same = self.commit.as_ref().is_some_and(|commit| commit.sequence == header.sequence);
        header.sequence >= self.segment.discarded_from
            || header.sequence < self.newest
            || (header.sequence == self.newest && (!is_same || header.kind == RecordKind::Frame))
    }

    fn damaged(&mut self, at: u64, header: &RecordHeader, limit: u64) {
        let length = header.record_len().min(limit - at);
        self.report.bytes_lost = self.report.bytes_lost.saturating_add(length);
        let what = match header.kind {
            RecordKind::Frame => "the head of a commit is damaged; its records are used as far as they check out",
            RecordKind::Tree => "a tree is damaged; what checks out in it is used",
            RecordKind::Delta => "a change is damaged; what checks out in it is used",
            RecordKind::Blob => "a blob is damaged",
            RecordKind::Tombstone => "a deletion is damaged",
            RecordKind::Footer => "a footer is damaged; it holds nothing that the records do not",
        };
        let mut finding = self.finding(FindingKind::RecordDamaged, at, length, what);
        finding.document = crate::ids::DocumentId::new(header.document);
        finding.sequence = header.sequence;
        self.report.findings.push(finding);
    }

    fn frame(&mut self, at: u64, header: &RecordHeader, whole: bool) -> Result<()> {
        self.end_commit()?;
        let payload = self.window.get(at + RECORD_LEN, FRAME_LEN);
        let frame = Some(payload).filter(|_| whole).and_then(|payload| Frame::decode(payload).ok());
        if let Some(frame) = frame {
            self.durable = self.durable.max(frame.durable_offset);
            self.survey.next_document = self.survey.next_document.max(frame.next_document);
        }
        self.survey.sequence = self.survey.sequence.max(header.sequence);
        let body = at + record::FRAME_RECORD_LEN;
        let frame = frame.map(|frame| (frame.records, body.saturating_add(frame.body_len)));
        self.commit = Some(Commit { sequence: header.sequence, offset: at, frame, whole: 0, damaged: 0 });
        Ok(())
    }

    /// Books a record of a commit; one without its frame begins a commit of its own.
    fn count(&mut self, at: u64, header: &RecordHeader, whole: bool) -> Result<()> {
        if !self.is_log() {
            return Ok(());
        }
        if self.commit.as_ref().is_none_or(|commit| commit.sequence != header.sequence) {
            self.end_commit()?;
            let sequence = header.sequence;
            self.commit = Some(Commit { sequence, offset: at, frame: None, whole: 0, damaged: 0 });
        }
        if let Some(commit) = &mut self.commit {
            commit.whole += u32::from(whole);
            commit.damaged += u32::from(!whole);
        }
        Ok(())
    }

    fn end_commit(&mut self) -> Result<()> {
        let Some(commit) = self.commit.take() else { return Ok(()) };
        if commit.frame.is_some_and(|(records, _)| commit.whole == records && commit.damaged == 0) {
            return Ok(());
        }
        memory::push(&mut self.torn, commit.offset)?;
        let what = match commit.frame {
            Some((records, _)) => {
                let missing = records.saturating_sub(commit.whole.saturating_add(commit.damaged));
                self.survey.unknown(u64::from(missing) * RECORD_LEN);
                format!("{} of the {records} records of a commit check out", commit.whole)
            }
            None => format!("{} records of a commit check out; how many it had is not known", commit.whole),
        };
        let mut finding = self.finding(FindingKind::BatchInPart, commit.offset, 0, what);
        finding.sequence = commit.sequence;
        self.report.findings.push(finding);
        Ok(())
    }

    /// Makes the deletions that count.
    fn delete(&mut self, is_open_ended: bool) -> Result<()> {
        let torn = self.torn.iter().copied().filter(|at| is_open_ended && *at >= self.durable).min();
        for (document, found, at) in std::mem::take(&mut self.tombstones) {
            if torn.is_none_or(|torn| at < torn) {
                self.survey.record(document, found)?;
                continue;
            }
            self.survey.used(document);
            self.survey.sequence = self.survey.sequence.max(found.sequence);
            self.survey.unknown(RECORD_LEN); // was it promised? nothing tells
            let what = "the deletion of a document, behind damage at the end of a log: the document is kept";
            let mut finding = self.finding(FindingKind::BatchInPart, at, RECORD_LEN, what);
            finding.document = crate::ids::DocumentId::new(document);
            finding.sequence = found.sequence;
            self.report.findings.push(finding);
        }
        Ok(())
    }

    fn footer(&mut self, at: u64, header: &RecordHeader, whole: bool) -> Result<()> {
        self.end_commit()?;
        if !whole {
            return Ok(());
        }
        let mut documents = Vec::new();
        let (mut from, end) = (at + RECORD_LEN, at + RECORD_LEN + u64::from(header.payload_len));
        while from + record::FOOTER_ENTRY_LEN <= end {
            let entry = self.window.get(from, record::FOOTER_ENTRY_LEN as usize);
            for document in record::decode_footer(entry).unwrap_or_default() {
                // No store writes a document twice; each time would be a loss of its own.
                if documents.last().is_none_or(|last| *last < document) {
                    memory::push(&mut documents, document)?;
                }
            }
            from += record::FOOTER_ENTRY_LEN;
        }
        self.footer = Some(documents);
        Ok(())
    }

    /// What is left behind the last record, and what should have been there.
    fn end(&mut self, at: u64) -> Result<()> {
        let limit = self.segment.limit.min(self.segment.size).min(MOST_BYTES);
        let from = self.lost_from.take().unwrap_or(at);
        let is_open_ended = !self.segment.is_sealed && self.footer.is_none() && self.is_log();
        self.survey.is_open_ended |= is_open_ended;
        if is_open_ended && self.commit.as_ref().is_some_and(|commit| commit.frame.is_none()) {
            self.survey.unknown(RECORD_LEN); // nothing tells whether the last commit had more records
        }
        let content_end = self.window.content_end(from, limit);
        if is_open_ended && from < content_end {
            // Zeros at the end of a log were written ahead of it, or never.
            let what = "behind the last record that checks out: a commit that was never finished, or damage";
            self.lost(from, content_end, FindingKind::Tail, what);
        } else if !is_open_ended && from < limit && (self.segment.is_sealed || from < content_end) {
            self.lost(from, limit, FindingKind::BytesLost, "no record checks out here; what it held is not known");
        }
        self.end_commit()?;
        if self.segment.is_sealed && self.segment.size < self.segment.limit {
            let (from, to) = (self.segment.size.max(limit), self.segment.limit);
            self.lost(from, to, FindingKind::BytesLost, "the segment is cut off here");
        }
        self.delete(is_open_ended)?;
        for range in std::mem::take(&mut self.window.bad) {
            let what = "the system does not give these bytes";
            let length = range.end - range.start;
            let finding = self.finding(FindingKind::BytesUnreadable, range.start, length, what);
            self.report.findings.push(finding);
        }
        for document in self.footer.take().unwrap_or_default() {
            if !self.documents.contains(&document) {
                self.survey.unseen(document, self.newest, self.segment.id)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

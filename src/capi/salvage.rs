//! Repairing a damaged store into a new one, and the report of it.

#![allow(unsafe_code)] // the C boundary

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::ptr;

use super::arguments::{self, Out};
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::status::Call;
use super::value::stratum_text;
use super::value_out::{Frozen, lasting};
use crate::{Outcome, RepairOptions, RepairProgress, RepairReport};

/// The manifest is missing or does not check out. Which segments there were is told from the directory.
pub const STRATUM_FINDING_MANIFEST: i32 = 1;
/// The checkpoint does not check out. It holds nothing that the log does not.
pub const STRATUM_FINDING_CHECKPOINT: i32 = 2;
/// Whether another process has the store open could not be told.
pub const STRATUM_FINDING_NOT_LOCKED: i32 = 3;
/// A segment that the manifest names is not there.
pub const STRATUM_FINDING_SEGMENT_MISSING: i32 = 10;
/// A segment's file was left out: not a segment of this store, or nothing in it can be told.
pub const STRATUM_FINDING_SEGMENT_UNUSABLE: i32 = 11;
/// A segment's header is damaged. Its records were read all the same.
pub const STRATUM_FINDING_SEGMENT_HEADER: i32 = 12;
/// Bytes of a segment in which no record checks out: what they held is not known.
pub const STRATUM_FINDING_BYTES_LOST: i32 = 20;
/// Bytes that the system does not give: read as zeros.
pub const STRATUM_FINDING_BYTES_UNREADABLE: i32 = 21;
/// Bytes behind the last record of the log: of a commit that was never finished, or that was damaged since.
pub const STRATUM_FINDING_TAIL: i32 = 22;
/// A record whose header checks out and whose contents do not.
pub const STRATUM_FINDING_RECORD_DAMAGED: i32 = 23;
/// A record that must have been there, by what the checkpoint or a segment's footer says, and was not found.
pub const STRATUM_FINDING_RECORD_MISSING: i32 = 24;
/// A commit of which not all records check out; those that do were used.
pub const STRATUM_FINDING_BATCH_IN_PART: i32 = 25;
/// Nothing of a document could be saved.
pub const STRATUM_FINDING_DOCUMENT_LOST: i32 = 30;
/// Parts of a document are lost; the findings of that document say which.
pub const STRATUM_FINDING_DOCUMENT_IN_PART: i32 = 31;
/// Parts of a document may be older than they were; the findings of that document say which.
pub const STRATUM_FINDING_DOCUMENT_OLDER: i32 = 32;
/// A document's blob is lost: it is empty now.
pub const STRATUM_FINDING_BLOB_LOST: i32 = 40;
/// A document's blob is an older one.
pub const STRATUM_FINDING_BLOB_OLDER: i32 = 41;
/// A document's columns are lost.
pub const STRATUM_FINDING_COLUMNS_LOST: i32 = 42;
/// Some of a document's columns are older than they were, or gone.
pub const STRATUM_FINDING_COLUMNS_OLDER: i32 = 43;
/// The order of a document's inputs, or which of them there were, is older than it was, or in part a guess.
pub const STRATUM_FINDING_INPUTS_OLDER: i32 = 44;
/// An input is lost, with what hung on it.
pub const STRATUM_FINDING_INPUT_LOST: i32 = 50;
/// An input's value is an older one.
pub const STRATUM_FINDING_INPUT_OLDER: i32 = 51;
/// An input's output is lost.
pub const STRATUM_FINDING_OUTPUT_LOST: i32 = 52;
/// An input's output is an older one.
pub const STRATUM_FINDING_OUTPUT_OLDER: i32 = 53;
/// Some of an input's columns are lost, or older than they were.
pub const STRATUM_FINDING_INPUT_COLUMNS_OLDER: i32 = 54;

/// Nothing was to be written.
pub const STRATUM_REPAIR_DRY_RUN: i32 = 0;
/// The target is a complete store.
pub const STRATUM_REPAIR_WRITTEN: i32 = 1;
/// The progress callback ended the work; there is no target.
pub const STRATUM_REPAIR_STOPPED: i32 = 2;

/// How far a repair has come.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_repair_progress {
    /// sizeof(stratum_repair_progress) as the library was compiled.
    pub struct_size: usize,
    /// Bytes of log files read in search of records.
    pub bytes_done: u64,
    /// Bytes of log files there are.
    pub bytes_total: u64,
    /// Documents dealt with.
    pub documents_done: u64,
    /// Documents to deal with; 0 until everything was read once.
    pub documents_total: u64,
}

/// Called now and then during a repair, on the thread that called it: return non-zero to go on, 0 to stop. `progress`
/// is valid during the call only. It must return: no exception, no longjmp.
pub type stratum_repair_progress_fn =
    Option<unsafe extern "C" fn(progress: *const stratum_repair_progress, context: *mut c_void) -> i32>;

/// How a store is repaired. Zero it, set struct_size, and set what is to differ from the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_repair_options {
    /// sizeof(stratum_repair_options), as the caller was compiled.
    pub struct_size: usize,
    /// Bytes at which a log file of the target is ended and the next begun; 0 for the default, 64 MiB.
    pub segment_size: u64,
    /// A document with its changes is written as one tree, unless that is more bytes than this; 0 for the default,
    /// 1 GiB.
    pub merge_limit: u64,
    /// Called now and then; NULL for none.
    pub progress: stratum_repair_progress_fn,
    /// Handed to `progress`.
    pub context: *mut c_void,
    /// Not 0: only report. Nothing is written, and the target is not looked at: it may be NULL.
    pub dry_run: i32,
    /// Zero.
    pub reserved: i32,
}

/// One thing that a repair found. What cannot be told is 0 or empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_finding {
    /// STRATUM_FINDING_*; other numbers come with newer versions.
    pub kind: i32,
    /// 1 where it says that contents are lost or older than they were; 0 where it says what is damaged, which may have
    /// held nothing that counted.
    pub is_loss: i32,
    /// The damaged file, as the system names it.
    pub file: stratum_text,
    /// Where in it the damage begins.
    pub offset: u64,
    /// Length of the damage in bytes.
    pub length: u64,
    /// The document.
    pub document: u64,
    /// The input.
    pub input: u64,
    /// Sequence number of the commit that wrote what is damaged.
    pub sequence: u64,
    /// All of it as one line for people.
    pub line: stratum_text,
}

/// What a repair found, saved and lost.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_repair_result {
    /// sizeof(stratum_repair_result) as the library was compiled.
    pub struct_size: usize,
    /// STRATUM_REPAIR_*: what became of it.
    pub outcome: i32,
    /// 1 where everything was saved, 0 where anything is damaged, lost or older than it was.
    pub is_lossless: i32,
    /// 1 where damage may have held newer changes of documents that cannot be told: any document may then be older than
    /// it was, and documents may be missing, or back that were deleted, without being named.
    pub is_uncertain: i32,
    /// Zero.
    pub reserved: i32,
    /// Log files read.
    pub segments: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Records that check out.
    pub records: u64,
    /// Bytes of log files that hold no record that checks out.
    pub bytes_lost: u64,
    /// Documents saved whole, as far as can be told.
    pub documents_whole: u64,
    /// Documents saved in part.
    pub documents_in_part: u64,
    /// Documents of which nothing is missing, and parts may be older than they were.
    pub documents_older: u64,
    /// Documents of which records were found, and nothing could be saved.
    pub documents_lost: u64,
    /// Documents that stay deleted.
    pub documents_deleted: u64,
    /// Inputs saved.
    pub inputs: u64,
    /// Outputs saved.
    pub outputs: u64,
    /// The lowest document id that the target hands out.
    pub next_document: u64,
    /// What is damaged, lost or older, one by one.
    pub findings: *const stratum_finding,
    /// How many; 0 where all is well.
    pub finding_count: usize,
}

/// The report of a repair: owns all that its stratum_repair_result leads to.
pub struct stratum_repair_report(());

/// What a report handle holds.
pub(super) struct Report {
    result: Frozen<stratum_repair_result>,
    _findings: Frozen<Vec<stratum_finding>>,
    _texts: Vec<String>,
}

impl Handle for stratum_repair_report {
    const KIND: Kind = Kind::RepairReport;
    type Object = Report;
}

impl From<RepairProgress> for stratum_repair_progress {
    fn from(progress: RepairProgress) -> stratum_repair_progress {
        let RepairProgress { bytes_done, bytes_total, documents_done, documents_total } = progress;
        let struct_size = size_of::<stratum_repair_progress>();
        stratum_repair_progress { struct_size, bytes_done, bytes_total, documents_done, documents_total }
    }
}

impl Report {
    fn new(report: &RepairReport) -> Report {
        let mut texts = Vec::with_capacity(2 * report.findings.len());
        let mut keep = |text: String| {
            let view = stratum_text { data: lasting(text.as_bytes()).cast(), length: text.len() };
            texts.push(text); // a string's bytes stay where they are when it moves
            view
        };
        let findings = report.findings.iter().map(|finding| stratum_finding {
            kind: finding.kind as i32,
            is_loss: i32::from(finding.kind.is_loss()),
            file: keep(finding.file.display().to_string()),
            offset: finding.offset,
            length: finding.length,
            document: finding.document.map_or(0, |id| id.get()),
            input: finding.input.map_or(0, |id| id.get()),
            sequence: finding.sequence,
            line: keep(finding.to_string()),
        });
        let findings: Vec<stratum_finding> = findings.collect();
        let result = stratum_repair_result {
            struct_size: size_of::<stratum_repair_result>(),
            outcome: match report.outcome {
                Outcome::DryRun => STRATUM_REPAIR_DRY_RUN,
                Outcome::Written => STRATUM_REPAIR_WRITTEN,
                Outcome::Stopped => STRATUM_REPAIR_STOPPED,
            },
            is_lossless: i32::from(report.is_lossless()),
            is_uncertain: i32::from(report.is_uncertain),
            reserved: 0,
            segments: report.segments,
            bytes: report.bytes,
            records: report.records,
            bytes_lost: report.bytes_lost,
            documents_whole: report.documents_whole,
            documents_in_part: report.documents_in_part,
            documents_older: report.documents_older,
            documents_lost: report.documents_lost,
            documents_deleted: report.documents_deleted,
            inputs: report.inputs,
            outputs: report.outputs,
            next_document: report.next_document,
            findings: lasting(&findings),
            finding_count: findings.len(),
        };
        Report { result: Frozen(result), _findings: Frozen(findings), _texts: texts }
    }
}

/// Options from C, NULL for the defaults; the callback and what it is handed.
///
/// # Safety
/// Where it is not NULL it leads to the struct, of which as much is there as its size says.
unsafe fn read_options(
    options: *const stratum_repair_options,
) -> Call<(RepairOptions, stratum_repair_progress_fn, *mut c_void)> {
    let mut made = RepairOptions::default();
    if options.is_null() {
        return Ok((made, None, ptr::null_mut()));
    }
    // SAFETY: the caller's promise; any bytes are valid but for the callback, which is the caller's.
    let options = unsafe { arguments::sized_struct("options", options)? };
    made.dry_run = options.dry_run != 0;
    if options.segment_size != 0 {
        made.segment_size = options.segment_size;
    }
    if options.merge_limit != 0 {
        made.merge_limit = options.merge_limit;
    }
    Ok((made, options.progress, options.context))
}

/// Saves what still checks out of the damaged store in the directory `source` into a new store in the directory
/// `target`, which must be empty or not exist. The source is not changed in any way. Documents and inputs keep their
/// ids and their order; docs/salvage.md says what is saved, and what to do with the report. NULL options are the
/// defaults. The caller frees the report; see stratum_repair_report_get. Damage is not an error of this call: it
/// answers STRATUM_OK and lists it.
/// Errors: STRATUM_LOCKED (somebody has the source open), STRATUM_NOT_A_STORE (neither a manifest nor a log file),
/// STRATUM_NEWER_FORMAT, STRATUM_OPEN_REFUSED (the target is not empty, or lies in the source), STRATUM_IO,
/// STRATUM_NO_SPACE, STRATUM_INVALID_ARGUMENT, STRATUM_COMMIT_UNKNOWN (the last sync failed: the target opens as a
/// whole or not at all). After any other error the target is empty.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_repair(
    source: *const c_char,
    source_length: usize,
    target: *const c_char,
    target_length: usize,
    options: *const stratum_repair_options,
    report: *mut *mut stratum_repair_report,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("report", report)?;
            let source = arguments::path("source", source, source_length)?;
            let (options, progress, context) = read_options(options)?;
            let target =
                if options.dry_run { Path::new("") } else { arguments::path("target", target, target_length)? };
            let report = crate::repair(source, target, &options, &mut |step| {
                progress.is_none_or(|progress| progress(&stratum_repair_progress::from(step), context) != 0)
            })?;
            out.put(handles::insert(Report::new(&report))?);
            Ok(())
        })
    }
}

/// What was found, saved and lost: a borrowed struct, valid with all it leads to until the report is freed. NULL where
/// `report` is not an open handle.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_repair_report_get(report: *const stratum_repair_report) -> *const stratum_repair_result {
    guard::peek(ptr::null(), || Ok(&raw const handles::enter(report)?.result.0))
}

/// Frees the report and sets `*report` to NULL. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread, when nobody uses what was borrowed any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_repair_report_free(report: *mut *mut stratum_repair_report) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(report) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FindingKind;

    #[test]
    fn kinds_have_the_numbers_of_the_header() {
        let kinds = [
            (STRATUM_FINDING_MANIFEST, FindingKind::Manifest),
            (STRATUM_FINDING_CHECKPOINT, FindingKind::Checkpoint),
            (STRATUM_FINDING_NOT_LOCKED, FindingKind::NotLocked),
            (STRATUM_FINDING_SEGMENT_MISSING, FindingKind::SegmentMissing),
            (STRATUM_FINDING_SEGMENT_UNUSABLE, FindingKind::SegmentUnusable),
            (STRATUM_FINDING_SEGMENT_HEADER, FindingKind::SegmentHeader),
            (STRATUM_FINDING_BYTES_LOST, FindingKind::BytesLost),
            (STRATUM_FINDING_BYTES_UNREADABLE, FindingKind::BytesUnreadable),
            (STRATUM_FINDING_TAIL, FindingKind::Tail),
            (STRATUM_FINDING_RECORD_DAMAGED, FindingKind::RecordDamaged),
            (STRATUM_FINDING_RECORD_MISSING, FindingKind::RecordMissing),
            (STRATUM_FINDING_BATCH_IN_PART, FindingKind::BatchInPart),
            (STRATUM_FINDING_DOCUMENT_LOST, FindingKind::DocumentLost),
            (STRATUM_FINDING_DOCUMENT_IN_PART, FindingKind::DocumentInPart),
            (STRATUM_FINDING_DOCUMENT_OLDER, FindingKind::DocumentOlder),
            (STRATUM_FINDING_BLOB_LOST, FindingKind::BlobLost),
            (STRATUM_FINDING_BLOB_OLDER, FindingKind::BlobOlder),
            (STRATUM_FINDING_COLUMNS_LOST, FindingKind::ColumnsLost),
            (STRATUM_FINDING_COLUMNS_OLDER, FindingKind::ColumnsOlder),
            (STRATUM_FINDING_INPUTS_OLDER, FindingKind::InputsOlder),
            (STRATUM_FINDING_INPUT_LOST, FindingKind::InputLost),
            (STRATUM_FINDING_INPUT_OLDER, FindingKind::InputOlder),
            (STRATUM_FINDING_OUTPUT_LOST, FindingKind::OutputLost),
            (STRATUM_FINDING_OUTPUT_OLDER, FindingKind::OutputOlder),
            (STRATUM_FINDING_INPUT_COLUMNS_OLDER, FindingKind::InputColumnsOlder),
        ];
        for (number, kind) in kinds {
            assert_eq!(number, kind as i32);
        }
        let source = include_str!("salvage.rs");
        assert_eq!(kinds.len(), source.lines().filter(|line| line.starts_with("pub const STRATUM_FINDING_")).count());
    }
}

//! The full check of a store, and its report.

#![allow(unsafe_code)] // the C boundary

use std::ptr;

use super::arguments::Out;
use super::db::{on_store, stratum_db};
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::status::Call;
use super::value::stratum_text;
use super::value_out::{Frozen, lasting};
use crate::VerifyReport;
use crate::memory;

/// One place where the store is damaged.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_damage {
    /// The damaged file, as the system names it.
    pub file: stratum_text,
    /// Byte offset of the damaged record in the file.
    pub offset: u64,
    /// The document that the record belongs to, 0 where that cannot be told.
    pub document: u64,
    /// What does not check out.
    pub what: stratum_text,
}

/// What a full check found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_findings {
    /// sizeof(stratum_findings) as the library was compiled.
    pub struct_size: usize,
    /// Log files read.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Live documents.
    pub documents: u64,
    /// Their inputs.
    pub inputs: u64,
    /// Their outputs.
    pub outputs: u64,
    /// Where the store is damaged.
    pub damage: *const stratum_damage,
    /// In how many places; 0 where all is well.
    pub damage_count: usize,
}

/// The report of a full check: owns all that its stratum_findings lead to.
pub struct stratum_report(());

/// What a report handle holds.
pub(super) struct Report {
    findings: Frozen<stratum_findings>,
    _damage: Frozen<Vec<stratum_damage>>,
    _texts: Vec<String>,
}

impl Handle for stratum_report {
    const KIND: Kind = Kind::Report;
    type Object = Report;
}

impl Report {
    fn new(report: VerifyReport) -> Call<Report> {
        let VerifyReport { segments, records, bytes, documents, inputs, outputs, damage } = report;
        let mut texts = memory::vec(2 * damage.len())?;
        let mut keep = |text: String| {
            let view = stratum_text { data: lasting(text.as_bytes()).cast(), length: text.len() };
            texts.push(text); // a string's bytes stay where they are when it moves
            view
        };
        let mut places = memory::vec(damage.len())?;
        for place in damage {
            let document = place.document.map_or(0, |id| id.get());
            let (file, what) = (keep(place.file.display().to_string()), keep(place.what));
            places.push(stratum_damage { file, offset: place.offset, document, what });
        }
        let findings = stratum_findings {
            struct_size: size_of::<stratum_findings>(),
            segments,
            records,
            bytes,
            documents,
            inputs,
            outputs,
            damage: lasting(&places),
            damage_count: places.len(),
        };
        Ok(Report { findings: Frozen(findings), _damage: Frozen(places), _texts: texts })
    }
}

/// Reads and checks everything: every checksum, every value, and the index against the log. Damage is not an error of
/// this call: it answers STRATUM_OK and lists it. The caller frees the report; see stratum_report_get.
/// Errors: STRATUM_IO, STRATUM_CLOSED, STRATUM_BUSY (inside a callback).
///
/// Thread safety: any thread; reads and writes go on meanwhile, compaction waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_db_verify(
    db: *const stratum_db,
    report: *mut *mut stratum_report,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        on_store(db, error, |store| {
            let out = Out::required("report", report)?;
            out.put(handles::insert(Report::new(store.db.verify()?)?)?);
            Ok(())
        })
    }
}

/// What was found: a borrowed struct, valid with all it leads to until the report is freed. NULL where `report` is not
/// an open handle.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_report_get(report: *const stratum_report) -> *const stratum_findings {
    guard::peek(ptr::null(), || Ok(&raw const handles::enter(report)?.findings.0))
}

/// Frees the report and sets `*report` to NULL. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread, when nobody uses what was borrowed any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_report_free(report: *mut *mut stratum_report) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(report) }
}

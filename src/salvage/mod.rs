//! Saving what still checks out of a damaged store, into a new one.
//!
//! What others do. SQLite's `.recover` reads every page that looks like one and writes rows into a new database; rows
//! without a table go into `lost_and_found`. LevelDB's and RocksDB's `RepairDB` scan every log and table, archive what
//! they cannot read, and write a new manifest *in place*: what they misjudge is gone. bbolt's `surgery` edits pages and
//! leaves the judgement to its user. All of them can bring back what was deleted, and none says exactly what is
//! missing.
//!
//! What we do. The source is read and never changed; the target is a store of its own, complete or none at all; and the
//! report names what was lost as finely as it can be told.
//!
//! ```text
//!   identify   manifest, checkpoint, segments: what is what, by contents rather than by name
//!   scan       every segment, past damage: records that check out, and those whose header does       (survey)
//!   compare    with the checkpoint and with footers: what must have been there, what was deleted
//!   save       each document, ascending: whole, or mended from the parts that check out              (document, mend)
//!   finish     one manifest that makes the target a store                                            (target)
//! ```
//!
//! 1. Nothing in the source is written, created or removed, and a store that is open elsewhere is refused.
//! 2. Documents, inputs and their order keep their ids. No id is handed out again that the damaged store may have used:
//!    marks go above everything that was seen, and where bytes are lost, above all that could have been in them.
//! 3. Nothing is given out whose checksum does not hold. What was lost is missing, or older than it was, and the report
//!    says so; where it cannot tell of which documents, it says that (`is_uncertain`).
//! 4. A record counts by its own checksums: commits that are damaged in part are used in part, and reported.
//! 5. Memory: an entry per live document, the checkpoint, and one document at a time.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::NUMBERS_END;
use crate::options::{MAX_SEGMENT_SIZE, MIN_SEGMENT_SIZE};
use crate::vfs::FileSystem;
use crate::vfs::os::OsFileSystem;

mod chain;
mod document;
mod identify;
mod mend;
mod records;
mod report;
mod salt;
mod scan;
mod source;
mod stand_ins;
mod survey;
mod target;

pub use report::{Finding, FindingKind, Outcome, RepairReport};

use document::Documents;
use identify::Identified;
use source::{Files, Source, Window};
use survey::Survey;
use target::Target;

/// What a document takes in the log at least: fewer bytes cannot have held a document that is not known.
const LEAST_DOCUMENT: u64 = 136;
/// The same for an input.
const LEAST_INPUT: u64 = 48;
/// Ids that calls may have been given and not used, beside those.
const SPARE_DOCUMENTS: u64 = 1 << 20;
const SPARE_INPUTS: u64 = 1 << 12;
/// Marks of the target are not above this, whatever a hostile source says: it has as much to go on again.
const HIGHEST_MARK: u64 = NUMBERS_END - (1 << 32);
/// A segment that is gone altogether may have been this long, where nothing says how long it was.
const USUAL_SEGMENT: u64 = 64 << 20;

/// How a store is repaired. `RepairOptions::default()` suits most.
///
/// ```
/// use stratum::{Columns, Db, Options, Outcome, RepairOptions};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (damaged, repaired) = (dir.path().join("damaged"), dir.path().join("repaired"));
/// # let db = Db::open(&damaged, &Options::default())?;
/// # db.write(|batch| batch.create_document(b"Add two numbers.", &Columns::new()))?;
/// # db.close()?;
/// let mut options = RepairOptions::default();
/// options.dry_run = true;
/// let report = stratum::repair(&damaged, &repaired, &options, &mut |_| true)?;
/// assert_eq!(report.outcome, Outcome::DryRun);
/// assert!(!repaired.exists());
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RepairOptions {
    /// Only report; nothing is written and the target is not looked at. Default: false.
    pub dry_run: bool,
    /// Bytes at which a segment of the target is ended and the next begun, 256 B to 4 GiB. Default: 64 MiB.
    pub segment_size: u64,
    /// A document with its changes is written as one tree, unless that is more bytes than this, up to 2 GiB. Bounds the
    /// memory that the repair takes. Default: 1 GiB.
    pub merge_limit: u64,
}

impl Default for RepairOptions {
    fn default() -> RepairOptions {
        RepairOptions { dry_run: false, segment_size: 64 << 20, merge_limit: 1 << 30 }
    }
}

/// How far a repair has come.
///
/// ```
/// use stratum::{Columns, Db, Options, RepairOptions};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (damaged, repaired) = (dir.path().join("damaged"), dir.path().join("repaired"));
/// # let db = Db::open(&damaged, &Options::default())?;
/// # db.write(|batch| batch.create_document(b"Add two numbers.", &Columns::new()))?;
/// # db.close()?;
/// let mut most = 0;
/// stratum::repair(&damaged, &repaired, &RepairOptions::default(), &mut |progress| {
///     most = most.max(progress.bytes_done);
///     true // go on
/// })?;
/// assert!(most > 0);
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairProgress {
    /// Bytes of segments read in search of records.
    pub bytes_done: u64,
    /// Bytes of segments there are.
    pub bytes_total: u64,
    /// Documents dealt with.
    pub documents_done: u64,
    /// Documents to deal with; zero until everything was read once.
    pub documents_total: u64,
}

/// Saves what still checks out of the store in the directory `source` into a new store in the directory `target`, which
/// must be empty or not exist. The source is not changed in any way.
///
/// `progress` is called now and then, on this thread, and ends the work by returning false: then there is no target.
///
/// # Errors
/// `Locked` where somebody has the source open; `NotAStore` where there is neither a manifest nor a segment;
/// `NewerFormat`; `OpenRefused` for a target that is not empty or lies in the source; `InvalidArgument` for options
/// that make no sense; `Io` and `NoSpace` of the target, and where the source cannot even be listed; `CommitUnknown`
/// where the last sync of the target failed: then it opens as a whole or not at all. On every other error the target
/// is empty.
/// Damage of the source is no error but in the report.
///
/// ```
/// use stratum::{Columns, Db, Options, RepairOptions};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (damaged, repaired) = (dir.path().join("damaged"), dir.path().join("repaired"));
/// let db = Db::open(&damaged, &Options::default())?;
/// let id = db.write(|batch| batch.create_document(b"Add two numbers.", &Columns::new()))?;
/// db.close()?;
/// std::fs::remove_file(damaged.join("MANIFEST")).unwrap();
///
/// let report = stratum::repair(&damaged, &repaired, &RepairOptions::default(), &mut |_| true)?;
/// assert_eq!(report.documents_whole, 1);
/// println!("{report}");
/// let db = Db::open(&repaired, &Options::default())?;
/// assert_eq!(&db.view()?.blob(id)?[..], b"Add two numbers.");
/// # Ok::<(), stratum::Error>(())
/// ```
pub fn repair(
    source: impl AsRef<Path>,
    target: impl AsRef<Path>,
    options: &RepairOptions,
    progress: &mut dyn FnMut(RepairProgress) -> bool,
) -> Result<RepairReport> {
    repair_on(Arc::new(OsFileSystem), source.as_ref(), target.as_ref(), options, progress)
}

/// Repairs on a file system of the caller's choice: the simulated disk, in tests.
///
/// # Errors
/// As for [`repair`].
pub fn repair_on(
    fs: Arc<dyn FileSystem>,
    source: &Path,
    target: &Path,
    options: &RepairOptions,
    progress: &mut dyn FnMut(RepairProgress) -> bool,
) -> Result<RepairReport> {
    check(options)?;
    let mut report = RepairReport::default();
    let opened = Source::open(Arc::clone(&fs), source, &mut report.findings)?;
    let found = identify::identify(&opened, &mut report.findings)?;
    if options.dry_run {
        let mut repair = Repair { source: &opened, options, report, progress };
        let is_done = repair.run(&found, None)?;
        return Ok(repair.finished(is_done, Outcome::DryRun));
    }
    refuse_inside(&*fs, source, target)?;
    let mut written = Target::create(fs, target, options.segment_size)?;
    let mut repair = Repair { source: &opened, options, report, progress };
    match repair.run(&found, Some(&mut written)) {
        Ok(true) => Ok(repair.finished(true, Outcome::Written)),
        Ok(false) => {
            written.abandon();
            Ok(repair.finished(false, Outcome::Stopped))
        }
        // Whether the target is a store already only the next open tells.
        Err(error @ Error::CommitUnknown { .. }) => Err(error),
        Err(error) => {
            written.abandon();
            Err(error)
        }
    }
}

fn check(options: &RepairOptions) -> Result<()> {
    let bounds = [
        ("segment_size", options.segment_size, MIN_SEGMENT_SIZE, MAX_SEGMENT_SIZE),
        ("merge_limit", options.merge_limit, 0, 2 << 30),
    ];
    for (name, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            return Err(Error::InvalidArgument(format!("{name} {value} is not between {least} and {most}")));
        }
    }
    Ok(())
}

/// A target in the source's directory would change it, by whatever path it is reached.
fn refuse_inside(fs: &dyn FileSystem, source: &Path, target: &Path) -> Result<()> {
    let resolved = |path: &Path| fs.resolve(path).map_err(|error| Error::io("finding", path, error));
    if resolved(target)?.starts_with(resolved(source)?) {
        let what = "it lies in the damaged store, which is not to be changed";
        return Err(Error::OpenRefused { path: target.to_path_buf(), what });
    }
    Ok(())
}

struct Repair<'a> {
    source: &'a Source,
    options: &'a RepairOptions,
    report: RepairReport,
    progress: &'a mut dyn FnMut(RepairProgress) -> bool,
}

impl Repair<'_> {
    fn finished(self, is_done: bool, outcome: Outcome) -> RepairReport {
        RepairReport { outcome: if is_done { outcome } else { Outcome::Stopped }, ..self.report }
    }

    /// Does it all; false where the callback ended the work.
    fn run(&mut self, found: &Identified, target: Option<&mut Target>) -> Result<bool> {
        let mut survey = Survey::default();
        let mut step = RepairProgress {
            // A hostile manifest can claim any length: sums saturate here and below.
            bytes_total: found.segments.iter().fold(0, |sum: u64, segment| sum.saturating_add(segment.limit)),
            ..Default::default()
        };
        if !self.scan(found, &mut survey, &mut step)? {
            return Ok(false);
        }
        self.compare(found, &mut survey)?;
        self.save(found, &survey, &mut step, target)
    }

    fn scan(&mut self, found: &Identified, survey: &mut Survey, step: &mut RepairProgress) -> Result<bool> {
        for (number, segment) in found.segments.iter().enumerate() {
            let file = match source::open(&self.source.dir, &segment.path)? {
                Ok((file, _)) => file,
                Err(error) => {
                    let what = format!("the segment cannot be opened: {error}");
                    let mut finding = Finding::of_file(FindingKind::SegmentUnusable, &segment.path, what);
                    finding.length = segment.limit;
                    survey.unknown(segment.limit);
                    self.report.findings.push(finding);
                    continue;
                }
            };
            let window = Window::new(file, segment.size);
            let before = step.bytes_done;
            let scan = scan::Scan::new(segment, number as u32, window, survey, &mut self.report);
            let progress = &mut *self.progress;
            if !scan.run(&mut |at| progress(RepairProgress { bytes_done: before.saturating_add(at), ..*step }))? {
                return Ok(false);
            }
            step.bytes_done = before.saturating_add(segment.limit);
            self.report.segments += 1;
            self.report.bytes = self.report.bytes.saturating_add(segment.limit.min(segment.size));
        }
        Ok((self.progress)(*step))
    }

    /// What there must have been, and which ids may have been used.
    fn compare(&mut self, found: &Identified, survey: &mut Survey) -> Result<()> {
        for meta in &found.missing {
            survey.unknown(if meta.length == 0 { USUAL_SEGMENT } else { meta.length });
        }
        for finding in &self.report.findings {
            if finding.kind == FindingKind::SegmentUnusable {
                survey.unknown(if finding.length == 0 { USUAL_SEGMENT } else { finding.length });
            }
        }
        if let Some(marks) = found.marks {
            survey.next_document = survey.next_document.max(marks.next_document);
            survey.sequence = survey.sequence.max(marks.sequence);
        }
        survey.finish();
        if let Some(checkpoint) = &found.checkpoint {
            survey.compare_with_checkpoint(checkpoint)?;
        }
        survey.compare_with_footers()?;
        let no_manifest = self.report.findings.iter().any(|finding| finding.kind == FindingKind::Manifest);
        self.report.is_uncertain = survey.unknown_bytes > 0 || no_manifest;
        Ok(())
    }

    fn save(
        &mut self,
        found: &Identified,
        survey: &Survey,
        step: &mut RepairProgress,
        mut target: Option<&mut Target>,
    ) -> Result<bool> {
        let mut files = Files::new(found.segments.iter().map(|segment| segment.path.clone()).collect());
        // Ids are left out also where commits may be cut off without a trace.
        let is_damaged = self.report.is_uncertain || !survey.losses.is_empty() || survey.is_open_ended;
        let damaged = self.report.bytes_lost.saturating_add(survey.unknown_bytes);
        step.documents_total = survey.documents.len() as u64;
        let mut documents = Documents {
            dir: &self.source.dir,
            files: &mut files,
            target: target.as_deref_mut(),
            report: &mut self.report,
            spare_input_ids: if is_damaged || damaged > 0 { damaged / LEAST_INPUT + SPARE_INPUTS } else { 0 },
            merge_limit: self.options.merge_limit,
        };
        for (document, records) in &survey.documents {
            let losses = survey.losses.get(document).map_or(&[][..], Vec::as_slice);
            documents.save(*document, records, losses)?;
            step.documents_done += 1;
            if step.documents_done.is_multiple_of(256) && !(self.progress)(*step) {
                return Ok(false);
            }
        }
        for (document, losses) in survey.losses.iter().filter(|(id, _)| !survey.documents.contains_key(id)) {
            documents.lose_unseen(*document, losses);
        }
        self.report.documents_deleted = survey.deleted.len() as u64;
        let spare = if is_damaged { survey.unknown_bytes / LEAST_DOCUMENT + SPARE_DOCUMENTS } else { 0 };
        self.report.next_document = survey.next_document.max(1).saturating_add(spare).min(HIGHEST_MARK);
        if !(self.progress)(*step) {
            return Ok(false);
        }
        match target {
            Some(target) => target.finish(self.report.next_document, survey.sequence.min(HIGHEST_MARK)).map(|()| true),
            None => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests;

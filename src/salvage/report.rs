//! What a repair found, saved and lost: for programs as fields, for people as lines.
//!
//! 1. Each finding stands for itself: what is lost or older is named once, at the finest grain that can be told.
//! 2. Kinds keep their numbers, which are those of the C ABI.

use std::fmt;
use std::path::PathBuf;

use crate::ids::{DocumentId, InputId};

/// What a finding is about.
///
/// ```
/// use stratum::FindingKind;
/// assert!(!FindingKind::Checkpoint.is_loss());
/// assert!(FindingKind::BlobLost.is_loss());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The manifest is missing or does not check out. Which segments there were is told from the directory.
    Manifest = 1,
    /// The checkpoint does not check out. It holds nothing that the log does not.
    Checkpoint = 2,
    /// Whether another process has the store open could not be told.
    NotLocked = 3,
    /// A segment that the manifest names is not there.
    SegmentMissing = 10,
    /// A segment's file was left out: not a segment of this store, or nothing in it can be told.
    SegmentUnusable = 11,
    /// A segment's header is damaged. Its records were read all the same.
    SegmentHeader = 12,
    /// Bytes of a segment in which no record checks out: what they held is not known.
    BytesLost = 20,
    /// Bytes that the system does not give: read as zeros.
    BytesUnreadable = 21,
    /// Bytes behind the last record of the log: of a commit that was never finished, or that was damaged since.
    Tail = 22,
    /// A record whose header checks out and whose contents do not.
    RecordDamaged = 23,
    /// A record that must have been there, by what the checkpoint or a segment's footer says, and was not found.
    RecordMissing = 24,
    /// A commit of which not all records check out; those that do were used.
    BatchInPart = 25,
    /// Nothing of a document could be saved.
    DocumentLost = 30,
    /// Parts of a document are lost; the findings of that document say which.
    DocumentInPart = 31,
    /// Parts of a document may be older than they were; the findings of that document say which.
    DocumentOlder = 32,
    /// A document's blob is lost: it is empty now.
    BlobLost = 40,
    /// A document's blob is an older one.
    BlobOlder = 41,
    /// A document's columns are lost.
    ColumnsLost = 42,
    /// Some of a document's columns are older than they were, or gone.
    ColumnsOlder = 43,
    /// The order of a document's inputs, or which of them there were, is older than it was, or in part a guess.
    InputsOlder = 44,
    /// An input is lost, with what hung on it.
    InputLost = 50,
    /// An input's value is an older one.
    InputOlder = 51,
    /// An input's output is lost.
    OutputLost = 52,
    /// An input's output is an older one.
    OutputOlder = 53,
    /// Some of an input's columns are lost, or older than they were.
    InputColumnsOlder = 54,
}

impl FindingKind {
    /// Whether it says by itself that contents are lost, or older than they were. The other kinds say what is damaged,
    /// which may have held nothing that counted.
    pub fn is_loss(self) -> bool {
        self >= FindingKind::DocumentLost
    }
}

/// One thing that a repair found. What cannot be told is zero, empty or `None`.
///
/// ```
/// use stratum::{Columns, Db, Options, RepairOptions};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (damaged, repaired) = (dir.path().join("damaged"), dir.path().join("repaired"));
/// # let db = Db::open(&damaged, &Options::default())?;
/// # db.write(|batch| batch.create_document(b"Add two numbers.", &Columns::new()))?;
/// # db.close()?;
/// # std::fs::remove_file(damaged.join("MANIFEST")).unwrap();
/// let report = stratum::repair(&damaged, &repaired, &RepairOptions::default(), &mut |_| true)?;
/// for finding in &report.findings {
///     println!("{finding}"); // the file, the document, what happened
/// }
/// assert_eq!(report.findings[0].kind, stratum::FindingKind::Manifest);
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// The damaged file.
    pub file: PathBuf,
    /// Where in it the damage begins.
    pub offset: u64,
    /// Length of the damage in bytes.
    pub length: u64,
    /// The document.
    pub document: Option<DocumentId>,
    /// The input.
    pub input: Option<InputId>,
    /// Sequence number of the commit that wrote what is lost.
    pub sequence: u64,
    /// What happened, for people.
    pub what: String,
}

impl Finding {
    pub(super) fn of_file(kind: FindingKind, file: &std::path::Path, what: impl Into<String>) -> Finding {
        Finding {
            kind,
            file: file.to_path_buf(),
            offset: 0,
            length: 0,
            document: None,
            input: None,
            sequence: 0,
            what: what.into(),
        }
    }

    pub(super) fn of_document(kind: FindingKind, document: u64, what: impl Into<String>) -> Finding {
        let document = DocumentId::new(document);
        Finding { document, ..Finding::of_file(kind, std::path::Path::new(""), what) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}", self.file.display())?;
            if self.length > 0 {
                write!(f, " bytes {} to {}", self.offset, self.offset.saturating_add(self.length - 1))?;
            }
            separator = ", ";
        }
        if let Some(document) = self.document {
            write!(f, "{separator}document {document}")?;
            separator = ", ";
        }
        if let Some(input) = self.input {
            write!(f, "{separator}input {input}")?;
            separator = ", ";
        }
        if self.sequence > 0 {
            write!(f, "{separator}commit {}", self.sequence)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What became of a repair.
///
/// ```
/// use stratum::{Columns, Db, Options, Outcome, RepairOptions};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (damaged, repaired) = (dir.path().join("damaged"), dir.path().join("repaired"));
/// # let db = Db::open(&damaged, &Options::default())?;
/// # db.write(|batch| batch.create_document(b"Add two numbers.", &Columns::new()))?;
/// # db.close()?;
/// let report = stratum::repair(&damaged, &repaired, &RepairOptions::default(), &mut |_| false)?;
/// assert_eq!(report.outcome, Outcome::Stopped);
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Nothing was to be written.
    #[default]
    DryRun = 0,
    /// The target is a complete store.
    Written = 1,
    /// The progress callback ended the work; there is no target.
    Stopped = 2,
}

/// What a repair found, saved and lost.
///
/// ```
/// use stratum::{Columns, Db, Options, RepairOptions};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (damaged, repaired) = (dir.path().join("damaged"), dir.path().join("repaired"));
/// # let db = Db::open(&damaged, &Options::default())?;
/// # db.write(|batch| batch.create_document(b"Add two numbers.", &Columns::new()))?;
/// # db.close()?;
/// let report = stratum::repair(&damaged, &repaired, &RepairOptions::default(), &mut |_| true)?;
/// assert!(report.is_lossless());
/// assert_eq!(report.documents(), 1);
/// println!("{report}");
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RepairReport {
    /// What became of it.
    pub outcome: Outcome,
    /// Segment files read.
    pub segments: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Records that check out.
    pub records: u64,
    /// Bytes of segments that hold no record that checks out.
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
    /// Whether damage may have held newer changes of documents that cannot be told: any document may then be older than
    /// it was, and documents may be missing, or back that were deleted, without being named.
    pub is_uncertain: bool,
    /// What is damaged, lost or older, one by one.
    pub findings: Vec<Finding>,
}

impl RepairReport {
    /// Whether everything was saved: nothing that is damaged, lost or older was found.
    pub fn is_lossless(&self) -> bool {
        !self.is_uncertain && self.findings.iter().all(|finding| finding.kind < FindingKind::SegmentMissing)
    }

    /// Documents saved.
    pub fn documents(&self) -> u64 {
        self.documents_whole + self.documents_in_part + self.documents_older
    }
}

impl fmt::Display for RepairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        writeln!(f, "read: {} segments, {} bytes, {} records", self.segments, self.bytes, self.records)?;
        writeln!(
            f,
            "documents: {} whole, {} in part, {} may be older, {} lost",
            self.documents_whole, self.documents_in_part, self.documents_older, self.documents_lost
        )?;
        writeln!(f, "inputs: {}, outputs: {}", self.inputs, self.outputs)?;
        if self.is_lossless() {
            return writeln!(f, "nothing was lost");
        }
        writeln!(f, "bytes without a record that checks out: {}", self.bytes_lost)?;
        if self.is_uncertain {
            writeln!(f, "what was in the damaged places cannot all be told: any document may be older than it was")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_finding_says_where_and_what() {
        let mut finding = Finding::of_file(FindingKind::InputLost, Path::new("s/segment-00000001.strat"), "gone");
        assert_eq!(finding.to_string(), "s/segment-00000001.strat: gone");
        (finding.offset, finding.length, finding.sequence) = (96, 8, 7);
        (finding.document, finding.input) = (DocumentId::new(2), InputId::new(3));
        let all = "s/segment-00000001.strat bytes 96 to 103, document 2, input 3, commit 7: gone";
        assert_eq!(finding.to_string(), all);
        assert_eq!(Finding::of_document(FindingKind::BlobLost, 5, "gone").to_string(), "document 5: gone");
    }

    #[test]
    fn only_what_counts_is_a_loss() {
        let finding = |kind| Finding::of_file(kind, Path::new("x"), "");
        let mut report = RepairReport::default();
        assert!(report.is_lossless() && report.to_string().ends_with("nothing was lost\n"));
        report.findings.push(finding(FindingKind::Manifest));
        assert!(report.is_lossless());
        report.findings.push(finding(FindingKind::BytesLost));
        assert!(!report.is_lossless() && !FindingKind::BytesLost.is_loss());
        report.findings[1] = finding(FindingKind::OutputOlder);
        assert!(!report.is_lossless() && FindingKind::OutputOlder.is_loss());
        report.findings[1] = finding(FindingKind::NotLocked);
        assert!(report.is_lossless());
        report.findings[1] = finding(FindingKind::SegmentMissing);
        assert!(!report.is_lossless());
    }

    #[test]
    fn documents_are_all_that_were_saved() {
        let mut report = RepairReport { documents_whole: 3, ..RepairReport::default() };
        (report.documents_in_part, report.documents_older, report.documents_lost) = (5, 7, 100);
        assert_eq!(report.documents(), 15);
    }
}

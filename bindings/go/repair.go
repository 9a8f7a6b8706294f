package stratum

// #cgo nocallback shim_repair_report_free
// #include "shim.h"
import "C"

import "unsafe"

// FindingKind says what a repair found; other numbers come with newer versions of the library.
type FindingKind int32

// What a repair can find.
const (
	// FindingManifest: the manifest is missing or does not check out. Which segments there were is told from the
	// directory.
	FindingManifest FindingKind = C.STRATUM_FINDING_MANIFEST
	// FindingCheckpoint: the checkpoint does not check out. It holds nothing that the log does not.
	FindingCheckpoint FindingKind = C.STRATUM_FINDING_CHECKPOINT
	// FindingNotLocked: whether another process has the store open could not be told.
	FindingNotLocked FindingKind = C.STRATUM_FINDING_NOT_LOCKED
	// FindingSegmentMissing: a segment that the manifest names is not there.
	FindingSegmentMissing FindingKind = C.STRATUM_FINDING_SEGMENT_MISSING
	// FindingSegmentUnusable: a segment's file was left out: not a segment of this store, or nothing in it can be
	// told.
	FindingSegmentUnusable FindingKind = C.STRATUM_FINDING_SEGMENT_UNUSABLE
	// FindingSegmentHeader: a segment's header is damaged. Its records were read all the same.
	FindingSegmentHeader FindingKind = C.STRATUM_FINDING_SEGMENT_HEADER
	// FindingBytesLost: bytes of a segment in which no record checks out: what they held is not known.
	FindingBytesLost FindingKind = C.STRATUM_FINDING_BYTES_LOST
	// FindingBytesUnreadable: bytes that the system does not give: read as zeros.
	FindingBytesUnreadable FindingKind = C.STRATUM_FINDING_BYTES_UNREADABLE
	// FindingTail: bytes behind the last record of the log: of a commit that was never finished, or that was
	// damaged since.
	FindingTail FindingKind = C.STRATUM_FINDING_TAIL
	// FindingRecordDamaged: a record whose header checks out and whose contents do not.
	FindingRecordDamaged FindingKind = C.STRATUM_FINDING_RECORD_DAMAGED
	// FindingRecordMissing: a record that must have been there, by what the checkpoint or a segment's footer says,
	// and was not found.
	FindingRecordMissing FindingKind = C.STRATUM_FINDING_RECORD_MISSING
	// FindingBatchInPart: a commit of which not all records check out; those that do were used.
	FindingBatchInPart FindingKind = C.STRATUM_FINDING_BATCH_IN_PART
	// FindingDocumentLost: nothing of a document could be saved.
	FindingDocumentLost FindingKind = C.STRATUM_FINDING_DOCUMENT_LOST
	// FindingDocumentInPart: parts of a document are lost; the findings of that document say which.
	FindingDocumentInPart FindingKind = C.STRATUM_FINDING_DOCUMENT_IN_PART
	// FindingDocumentOlder: parts of a document may be older than they were; the findings of that document say
	// which.
	FindingDocumentOlder FindingKind = C.STRATUM_FINDING_DOCUMENT_OLDER
	// FindingBlobLost: a document's blob is lost: it is empty now.
	FindingBlobLost FindingKind = C.STRATUM_FINDING_BLOB_LOST
	// FindingBlobOlder: a document's blob is an older one.
	FindingBlobOlder FindingKind = C.STRATUM_FINDING_BLOB_OLDER
	// FindingColumnsLost: a document's columns are lost.
	FindingColumnsLost FindingKind = C.STRATUM_FINDING_COLUMNS_LOST
	// FindingColumnsOlder: some of a document's columns are older than they were, or gone.
	FindingColumnsOlder FindingKind = C.STRATUM_FINDING_COLUMNS_OLDER
	// FindingInputsOlder: the order of a document's inputs, or which of them there were, is older than it was, or
	// in part a guess.
	FindingInputsOlder FindingKind = C.STRATUM_FINDING_INPUTS_OLDER
	// FindingInputLost: an input is lost, with what hung on it.
	FindingInputLost FindingKind = C.STRATUM_FINDING_INPUT_LOST
	// FindingInputOlder: an input's value is an older one.
	FindingInputOlder FindingKind = C.STRATUM_FINDING_INPUT_OLDER
	// FindingOutputLost: an input's output is lost.
	FindingOutputLost FindingKind = C.STRATUM_FINDING_OUTPUT_LOST
	// FindingOutputOlder: an input's output is an older one.
	FindingOutputOlder FindingKind = C.STRATUM_FINDING_OUTPUT_OLDER
	// FindingInputColumnsOlder: some of an input's columns are lost, or older than they were.
	FindingInputColumnsOlder FindingKind = C.STRATUM_FINDING_INPUT_COLUMNS_OLDER
)

// Finding is one thing that a repair found. What cannot be told is 0 or empty.
type Finding struct {
	Kind FindingKind
	// IsLoss says that contents are lost or older than they were; otherwise it says what is damaged.
	IsLoss bool
	// File is the damaged file; Offset and Length are where and how much.
	File           string
	Offset, Length uint64
	Document       DocumentID
	Input          InputID
	// Sequence is the commit that wrote what is damaged.
	Sequence uint64
	// Line is all of it as one line for people.
	Line string
}

// RepairOutcome is what became of a repair.
type RepairOutcome int32

const (
	// RepairDryRun: nothing was to be written.
	RepairDryRun RepairOutcome = C.STRATUM_REPAIR_DRY_RUN
	// RepairWritten: the target is a complete store.
	RepairWritten RepairOutcome = C.STRATUM_REPAIR_WRITTEN
	// RepairStopped: the progress callback ended the work; there is no target.
	RepairStopped RepairOutcome = C.STRATUM_REPAIR_STOPPED
)

// RepairReport is what a repair found, saved and lost.
type RepairReport struct {
	Outcome RepairOutcome
	// IsLossless: everything was saved.
	IsLossless bool
	// IsUncertain: damage may have held newer changes of documents that cannot be told.
	IsUncertain bool
	// Segments, Bytes and Records are what was read; BytesLost hold no record that checks out.
	Segments, Bytes, Records, BytesLost uint64
	// Documents by what became of them.
	DocumentsWhole, DocumentsInPart, DocumentsOlder, DocumentsLost, DocumentsDeleted uint64
	// Inputs and Outputs were saved.
	Inputs, Outputs uint64
	// NextDocument is the lowest id that the target hands out.
	NextDocument DocumentID
	// Findings are what is damaged, lost or older, one by one.
	Findings []Finding
}

// RepairOptions say how a store is repaired. The zero value of each field is its default.
type RepairOptions struct {
	// SegmentSize is the length at which a log file of the target is ended; 64 MiB.
	SegmentSize uint64
	// MergeLimit is the length up to which a document is written as one tree; 1 GiB.
	MergeLimit uint64
	// Progress is called now and then, and stops the work with false. It runs on a goroutine of its own, which Repair
	// waits for: a panic or runtime.Goexit (t.FailNow) stops the work, and goes on in the goroutine that called Repair.
	Progress func(RepairProgress) bool
	// DryRun only reports: nothing is written, and the target is not looked at.
	DryRun bool
}

// Repair saves what still checks out of the damaged store in the directory source into a new store in the directory
// target, which must be empty or not exist. The source is not changed. Damage is not an error of this call, but listed.
// A nil options stands for the defaults.
func Repair(source, target string, options *RepairOptions) (*RepairReport, error) {
	if options == nil {
		options = &RepairOptions{}
	}
	dryRun := C.int32_t(0)
	if options.DryRun {
		dryRun = 1
	}
	release := func(done C.shim_answer) { C.shim_repair_report_free(C.uintptr_t(done.a)) }
	done := with(0, options.Progress, func(context C.uintptr_t) C.shim_answer {
		from, fromLength := textOf(source)
		to, toLength := textOf(target)
		return C.shim_repair(from, fromLength, to, toLength, C.uint64_t(options.SegmentSize),
			C.uint64_t(options.MergeLimit), dryRun, context)
	}, release)
	if done.status != C.STRATUM_OK {
		return nil, failure(done.status, done.error)
	}
	defer release(done)
	return reportOfC(lent[C.stratum_repair_result](done.b)), nil
}

func reportOfC(r *C.stratum_repair_result) *RepairReport {
	report := &RepairReport{
		Outcome: RepairOutcome(r.outcome), IsLossless: r.is_lossless != 0, IsUncertain: r.is_uncertain != 0,
		Segments: uint64(r.segments), Bytes: uint64(r.bytes), Records: uint64(r.records), BytesLost: uint64(r.bytes_lost),
		DocumentsWhole: uint64(r.documents_whole), DocumentsInPart: uint64(r.documents_in_part),
		DocumentsOlder: uint64(r.documents_older), DocumentsLost: uint64(r.documents_lost),
		DocumentsDeleted: uint64(r.documents_deleted), Inputs: uint64(r.inputs), Outputs: uint64(r.outputs),
		NextDocument: DocumentID(r.next_document), Findings: make([]Finding, 0, int(r.finding_count)),
	}
	for _, f := range unsafe.Slice(r.findings, int(r.finding_count)) {
		report.Findings = append(report.Findings, Finding{
			Kind: FindingKind(f.kind), IsLoss: f.is_loss != 0, File: textOfC(&f.file),
			Offset: uint64(f.offset), Length: uint64(f.length), Document: DocumentID(f.document), Input: InputID(f.input),
			Sequence: uint64(f.sequence), Line: textOfC(&f.line),
		})
	}
	return report
}

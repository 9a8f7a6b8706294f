//! Segments made by hand, damaged in single places: what is found, what is reported, how much is not known.

use super::*;
use crate::format::segment::SegmentKind;
use crate::salvage::survey::Loss;
use crate::salvage::tests::made::{Disk, Made};

use RecordKind::{Blob, Tombstone, Tree};

#[derive(Default)]
struct Scanned {
    survey: Survey,
    report: RepairReport,
}

impl Scanned {
    /// Kind, offset, length, sequence number and document of each finding.
    fn said(&self) -> Vec<(FindingKind, u64, u64, u64, u64)> {
        let of = |finding: &Finding| {
            let document = finding.document.map_or(0, |id| id.get());
            (finding.kind, finding.offset, finding.length, finding.sequence, document)
        };
        self.report.findings.iter().map(of).collect()
    }

    fn documents(&self) -> Vec<u64> {
        self.survey.documents.keys().copied().collect()
    }
}

fn scan_as(made: &Made, change: impl FnOnce(&mut SegmentFile)) -> Scanned {
    let mut segment = made.file();
    change(&mut segment);
    let mut scanned = Scanned::default();
    let window = Window::new(Disk::with_bad(&made.bytes, &[]), segment.size);
    let scan = Scan::new(&segment, 0, window, &mut scanned.survey, &mut scanned.report);
    assert!(scan.run(&mut |_| true).unwrap());
    scanned
}

fn scan(made: &Made) -> Scanned {
    scan_as(made, |_| ())
}

fn log() -> Made {
    Made::new(SegmentKind::Log)
}

#[test]
fn a_whole_log_is_read_without_a_word() {
    let mut made = log();
    made.commit(3, &[(Tree, 1), (Tree, 2)]);
    made.commit(4, &[(Tree, 3), (Tombstone, 2)]);
    made.footer(&[1, 2, 3]);
    let scanned = scan(&made);
    assert_eq!((scanned.said(), scanned.documents()), (vec![], vec![1, 3]));
    assert_eq!((scanned.report.records, scanned.report.bytes_lost), (7, 0));
    assert_eq!((scanned.survey.next_document, scanned.survey.sequence), (4, 4));
    assert_eq!((scanned.survey.unknown_bytes, scanned.survey.is_open_ended), (0, false));
    assert!(scanned.survey.deleted.contains(&2));
}

#[test]
fn a_header_that_is_damaged_costs_its_record() {
    let mut made = log();
    let places = made.commit(3, &[(Tree, 1), (Tree, 2), (Tree, 3)]);
    made.footer(&[1, 2, 3]);
    made.break_header(places[2]);
    let mut scanned = scan(&made);
    let lost = (FindingKind::BytesLost, places[2], 64, 3, 0);
    assert_eq!(scanned.said(), [lost, (FindingKind::BatchInPart, places[0], 0, 3, 0)]);
    assert_eq!((scanned.documents(), scanned.report.bytes_lost), (vec![1, 3], 64));
    assert_eq!(scanned.survey.unknown_bytes, 64 + 56, "the bytes, and a record that is missing from the commit");
    scanned.survey.compare_with_footers().unwrap();
    let loss = Loss { sequence: 3, kind: None, segment: 1 };
    assert_eq!(scanned.survey.losses.into_iter().collect::<Vec<_>>(), [(2, vec![loss])]);
}

#[test]
fn a_frame_that_is_damaged_costs_nothing_but_what_it_said() {
    let mut made = log();
    made.commit(3, &[(Tree, 1)]);
    let places = made.commit(4, &[(Tree, 2), (Tree, 3)]);
    made.commit(5, &[(Tree, 4)]);
    made.footer(&[1, 2, 3, 4]);
    let whole = made.clone();
    made.break_header(places[0]);
    let scanned = scan(&made);
    let in_part = (FindingKind::BatchInPart, places[1], 0, 4, 0);
    assert_eq!(scanned.said(), [(FindingKind::BytesLost, places[0], 88, 0, 0), in_part]);
    assert_eq!((scanned.documents(), scanned.survey.unknown_bytes), (vec![1, 2, 3, 4], 88));

    let mut made = whole;
    made.break_payload(places[0]);
    let scanned = scan(&made);
    let in_part = (FindingKind::BatchInPart, places[0], 0, 4, 0);
    assert_eq!(scanned.said(), [(FindingKind::RecordDamaged, places[0], 88, 4, 0), in_part]);
    assert_eq!((scanned.documents(), scanned.survey.unknown_bytes), (vec![1, 2, 3, 4], 0));
}

#[test]
fn a_payload_that_is_damaged_is_reported_with_its_document() {
    let mut made = log();
    let places = made.commit(3, &[(Tree, 1), (Tree, 2)]);
    made.footer(&[1, 2]);
    made.break_payload(places[1]);
    let scanned = scan(&made);
    let in_part = (FindingKind::BatchInPart, places[0], 0, 3, 0);
    assert_eq!(scanned.said(), [(FindingKind::RecordDamaged, places[1], 64, 3, 1), in_part]);
    assert_eq!((scanned.report.records, scanned.report.bytes_lost), (3, 64));
    assert_eq!((scanned.documents(), scanned.survey.unknown_bytes), (vec![1, 2], 0));
}

#[test]
fn a_commit_with_more_records_than_it_says_is_none_that_was_written() {
    let mut made = log();
    let places = made.commit(3, &[(Tree, 1)]);
    let more = made.record(Tree, 2, 3, b"payload");
    made.break_payload(more);
    made.footer(&[1, 2]);
    let in_part = (FindingKind::BatchInPart, places[0], 0, 3, 0);
    assert_eq!(scan(&made).said(), [(FindingKind::RecordDamaged, more, 64, 3, 2), in_part]);
}

#[test]
fn a_record_that_is_cut_off_may_have_had_anything_behind_it() {
    let mut made = log();
    let places = made.commit(3, &[(Tree, 1), (Tree, 2)]);
    made.bytes.truncate(places[2] as usize + 57);
    let scanned = scan(&made);
    let in_part = (FindingKind::BatchInPart, places[0], 0, 3, 0);
    assert_eq!(scanned.said(), [(FindingKind::RecordDamaged, places[2], 57, 3, 2), in_part]);
    assert_eq!((scanned.survey.unknown_bytes, scanned.report.bytes_lost), (64, 57));
}

#[test]
fn what_recovery_discarded_or_a_failed_commit_left_does_not_count() {
    let mut made = log();
    made.commit(3, &[(Tree, 1)]);
    made.commit(5, &[(Tree, 2)]);
    made.commit(4, &[(Tree, 3)]);
    let again = Frame { body_len: 0, records: 9, durable_offset: 0, next_document: 100 };
    made.frame(5, again);
    made.footer(&[1, 2]);
    let scanned = scan(&made);
    assert_eq!((scanned.said(), scanned.documents()), (vec![], vec![1, 2]));
    assert_eq!(scanned.survey.next_document, 3);
    let scanned = scan_as(&made, |segment| segment.discarded_from = 5);
    assert_eq!((scanned.said(), scanned.documents()), (vec![], vec![1, 3]));
}

#[test]
fn only_a_log_that_was_not_closed_is_open_ended() {
    let closed = |kind| {
        let mut made = Made::new(kind);
        match kind {
            SegmentKind::Compacted => assert_eq!(made.record(Tree, 1, 3, b"payload"), 96),
            _ => assert_eq!(made.commit(3, &[(Tree, 1)])[0], 96),
        }
        made
    };
    for kind in [SegmentKind::Log, SegmentKind::Compacted, SegmentKind::Recovered] {
        for (is_sealed, has_footer) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut made = closed(kind);
            if has_footer {
                made.footer(&[1]);
            }
            let scanned = scan_as(&made, |segment| segment.is_sealed = is_sealed);
            let expected = kind != SegmentKind::Compacted && !is_sealed && !has_footer;
            assert_eq!(scanned.survey.is_open_ended, expected, "{kind:?} {is_sealed} {has_footer}");
            assert_eq!(scanned.said(), []);
        }
    }
}

#[test]
fn behind_the_last_record_zeros_are_nothing_but_in_a_sealed_segment() {
    let with = |kind, tail: &[u8]| {
        let mut made = Made::new(kind);
        match kind {
            SegmentKind::Compacted => assert_eq!(made.record(Tree, 1, 3, b"payload"), 96),
            _ => assert_eq!(made.commit(3, &[(Tree, 1)])[0], 96),
        }
        let end = made.end();
        made.bytes.extend(tail);
        (made, end)
    };
    let zeros = [0; 80];
    let mut rubbish = [0; 80];
    rubbish[..20].fill(9);
    for kind in [SegmentKind::Log, SegmentKind::Compacted] {
        let (made, end) = with(kind, &zeros);
        assert_eq!(scan(&made).said(), [], "{kind:?}");
        let sealed = scan_as(&made, |segment| segment.is_sealed = true);
        assert_eq!(sealed.said(), [(FindingKind::BytesLost, end, 80, 0, 0)], "{kind:?}");
        assert_eq!((sealed.survey.unknown_bytes, sealed.report.bytes_lost), (80, 80));
    }
    let (made, end) = with(SegmentKind::Log, &rubbish);
    assert_eq!(scan(&made).said(), [(FindingKind::Tail, end, 20, 0, 0)]);
    let (made, end) = with(SegmentKind::Compacted, &rubbish);
    assert_eq!(scan(&made).said(), [(FindingKind::BytesLost, end, 80, 0, 0)]);
    let cut = scan_as(&made, |segment| (segment.is_sealed, segment.limit) = (true, end + 300));
    let rest = (FindingKind::BytesLost, end + 80, 220, 0, 0);
    assert_eq!(cut.said(), [(FindingKind::BytesLost, end, 80, 0, 0), rest]);
    let (made, end) = with(SegmentKind::Log, &[]);
    let whole = scan_as(&made, |segment| segment.is_sealed = true);
    assert_eq!(whole.said(), [], "it ends where it should: {end}");
}

#[test]
fn a_commit_without_its_frame_at_the_end_may_have_had_more_records() {
    let mut made = log();
    let at = made.record(Tree, 1, 3, b"payload");
    let scanned = scan(&made);
    assert_eq!(scanned.said(), [(FindingKind::BatchInPart, at, 0, 3, 0)]);
    assert_eq!(scanned.survey.unknown_bytes, 56);
}

#[test]
fn behind_damage_at_the_end_of_a_log_documents_are_kept() {
    let deleted = |made: &Made| scan(made).survey.deleted.into_iter().collect::<Vec<_>>();
    let mut made = log();
    made.commit(3, &[(Tree, 1), (Tree, 2), (Tree, 3)]);
    made.commit(4, &[(Tombstone, 1)]);
    let torn = made.commit(5, &[(Tombstone, 2), (Tree, 4)]);
    made.commit(6, &[(Tombstone, 3)]);
    assert_eq!(deleted(&made), [1, 2, 3]);
    made.break_header(torn[2]);
    assert_eq!(deleted(&made), [1], "also what the torn commit deletes itself");
    let scanned = scan(&made);
    let kept: Vec<_> = scanned.said().into_iter().filter(|finding| finding.4 != 0).collect();
    let of = |at, sequence, document| (FindingKind::BatchInPart, at, 56, sequence, document);
    assert_eq!(kept, [of(torn[1], 5, 2), of(made.end() - 56, 6, 3)]);
    assert_eq!(scanned.survey.unknown_bytes, 64 + 56 + 2 * 56);
    let mut closed = made.clone();
    closed.footer(&[1, 2, 3, 4]);
    assert_eq!(deleted(&closed), [1, 2, 3], "a log that was closed was on disk");
    made.commit_after(7, torn[1] + 500, &[(Tree, 5)]);
    assert_eq!(deleted(&made), [1, 2, 3], "a later commit says that it was on disk");

    let mut made = log();
    made.record(Tombstone, 1, 3, b"");
    assert_eq!(deleted(&made), [], "a commit without its frame is torn from its first record on");
}

#[test]
fn a_tombstone_of_compaction_counts_wherever_it_stands() {
    let mut made = Made::new(SegmentKind::Compacted);
    made.record(Tombstone, 1, 3, b"");
    let at = made.record(Tree, 2, 3, b"payload");
    made.break_payload(at);
    let scanned = scan(&made);
    assert_eq!(scanned.said(), [(FindingKind::RecordDamaged, at, 64, 3, 2)]);
    assert!(scanned.survey.deleted.contains(&1));
}

#[test]
fn a_footer_names_what_its_segment_does_not_show() {
    let unseen = |footer: &[u64], is_broken: bool| {
        let mut made = Made::new(SegmentKind::Compacted);
        made.record(Tree, 2, 3, b"payload");
        made.record(Tree, 5, 7, b"payload");
        let at = made.footer(footer);
        if is_broken {
            made.break_payload(at);
        }
        let mut scanned = scan(&made);
        scanned.survey.compare_with_footers().unwrap();
        let losses = scanned.survey.losses;
        losses.into_iter().map(|(id, losses)| (id, losses.iter().map(|loss| loss.sequence).sum())).collect::<Vec<_>>()
    };
    assert_eq!(unseen(&[2, 5], false), [(0u64, 0u64); 0]);
    assert_eq!(unseen(&[1, 2, 3, 5, 9], false), [(1, 7), (3, 7), (9, 7)]);
    assert_eq!(unseen(&[1, 2, 3, 5, 9], true), []);
    assert_eq!(unseen(&[9], false), [(9, 7)]);
}

#[test]
fn bytes_that_the_system_does_not_give_are_named() {
    let mut made = Made::new(SegmentKind::Compacted);
    made.record(Tree, 1, 3, b"payload");
    let at = made.record(Blob, 1, 3, &[7; 20_000]);
    let (segment, mut scanned) = (made.file(), Scanned::default());
    let window = Window::new(Disk::with_bad(&made.bytes, &[8192..10000, 10000..12288]), segment.size);
    assert!(Scan::new(&segment, 0, window, &mut scanned.survey, &mut scanned.report).run(&mut |_| true).unwrap());
    let damaged = (FindingKind::RecordDamaged, at, 20_056, 3, 1);
    assert_eq!(scanned.said()[0], damaged);
    let unreadable: Vec<_> = scanned.said()[1..].iter().map(|said| (said.0, said.1 + said.2)).collect();
    assert_eq!(unreadable, [(FindingKind::BytesUnreadable, 12288)]);
}

#[test]
fn how_far_it_is_is_told_now_and_then() {
    let mut made = Made::new(SegmentKind::Compacted);
    let places: Vec<u64> = (1..=5).map(|at| made.record(Blob, at, 3, &vec![7; STEP as usize / 2 + 8])).collect();
    let segment = made.file();
    let told = |most: usize| {
        let (mut scanned, mut told) = (Scanned::default(), Vec::new());
        let window = Window::new(Disk::with_bad(&made.bytes, &[]), segment.size);
        let scan = Scan::new(&segment, 0, window, &mut scanned.survey, &mut scanned.report);
        let is_done = scan.run(&mut |at| {
            told.push(at);
            told.len() < most
        });
        (told, is_done.unwrap())
    };
    assert_eq!(told(9), (vec![places[2], places[4]], true));
    assert_eq!(told(1), (vec![places[2]], false));
}

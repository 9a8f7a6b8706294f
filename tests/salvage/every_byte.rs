//! Every byte of small stores damaged, and every file cut off everywhere.

use std::collections::BTreeSet;

use stratum::RepairReport;
use stratum::format::record::RecordKind;

use crate::judge::judge;
use crate::parts::{Place, documents, records};
use crate::stores::{Store, blobs, compacted, left, log, recovered};

/// What one byte is changed by.
const FLIPS: [u8; 3] = [0x01, 0x80, 0xff];

fn flip_every_byte(store: &Store, step: usize) -> u64 {
    let mut cases = 0;
    for (name, bytes) in &store.files {
        let places = records(&store.files, name);
        let end = places.last().map_or(bytes.len(), |place| place.end);
        for at in (0..bytes.len()).step_by(step) {
            let touched = documents(&places, at..at + 1);
            let flip = FLIPS[cases as usize % FLIPS.len()];
            let mut files = store.files.clone();
            files.get_mut(name).unwrap()[at] ^= flip;
            let untouched = |id| !touched.contains(&id);
            let (report, _) = judge(store, &files, &untouched);
            let padding = |place: &Place| place.start + 56 + place.header.payload_len as usize..place.end;
            let means_nothing = at >= end || places.iter().any(|place| padding(place).contains(&at));
            assert!(means_nothing || !report.findings.is_empty(), "{} byte {at} was not noticed", name.display());
            cases += 1;
        }
    }
    cases
}

fn cut_everywhere(store: &Store, step: usize) -> u64 {
    let mut cases = 0;
    for (name, bytes) in &store.files {
        let places = records(&store.files, name);
        let end = places.last().map_or(bytes.len(), |place| place.end);
        let is_open_ended = !places.iter().any(|place| place.header.kind == RecordKind::Footer);
        for length in (0..bytes.len()).step_by(step) {
            let is_frame = |place: &Place| place.start == length && place.header.kind == RecordKind::Frame;
            if is_open_ended && places.iter().any(is_frame) {
                continue; // a shorter log of a store that was not closed: nothing tells it from a whole one
            }
            let touched = documents(&places, length..bytes.len());
            let mut files = store.files.clone();
            files.get_mut(name).unwrap().truncate(length);
            let (report, _) = judge(store, &files, &|id| !touched.contains(&id));
            // Where a manifest ends, or a log that is written to, nothing else says.
            let is_noticed = !report.findings.is_empty() || length >= end;
            assert!(is_noticed || touched.is_empty() || places.iter().any(|place| place.start == length), "{report}");
            cases += 1;
        }
    }
    cases
}

fn is_lossless(store: &Store) -> RepairReport {
    let (report, saved) = judge(store, &store.files, &|_| true);
    assert_eq!(saved, store.now);
    assert!(report.is_lossless() && report.findings.is_empty(), "{report}");
    report
}

#[test]
fn an_undamaged_store_is_saved_without_loss_and_said_to_be() {
    for store in [log(), left(), compacted(), recovered(), blobs()] {
        let report = is_lossless(&store);
        assert_eq!(report.documents_whole as usize, store.now.len());
        assert!(report.to_string().contains("nothing was lost"));
    }
}

#[test]
fn the_stores_have_what_is_to_be_damaged() {
    let kinds = |store: &Store| {
        let all = store.files.keys().flat_map(|name| records(&store.files, name));
        all.map(|place| place.header.kind as u8).collect::<BTreeSet<u8>>()
    };
    assert!(kinds(&log()).is_superset(&BTreeSet::from([1, 2, 3, 5])));
    assert!(kinds(&compacted()).contains(&6));
    assert!(kinds(&blobs()).contains(&4));
    let segments = |store: &Store, kind: u8| {
        let files = store.files.iter().filter(|(name, _)| name.to_string_lossy().starts_with("segment"));
        files.filter(|(_, bytes)| bytes[36] == kind).count()
    };
    assert!(segments(&compacted(), 2) > 0 && segments(&compacted(), 1) > 0);
    assert!(segments(&recovered(), 1) > 0);
}

#[test]
fn every_damaged_byte_of_a_log_costs_what_it_touches() {
    assert!(flip_every_byte(&log(), 1) > 2000);
}

#[test]
fn every_damaged_byte_of_a_store_that_was_not_closed_costs_what_it_touches() {
    assert!(flip_every_byte(&left(), 1) > 2000);
}

#[test]
fn every_damaged_byte_of_a_compacted_store_costs_what_it_touches() {
    assert!(flip_every_byte(&compacted(), 1) > 2000);
}

#[test]
fn every_damaged_byte_of_a_recovered_store_costs_what_it_touches() {
    assert!(flip_every_byte(&recovered(), 1) > 2000);
}

#[test]
fn damaged_bytes_of_a_store_with_large_blobs_cost_what_they_touch() {
    assert!(flip_every_byte(&blobs(), 997) > 200);
}

#[test]
fn every_cut_costs_what_is_behind_it() {
    for store in [log(), left(), compacted(), recovered()] {
        assert!(cut_everywhere(&store, 1) > 2000);
    }
    cut_everywhere(&blobs(), 1499);
}

//! What a repair must have come to, whatever the damage was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stratum::salvage::repair_on;
use stratum::vfs::sim::SimDisk;
use stratum::{Columns, Db, DocumentId, FindingKind, Options, RepairOptions, RepairReport, Result, Tree, Value};

use crate::stores::{Files, Store, contents, options, source, target};

/// Repairs what is on a disk.
pub fn repair(disk: &SimDisk) -> Result<RepairReport> {
    let mut options = RepairOptions::default();
    options.segment_size = 600;
    repair_on(Arc::new(disk.clone()), source(), target(), &options, &mut |_| true)
}

/// Opens the repaired store; it must be there.
pub fn open(disk: &SimDisk) -> Result<Db> {
    disk.allow_map();
    let mut options: Options = options(1 << 20);
    options.create = false;
    Db::open_on(Arc::new(disk.clone()), target(), &options)
}

/// Repairs the store with these files in its place, and judges what comes of it. Gives back what was saved.
pub fn judge(store: &Store, files: &Files, untouched: &dyn Fn(u64) -> bool) -> (RepairReport, BTreeMap<u64, Tree>) {
    let disk = store.disk(files);
    let report = repair(&disk).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&disk.files(source()), files, "the source was changed");
    let saved = judge_target(store, &disk, &report, untouched);
    (report, saved)
}

/// Judges a target that was repaired from a damaged form of `store`.
pub fn judge_target(
    store: &Store,
    disk: &SimDisk,
    report: &RepairReport,
    untouched: &dyn Fn(u64) -> bool,
) -> BTreeMap<u64, Tree> {
    let db = open(disk).unwrap_or_else(|error| panic!("the target does not open: {error}\n{report}"));
    let damage = db.verify().unwrap().damage;
    assert!(damage.is_empty(), "the target is damaged: {damage:?}\n{report}");
    let saved = contents(&db);
    let named: BTreeSet<u64> = report
        .findings
        .iter()
        .filter(|finding| finding.kind.is_loss())
        .filter_map(|finding| finding.document.map(DocumentId::get))
        .collect();
    for id in store.history.keys().chain(saved.keys()) {
        let (was, is) = (store.now.get(id), saved.get(id));
        if was == is {
            continue;
        }
        assert!(!untouched(*id), "document {id} was not touched: {was:?} is now {is:?}\n{report}");
        assert!(named.contains(id) || report.is_uncertain, "document {id} is not named: {was:?}, {is:?}\n{report}");
        assert!(!report.is_lossless(), "document {id}\n{report}");
        if let Some(is) = is {
            let states = store.history.get(id).unwrap_or_else(|| panic!("document {id} was made up: {is:?}"));
            judge_parts(*id, states, is, report);
        }
    }
    let counted = report.documents_whole + report.documents_in_part + report.documents_older;
    assert_eq!(counted, saved.len() as u64, "{report}");
    let nodes = saved.values().map(|tree| (tree.inputs.len() as u64, outputs(tree)));
    let sums = nodes.fold((0, 0), |sums, of| (sums.0 + of.0, sums.1 + of.1));
    assert_eq!((report.inputs, report.outputs), sums, "{report}");
    judge_ids(store, &db, &saved, report);
    saved
}

fn outputs(tree: &Tree) -> u64 {
    tree.inputs.iter().filter(|input| input.output.is_some()).count() as u64
}

/// Every part of a document was there at some time.
fn judge_parts(id: u64, states: &[Tree], is: &Tree, report: &RepairReport) {
    let wrong = |what: &str| panic!("document {id}: {what} is wrong: {is:?}\n{report}");
    let lost_blob = report
        .findings
        .iter()
        .any(|finding| finding.kind == FindingKind::BlobLost && finding.document.map(DocumentId::get) == Some(id));
    if !(states.iter().any(|state| state.blob == is.blob) || (lost_blob && is.blob.is_empty())) {
        wrong("the blob");
    }
    if !were(&is.columns, &states.iter().map(|state| &state.columns).collect::<Vec<_>>()) {
        wrong("a column");
    }
    for input in &is.inputs {
        let inputs = || states.iter().flat_map(|state| &state.inputs).filter(|other| other.id == input.id);
        if !inputs().any(|other| other.value == input.value) {
            wrong("an input");
        }
        if input.output.is_some() && !inputs().any(|other| other.output == input.output) {
            wrong("an output");
        }
        if !were(&input.columns, &inputs().map(|other| &other.columns).collect::<Vec<_>>()) {
            wrong("an input's column");
        }
    }
}

fn were(columns: &Columns, states: &[&Columns]) -> bool {
    columns.iter().all(|(name, value)| states.iter().any(|state| state.get(name) == Some(value)))
}

/// No id is given out that the damaged store had given out.
fn judge_ids(store: &Store, db: &Db, saved: &BTreeMap<u64, Tree>, report: &RepairReport) {
    let highest = store.history.keys().max().copied().unwrap_or_default();
    db.write(|batch| {
        let id = batch.create_document(b"", &Columns::new())?;
        assert!(id.get() > highest, "document {id} is given out again\n{report}");
        assert_eq!(id.get(), report.next_document);
        for id in saved.keys() {
            let states = store.history[id].iter().flat_map(|state| &state.inputs);
            let highest = states.filter_map(|input| input.id).max();
            let input = batch.append_input(DocumentId::new(*id).unwrap(), &Value::Null)?;
            assert!(Some(input) > highest, "input {input} of document {id} is given out again\n{report}");
        }
        Ok(())
    })
    .unwrap();
}

//! Crashes at every operation of commits that were made together.
//!
//! Threads commit behind one whose sync is held up, so that they form a group; several groups follow one another, with
//! rotation and compaction between them. After a crash at any operation the store holds the commits up to some sequence
//! number and none behind it, and among them every one that was acknowledged as durable before that operation.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use stratum::vfs::sim::Rng;
use stratum::{Columns, Db, DocumentId, Durability, Options, Value};

use crate::gate::Gate;
use crate::runner::open;

/// A commit: its sequence number, the documents that it created, and the operation after which it was durable, if it
/// was to be.
struct Done {
    sequence: u64,
    documents: Vec<DocumentId>,
    durable_at: Option<u64>,
}

fn commit(gate: &Gate, db: &Db, sizes: &[usize], durability: Durability, done: &Mutex<Vec<Done>>) {
    let mut batch = db.batch().unwrap();
    let mut documents = Vec::new();
    for size in sizes {
        let columns = Columns::from([("size", Value::Int64(*size as i64))]);
        documents.push(batch.create_document(&vec![*size as u8; *size], &columns).unwrap());
    }
    let sequence = batch.commit_with(durability).unwrap();
    let durable_at = (durability == Durability::Always).then(|| gate.disk.ops());
    done.lock().push(Done { sequence, documents, durable_at });
}

fn sizes(rng: &mut Rng) -> Vec<usize> {
    (0..1 + rng.index(3)).map(|_| if rng.chance(0.1) { 900 } else { rng.index(200) }).collect()
}

fn durability(rng: &mut Rng) -> Durability {
    if rng.chance(0.5) { Durability::Always } else { Durability::Os }
}

#[test]
fn every_crash_keeps_a_prefix_of_what_was_committed_together() {
    let mut largest = 0;
    for seed in 0..6 {
        let gate = Gate::new(seed);
        gate.disk.record();
        let mut options = Options::default();
        options.background = false;
        options.segment_size = [600, 2000, 1 << 20][seed as usize % 3];
        let db = gate.open(&options).unwrap();
        let mut rng = Rng::new(seed);
        let done = Mutex::new(Vec::new());
        for _ in 0..4 {
            let others = (0..1 + rng.index(4)).map(|_| {
                let (sizes, durability) = (sizes(&mut rng), durability(&mut rng));
                let (gate, db, done) = (&gate, &db, &done);
                Box::new(move || commit(gate, db, &sizes, durability, done)) as Box<dyn FnOnce() + Send + '_>
            });
            let others = others.collect();
            let first = sizes(&mut rng);
            gate.group(|| commit(&gate, &db, &first, Durability::Always, &done), others, || ());
            if rng.chance(0.5) {
                db.maintain().unwrap();
            }
        }
        largest = largest.max(db.stats().unwrap().largest_group);
        let history: BTreeMap<u64, Done> = done.into_inner().into_iter().map(|done| (done.sequence, done)).collect();
        for op in 0..=gate.disk.ops() {
            let moment = gate.disk.moment(op).expect("recorded");
            for image in 0..5 {
                let disk = if image == 4 { moment.restart() } else { moment.image(op * 4 + image) };
                let db = open(&disk, &options)
                    .unwrap_or_else(|error| panic!("seed {seed}, operation {op}, image {image}: {error}"));
                check(&db, &history, op).unwrap_or_else(|what| panic!("seed {seed}, {op}, image {image}: {what}"));
            }
        }
    }
    assert!(largest > 1, "no two commits shared a sync");
}

fn check(db: &Db, history: &BTreeMap<u64, Done>, op: u64) -> Result<(), String> {
    let view = db.view().unwrap();
    let mut ended = None;
    for done in history.values() {
        let there = done.documents.iter().filter(|id| view.tree(**id).is_ok()).count();
        if there != 0 && there != done.documents.len() {
            return Err(format!("{there} documents of {} in commit {}", done.documents.len(), done.sequence));
        }
        match (there, ended) {
            (0, None) => ended = Some(done.sequence),
            (1.., Some(ended)) => return Err(format!("commit {} without commit {ended}", done.sequence)),
            _ => {}
        }
        if there == 0 && done.durable_at.is_some_and(|at| at <= op) {
            return Err(format!("commit {} is lost", done.sequence));
        }
    }
    let damage = db.verify().unwrap().damage;
    if damage.is_empty() { Ok(()) } else { Err(format!("{damage:?}")) }
}

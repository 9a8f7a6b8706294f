//! Panics on the store's own threads, as a bug would have them: what a program was promised holds, or it is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use stratum::{Db, Durability, Error, Options, Stats};

use crate::gate::Gate;
use crate::plain::{options, put};
use crate::runner::open;

/// A store at work in the background, all the time.
fn busy() -> Options {
    let mut options = options(4 << 10);
    options.background = true;
    options.max_amplification = 1.1;
    options.sync_interval = Duration::from_millis(1);
    options
}

/// Figures for which something holds in the end.
fn wait_for(db: &Db, what: &str, holds: impl Fn(&Stats) -> bool) -> Stats {
    let begun = Instant::now();
    loop {
        let stats = db.stats().unwrap();
        if holds(&stats) {
            return stats;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "not {what}: {stats:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Makes garbage, and leaves one document with this blob.
fn churn(db: &Db, blob: &[u8]) {
    let ids: Vec<_> = (0..20).map(|_| put(db, &[7; 900], Durability::Os).unwrap()).collect();
    ids.iter().for_each(|id| db.write(|batch| batch.delete_document(*id)).unwrap());
    put(db, blob, Durability::Os).unwrap();
}

/// Nobody waits for these syncs, so who commits next is told that there was none.
#[test]
fn a_panic_in_an_interval_sync_poisons_the_store() {
    let gate = Gate::new(1);
    let db = gate.open(&busy()).unwrap();
    gate.panic_on("stratum-sync");
    put(&db, b"synced within the interval", Durability::Interval).unwrap();
    let stats = wait_for(&db, "poisoned", |stats| stats.poisoned);
    assert!(stats.background_failures <= 1, "{stats:?}");
    let refused = put(&db, b"another", Durability::Interval);
    assert!(matches!(&refused, Err(Error::Poisoned(why)) if why.contains("sync")), "{refused:?}");
    assert_eq!(db.view().unwrap().document_count().unwrap(), 1, "reads go on");
    let ops = gate.disk.ops();
    assert!(matches!(db.close(), Err(Error::Poisoned(_))));
    assert_eq!(gate.disk.ops(), ops, "nobody knows what came of that sync, and another would not tell");
    let db = open(&gate.disk.restart(), &busy()).unwrap();
    assert_eq!(db.view().unwrap().document_count().unwrap(), 1);
}

/// What a job was at is thrown away, and the next wake-up has another, for other segments.
#[test]
fn a_panic_in_compaction_is_counted_and_compaction_goes_on() {
    let gate = Gate::new(1);
    let db = gate.open(&busy()).unwrap();
    gate.panic_on("stratum");
    churn(&db, b"first");
    wait_for(&db, "counted", |stats| stats.background_failures == 1);
    churn(&db, b"second");
    let stats = wait_for(&db, "compacted", |stats| stats.compactions > 0);
    assert!(!stats.poisoned && stats.background_failures == 1, "{stats:?}");
    assert_eq!(db.verify().unwrap().damage, []);
    assert_eq!(db.view().unwrap().document_count().unwrap(), 2);
    db.close().unwrap();
    let db = open(&gate.disk.restart(), &busy()).unwrap();
    assert_eq!(db.view().unwrap().document_count().unwrap(), 2);
}

/// It would panic again, and again take as long, while commits wait for what it is to give back.
#[test]
fn a_job_that_a_panic_cut_short_is_not_tried_again_by_itself() {
    const NAME: &str = "a step";
    let gate = Gate::new(1);
    let mut options = busy();
    options.background = false;
    let db = gate.open(&options).unwrap();
    churn(&db, b"first");
    db.flush().unwrap();
    let step = || {
        std::thread::scope(|scope| {
            let work = || catch_unwind(AssertUnwindSafe(|| db.maintain().unwrap()));
            std::thread::Builder::new().name(NAME.to_string()).spawn_scoped(scope, work).unwrap().join().unwrap()
        })
    };
    let mut cut_short = 0;
    loop {
        gate.panic_on(NAME);
        match step() {
            Err(_) => cut_short += 1,
            Ok(more) => {
                assert!(!more, "a job without a write");
                break;
            }
        }
        assert!(cut_short < 100, "the same job again and again");
    }
    assert!(cut_short > 0, "there is something to compact");
    let stats = db.stats().unwrap();
    assert!(!stats.poisoned && stats.compactions == 0, "{stats:?}");
    db.compact_now(&mut |_| true).unwrap();
    assert!(db.stats().unwrap().compactions > 0, "who asks for it gets it");
    assert_eq!(db.verify().unwrap().damage, []);
}

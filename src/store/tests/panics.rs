//! Panics where nothing can fail: a test has one at a place that asks for it (`here`).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

thread_local! {
    /// How often this thread comes by before it panics.
    static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// A place where a test may want this thread to panic.
pub fn here() {
    let left = LEFT.get();
    if left != u32::MAX {
        LEFT.set(left.checked_sub(1).unwrap_or(u32::MAX));
        assert!(left > 0, "a panic on purpose");
    }
}

/// Documents and their blobs.
fn blobs(db: &Db) -> Vec<(u64, Vec<u8>)> {
    let view = db.view().unwrap();
    let documents = view.documents(DocumentId::FIRST).unwrap();
    documents.map(|document| (document.get(), view.blob(document).unwrap().to_vec())).collect()
}

/// The manifest names what a compaction wrote, and the index does not point there yet: the next one would remove it.
#[test]
fn a_compaction_that_a_panic_cuts_short_at_its_end_loses_nothing() {
    for passing in 0..2 {
        let disk = SimDisk::new(1);
        let db = used(&disk);
        let expected = blobs(&db);
        LEFT.set(passing);
        let compacted = catch_unwind(AssertUnwindSafe(|| db.compact_now(&mut |_| true)));
        assert!(compacted.is_err(), "nothing was exchanged");
        for _ in 0..2 {
            let again = db.compact_now(&mut |_| true);
            assert!(matches!(&again, Err(Error::Poisoned(why)) if why.contains("compaction")), "{again:?}");
        }
        assert_eq!(blobs(&db), expected, "reads go on");
        assert!(matches!(db.close(), Err(Error::Poisoned(_))));
        drop(db);
        let db = open(&disk);
        assert_eq!(blobs(&db), expected);
        assert_eq!(db.verify().unwrap().damage, []);
    }
}

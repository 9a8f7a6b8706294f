//! Groups of commits put together by hand, where it takes luck to have them from threads.

use super::*;
use crate::options::Options;
use crate::store::Batch;
use crate::store::tests::records::{add_columns, open_with, options, put, slot};
use crate::value::Value;
use crate::vfs::sim::{Errno, Fault, Op, SimDisk};
use crate::{Columns, Db};

/// A commit that is prepared and waits for its group.
fn prepared(db: &Db, fill: impl FnOnce(&mut Batch)) -> Request {
    let mut batch = db.batch().unwrap();
    fill(&mut batch);
    let contents = Arc::new(batch.contents);
    let prepared = prepare(db.core(), &db.core().published(), &contents).unwrap();
    Request { contents, prepared, durability: Durability::Os }
}

/// A fold that was prepared before a compaction began would overlap with what that folds.
#[test]
fn a_fold_prepared_before_a_compaction_began_is_not_written_beside_it() {
    for compaction in [false, true] {
        let disk = SimDisk::new(1);
        let db = open_with(&disk, &Options { fold_after: 2, ..options(64 << 10) });
        let document = put(&db, &[1; 4000]);
        add_columns(&db, document, &["a", "b"], 300);
        let request = prepared(&db, |batch| batch.set_column(document, "c", &Value::Bytes(vec![7; 300])).unwrap());
        let before = slot(&db, document);
        let moment = db.core().published().sequence;
        if compaction {
            db.core().folding.store(moment, Ordering::Relaxed);
        }
        let results = db.core().commit_group(vec![request]);
        assert!(matches!(results[..], [Ok(_)]), "{results:?}");
        let after = slot(&db, document);
        if compaction {
            assert_eq!(after.runs()[..2], before.runs()[..], "what the compaction may be folding stays");
            assert_eq!(after.runs().len(), 3);
            assert_eq!(db.stats().unwrap().folds, 0);
        } else {
            assert!(after.runs().len() < 2, "there was a fold to be left out");
        }
        db.core().folding.store(0, Ordering::Relaxed);
        assert_eq!(db.verify().unwrap().damage, []);
    }
}

/// One commit of the group finds no room, another's sync fails: the first is not tried again, since nothing is written
/// after a failed sync.
#[test]
fn no_commit_is_tried_again_after_a_sync_of_its_group_failed() {
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options(4 << 10));
    put(&db, &[1; 900]);
    let large = || prepared(&db, |batch| batch.create_document(&[2; 3800], &Columns::new()).map(|_| ()).unwrap());
    let requests = vec![large(), large()];
    // The next segment cannot be created; the one after it is, which takes a sync, and then the old one is sealed.
    disk.inject(Fault::new(&[Op::Create], 0, Errno::Enospc));
    disk.inject(Fault::new(&[Op::Sync], 1, Errno::Eio));
    let results = db.core().commit_group(requests);
    assert_eq!(disk.faults_struck(), [Op::Create, Op::Sync]);
    assert!(matches!(results[..], [Err(Error::NoSpace { .. }), Err(Error::CommitUnknown { .. })]), "{results:?}");
    assert_eq!(db.view().unwrap().document_count().unwrap(), 1);
}

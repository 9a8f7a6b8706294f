//! Closing that meets itself: a store is closed once, and whoever closes it learns when it is, and how it went.

use std::sync::atomic::{AtomicBool, Ordering};

use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Durability, Error, Result};

use crate::gate::Gate;
use crate::plain::{options, put};
use crate::runner::open;

/// Closes from a second thread while the first is held up in its sync, and says what both were told.
fn close_twice(gate: &Gate, fault: Option<Fault>) -> (Result<()>, Result<()>) {
    let db = gate.open(&options(1 << 20)).unwrap();
    put(&db, b"not yet on disk", Durability::Os).unwrap();
    let returned = AtomicBool::new(false);
    let mut first = Ok(());
    // Told once nobody is held up any more.
    let mut early = false;
    let second = || {
        let closed = db.close();
        returned.store(true, Ordering::SeqCst);
        closed
    };
    let mut others = gate.group(
        || first = db.close(),
        vec![Box::new(second) as Box<dyn FnOnce() -> Result<()> + Send>],
        || {
            fault.into_iter().for_each(|fault| gate.disk.inject(fault));
            early = returned.load(Ordering::SeqCst);
        },
    );
    assert!(!early, "closed, and the last commit is not on disk");
    assert!(matches!(db.view(), Err(Error::Closed)));
    (first, others.remove(0))
}

#[test]
fn a_second_close_waits_for_the_first() {
    let gate = Gate::new(1);
    let closed = close_twice(&gate, None);
    assert!(matches!(closed, (Ok(()), Ok(()))), "{closed:?}");
    let db = open(&gate.disk.image(0), &options(1 << 20)).unwrap();
    assert_eq!(db.view().unwrap().document_count().unwrap(), 1);
}

#[test]
fn every_close_says_that_closing_failed() {
    let gate = Gate::new(1);
    let closed = close_twice(&gate, Some(Fault::new(&[Op::Sync], 0, Errno::Eio)));
    assert!(matches!(closed, (Err(Error::CommitUnknown { .. }), Err(Error::CommitUnknown { .. }))), "{closed:?}");
}

/// The one that closes waits for the callback of a compaction, which must not wait for it in turn.
#[test]
fn a_close_within_a_callback_is_refused_also_while_another_thread_closes() {
    let disk = SimDisk::new(1);
    let db = open(&disk, &options(4000)).unwrap();
    let ids: Vec<_> = (0..20).map(|n| put(&db, &[n; 900], Durability::Os).unwrap()).collect();
    ids.iter().for_each(|id| db.write(|batch| batch.delete_document(*id)).unwrap());
    std::thread::scope(|scope| {
        let mut closing = None;
        let compacted = db.compact_now(&mut |_| {
            closing = Some(scope.spawn(|| db.close()));
            while db.view().is_ok() {
                std::thread::yield_now();
            }
            let refused = db.close();
            assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{refused:?}");
            true
        });
        assert!(matches!(compacted, Err(Error::Closed)), "{compacted:?}");
        closing.expect("something to compact").join().unwrap().unwrap();
    });
    db.close().unwrap();
}

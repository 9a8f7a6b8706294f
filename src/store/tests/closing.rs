//! What a closed store gives back, whatever handles of it there are.

use super::*;

#[test]
fn a_close_of_a_poisoned_store_gives_everything_back_too() {
    for poisoned in [false, true] {
        let db = used(&SimDisk::new(1));
        let (snapshot, view, batch) = (db.snapshot().unwrap(), db.view().unwrap(), db.batch().unwrap());
        let watched: Vec<_> = db.core().published().segments.iter().map(|segment| segment.watch()).collect();
        assert!(watched.len() > 2);
        if poisoned {
            db.core().poison("for this test");
        }
        assert_eq!(db.close().is_err(), poisoned);
        assert!(watched.iter().all(|segment| segment.is_held()), "by the view, which is no snapshot");
        drop(view);
        assert!(watched.iter().all(|segment| !segment.is_held()), "poisoned: {poisoned}");
        assert!(matches!(snapshot.document_count(), Err(Error::Closed)));
        drop(batch);
    }
}

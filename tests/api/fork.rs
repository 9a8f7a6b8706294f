//! A process that forks while it has a store open: the child is told, the parent is not disturbed.

#![allow(unsafe_code)] // fork, alarm, waitpid, _exit

use std::panic::{AssertUnwindSafe, catch_unwind};

use stratum::{Columns, Db, DocumentId, Error, InputId, Options, Result, Value, View};

use crate::{READ_MODES, fill, options, process, tree};

fn is_forked<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Forked))
}

/// The number of the first call that does not say `Forked`; zero where all do.
fn first_wrong(answers: &[bool]) -> i32 {
    answers.iter().position(|answer| !answer).map_or(0, |at| at as i32 + 1)
}

fn calls_on_the_store(db: &Db) -> i32 {
    first_wrong(&[
        is_forked(db.view()),
        is_forked(db.snapshot()),
        is_forked(db.batch()),
        is_forked(db.write(|_| Ok(()))),
        is_forked(db.flush()),
        is_forked(db.compact_now(&mut |_| true)),
        is_forked(db.maintain()),
        is_forked(db.checkpoint()),
        is_forked(db.stats()),
        is_forked(db.verify()),
    ])
}

fn calls_on_a_view(view: &View, document: DocumentId, input: InputId) -> i32 {
    first_wrong(&[
        is_forked(view.document_count()),
        is_forked(view.exists(document)),
        is_forked(view.documents(document)),
        is_forked(view.blob(document)),
        is_forked(view.columns(document)),
        is_forked(view.column(document, "name")),
        is_forked(view.input_count(document)),
        is_forked(view.input_ids(document)),
        is_forked(view.inputs(document)),
        is_forked(view.input(document, input)),
        is_forked(view.input_columns(document, input)),
        is_forked(view.output(document, input)),
        is_forked(view.tree(document)),
        is_forked(view.packed_tree(document)),
    ])
}

/// Runs `work` in a forked child; gives back what it says.
fn in_child(work: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs `work`, which takes no lock that another thread may have held at the fork (the store's own
    // calls are under test, malloc sees to itself), and ends without unwinding into the parent's frames.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // Further up a panic would end the child's only thread, and so the process, as if all were well.
        let answer = catch_unwind(AssertUnwindSafe(work)).unwrap_or(101);
        // SAFETY: ends the process; nothing of this one's state is touched.
        unsafe { libc::_exit(answer) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` outlives the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    assert!(libc::WIFEXITED(status), "the child ended by status {status:#x}");
    libc::WEXITSTATUS(status)
}

#[test]
fn a_child_is_told_and_its_parent_goes_on() {
    let Some(place) = process::started_in() else {
        let directory = tempfile::tempdir().unwrap();
        return process::passes("fork::a_child_is_told_and_its_parent_goes_on", directory.path());
    };
    for mode in READ_MODES {
        let mut options = options(mode);
        options.background = true;
        let place = place.join(format!("{mode:?}"));
        let db = Db::open(&place, &options).unwrap();
        let document = fill(&db, [5])[0];
        let (view, snapshot) = (db.view().unwrap(), db.snapshot().unwrap());
        let input = view.input_ids(document).unwrap()[0];
        let pinned = view.blob(document).unwrap();

        assert_eq!(in_child(|| calls_on_the_store(&db)), 0);
        assert_eq!(in_child(|| calls_on_a_view(&view, document, input)), 0);
        assert_eq!(in_child(|| calls_on_a_view(&snapshot, document, input)), 0);
        assert_eq!(in_child(|| i32::from(pinned[..] != [5; 300])), 0, "pinned bytes are only memory");
        let begun = || {
            let mut batch = db.batch().unwrap();
            batch.set_blob(document, b"child").unwrap();
            batch
        };
        let (mut first, second) = (begun(), begun());
        let calls = || {
            first_wrong(&[
                is_forked(first.put_tree(&tree(1))),
                is_forked(first.create_document(b"", &Columns::new())),
                is_forked(first.set_blob(document, b"")),
                is_forked(first.append_input(document, &Value::Null)),
                is_forked(first.delete_document(document)),
                is_forked(second.commit()),
            ])
        };
        assert_eq!(in_child(calls), 0);
        // Neither a close nor a drop in the child takes the lock from the parent, or touches its files.
        assert_eq!(in_child(|| i32::from(db.close().is_err())), 0);
        let clone = db.clone();
        let dropped = in_child(|| {
            drop((clone, view.clone()));
            i32::from(!matches!(Db::open(&place, &Options::default()), Err(Error::Locked(_))))
        });
        assert_eq!(dropped, 0, "a child that opens the parent's store is refused");

        assert!(matches!(Db::open(&place, &Options::default()), Err(Error::Locked(_))), "the lock is still held");
        assert_eq!(view.blob(document).unwrap()[..], [5; 300]);
        db.write(|batch| batch.set_blob(document, b"parent")).unwrap();
        db.compact_now(&mut |_| true).unwrap();
        assert_eq!(db.verify().unwrap().damage, []);
        db.close().unwrap();
        // The child of a parent that has closed may open the store itself.
        let opened = in_child(|| {
            let Ok(db) = Db::open(&place, &Options::default()) else { return 1 };
            let Ok(view) = db.view() else { return 2 };
            let Ok(blob) = view.blob(document) else { return 3 };
            if blob[..] != *b"parent" {
                return 4;
            }
            if db.write(|batch| batch.set_blob(document, b"child, allowed")).is_err() {
                return 5;
            }
            i32::from(db.close().is_err()) * 6
        });
        assert_eq!(opened, 0);
        let db = Db::open(&place, &options).unwrap();
        assert_eq!(db.view().unwrap().blob(document).unwrap()[..], *b"child, allowed");
    }
}

/// The locks that other threads held at the moment of the fork stay taken in the child for ever.
#[test]
fn a_child_does_not_wait_for_locks_of_its_parents_threads() {
    let Some(place) = process::started_in() else {
        let directory = tempfile::tempdir().unwrap();
        return process::passes("fork::a_child_does_not_wait_for_locks_of_its_parents_threads", directory.path());
    };
    let db = Db::open(place.join("store"), &options(READ_MODES[0])).unwrap();
    fill(&db, 0..40);
    // The callback runs under the lock of maintenance; the writers hold theirs most of the time.
    let (held, wait) = std::sync::mpsc::channel();
    let (done, until_done) = std::sync::mpsc::channel::<()>();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (db, stop) = (&db, &stop);
        scope.spawn(move || {
            let mut is_first = true;
            db.compact_now(&mut |_| {
                if std::mem::take(&mut is_first) {
                    held.send(()).unwrap();
                    until_done.recv().unwrap();
                }
                true
            })
        });
        wait.recv().unwrap();
        for _ in 0..2 {
            scope.spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    fill(db, 0..4);
                }
            });
        }
        for _ in 0..50 {
            let answer = in_child(|| {
                // SAFETY: has the child killed if it is still there after two minutes.
                unsafe { libc::alarm(120) };
                calls_on_the_store(db)
            });
            assert_eq!(answer, 0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        done.send(()).unwrap();
    });
    db.close().unwrap();
}

//! The handle table under loom: threads that enter, close and make handles, in every interleaving and every order of
//! memory that the language allows; those that only pass slots around, with at most three preemptions.
//!
//! 1. The table, and all code on it, is the one that C uses.
//! 2. Objects are watched: to reach one before it is whole, or while or after it is dropped, is a failure.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use loom::cell::UnsafeCell;

use super::*;
use crate::sync::thread;

struct Watched(());

/// An object that loom watches: to read it while, or after, it is dropped is a failure, also where only the order of
/// memory allows it.
struct Object {
    value: UnsafeCell<u32>,
    drops: Arc<AtomicUsize>,
}

// SAFETY: loom checks that nobody writes `value` while another reads it.
unsafe impl Sync for Object {}

impl Object {
    fn read(&self) -> u32 {
        // SAFETY: written when it is made and when it is dropped only; that this is so is what the model checks.
        self.value.with(|value| unsafe { *value })
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: as above.
        self.value.with_mut(|value| unsafe { *value = 0 });
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handle for Watched {
    const KIND: Kind = Kind::Tree;
    type Object = Object;
}

fn object(value: u32) -> (Object, Arc<AtomicUsize>) {
    let drops = Arc::new(AtomicUsize::new(0));
    (Object { value: UnsafeCell::new(value), drops: Arc::clone(&drops) }, drops)
}

fn made(value: u32) -> (usize, Arc<AtomicUsize>) {
    let (object, drops) = object(value);
    (insert::<Watched>(object).unwrap().addr(), drops)
}

fn read(handle: usize) -> Option<u32> {
    enter(ptr::without_provenance::<Watched>(handle)).ok().map(|object| object.read())
}

fn free(handle: usize) -> usize {
    usize::from(close(ptr::without_provenance::<Watched>(handle)).is_ok())
}

#[test]
fn one_of_two_closes_drops_what_nobody_reads_any_more() {
    loom::model(|| {
        let (handle, drops) = made(7);
        let reader = thread::spawn(move || assert!(matches!(read(handle), None | Some(7))));
        let closer = thread::spawn(move || free(handle));
        let closed = free(handle);
        assert_eq!(closed + closer.join().unwrap(), 1, "one of them closes it");
        reader.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        assert_eq!(read(handle), None);
    });
}

/// A slot that is used again gives its new object under the new handle and nothing under the old one.
#[test]
fn a_slot_that_is_used_again_keeps_its_generations_apart() {
    loom::model(|| {
        let (old, drops) = made(1);
        let reader = thread::spawn(move || assert!(matches!(read(old), None | Some(1))));
        let maker = thread::spawn(|| {
            let (new, drops) = made(2);
            assert_eq!(read(new), Some(2));
            assert_eq!(free(new), 1);
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        });
        assert_eq!(free(old), 1);
        reader.join().unwrap();
        maker.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// The list of free slots under threads that take from it and give back: no slot is given out twice.
#[test]
fn no_slot_is_given_out_twice() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let (one, two) = (made(1).0, made(2).0);
        free(one);
        free(two);
        // Takes both, gives the first back: its slot heads the list as before, and what it leads to is in use.
        let other = thread::spawn(|| {
            let (first, kept) = (made(10).0, made(11).0);
            free(first);
            kept
        });
        let mine = [made(20).0, made(21).0];
        let other = other.join().unwrap();
        let values = [read(mine[0]), read(mine[1]), read(other)];
        assert_eq!(values, [Some(20), Some(21), Some(11)]);
        assert_eq!(mine.map(free).iter().sum::<usize>() + free(other), 3);
    });
}

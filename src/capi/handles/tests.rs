//! The handle table: states, reuse, threads, panics.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

struct One(());
struct Other(());
/// One that many threads use at once.
struct Shared(());
/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handle for One {
    const KIND: Kind = Kind::Tree;
    type Object = Dropped;
}

impl Handle for Shared {
    const KIND: Kind = Kind::Snapshot;
    type Object = Dropped;
}

impl Handle for Other {
    const KIND: Kind = Kind::Report;
    type Object = u64;
}

fn code<T>(call: Call<T>) -> i32 {
    call.err().map_or(0, |failure| failure.code())
}

fn counted<H: Handle<Object = Dropped>>() -> (Arc<AtomicUsize>, *mut H) {
    let drops = Arc::new(AtomicUsize::new(0));
    let handle = insert::<H>(Dropped(Arc::clone(&drops))).unwrap();
    (drops, handle)
}

#[test]
fn the_last_one_out_drops_the_object_once() {
    last_one_out::<One>();
    last_one_out::<Shared>();
}

fn last_one_out<H: Handle<Object = Dropped>>() {
    let (drops, handle) = counted::<H>();
    let inside = enter(handle).unwrap();
    drop(close(handle).unwrap());
    assert_eq!(code(enter(handle)), STRATUM_CLOSED);
    assert_eq!(code(close(handle)), STRATUM_CLOSED);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(inside);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert_eq!(code(enter(handle)), STRATUM_CLOSED);
}

#[test]
fn handles_of_another_kind_and_other_numbers_are_refused() {
    let (_, handle) = counted::<One>();
    assert_eq!(code(enter(handle.cast::<Other>().cast_const())), STRATUM_INVALID_HANDLE);
    // the right kind in the pointer, the wrong one in the slot
    let forged = handle.addr() ^ ((Kind::Tree as usize ^ Kind::Report as usize) << KIND_SHIFT);
    assert_eq!(code(enter(ptr::without_provenance::<Other>(forged))), STRATUM_INVALID_HANDLE);
    for number in [1, 8, 0x7fff_0000_1000, usize::MAX, handle.addr() ^ 0x00ff_ffff, handle.addr() + (1 << 24)] {
        assert_eq!(code(enter(ptr::without_provenance::<One>(number))), STRATUM_INVALID_HANDLE, "{number:#x}");
    }
    assert_eq!(code(enter(ptr::null::<One>())), crate::capi::status::STRATUM_INVALID_ARGUMENT);
    close(handle).unwrap();
}

#[test]
fn a_reused_slot_does_not_answer_to_its_old_handle() {
    let table = empty_table!();
    let mut object = 0_u64;
    let object = ptr::from_mut(&mut object).cast();
    let first = table.insert(Kind::Report, object).unwrap();
    let (number, slot) = table.find(Kind::Report, first).unwrap();
    slot.pin(Kind::Report, first, true).unwrap();
    assert!(slot.unpin(None));
    table.recycle(number, slot);
    let second = table.insert(Kind::Report, object).unwrap();
    assert_eq!(first & SLOT_MASK, second & SLOT_MASK);
    assert_ne!(first, second);
    assert_eq!(code(slot.pin(Kind::Report, first, false)), STRATUM_CLOSED);
    assert_eq!(code(slot.pin(Kind::Report, second, false)), 0);
}

#[test]
fn a_slot_without_generations_left_is_retired() {
    let table = empty_table!();
    let slot = table.slot_or_new(0).unwrap();
    slot.state.store(u64::from(u32::MAX) << 32, Ordering::Relaxed);
    let last = table.insert(Kind::Report, ptr::null_mut()).unwrap();
    let (number, slot) = table.find(Kind::Report, last).unwrap();
    slot.pin(Kind::Report, last, true).unwrap();
    assert!(slot.unpin(None));
    table.recycle(number, slot);
    assert_eq!(code(slot.pin(Kind::Report, last, false)), STRATUM_CLOSED);
    let next = table.insert(Kind::Report, ptr::null_mut()).unwrap();
    assert_eq!(next & SLOT_MASK, 1);
}

#[test]
fn every_slot_number_has_its_place() {
    let total = (0..CHUNKS).map(|chunk| FIRST_CHUNK << chunk).sum::<usize>();
    let mut expected = (0, 0);
    for number in 0..10_000_u32 {
        assert_eq!(Table::place(number), expected);
        expected.1 += 1;
        if expected.1 == FIRST_CHUNK << expected.0 {
            expected = (expected.0 + 1, 0);
        }
    }
    assert_eq!(Table::place(total as u32 - 1), (CHUNKS - 1, (FIRST_CHUNK << (CHUNKS - 1)) - 1));
    assert_eq!(Table::place(total as u32).0, CHUNKS);
    assert!(total as u64 <= SLOT_MASK);
}

#[test]
fn threads_that_enter_and_close_agree_on_one_drop() {
    enter_and_close::<One>();
    enter_and_close::<Shared>();
}

fn enter_and_close<H: Handle<Object = Dropped>>() {
    for _ in 0..200 {
        let (drops, handle) = counted::<H>();
        let address = handle.addr();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    scope.spawn(move || {
                        let handle = ptr::without_provenance::<H>(address);
                        let mut closed = 0;
                        for round in 0..50 {
                            if let Ok(inside) = enter(handle) {
                                assert_eq!(inside.0.load(Ordering::SeqCst), 0);
                            }
                            if round == 20 + thread {
                                closed += usize::from(close(handle).is_ok());
                            }
                        }
                        closed
                    })
                })
                .collect();
            assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 1);
        });
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

/// A slot goes from one thread's list of free ones to another's: no more of them than there are handles at once.
#[test]
fn slots_that_another_thread_freed_are_used_again() {
    let handles: Vec<usize> = (0..100).map(|_| counted::<One>().1.addr()).collect();
    let most = handles.iter().map(|handle| handle & SLOT_MASK as usize).max().unwrap();
    let free = |handles: Vec<usize>| handles.into_iter().for_each(|h| drop(close(ptr::without_provenance::<One>(h))));
    std::thread::spawn(move || free(handles)).join().unwrap();
    let again: Vec<usize> = (0..100).map(|_| counted::<One>().1.addr()).collect();
    let used = again.iter().filter(|handle| **handle & SLOT_MASK as usize <= most).count();
    assert!(used > 50, "other tests take some meanwhile, but not these: {used}");
    free(again);
}

/// A stale handle comes to a slot that is another object's by now, and may be the last one out of it.
#[test]
fn stale_shared_handles_get_nowhere_and_drop_nothing_too_early() {
    let stop = AtomicBool::new(false);
    let (_, stale) = counted::<Shared>();
    let stale = stale.addr();
    drop(close(ptr::without_provenance::<Shared>(stale)).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(code(enter(ptr::without_provenance::<Shared>(stale))), STRATUM_CLOSED);
                }
            });
        }
        for _ in 0..20_000 {
            let (drops, handle) = counted::<Shared>();
            let inside = enter(handle).unwrap();
            drop(close(handle).unwrap());
            assert_eq!(inside.0.load(Ordering::SeqCst), 0);
            drop(inside);
            while drops.load(Ordering::SeqCst) == 0 {
                std::hint::spin_loop(); // a stale handle was counted for a moment: whoever has it drops the object
            }
            assert_eq!(drops.load(Ordering::SeqCst), 1);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_panic_poisons_what_was_entered() {
    poisoned_by_a_panic::<One>();
    poisoned_by_a_panic::<Shared>();
}

fn poisoned_by_a_panic<H: Handle<Object = Dropped>>() {
    let (drops, handle) = counted::<H>();
    let address = handle.addr();
    let panicked = std::panic::catch_unwind(|| {
        let _inside = enter(ptr::without_provenance::<H>(address)).unwrap();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panicked.is_err());
    assert_eq!(code(enter(handle)), STRATUM_PANIC);
    close(handle).unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

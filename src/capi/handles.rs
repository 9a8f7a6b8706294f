//! Handles: the pointers that C holds. They are numbers, never dereferenced.
//!
//! ```text
//! handle   bit 63: 1, bit 62: 0 (no machine address) | 61..56 kind | 55..24 generation | 23..0 slot
//! state    63..32 generation | 31..27 kind, 0 = free | 26 closing | 25 poisoned | 24..0 pins
//!
//!          insert                enter / leave (pins +1 / -1)
//!   FREE ----------> OPEN  <-------------------------------> OPEN, pinned
//!    ^                | close (sets closing, pins +1)              | close
//!    |  recycle       v                                            v
//!    +----------- CLOSING, pins -> 0: whoever leaves last drops the object
//! ```
//!
//! 1. A slot's object is reached only between `enter` and the drop of its `Entered`; while pins > 0 it is not dropped.
//! 2. `enter` succeeds only where kind and generation of handle and state agree and closing is not set. Closing is
//!    set once per generation, so that an object is dropped exactly once.
//! 3. Freeing a slot raises its generation. A slot whose generations are used up is retired: no handle value is
//!    ever given out twice.
//! 4. Slots never move and are never freed; entering and leaving takes no lock.

#![allow(unsafe_code)] // objects behind type-erased pointers, guarded by the states above

use std::ops::Deref;
use std::ptr;
use std::sync::OnceLock;

use super::status::{
    Call, Failure, STRATUM_BUSY, STRATUM_CLOSED, STRATUM_INVALID_HANDLE, STRATUM_PANIC, STRATUM_TOO_MANY_HANDLES,
};
use crate::memory;
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// What a handle stands for. Numbers 1 to 31.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Error = 1,
    Options = 2,
    Db = 3,
    LatestView = 4,
    Snapshot = 5,
    Batch = 6,
    DocumentCursor = 7,
    InputCursor = 8,
    Result = 9,
    Tree = 10,
    Pinned = 11,
    Report = 12,
    RepairReport = 13,
}

/// A C handle type and the Rust object behind it.
pub(super) trait Handle {
    /// Distinguishes it from all other handle types.
    const KIND: Kind;
    /// What the handle stands for.
    type Object: Send + Sync + 'static;
}

const TAG: u64 = 0b10 << 62;
const KIND_SHIFT: u32 = 56;
const GENERATION_SHIFT: u32 = 24;
const SLOT_MASK: u64 = (1 << GENERATION_SHIFT) - 1;

const STATE_KIND_SHIFT: u32 = 27;
const CLOSING: u64 = 1 << 26;
const POISONED: u64 = 1 << 25;
const PIN: u64 = 1;
const PINS: u64 = POISONED - 1;

/// Chunk `n` holds `FIRST_CHUNK << n` slots: 18 chunks are 2^24 - 64 slots.
const FIRST_CHUNK: usize = 64;
const CHUNKS: usize = 18;

/// On a cache line of its own, so that threads with handles of their own do not slow each other down.
#[repr(align(64))]
struct Slot {
    state: AtomicU64,
    object: AtomicPtr<()>,
    /// The next free slot's number + 1, 0 for none, while this one is free.
    next_free: AtomicU32,
}

struct Table {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    /// Slots that were ever used.
    used: AtomicU32,
    /// Head of the list of free slots: 63..32 a count of changes (against ABA), 31..0 slot number + 1.
    free: AtomicU64,
}

macro_rules! empty_table {
    () => {
        Table { chunks: [const { OnceLock::new() }; CHUNKS], used: AtomicU32::new(0), free: AtomicU64::new(0) }
    };
}

#[cfg(not(loom))]
static TABLE: Table = empty_table!();

#[cfg(loom)]
loom::lazy_static! {
    static ref TABLE: Table = empty_table!();
}

const fn generation_of(state: u64) -> u64 {
    state >> 32
}

const fn kind_of(state: u64) -> u64 {
    (state >> STATE_KIND_SHIFT) & 0x1f
}

impl Table {
    /// Chunk and place in it of a slot number.
    fn place(number: u32) -> (usize, usize) {
        let shifted = number as usize + FIRST_CHUNK;
        let chunk = (shifted.ilog2() - FIRST_CHUNK.ilog2()) as usize;
        (chunk, shifted - (FIRST_CHUNK << chunk))
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        let (chunk, place) = Table::place(number);
        self.chunks.get(chunk)?.get()?.get(place)
    }

    fn slot_or_new(&self, number: u32) -> Option<&Slot> {
        let (chunk, place) = Table::place(number);
        let slots = self.chunks.get(chunk)?;
        if slots.get().is_none() {
            let fresh = || Slot {
                state: AtomicU64::new(0),
                object: AtomicPtr::new(ptr::null_mut()),
                next_free: AtomicU32::new(0),
            };
            let made = memory::collect((0..FIRST_CHUNK << chunk).map(|_| fresh())).ok()?;
            slots.get_or_init(|| made.into_boxed_slice());
        }
        slots.get()?.get(place)
    }

    fn take_free(&self) -> Option<(u32, &Slot)> {
        let mut head = self.free.load(Ordering::Acquire);
        loop {
            let number = (head as u32).checked_sub(1)?;
            let slot = self.slot(number)?;
            let next = u64::from(slot.next_free.load(Ordering::Relaxed));
            let changed = ((head >> 32).wrapping_add(1) << 32) | next;
            match self.free.compare_exchange_weak(head, changed, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some((number, slot)),
                Err(now) => head = now,
            }
        }
    }

    fn give_free(&self, number: u32, slot: &Slot) {
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            slot.next_free.store(head as u32, Ordering::Relaxed);
            let changed = ((head >> 32).wrapping_add(1) << 32) | u64::from(number + 1);
            match self.free.compare_exchange_weak(head, changed, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn take_new(&self) -> Option<(u32, &Slot)> {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let slot = self.slot_or_new(used)?;
            match self.used.compare_exchange_weak(used, used + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some((used, slot)),
                Err(now) => used = now,
            }
        }
    }

    fn insert(&self, kind: Kind, object: *mut ()) -> Option<u64> {
        let (number, slot) = self.take_free().or_else(|| self.take_new())?;
        let generation = generation_of(slot.state.load(Ordering::Relaxed));
        slot.object.store(object, Ordering::Relaxed);
        // published: whoever reads this state sees the object
        slot.state.store((generation << 32) | ((kind as u64) << STATE_KIND_SHIFT), Ordering::Release);
        Some(TAG | ((kind as u64) << KIND_SHIFT) | (generation << GENERATION_SHIFT) | u64::from(number))
    }

    /// Pins the handle's slot, and sets `CLOSING` where `close` says so.
    fn pin(&self, kind: Kind, handle: u64, close: bool) -> Call<(u32, &Slot)> {
        let foreign = || refused(STRATUM_INVALID_HANDLE, "the pointer is not a handle of this type");
        let closed = || refused(STRATUM_CLOSED, "the handle was closed or freed before");
        if handle >> KIND_SHIFT != (TAG >> KIND_SHIFT) | kind as u64 {
            return Err(foreign());
        }
        let number = (handle & SLOT_MASK) as u32;
        let generation = (handle >> GENERATION_SHIFT) & u64::from(u32::MAX);
        let slot = self.slot(number).ok_or_else(foreign)?;
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            if generation_of(state) != generation || kind_of(state) != kind as u64 {
                return Err(if generation < generation_of(state) { closed() } else { foreign() });
            }
            if state & CLOSING != 0 {
                return Err(closed());
            }
            if state & POISONED != 0 && !close {
                return Err(refused(
                    STRATUM_PANIC,
                    "an earlier call on this handle failed inside the library; free it",
                ));
            }
            if state & PINS == PINS {
                return Err(refused(STRATUM_BUSY, "too many threads use this handle at once"));
            }
            let pinned = (state + PIN) | if close { CLOSING } else { 0 };
            match slot.state.compare_exchange_weak(state, pinned, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok((number, slot)),
                Err(now) => state = now,
            }
        }
    }

    /// Gives a pin back; true where the caller is the last one out of a closing slot and must drop the object.
    fn unpin(slot: &Slot) -> bool {
        let before = slot.state.fetch_sub(PIN, Ordering::AcqRel);
        before & CLOSING != 0 && before & PINS == PIN
    }

    /// Makes the slot free for its next generation. The object must have been taken out of it.
    fn recycle(&self, number: u32, slot: &Slot) {
        let generation = generation_of(slot.state.load(Ordering::Relaxed)) + 1;
        if generation > u64::from(u32::MAX) {
            return; // retired: it stays closing for ever
        }
        slot.state.store(generation << 32, Ordering::Release);
        self.give_free(number, slot);
    }
}

fn refused(code: i32, text: &'static str) -> Failure {
    Failure::Refused(code, text.into())
}

/// Access to the object of a handle, which stays alive for as long as this does.
pub(super) struct Entered<H: Handle> {
    number: u32,
    slot: &'static Slot,
    object: *const H::Object,
    /// Whether the thread was unwinding already when it came in: a panic of the host's, not of the call.
    unwinding: bool,
}

impl<H: Handle> Deref for Entered<H> {
    type Target = H::Object;

    fn deref(&self) -> &H::Object {
        // SAFETY: invariant 1: the pin that this holds keeps the object alive. It is of this type because kinds agree,
        // and only shared references to it are ever made.
        unsafe { &*self.object }
    }
}

impl<H: Handle> Drop for Entered<H> {
    fn drop(&mut self) {
        if !self.unwinding && std::thread::panicking() {
            self.slot.state.fetch_or(POISONED, Ordering::Relaxed);
        }
        if Table::unpin(self.slot) {
            let object = self.slot.object.swap(ptr::null_mut(), Ordering::Relaxed).cast::<H::Object>();
            TABLE.recycle(self.number, self.slot);
            // SAFETY: made by Box::into_raw in `insert` with the same type (kinds agree); invariant 2 makes this the
            // one place and time where it is taken back.
            drop(unsafe { Box::from_raw(object) });
        }
    }
}

/// Gives an object a handle.
pub(super) fn insert<H: Handle>(object: H::Object) -> Call<*mut H> {
    let object = Box::into_raw(Box::new(object));
    match TABLE.insert(H::KIND, object.cast()) {
        Some(handle) => Ok(ptr::without_provenance_mut(handle as usize)),
        None => {
            // SAFETY: made by Box::into_raw just above and given to nobody.
            drop(unsafe { Box::from_raw(object) });
            Err(refused(
                STRATUM_TOO_MANY_HANDLES,
                "16 million handles are open, or there is no memory for more; free some",
            ))
        }
    }
}

fn access<H: Handle>(handle: *const H, close: bool) -> Call<Entered<H>> {
    if handle.is_null() {
        return Err(Failure::argument("the handle is NULL"));
    }
    let (number, slot) = TABLE.pin(H::KIND, handle.addr() as u64, close)?;
    let object = slot.object.load(Ordering::Relaxed).cast_const().cast();
    Ok(Entered { number, slot, object, unwinding: std::thread::panicking() })
}

/// Enters the object of a handle for one call.
pub(super) fn enter<H: Handle>(handle: *const H) -> Call<Entered<H>> {
    access(handle, false)
}

/// Enters it for the last time: no later call gets in, and whoever is the last one out drops the object.
pub(super) fn close<H: Handle>(handle: *const H) -> Call<Entered<H>> {
    access(handle, true)
}

/// Whether a pointer has the form of a handle of that kind, open or not.
pub(super) fn is_of_kind<H: Handle, P>(pointer: *const P) -> bool {
    pointer.addr() as u64 >> KIND_SHIFT == (TAG >> KIND_SHIFT) | H::KIND as u64
}

const _: () = assert!(usize::BITS == 64, "handles need 64-bit pointers");

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    struct One(());
    struct Other(());
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

    impl Handle for Other {
        const KIND: Kind = Kind::Report;
        type Object = u64;
    }

    fn code<T>(call: Call<T>) -> i32 {
        call.err().map_or(0, |failure| failure.code())
    }

    fn counted() -> (Arc<AtomicUsize>, *mut One) {
        let drops = Arc::new(AtomicUsize::new(0));
        let handle = insert::<One>(Dropped(Arc::clone(&drops))).unwrap();
        (drops, handle)
    }

    #[test]
    fn the_last_one_out_drops_the_object_once() {
        let (drops, handle) = counted();
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
        let (_, handle) = counted();
        assert_eq!(code(enter(handle.cast::<Other>().cast_const())), STRATUM_INVALID_HANDLE);
        // the right kind in the pointer, the wrong one in the slot
        let forged = handle.addr() ^ ((Kind::Tree as usize ^ Kind::Report as usize) << KIND_SHIFT);
        assert_eq!(code(enter(ptr::without_provenance::<Other>(forged))), STRATUM_INVALID_HANDLE);
        for number in [1, 8, 0x7fff_0000_1000, usize::MAX, handle.addr() ^ 0x00ff_ffff, handle.addr() + (1 << 24)] {
            assert_eq!(code(enter(ptr::without_provenance::<One>(number))), STRATUM_INVALID_HANDLE, "{number:#x}");
        }
        assert_eq!(code(enter(ptr::null::<One>())), super::super::status::STRATUM_INVALID_ARGUMENT);
        close(handle).unwrap();
    }

    #[test]
    fn a_reused_slot_does_not_answer_to_its_old_handle() {
        let table = empty_table!();
        let mut object = 0_u64;
        let object = ptr::from_mut(&mut object).cast();
        let first = table.insert(Kind::Report, object).unwrap();
        let (number, slot) = table.pin(Kind::Report, first, true).unwrap();
        assert!(Table::unpin(slot));
        table.recycle(number, slot);
        let second = table.insert(Kind::Report, object).unwrap();
        assert_eq!(first & SLOT_MASK, second & SLOT_MASK);
        assert_ne!(first, second);
        assert_eq!(code(table.pin(Kind::Report, first, false)), STRATUM_CLOSED);
        assert_eq!(code(table.pin(Kind::Report, second, false)), 0);
    }

    #[test]
    fn a_slot_without_generations_left_is_retired() {
        let table = empty_table!();
        let slot = table.slot_or_new(0).unwrap();
        slot.state.store(u64::from(u32::MAX) << 32, Ordering::Relaxed);
        let last = table.insert(Kind::Report, ptr::null_mut()).unwrap();
        let (number, slot) = table.pin(Kind::Report, last, true).unwrap();
        assert!(Table::unpin(slot));
        table.recycle(number, slot);
        assert_eq!(code(table.pin(Kind::Report, last, false)), STRATUM_CLOSED);
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
        for _ in 0..200 {
            let (drops, handle) = counted();
            let address = handle.addr();
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|thread| {
                        scope.spawn(move || {
                            let handle = ptr::without_provenance::<One>(address);
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

    #[test]
    fn a_panic_poisons_what_was_entered() {
        let (drops, handle) = counted();
        let panicked = std::panic::catch_unwind(|| {
            let _inside = enter(ptr::without_provenance::<One>(handle.addr())).unwrap();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.is_err());
        assert_eq!(code(enter(handle)), STRATUM_PANIC);
        close(handle).unwrap();
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

#[cfg(test)]
#[cfg(loom)]
mod models;

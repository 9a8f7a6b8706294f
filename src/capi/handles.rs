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
//! 5. Handles that many threads use at once are counted elsewhere (`pins`); their state says 1 pin once nobody is
//!    inside any more. They have tables of their own: whoever is the last one out, be it with a stale handle, knows the
//!    type.
//! 6. Each stripe of threads has a list of free slots: threads that make and free handles do not meet there.

#![allow(unsafe_code)] // objects behind type-erased pointers, guarded by the states above

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;
use std::sync::OnceLock;

use self::pins::{Inside, Pins};
use super::status::{
    Call, Failure, STRATUM_BUSY, STRATUM_CLOSED, STRATUM_INVALID_HANDLE, STRATUM_PANIC, STRATUM_TOO_MANY_HANDLES,
};
use crate::memory;
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sync::stripe::{self, Apart, STRIPES};

mod pins;

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

impl Kind {
    /// Whether many threads use one handle of this kind at once.
    const fn is_shared(self) -> bool {
        matches!(self, Kind::Db | Kind::LatestView | Kind::Snapshot)
    }
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
    /// Who is inside, where the handle is a shared one.
    pins: Pins,
}

struct Table {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    /// Slots that were ever used.
    used: Apart<AtomicU32>,
    /// Heads of the lists of free slots: 63..32 a count of changes (against ABA), 31..0 slot number + 1.
    free: [Apart<AtomicU64>; STRIPES],
}

#[cfg(not(loom))]
macro_rules! free_lists {
    () => {
        [const { Apart(AtomicU64::new(0)) }; STRIPES]
    };
}

#[cfg(loom)]
macro_rules! free_lists {
    () => {
        std::array::from_fn(|_| Apart(AtomicU64::new(0)))
    };
}

macro_rules! empty_table {
    () => {
        Table { chunks: [const { OnceLock::new() }; CHUNKS], used: Apart(AtomicU32::new(0)), free: free_lists!() }
    };
}

#[cfg(not(loom))]
mod tables {
    use super::*;

    pub(super) static OWN: Table = empty_table!();
    pub(super) static STORES: Table = empty_table!();
    pub(super) static LATEST: Table = empty_table!();
    pub(super) static SNAPSHOTS: Table = empty_table!();
}

#[cfg(loom)]
mod tables {
    use super::*;

    loom::lazy_static! {
        pub(super) static ref OWN: Table = empty_table!();
        pub(super) static ref STORES: Table = empty_table!();
        pub(super) static ref LATEST: Table = empty_table!();
        pub(super) static ref SNAPSHOTS: Table = empty_table!();
    }
}

/// The table of a kind. A shared kind has its own.
fn table(kind: Kind) -> &'static Table {
    match kind {
        Kind::Db => &tables::STORES,
        Kind::LatestView => &tables::LATEST,
        Kind::Snapshot => &tables::SNAPSHOTS,
        _ => &tables::OWN,
    }
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
                pins: Pins::default(),
            };
            let made = memory::collect((0..FIRST_CHUNK << chunk).map(|_| fresh())).ok()?;
            slots.get_or_init(|| made.into_boxed_slice());
        }
        slots.get()?.get(place)
    }

    /// A free slot: of the thread's own list, or else of another's, so that slots are used again also where one thread
    /// makes the handles that another frees.
    fn take_free(&self) -> Option<(u32, &Slot)> {
        let own = stripe::own();
        (0..STRIPES).find_map(|other| self.take_free_of(&self.free[(own + other) % STRIPES].0))
    }

    fn take_free_of(&self, list: &AtomicU64) -> Option<(u32, &Slot)> {
        let mut head = list.load(Ordering::Acquire);
        loop {
            let number = (head as u32).checked_sub(1)?;
            let slot = self.slot(number)?;
            let next = u64::from(slot.next_free.load(Ordering::Relaxed));
            let changed = ((head >> 32).wrapping_add(1) << 32) | next;
            match list.compare_exchange_weak(head, changed, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some((number, slot)),
                Err(now) => head = now,
            }
        }
    }

    fn give_free(&self, number: u32, slot: &Slot) {
        let list = &self.free[stripe::own()].0;
        let mut head = list.load(Ordering::Relaxed);
        loop {
            slot.next_free.store(head as u32, Ordering::Relaxed);
            let changed = ((head >> 32).wrapping_add(1) << 32) | u64::from(number + 1);
            match list.compare_exchange_weak(head, changed, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn take_new(&self) -> Option<(u32, &Slot)> {
        let mut used = self.used.0.load(Ordering::Relaxed);
        loop {
            let slot = self.slot_or_new(used)?;
            match self.used.0.compare_exchange_weak(used, used + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some((used, slot)),
                Err(now) => used = now,
            }
        }
    }

    fn insert(&self, kind: Kind, object: *mut ()) -> Option<u64> {
        let (number, slot) = self.take_free().or_else(|| self.take_new())?;
        if kind.is_shared() && !slot.pins.make() {
            self.give_free(number, slot);
            return None;
        }
        let generation = generation_of(slot.state.load(Ordering::Relaxed));
        slot.object.store(object, Ordering::Relaxed);
        // published: whoever reads this state sees the object
        slot.state.store((generation << 32) | ((kind as u64) << STATE_KIND_SHIFT), Ordering::Release);
        Some(TAG | ((kind as u64) << KIND_SHIFT) | (generation << GENERATION_SHIFT) | u64::from(number))
    }

    /// The slot that a handle of that kind names.
    fn find(&self, kind: Kind, handle: u64) -> Call<(u32, &Slot)> {
        if handle >> KIND_SHIFT != (TAG >> KIND_SHIFT) | kind as u64 {
            return Err(foreign());
        }
        let number = (handle & SLOT_MASK) as u32;
        self.slot(number).map(|slot| (number, slot)).ok_or_else(foreign)
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

impl Slot {
    /// Pins the slot of a handle, and sets `CLOSING` where `close` says so.
    fn pin(&self, kind: Kind, handle: u64, close: bool) -> Call<()> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            check(state, kind, handle, close)?;
            if state & PINS == PINS {
                return Err(refused(STRATUM_BUSY, "too many threads use this handle at once"));
            }
            let pinned = (state + PIN) | if close { CLOSING } else { 0 };
            match self.state.compare_exchange_weak(state, pinned, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    /// The same for a shared handle, by somebody who was counted in.
    fn admit(&self, kind: Kind, handle: u64, close: bool) -> Call<()> {
        let mut state = self.state.load(Ordering::SeqCst);
        loop {
            check(state, kind, handle, close)?;
            if !close {
                return Ok(());
            }
            match self.state.compare_exchange_weak(state, state | CLOSING, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    /// Gives a pin back; true where the caller is the last one out of a closing slot and must drop the object.
    fn unpin(&self, inside: Option<Inside>) -> bool {
        let Some(inside) = inside else {
            let before = self.state.fetch_sub(PIN, Ordering::AcqRel);
            return before & CLOSING != 0 && before & PINS == PIN;
        };
        self.pins.leave(inside);
        let state = self.state.load(Ordering::SeqCst);
        // Of several who find nobody inside any more, the one that says so is the last.
        let over = |state: u64| self.state.compare_exchange(state, state + PIN, Ordering::SeqCst, Ordering::SeqCst);
        state & CLOSING != 0 && state & PINS == 0 && self.pins.is_empty() && over(state).is_ok()
    }
}

/// Whether a slot in this state lets a handle in.
fn check(state: u64, kind: Kind, handle: u64, close: bool) -> Call<()> {
    let generation = (handle >> GENERATION_SHIFT) & u64::from(u32::MAX);
    let closed = || refused(STRATUM_CLOSED, "the handle was closed or freed before");
    if generation_of(state) != generation || kind_of(state) != kind as u64 {
        return Err(if generation < generation_of(state) { closed() } else { foreign() });
    }
    if state & CLOSING != 0 {
        return Err(closed());
    }
    if state & POISONED != 0 && !close {
        return Err(refused(STRATUM_PANIC, "an earlier call on this handle failed inside the library; free it"));
    }
    Ok(())
}

fn refused(code: i32, text: &'static str) -> Failure {
    Failure::Refused(code, text.into())
}

fn foreign() -> Failure {
    refused(STRATUM_INVALID_HANDLE, "the pointer is not a handle of this type")
}

/// A hold on a slot: its object is not dropped meanwhile, unless this is what drops it.
struct Pinned<H: Handle> {
    number: u32,
    slot: &'static Slot,
    inside: Option<Inside>,
    kind: PhantomData<H>,
}

impl<H: Handle> Drop for Pinned<H> {
    fn drop(&mut self) {
        if self.slot.unpin(self.inside) {
            let object = self.slot.object.swap(ptr::null_mut(), Ordering::Relaxed).cast::<H::Object>();
            table(H::KIND).recycle(self.number, self.slot);
            // SAFETY: made by Box::into_raw in `insert` with the same type (kinds agree, or the table has no other:
            // invariant 5); invariant 2 makes this the one place and time where it is taken back.
            drop(unsafe { Box::from_raw(object) });
        }
    }
}

/// Access to the object of a handle, which stays alive for as long as this does.
pub(super) struct Entered<H: Handle> {
    pinned: Pinned<H>,
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
            self.pinned.slot.state.fetch_or(POISONED, Ordering::Relaxed);
        }
    }
}

/// Gives an object a handle.
pub(super) fn insert<H: Handle>(object: H::Object) -> Call<*mut H> {
    let object = Box::into_raw(Box::new(object));
    match table(H::KIND).insert(H::KIND, object.cast()) {
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
    let bits = handle.addr() as u64;
    let (number, slot) = table(H::KIND).find(H::KIND, bits)?;
    let pinned = if H::KIND.is_shared() {
        let inside = slot.pins.enter().ok_or_else(foreign)?;
        let counted = Pinned { number, slot, inside: Some(inside), kind: PhantomData };
        slot.admit(H::KIND, bits, close)?; // where this fails, `counted` leaves again
        counted
    } else {
        slot.pin(H::KIND, bits, close)?;
        Pinned { number, slot, inside: None, kind: PhantomData }
    };
    let object = slot.object.load(Ordering::Relaxed).cast_const().cast();
    Ok(Entered { pinned, object, unwinding: std::thread::panicking() })
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
mod tests;

#[cfg(test)]
#[cfg(loom)]
mod models;

//! Sequences of calls of the C API, as a host that gets everything wrong would make them.
//!
//! 1. No call panics or touches memory that is not its own (AddressSanitizer), with whatever handle: closed, of another
//!    store or type, NULL, never given out; with absurd lengths; in any order.
//! 2. Every answer is one that the function's comment in stratum.h names, and the error object agrees with it.
//! 3. A store holds what the calls that it took come to, also in snapshots, after closing it and opening it again.

#![no_main]

mod documented;
mod machine;
mod reads;
mod shadow;
#[path = "../source.rs"]
mod source;
mod values;
mod writes;

use std::ffi::c_void;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

use libfuzzer_sys::fuzz_target;
use machine::{Free, Machine, STORES, Type, quick_options};
use shadow::Shadow;
use source::Source;
use stratum::capi::batch::*;
use stratum::capi::cursor::*;
use stratum::capi::db::*;
use stratum::capi::error::*;
use stratum::capi::options::*;
use stratum::capi::pinned::*;
use stratum::capi::result::*;
use stratum::capi::stats::*;
use stratum::capi::status::*;
use stratum::capi::tree::*;
use stratum::capi::verify::*;
use stratum::capi::view::*;
use stratum::{Db, DocumentId, Options};

const MOST_STEPS: usize = 120;

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let mut machine = Machine::new(folder());
    let (options, store) = (quick_options(&mut machine, &mut source), usize::from(source.byte() % 2));
    open(&mut machine, store, options);
    writes::begin(&mut machine, store);
    for _ in 0..MOST_STEPS {
        if source.is_empty() {
            break;
        }
        step(&mut machine, &mut source);
    }
    end(&mut machine);
    std::fs::remove_dir_all(&machine.root).expect("the folder is this process's own");
});

/// A fresh folder, in memory where there is such a place.
fn folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = place.join(format!("stratum-calls-{}", std::process::id()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder is this process's own");
    }
    std::fs::create_dir(&folder).expect("a folder can be made");
    folder
}

fn step(machine: &mut Machine, source: &mut Source<'_>) {
    match source.byte() {
        0..=139 => writes::write(machine, source),
        140..=207 => reads::read(machine, source),
        208..=227 => batch(machine, source),
        228..=239 => store(machine, source),
        240..=249 => free(machine, source),
        _ => set_option(machine, source),
    }
}

fn open(machine: &mut Machine, store: usize, options: *const stratum_options) {
    let (path, mut db) = (machine.path(store), ptr::null_mut());
    let is_new = !path.join("MANIFEST").exists();
    let path = path.as_os_str().as_bytes();
    // SAFETY: the path is there, the variable is this function's own.
    let status = machine.call("stratum_db_open", |error| unsafe {
        stratum_db_open(path.as_ptr().cast(), path.len(), options, &raw mut db, error)
    });
    if status == STRATUM_OK {
        let handle = machine.made(Type::Db, db);
        let latest = stratum_db_latest(db);
        machine.lent(Type::View, latest);
        machine.store_of.extend([(handle, store), (latest.addr(), store)]);
        if machine.shadows[store].is_none() && is_new {
            machine.shadows[store] = Some(Shadow::new());
        }
        look_up(machine, store, latest);
    }
}

/// Fills a shadow that was lost, by reading everything.
fn look_up(machine: &mut Machine, store: usize, view: *const stratum_view) {
    if machine.shadows[store].is_some() {
        return;
    }
    let mut shadow = Shadow::new();
    for document in 1..200 {
        let mut tree = ptr::null_mut();
        // SAFETY: handles are numbers, the variable is this function's own, and freed below.
        unsafe {
            if stratum_view_tree(view, document, &raw mut tree, ptr::null_mut()) == STRATUM_OK {
                let read = values::read_tree(&*stratum_tree_get(tree));
                shadow.insert(document, read);
                assert_eq!(stratum_tree_free(&raw mut tree), STRATUM_OK);
            }
        }
    }
    machine.shadows[store] = Some(shadow);
}

fn batch(m: &mut Machine, source: &mut Source<'_>) {
    let (mut batch, db) = (m.pick::<stratum_batch>(Type::Batch, source), m.pick::<stratum_db>(Type::Db, source));
    let handle = batch.addr();
    // SAFETY: handles are numbers, the variables are this function's own.
    unsafe {
        match source.byte() % 4 {
            0 => {
                let mut made = ptr::null_mut();
                let status = m.call("stratum_batch_create", |error| stratum_batch_create(db, &raw mut made, error));
                if status == STRATUM_OK {
                    let batch = m.made(Type::Batch, made);
                    m.store_of.extend(m.store_of.get(&db.addr()).map(|store| (batch, *store)));
                }
            }
            1 => {
                let status = m.call("stratum_batch_clear", |error| stratum_batch_clear(batch, error));
                if status == STRATUM_OK {
                    m.pending.remove(&handle);
                }
            }
            2 => {
                let (mut calls, mut bytes) = (0, 0);
                m.call("stratum_batch_size", |error| stratum_batch_size(batch, &raw mut calls, &raw mut bytes, error));
            }
            _ => {
                let durability = i32::from(source.byte() % 5);
                let size = size_of::<stratum_commit_options>();
                let mut options = stratum_commit_options { struct_size: size, durability, reserved: 0 };
                options.struct_size -= usize::from(source.byte() == 255);
                let options = if source.byte() % 2 == 0 { ptr::null() } else { &raw const options };
                let was_alive = m.alive.contains_key(&handle);
                let mut sequence = 0;
                let status = m.call("stratum_batch_commit", |error| {
                    stratum_batch_commit(&raw mut batch, options, &raw mut sequence, error)
                });
                if status == STRATUM_OK {
                    assert!(was_alive && batch.is_null());
                    m.batch_committed(handle);
                }
                if batch.is_null() {
                    m.gone(Type::Batch, handle);
                }
            }
        }
    }
}

fn store(m: &mut Machine, source: &mut Source<'_>) {
    let (mut db, choice) = (m.pick::<stratum_db>(Type::Db, source), usize::from(source.byte()));
    let handle = db.addr();
    // SAFETY: handles are numbers, the variables are this function's own.
    unsafe {
        match source.byte() % 8 {
            0 | 1 => {
                let options = m.pick(Type::Options, source);
                open(m, choice % STORES, options);
            }
            2 => {
                m.call("stratum_db_close", |error| stratum_db_close(&raw mut db, error));
                assert!(db.is_null());
                m.gone(Type::Db, handle);
            }
            3 => snapshot(m, db),
            4 => {
                m.call("stratum_db_flush", |error| stratum_db_flush(db, error));
            }
            5 => {
                m.call("stratum_db_checkpoint", |error| stratum_db_checkpoint(db, error));
            }
            6 => {
                let mut host = Host { db, steps: choice % 4, machine: ptr::from_mut(m) };
                let context = ptr::from_mut(&mut host).cast();
                let progress: stratum_progress_fn = if choice < 200 { Some(in_compaction) } else { None };
                let status = stratum_db_compact_now(db, progress, context, ptr::null_mut());
                documented::check("stratum_db_compact_now", status, "");
            }
            _ => verify(m, db, choice),
        }
    }
}

/// What the callback of a compaction gets.
struct Host {
    db: *const stratum_db,
    steps: usize,
    machine: *mut Machine,
}

/// Calls back into the store that is compacting.
unsafe extern "C" fn in_compaction(progress: *const stratum_progress, context: *mut c_void) -> i32 {
    // SAFETY: the context is the one that was passed, and nobody else uses it during the call; the rest is numbers.
    unsafe {
        let host = &mut *context.cast::<Host>();
        assert_eq!((*progress).struct_size, size_of::<stratum_progress>());
        let (machine, mut copy) = (&mut *host.machine, host.db.cast_mut());
        let busy = machine.call("stratum_db_flush", |error| stratum_db_flush(host.db, error));
        let still = machine.call("stratum_db_close", |error| stratum_db_close(&raw mut copy, error));
        assert_eq!((busy, still), (STRATUM_BUSY, STRATUM_BUSY));
        snapshot(machine, host.db);
        host.steps = host.steps.saturating_sub(1);
        i32::from(host.steps > 0)
    }
}

fn snapshot(m: &mut Machine, db: *const stratum_db) {
    let mut view = ptr::null_mut();
    // SAFETY: handles are numbers, the variable is this function's own.
    let status = m.call("stratum_db_snapshot", |error| unsafe { stratum_db_snapshot(db, &raw mut view, error) });
    if status == STRATUM_OK {
        let handle = m.made(Type::View, view);
        let shown = m.shadow_of(db.addr()).cloned();
        m.snapshots.insert(handle, shown);
    }
}

fn verify(m: &mut Machine, db: *const stratum_db, choice: usize) {
    // SAFETY: a struct of numbers.
    let mut stats: stratum_stats = unsafe { std::mem::zeroed() };
    stats.struct_size = size_of::<stratum_stats>();
    // SAFETY: handles are numbers, the variables are this function's own.
    unsafe {
        if choice % 2 == 0 {
            m.call("stratum_db_stats", |error| stratum_db_stats(db, &raw mut stats, error));
        }
        let mut report = ptr::null_mut();
        let status = m.call("stratum_db_verify", |error| stratum_db_verify(db, &raw mut report, error));
        if status == STRATUM_OK {
            m.made(Type::Report, report);
            assert_eq!((*stratum_report_get(report)).damage_count, 0, "verification finds damage");
        }
    }
}

fn set_option(m: &mut Machine, source: &mut Source<'_>) {
    let options = m.pick::<stratum_options>(Type::Options, source);
    const NAMES: [&str; 8] = ["create", "exclusive", "read_mode", "verify_reads", "fold_after", "durability", "x", ""];
    const VALUES: [&str; 8] = ["true", "0", "pread", "mmap", "3", "always", "os", "-1"];
    let (name, value) = (NAMES[usize::from(source.byte() % 8)], VALUES[usize::from(source.byte() % 8)]);
    let number = [0, 1, 256, 400, 4096, 65536, u64::MAX][usize::from(source.byte() % 7)];
    // SAFETY: handles are numbers, the texts are there.
    unsafe {
        match source.byte() % 4 {
            0 => m.call("stratum_options_set_segment_size", |error| {
                stratum_options_set_segment_size(options, number.max(400), error)
            }),
            1 => m.call("stratum_options_set_max_record_bytes", |error| {
                stratum_options_set_max_record_bytes(options, number, error)
            }),
            2 => m.call("stratum_options_set_max_amplification", |error| {
                stratum_options_set_max_amplification(options, f64::from_bits(number << 48), error)
            }),
            _ => m.call("stratum_options_set", |error| {
                stratum_options_set(
                    options,
                    name.as_ptr().cast(),
                    name.len(),
                    value.as_ptr().cast(),
                    value.len(),
                    error,
                )
            }),
        }
    };
}

const TYPES: [Type; 10] = [
    Type::Options,
    Type::View,
    Type::Batch,
    Type::Documents,
    Type::Inputs,
    Type::Result,
    Type::Tree,
    Type::Pinned,
    Type::Report,
    Type::Error,
];

/// Gives a handle back, through the function of its own type or of another.
fn free(machine: &mut Machine, source: &mut Source<'_>) {
    let kind = TYPES[usize::from(source.byte()) % TYPES.len()];
    let handle = machine.pick(kind, source);
    machine.free(kind, handle, free_function(kind));
}

/// The function that frees a type of handle; a store is closed instead.
fn free_function(kind: Type) -> Free {
    macro_rules! erased {
        ($free:ident) => {{
            unsafe extern "C" fn erased(variable: *mut *mut ()) -> i32 {
                // SAFETY: every handle is a number in a variable of a pointer's size.
                unsafe { $free(variable.cast()) }
            }
            erased
        }};
    }
    match kind {
        Type::Options => erased!(stratum_options_free),
        Type::View => erased!(stratum_view_free),
        Type::Batch => erased!(stratum_batch_free),
        Type::Documents => erased!(stratum_document_cursor_free),
        Type::Inputs => erased!(stratum_input_cursor_free),
        Type::Result => erased!(stratum_result_free),
        Type::Tree => erased!(stratum_tree_free),
        Type::Pinned => erased!(stratum_pinned_free),
        Type::Report => erased!(stratum_report_free),
        Type::Error | Type::Db => erased!(stratum_error_free),
    }
}

/// Frees everything, in the order in which it was made, and looks at what is left on disk.
fn end(machine: &mut Machine) {
    for (handle, kind) in std::mem::take(&mut machine.alive) {
        let mut db = ptr::without_provenance_mut(handle);
        if kind == Type::Db {
            // SAFETY: handles are numbers, the variable is this function's own.
            let status = machine.call("stratum_db_close", |error| unsafe { stratum_db_close(&raw mut db, error) });
            assert_eq!(status, STRATUM_OK, "an open store can be closed");
        } else {
            machine.alive.insert(handle, kind);
            machine.free(kind, db.cast(), free_function(kind));
        }
    }
    for store in 0..STORES {
        let Some(shadow) = machine.shadows[store].take() else { continue };
        let mut options = Options::default();
        options.background = false;
        options.create = false;
        let db = Db::open(&machine.path(store), &options).expect("a store opens again");
        let view = db.view().expect("a store that is open has a view");
        let documents = view.documents(DocumentId::FIRST).expect("documents can be listed");
        let read = |id: DocumentId| (id.get(), view.tree(id).expect("what is listed can be read"));
        assert_eq!(documents.map(read).collect::<Shadow>(), shadow, "a store holds what was done to it");
    }
}

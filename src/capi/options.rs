//! Open options: an opaque object with setters, and one by name that reads the table `FIELDS`.

#![allow(unsafe_code)] // the C boundary

use std::ffi::c_char;
use std::time::Duration;

use super::arguments::{self, Out};
use super::error::stratum_error;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::status::{Call, Failure};
use crate::sync::Mutex;
use crate::{Compression, Durability, Options, ReadMode};

/// Per commit only: what the store was opened with.
pub const STRATUM_DURABILITY_DEFAULT: i32 = 0;
/// On disk when the call returns, and visible to others only then. The default of a store.
pub const STRATUM_DURABILITY_ALWAYS: i32 = 1;
/// Handed to the system when the call returns, synced every sync_interval.
pub const STRATUM_DURABILITY_INTERVAL: i32 = 2;
/// Handed to the system when the call returns; stratum_db_flush or the next ALWAYS commit syncs it.
pub const STRATUM_DURABILITY_OS: i32 = 3;

/// Read through a mapping: no system call on a warm read. A disk that fails under it ends the process by SIGBUS.
pub const STRATUM_READ_MMAP: i32 = 1;
/// Read with pread: every I/O error is a status.
pub const STRATUM_READ_PREAD: i32 = 2;

/// Trees are not compressed.
pub const STRATUM_COMPRESSION_NONE: i32 = 0;
/// Compaction compresses trees with LZ4: little to pay for reads, least gained.
pub const STRATUM_COMPRESSION_LZ4: i32 = 1;
/// Compaction compresses trees with Zstandard: smallest.
pub const STRATUM_COMPRESSION_ZSTD: i32 = 2;

/// Options for opening a store. The defaults suit most; NULL in their place means the defaults.
pub struct stratum_options(());

impl Handle for stratum_options {
    const KIND: Kind = Kind::Options;
    type Object = Mutex<Options>;
}

/// A store's durability from C.
pub(super) fn durability(code: i32) -> Call<Durability> {
    match code {
        STRATUM_DURABILITY_ALWAYS => Ok(Durability::Always),
        STRATUM_DURABILITY_INTERVAL => Ok(Durability::Interval),
        STRATUM_DURABILITY_OS => Ok(Durability::Os),
        _ => Err(Failure::argument(format!("durability {code} is none of STRATUM_DURABILITY_*"))),
    }
}

fn read_mode(code: i32) -> Call<ReadMode> {
    match code {
        STRATUM_READ_MMAP => Ok(ReadMode::Mmap),
        STRATUM_READ_PREAD => Ok(ReadMode::Pread),
        _ => Err(Failure::argument(format!("read mode {code} is none of STRATUM_READ_*"))),
    }
}

fn compression(code: i32) -> Call<Compression> {
    match code {
        STRATUM_COMPRESSION_NONE => Ok(Compression::None),
        STRATUM_COMPRESSION_LZ4 => Ok(Compression::Lz4),
        STRATUM_COMPRESSION_ZSTD => Ok(Compression::Zstd),
        _ => Err(Failure::argument(format!("compression {code} is none of STRATUM_COMPRESSION_*"))),
    }
}

/// Where a field of `Options` is and how its text is read.
enum Field {
    Flag(fn(&mut Options) -> &mut bool),
    Integer(fn(&mut Options) -> &mut u64),
    Count(fn(&mut Options) -> &mut u32),
    Ratio(fn(&mut Options) -> &mut f64),
    Milliseconds(fn(&mut Options) -> &mut Duration),
    Durability,
    ReadMode,
    Compression,
}

/// Every option by name.
const FIELDS: &[(&str, Field)] = &[
    ("create", Field::Flag(|options| &mut options.create)),
    ("exclusive", Field::Flag(|options| &mut options.exclusive)),
    ("durability", Field::Durability),
    ("sync_interval_ms", Field::Milliseconds(|options| &mut options.sync_interval)),
    ("read_mode", Field::ReadMode),
    ("verify_reads", Field::Flag(|options| &mut options.verify_reads)),
    ("segment_size", Field::Integer(|options| &mut options.segment_size)),
    ("max_record_bytes", Field::Integer(|options| &mut options.max_record_bytes)),
    ("max_batch_bytes", Field::Integer(|options| &mut options.max_batch_bytes)),
    ("background", Field::Flag(|options| &mut options.background)),
    ("max_amplification", Field::Ratio(|options| &mut options.max_amplification)),
    ("checkpoint_bytes", Field::Integer(|options| &mut options.checkpoint_bytes)),
    ("fold_after", Field::Count(|options| &mut options.fold_after)),
    ("compression", Field::Compression),
    ("compaction_bytes_per_second", Field::Integer(|options| &mut options.compaction_bytes_per_second)),
    ("max_retained_bytes", Field::Integer(|options| &mut options.max_retained_bytes)),
];

fn set_by_name(options: &mut Options, name: &str, value: &str) -> Call<()> {
    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::argument(format!("there is no option {name:?}; there are: {}", known.join(", "))));
    };
    let bad = |wanted: &str| Failure::argument(format!("option {name}: {value:?} is not {wanted}"));
    let integer = || value.parse::<u64>().map_err(|_| bad("a whole number"));
    match field {
        Field::Flag(place) => {
            *place(options) = match value {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return Err(bad("true or false")),
            }
        }
        Field::Integer(place) => *place(options) = integer()?,
        Field::Count(place) => *place(options) = value.parse().map_err(|_| bad("a whole number below 2^32"))?,
        Field::Ratio(place) => *place(options) = value.parse().map_err(|_| bad("a number"))?,
        Field::Milliseconds(place) => *place(options) = Duration::from_millis(integer()?),
        Field::Durability => {
            options.durability = match value {
                "always" => Durability::Always,
                "interval" => Durability::Interval,
                "os" => Durability::Os,
                _ => return Err(bad("always, interval or os")),
            }
        }
        Field::ReadMode => {
            options.read_mode = match value {
                "mmap" => ReadMode::Mmap,
                "pread" => ReadMode::Pread,
                _ => return Err(bad("mmap or pread")),
            }
        }
        Field::Compression => {
            options.compression = match value {
                "none" => Compression::None,
                "lz4" => Compression::Lz4,
                "zstd" => Compression::Zstd,
                _ => return Err(bad("none, lz4 or zstd")),
            }
        }
    }
    Ok(())
}

/// # Safety
/// `error` is NULL or leads to room for a pointer.
unsafe fn change(
    options: *mut stratum_options,
    error: *mut *mut stratum_error,
    set: impl FnOnce(&mut Options) -> Call<()>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, || set(&mut handles::enter(options)?.lock())) }
}

/// Makes options with their defaults. The caller frees them with stratum_options_free; a store copies them.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_create(
    options: *mut *mut stratum_options,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        guard::call(error, || {
            let out = Out::required("options", options)?;
            out.put(handles::insert(Mutex::new(Options::default()))?);
            Ok(())
        })
    }
}

/// Frees the options and sets `*options` to NULL. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_free(options: *mut *mut stratum_options) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(options) }
}

/// Sets any option from text: its name as in the setters below ("segment_size"), its value as a number, "true" or
/// "false", or a word ("always", "interval", "os"; "mmap", "pread"). Values are checked together when a store is
/// opened.
/// Errors: STRATUM_INVALID_ARGUMENT (no such option, or not a value for it).
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set(
    options: *mut stratum_options,
    name: *const c_char,
    name_length: usize,
    value: *const c_char,
    value_length: usize,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointers, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            let name = arguments::text("name", name, name_length)?;
            set_by_name(options, name, arguments::text("value", value, value_length)?)
        })
    }
}

/// Create the store where there is none: 0 or 1. Default: 1.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_create(
    options: *mut stratum_options,
    value: i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.create = value != 0;
            Ok(())
        })
    }
}

/// Refuse to open where there is a store already: 0 or 1. Default: 0.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_exclusive(
    options: *mut stratum_options,
    value: i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.exclusive = value != 0;
            Ok(())
        })
    }
}

/// Durability of commits that do not say otherwise: STRATUM_DURABILITY_ALWAYS (default), INTERVAL or OS.
/// Errors: STRATUM_INVALID_ARGUMENT.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_durability(
    options: *mut stratum_options,
    value: i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.durability = durability(value)?;
            Ok(())
        })
    }
}

/// Longest time between syncs in STRATUM_DURABILITY_INTERVAL, in milliseconds. Default: 100.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_sync_interval_ms(
    options: *mut stratum_options,
    value: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.sync_interval = Duration::from_millis(value);
            Ok(())
        })
    }
}

/// How segments are read: STRATUM_READ_MMAP (default) or STRATUM_READ_PREAD. Errors: STRATUM_INVALID_ARGUMENT.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_read_mode(
    options: *mut stratum_options,
    value: i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.read_mode = read_mode(value)?;
            Ok(())
        })
    }
}

/// Verify the checksum of whatever a read returns: 0 or 1. Default: 1.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_verify_reads(
    options: *mut stratum_options,
    value: i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.verify_reads = value != 0;
            Ok(())
        })
    }
}

/// Bytes at which a log file is sealed and the next begun. Default: 64 MiB.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_segment_size(
    options: *mut stratum_options,
    value: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.segment_size = value;
            Ok(())
        })
    }
}

/// Largest blob or encoded value, in bytes; larger ones are refused on write. Default: 256 MiB.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_max_record_bytes(
    options: *mut stratum_options,
    value: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.max_record_bytes = value;
            Ok(())
        })
    }
}

/// Largest batch, in bytes as encoded; more is refused on write. Default: 1 GiB.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_max_batch_bytes(
    options: *mut stratum_options,
    value: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.max_batch_bytes = value;
            Ok(())
        })
    }
}

/// Run compaction, checkpoints and interval syncs on a thread of the store's own: 0 or 1. Default: 1. Without it they
/// run only in stratum_db_compact_now, _checkpoint, _flush and _close.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_background(
    options: *mut stratum_options,
    value: i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.background = value != 0;
            Ok(())
        })
    }
}

/// Bytes on disk are kept below this multiple of the live bytes, plus two segments. Default: 1.5; at least 1.1.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_max_amplification(
    options: *mut stratum_options,
    value: f64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.max_amplification = value;
            Ok(())
        })
    }
}

/// Bytes of log after which a new index checkpoint is written. Default: 64 MiB.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_checkpoint_bytes(
    options: *mut stratum_options,
    value: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.checkpoint_bytes = value;
            Ok(())
        })
    }
}

/// Changes that a document may gather before they are folded into one tree. Default: 8.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_fold_after(
    options: *mut stratum_options,
    value: u32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.fold_after = value;
            Ok(())
        })
    }
}

/// How compaction compresses trees: STRATUM_COMPRESSION_NONE (default), _LZ4 or _ZSTD. What commits write is plain;
/// stratum_db_compact_now brings a whole store to the option that it was opened with, background compaction what it
/// rewrites. Reading needs no option: every tree says how it is stored. Errors: STRATUM_INVALID_ARGUMENT.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_compression(
    options: *mut stratum_options,
    value: i32,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.compression = compression(value)?;
            Ok(())
        })
    }
}

/// Bytes that compaction may write in a second, in the background and in stratum_db_compact_now; what it reads is not
/// counted. Default: 0, no limit. At the space ceiling commits go on at the pace that this leaves compaction; below it
/// commits never wait for the limit, reads and stratum_db_close never at all: a close cuts off the compaction at work.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_compaction_bytes_per_second(
    options: *mut stratum_options,
    value: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.compaction_bytes_per_second = value;
            Ok(())
        })
    }
}

/// Bytes of replaced log files that open snapshots may hold; over it the oldest snapshots answer
/// STRATUM_SNAPSHOT_TOO_OLD. Default: no bound (UINT64_MAX).
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_options_set_max_retained_bytes(
    options: *mut stratum_options,
    value: u64,
    error: *mut *mut stratum_error,
) -> i32 {
    // SAFETY: the caller's pointer, as the header's conventions demand.
    unsafe {
        change(options, error, |options| {
            options.max_retained_bytes = value;
            Ok(())
        })
    }
}

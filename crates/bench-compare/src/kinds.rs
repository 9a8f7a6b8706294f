//! The engines, and choosing among them.
//!
//! 1. The yardstick comes first, and is always one of those that are chosen.

use golden_sets::{Kind, native, raw, through_c};

use crate::{fjall, lmdb, redb, rows, sqlite};

/// Those that run where none are named.
const USUAL: &[Kind] = &[
    raw::RAW,
    native::STRATUM,
    through_c::STRATUM_C,
    native::STRATUM_ZSTD,
    Kind { name: "SQLite", open: rows::open::<sqlite::Sqlite> },
    Kind { name: "LMDB", open: rows::open::<lmdb::Lmdb> },
    Kind { name: "redb", open: rows::open::<redb::Redb> },
    Kind { name: "fjall", open: rows::open::<fjall::Fjall> },
    #[cfg(feature = "rocksdb")]
    Kind { name: "RocksDB", open: rows::open::<crate::rocksdb::RocksDb<false>> },
    #[cfg(feature = "rocksdb")]
    Kind { name: "RocksDB zstd", open: rows::open::<crate::rocksdb::RocksDb<true>> },
];

/// Those that run only where they are named.
const OTHERS: &[Kind] = &[native::STRATUM_LZ4];

/// Those of these names; the usual ones, where there are no names.
pub fn chosen(names: &[String]) -> Result<Vec<Kind>, String> {
    let all = || USUAL.iter().chain(OTHERS).copied();
    if let Some(unknown) = names.iter().find(|name| all().all(|kind| kind.name != **name)) {
        let known: Vec<_> = all().map(|kind| kind.name).collect();
        return Err(format!("there is no engine {unknown:?}; there are {}", known.join(", ")));
    }
    if names.is_empty() {
        return Ok(USUAL.to_vec());
    }
    Ok(all().filter(|kind| kind.name == raw::RAW.name || names.iter().any(|name| name == kind.name)).collect())
}

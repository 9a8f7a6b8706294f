//! All engines, and choosing among them.
//!
//! 1. The yardstick comes first, and is always one of those that are chosen.

use golden_sets::{Kind, native, raw, through_c};

use crate::{fjall, lmdb, redb, rows, sqlite};

/// All of them.
pub const KINDS: &[Kind] = &[
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

/// Those of these names; all, where there are no names.
pub fn chosen(names: &[String]) -> Result<Vec<Kind>, String> {
    if let Some(unknown) = names.iter().find(|name| KINDS.iter().all(|kind| kind.name != **name)) {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(format!("there is no engine {unknown:?}; there are {}", known.join(", ")));
    }
    let is_wanted = |kind: &&Kind| names.is_empty() || kind.name == "raw" || names.iter().any(|name| name == kind.name);
    Ok(KINDS.iter().filter(is_wanted).copied().collect())
}

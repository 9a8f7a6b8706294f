//! Stratum beside other engines and a raw file, on the workload "golden sets".
//!
//! ```text
//! cargo run --release -p bench-compare                           a table of all engines on 20,000 trees
//! cargo run --release -p bench-compare --features rocksdb        RocksDB too (Debian: librocksdb-dev)
//! cargo run --release -p bench-compare -- --engines raw,Stratum  only these
//! ```
//!
//! 1. Only ratios within one run say something: the yardstick runs beside all others.

mod fjall;
mod lmdb;
mod plot;
mod redb;
mod report;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod rows;
mod sqlite;
mod table;

use std::path::PathBuf;

use clap::Parser;
use golden_sets::{Kind, native, raw, through_c};

use table::Settings;

/// All engines, the yardstick first.
const KINDS: &[Kind] = &[
    raw::RAW,
    native::STRATUM,
    through_c::STRATUM_C,
    Kind { name: "SQLite", open: rows::open::<sqlite::Sqlite> },
    Kind { name: "LMDB", open: rows::open::<lmdb::Lmdb> },
    Kind { name: "redb", open: rows::open::<redb::Redb> },
    Kind { name: "fjall", open: rows::open::<fjall::Fjall> },
    #[cfg(feature = "rocksdb")]
    Kind { name: "RocksDB", open: rows::open::<rocksdb::RocksDb<false>> },
    #[cfg(feature = "rocksdb")]
    Kind { name: "RocksDB zstd", open: rows::open::<rocksdb::RocksDb<true>> },
];

/// Measures Stratum beside other engines and a raw file; prints a table in Markdown.
#[derive(Parser)]
struct Arguments {
    /// Trees in a store, about 11 KB each
    #[arg(long, default_value_t = 20_000)]
    trees: u64,
    /// Rounds; each figure is the median of them
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// How often the live blobs are overwritten under sustained updates
    #[arg(long, default_value_t = 20)]
    overwrite: u64,
    /// Names of engines, with commas between them; raw is always one of them
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// Where the picture goes, as SVG
    #[arg(long)]
    svg: Option<PathBuf>,
    /// What is written above table and picture: the machine and the date
    #[arg(long, default_value = "")]
    caption: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if let Some(unknown) = arguments.engines.iter().find(|name| KINDS.iter().all(|kind| kind.name != **name)) {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(format!("there is no engine {unknown:?}; there are {}", known.join(", ")).into());
    }
    let is_wanted = |kind: &&Kind| {
        arguments.engines.is_empty() || kind.name == "raw" || arguments.engines.iter().any(|name| name == kind.name)
    };
    let kinds: Vec<Kind> = KINDS.iter().filter(is_wanted).copied().collect();
    let Arguments { trees: documents, rounds, overwrite, .. } = arguments;
    let report = table::run(&kinds, &Settings { documents, rounds, overwrite });
    let caption = format!("{documents} trees, medians of {rounds} rounds. {}", arguments.caption);
    println!("{caption}\n\n{}", report.markdown());
    if let Some(path) = arguments.svg {
        plot::draw(&report, &caption, &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each phase proves what it read before it is timed: a run at toy size is a test of every adapter.
    #[test]
    fn every_engine_reads_what_was_written() {
        let report = table::run(KINDS, &Settings { documents: 60, rounds: 1, overwrite: 2 });
        let names = report.rows.iter().filter(|row| row.rate);
        for row in names {
            assert!(row.figures.iter().all(|figures| figures.len() == 1 && figures[0] > 0.0), "{}", row.name);
        }
        let dir = tempfile::tempdir().expect("a directory");
        let picture = dir.path().join("picture.svg");
        plot::draw(&report, "toy size", &picture).expect("the picture");
        let svg = std::fs::read_to_string(picture).expect("the picture");
        assert!(KINDS.iter().skip(1).all(|kind| svg.contains(kind.name)));
    }
}

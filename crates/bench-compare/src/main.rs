//! Stratum beside other engines and a raw file.
//!
//! ```text
//! cargo run --release -p bench-compare                           a table of all engines on 20,000 trees
//! cargo run --release -p bench-compare --features rocksdb        RocksDB too (Debian: librocksdb-dev)
//! cargo run --release -p bench-compare -- --engines raw,Stratum  only these
//! cargo run --release -p bench-compare -- scale                  costs, memory and opening, by size
//! cargo run --release -p bench-compare -- compaction             space over time, latencies beside compaction
//! cargo run --release -p bench-compare -- stratakv               durable puts, overwrites and deletes of 8 KiB
//! cargo run --release -p bench-compare -- calls                  calls across the C ABI beside the same from Rust
//! cargo run --release -p bench-compare -- limits                 what the machine cannot do faster
//! ```
//!
//! 1. Only ratios within one run say something: the yardstick runs beside all others.

mod calls;
mod compaction;
mod fjall;
mod kinds;
mod limits;
mod lines;
mod lmdb;
mod plot;
mod process;
mod redb;
mod report;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod rows;
mod scale;
mod sheet;
mod sqlite;
mod stratakv;
mod table;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use table::Settings;

/// Whatever goes wrong ends the run.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Measures Stratum beside other engines and a raw file; prints tables in Markdown.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    phases: Phases,
}

/// What else there is to measure than the phases of "golden sets".
#[derive(Subcommand)]
enum Command {
    /// What an operation, the memory and opening cost, in stores of every size
    Scale(scale::Arguments),
    #[command(hide = true)]
    ScaleChild(scale::child::Arguments),
    /// Compaction at work: space under sustained overwrites and deletes, latencies, throughput
    Compaction(compaction::Arguments),
    /// StrataKV's published workload: 330,000 durable puts, overwrites and deletes of 8 KiB, then reads
    Stratakv(stratakv::Arguments),
    /// What a call costs across the C ABI, beside the same from Rust
    Calls(calls::Arguments),
    /// What the machine cannot do faster: synced writes, copies, checksums, loads, atomics
    Limits(limits::Arguments),
}

/// One table of the phases of "golden sets".
#[derive(Args)]
struct Phases {
    /// Trees in a store, about 11 KB each
    #[arg(long, default_value_t = 20_000)]
    trees: u64,
    /// Rounds; each figure is the median of them
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// How often as many bytes as are live are overwritten under sustained updates
    #[arg(long, default_value_t = 20)]
    overwrite: u64,
    /// Names of engines, with commas between them; raw is always one of them
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Where the results go.
#[derive(Args)]
struct Output {
    /// Where the picture goes, as SVG
    #[arg(long)]
    svg: Option<PathBuf>,
    /// What is written above table and picture: the machine and the date
    #[arg(long, default_value = "")]
    caption: String,
}

fn main() -> Outcome {
    let arguments = Arguments::parse();
    match arguments.command {
        None => phases(arguments.phases),
        Some(Command::Scale(scale)) => scale::run(scale),
        Some(Command::ScaleChild(child)) => scale::child::run(&child),
        Some(Command::Compaction(compaction)) => compaction::run(compaction),
        Some(Command::Stratakv(stratakv)) => stratakv::run(&stratakv),
        Some(Command::Calls(calls)) => calls::run(&calls),
        Some(Command::Limits(limits)) => limits::run(&limits),
    }
}

fn phases(arguments: Phases) -> Outcome {
    let kinds = kinds::chosen(&arguments.engines)?;
    let Phases { trees: documents, rounds, overwrite, output, .. } = arguments;
    let report = table::run(&kinds, &Settings { documents, rounds, overwrite });
    let caption = format!("{documents} trees, medians of {rounds} rounds. {}", output.caption);
    println!("{caption}\n\n{}", report.markdown());
    if let Some(path) = output.svg {
        plot::draw(&report, &caption, &path)?;
    }
    Ok(())
}

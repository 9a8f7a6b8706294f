//! Stratum beside the yardstick (`raw`), on the workload "golden sets".
//!
//! ```text
//! cargo bench --bench golden_sets              criterion: each operation by itself, with its throughput   (micro)
//! cargo bench --bench golden_sets -- table     one table, Stratum : raw, medians of interleaved rounds     (table)
//! cargo test --bench golden_sets               both at toy size: what is read is what was written
//! ```
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_BENCH_TREES` | documents of a store | 2000; table: 20000 |
//! | `STRATUM_BENCH_ROUNDS` | rounds of the table | 3 |
//! | `STRATUM_BENCH_OVERWRITE` | sustained updates: how often the live blobs are overwritten | 20 |
//! | `STRATUM_BENCH_DIR` | where the stores are made | cargo's directory for temporary files |

mod engine;
mod micro;
mod phases;
mod raw;
mod raw_codec;
mod report;
mod table;
mod workload;

use table::Settings;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let rounds = setting("STRATUM_BENCH_ROUNDS", 3);
    let overwrite = setting("STRATUM_BENCH_OVERWRITE", 20);
    if has("--bench") && has("table") {
        let settings = Settings { documents: setting("STRATUM_BENCH_TREES", 20_000), rounds, overwrite };
        table::run(&settings);
    } else if has("--bench") {
        micro::run(setting("STRATUM_BENCH_TREES", 2000));
    } else {
        // `cargo test`: criterion runs each benchmark once.
        micro::run(120);
        if !has("--list") {
            table::run(&Settings { documents: 120, rounds: 1, overwrite: 2 });
        }
    }
}

/// A number above zero from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().ok().filter(|number| *number > 0).unwrap_or_else(|| panic!("{name}={text}")),
        Err(_) => default,
    }
}

//! Each operation by itself, Stratum beside the yardstick (`raw`), on the workload "golden sets", under criterion.
//!
//! ```text
//! cargo bench --bench golden_sets              each operation with its throughput
//! cargo test --bench golden_sets               the same at toy size: what is read is what was written
//! cargo run --release -p bench-compare         one table, phase by phase, with other engines beside them
//! ```
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_BENCH_TREES` | documents of a store | 2000 |
//! | `STRATUM_BENCH_DIR` | where the stores are made | target/bench |

mod micro;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    // `cargo test`: criterion runs each benchmark once.
    micro::run(if is_measured { trees() } else { 120 });
}

/// Documents of a store.
fn trees() -> u64 {
    match std::env::var("STRATUM_BENCH_TREES") {
        Ok(text) => {
            text.parse().ok().filter(|number| *number > 0).unwrap_or_else(|| panic!("STRATUM_BENCH_TREES={text}"))
        }
        Err(_) => 2000,
    }
}

//! The workload that StrataKV publishes figures of, in the form of trees.
//!
//! ```text
//! bench-compare stratakv                        50,000 puts, 200,000 overwrites, 80,000 deletes, each durable
//! bench-compare stratakv --scale 0.1            a tenth of it
//! ```
//!
//! 1. A value is a tree whose contents are 8 KiB: a blob of 4 KiB, four inputs of 512 bytes with outputs of 512 bytes.
//! 2. Overwrites go to the first quarter of the ids, deletes to the first half, at random: many find nothing, which is
//!    an answer and counted.
//! 3. Every document is compared with what was last written after the deletes, and again after compaction.

use std::time::{Duration, Instant};

use clap::Args;
use golden_sets::{Engine, Sync, phases};
use stratum::vfs::sim::Rng;
use stratum::{Columns, Input, Tree, Value};

use crate::report::Report;
use crate::table::{Side, micros, open, per_second};
use crate::{Outcome, Output, kinds, plot};

/// How much is measured.
#[derive(Args)]
pub struct Arguments {
    /// A share of the published numbers
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Rounds, each on new stores; each figure is the median of them
    #[arg(long, default_value_t = 1)]
    rounds: u64,
    /// Names of engines, with commas between them; raw is always one of them
    #[arg(long, value_delimiter = ',', default_value = "raw,Stratum,SQLite,LMDB")]
    engines: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Trees that the values are taken from.
const DISTINCT: usize = 256;
const READS: u64 = 100_000;
const MISSING: &str = "deletes that found nothing";

/// Numbers of operations and of the ids that they go to.
struct Numbers {
    puts: u64,
    overwrites: u64,
    overwritten: u64,
    deletes: u64,
    deleted: u64,
}

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Outcome {
    let kinds = kinds::chosen(&arguments.engines)?;
    let scaled = |number: f64| ((number * arguments.scale) as u64).max(1);
    let numbers = Numbers {
        puts: scaled(50_000.0),
        overwrites: scaled(200_000.0),
        overwritten: scaled(12_500.0),
        deletes: scaled(80_000.0),
        deleted: scaled(25_000.0),
    };
    let mut report = Report::new(kinds.iter().map(|kind| kind.name).collect());
    for round in 0..arguments.rounds {
        let mut sides: Vec<Side> = kinds.iter().copied().map(Side::new).collect();
        measure(&mut sides, &numbers, &mut report);
        eprintln!("round {} of {}", round + 1, arguments.rounds);
    }
    let caption = format!(
        "StrataKV's workload: {} puts, {} overwrites of {} ids, {} deletes of {} ids, 8 KiB each, each durable; \
         medians of {} rounds. {}",
        numbers.puts,
        numbers.overwrites,
        numbers.overwritten,
        numbers.deletes,
        numbers.deleted,
        arguments.rounds,
        arguments.output.caption
    );
    println!("{caption}\n\n{}", report.markdown());
    match &arguments.output.svg {
        Some(path) => plot::draw(&report, &caption, path),
        None => Ok(()),
    }
}

/// Trees of 8 KiB that nothing can be left out of.
fn values() -> Vec<Tree> {
    let mut rng = Rng::new(8);
    let mut text = |length: usize| -> String { (0..length).map(|_| char::from(b'!' + rng.below(90) as u8)).collect() };
    let mut tree = |_| Tree {
        blob: text(4096).into_bytes(),
        columns: Columns::new(),
        inputs: (0..4).map(|_| Input::new(Value::String(text(512)), Some(Value::String(text(512))))).collect(),
    };
    (0..DISTINCT).map(&mut tree).collect()
}

/// Which of the trees each document has; none that was deleted.
type Expected = Vec<Option<usize>>;

fn measure(sides: &mut [Side], numbers: &Numbers, report: &mut Report) {
    let values = values();
    let mut rng = Rng::new(9);
    let mut expected: Expected = Vec::new();
    let puts: Vec<usize> = (0..numbers.puts).map(|_| rng.index(DISTINCT)).collect();
    let all = sides.iter().map(|side| {
        timed(&puts, |value| {
            side.engine().put(&[&values[*value]], Sync::Now);
            true
        })
    });
    note(report, "durable put", &all.collect::<Vec<_>>());
    expected.extend(puts.iter().copied().map(Some));

    let draw = |rng: &mut Rng, ids: u64| (1 + rng.below(ids), rng.index(DISTINCT));
    let overwrites: Vec<_> = (0..numbers.overwrites).map(|_| draw(&mut rng, numbers.overwritten)).collect();
    let all = sides.iter().map(|side| {
        timed(&overwrites, |(id, value)| {
            side.engine().replace(*id, &values[*value]);
            true
        })
    });
    note(report, "durable overwrite", &all.collect::<Vec<_>>());
    overwrites.iter().for_each(|(id, value)| expected[*id as usize - 1] = Some(*value));

    let deletes: Vec<u64> = (0..numbers.deletes).map(|_| 1 + rng.below(numbers.deleted)).collect();
    let timed: Vec<_> = sides.iter().map(|side| timed(&deletes, |id| side.engine().remove(*id))).collect();
    note(report, "durable delete, missing ones among them", &timed);
    let missing = deletes.iter().filter(|id| expected[**id as usize - 1].take().is_none()).count() as f64;
    for timed in &timed {
        assert_eq!(timed.missing as f64, missing, "{MISSING}");
    }
    report.figure(MISSING, "", None, &vec![Some(missing); sides.len()]);

    let logical = 8192.0 * expected.iter().flatten().count() as f64;
    look(sides, &values, &expected, "", logical, report);
    let begun = sides.iter_mut().map(|side| {
        let begun = Instant::now();
        side.compact();
        Some(begun.elapsed().as_secs_f64())
    });
    report.figure("compaction", "s", None, &begun.collect::<Vec<_>>());
    look(sides, &values, &expected, " after compaction", logical, report);
    let opens: Vec<_> = sides.iter_mut().map(|side| Some(open(side, &[]))).collect();
    report.figure("open to first blob", "ms", None, &opens);
}

/// What a series of operations took.
struct Timed {
    took: Duration,
    sorted: Vec<Duration>,
    /// How many found nothing.
    missing: usize,
}

/// Does one after the other; each says whether it found what it was for.
fn timed<T>(items: &[T], mut one: impl FnMut(&T) -> bool) -> Timed {
    let mut sorted = Vec::with_capacity(items.len());
    let mut missing = 0;
    let begun = Instant::now();
    for item in items {
        let begun = Instant::now();
        missing += usize::from(!one(item));
        sorted.push(begun.elapsed());
    }
    let took = begun.elapsed();
    sorted.sort_unstable();
    Timed { took, sorted, missing }
}

fn note(report: &mut Report, name: &str, all: &[Timed]) {
    let rates: Vec<_> = all.iter().map(|timed| per_second(timed.sorted.len() as u64, timed.took)).collect();
    report.rate(name, "1/s", None, &rates);
    for (within, share) in [("half", 0.5), ("99 %", 0.99), ("99.9 %", 0.999)] {
        let figures: Vec<_> = all.iter().map(|timed| Some(micros(phases::percentile(&timed.sorted, share)))).collect();
        report.figure(&format!("{name}, {within} within"), "us", None, &figures);
    }
}

/// Proves every document, then reads some that are there and some that are not.
fn look(sides: &[Side], values: &[Tree], expected: &Expected, when: &str, logical: f64, report: &mut Report) {
    let sizes: Vec<_> = sides.iter().map(|side| Some(side.disk_bytes() / logical)).collect();
    report.figure(&format!("disk : contents{when}"), "", None, &sizes);
    sides.iter().for_each(|side| prove(side.engine(), values, expected));
    for (what, there) in [("get blob", true), ("get blob of a missing id", false)] {
        let ids: Vec<u64> =
            (1..).zip(expected).filter(|(_, value)| value.is_some() == there).map(|(id, _)| id).collect();
        if ids.is_empty() {
            continue;
        }
        let mut rng = Rng::new(10);
        let reads: Vec<u64> = (0..READS).map(|_| ids[rng.index(ids.len())]).collect();
        let read = |side: &Side| {
            let begun = Instant::now();
            let found =
                reads.iter().filter(|id| side.engine().find_blob(**id, &mut |blob| drop(blob.to_vec()))).count();
            let took = begun.elapsed();
            assert_eq!(found > 0, there, "what is there is found, what is not is not");
            per_second(READS, took)
        };
        let rates: Vec<_> = sides.iter().map(read).collect();
        report.rate(&format!("{what}{when}"), "1/s", None, &rates);
    }
}

fn prove(engine: &dyn Engine, values: &[Tree], expected: &Expected) {
    for (id, value) in (1..).zip(expected) {
        let Some(value) = value else {
            assert!(!engine.find_blob(id, &mut |_| ()), "{id} was deleted");
            continue;
        };
        phases::prove_tree(&engine.tree(id), &values[*value], id);
    }
}

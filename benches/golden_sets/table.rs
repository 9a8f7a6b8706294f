//! One table, Stratum : raw, phase by phase.
//!
//! 1. Both sides run in one process, each phase on one side and at once on the other; who begins changes with the
//!    round.
//! 2. A figure is the median of all rounds, a ratio the median of the rounds' ratios.
//! 3. Before a store is read from, every document in it is compared with what was written.

use std::hint::black_box;
use std::time::{Duration, Instant};

use stratum::vfs::sim::Rng;
use tempfile::TempDir;

use crate::engine::{Engine, Stratum};
use crate::phases::{self, Beside};
use crate::raw::Raw;
use crate::report::Report;
use crate::workload::{INPUTS, Workload};

/// How much is measured.
pub struct Settings {
    /// Documents of a store.
    pub documents: u64,
    /// Rounds.
    pub rounds: u64,
    /// How often the live blobs are overwritten under sustained updates.
    pub overwrite: u64,
}

/// Slices of a reading phase, in which the two sides take turns.
const SLICES: u64 = 4;

/// Measures and prints.
pub fn run(settings: &Settings) {
    let workload = Workload::new(settings.documents);
    let mut report = Report::default();
    for number in 0..settings.rounds {
        let bench = Bench { workload: &workload, swap: number % 2 == 1, seed: number << 32 };
        bench.life(&mut report);
        bench.sustained(settings.overwrite, &mut report);
        eprintln!("round {} of {}", number + 1, settings.rounds);
    }
    println!(
        "golden sets: {} trees, {} MB; rounds: {}; sustained updates overwrite the blobs {} times\n",
        settings.documents,
        workload.logical_bytes(1, settings.documents) / 1_000_000,
        settings.rounds,
        settings.overwrite
    );
    report.print();
}

/// One side's store.
struct Side<E> {
    dir: TempDir,
    /// Absent only while it is being opened anew.
    engine: Option<E>,
}

impl<E: Engine> Side<E> {
    fn new() -> Side<E> {
        let dir = phases::scratch();
        Side { engine: Some(E::open(dir.path())), dir }
    }

    fn engine(&self) -> &E {
        self.engine.as_ref().expect("the store is open")
    }

    fn disk_bytes(&self) -> f64 {
        phases::disk_bytes(self.dir.path()) as f64
    }
}

struct Sides {
    raw: Side<Raw>,
    stratum: Side<Stratum>,
}

impl Sides {
    fn new() -> Sides {
        Sides { raw: Side::new(), stratum: Side::new() }
    }
}

/// Makes a call for both sides, in the round's order; gives back the results, the yardstick's first.
macro_rules! both {
    ($bench:expr, $sides:expr, $measure:ident $(, $argument:expr)*) => {
        if $bench.swap {
            let stratum = $bench.$measure(&mut $sides.stratum $(, $argument)*);
            ($bench.$measure(&mut $sides.raw $(, $argument)*), stratum)
        } else {
            let raw = $bench.$measure(&mut $sides.raw $(, $argument)*);
            (raw, $bench.$measure(&mut $sides.stratum $(, $argument)*))
        }
    };
}

/// Measures one kind of read on both sides, by turns.
macro_rules! reads {
    ($bench:expr, $sides:expr, $threads:expr, $each:expr, $one:expr) => {{
        let (mut raw, mut stratum) = (Duration::ZERO, Duration::ZERO);
        let (documents, each) = ($bench.workload.documents, $each.div_ceil(SLICES));
        for _ in 0..SLICES {
            raw += phases::read($sides.raw.engine(), documents, ($threads, each), $one);
            stratum += phases::read($sides.stratum.engine(), documents, ($threads, each), $one);
        }
        let count = $threads * each * SLICES;
        (per_second(count, raw), per_second(count, stratum))
    }};
}

fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// One round.
struct Bench<'a> {
    workload: &'a Workload,
    /// Stratum begins.
    swap: bool,
    seed: u64,
}

impl Bench<'_> {
    /// The life of a store: loaded, read, changed, emptied, opened again.
    fn life(&self, report: &mut Report) {
        let mut sides = Sides::new();
        let (load, logical) = (both!(self, sides, load), self.logical());
        report.rate("A bulk load, batches of 100, one sync", "trees/s", Some(0.85), load);
        let disk = (sides.raw.disk_bytes() / logical, sides.stratum.disk_bytes() / logical);
        report.figure("disk : logical, loaded", "", None, Some(disk.0), disk.1);
        let stats = sides.stratum.engine().stats();
        report.figure(
            "memory of the index",
            "B/tree",
            Some(64.0),
            None,
            stats.index_bytes as f64 / stats.documents as f64,
        );
        both!(self, sides, prove);
        phases::prove_packed(sides.stratum.engine(), self.workload, 1, self.workload.documents);
        self.reads(&mut sides, report);
        self.beside(&mut sides, load.1, report);
        self.durable(&mut sides, report);
        let burst = both!(self, sides, burst);
        report.rate("H blob updates, burst of 2n, no sync", "blobs/s", Some(0.9), burst);
        let n = self.workload.documents;
        let changed = reads!(self, sides, 1, n, |engine, id, _| engine.tree(id));
        report.rate("F tree with changes, decoded", "trees/s", None, changed);
        let deletes = both!(self, sides, delete_half);
        report.rate("I delete, no sync", "trees/s", Some(0.53), deletes);
        let compaction = both!(self, sides, compact);
        report.rate("compaction of what is left", "MB/s", None, compaction);
        let logical = both!(self, sides, logical_left);
        let disk = (sides.raw.disk_bytes() / logical.0, sides.stratum.disk_bytes() / logical.1);
        report.figure("disk : logical after deletes and compaction", "", Some(1.06), Some(disk.0), disk.1);
        self.opens(&mut sides, report);
    }

    fn logical(&self) -> f64 {
        self.workload.logical_bytes(1, self.workload.documents) as f64
    }

    fn load<E: Engine>(&self, side: &mut Side<E>) -> f64 {
        let documents = self.workload.documents;
        per_second(documents, phases::bulk_load(side.engine(), self.workload, 1, documents))
    }

    fn prove<E: Engine>(&self, side: &mut Side<E>) {
        phases::prove_documents(side.engine(), self.workload, 1, self.workload.documents);
    }

    fn reads(&self, sides: &mut Sides, report: &mut Report) {
        let n = self.workload.documents;
        for threads in [1, 2] {
            let rates = reads!(self, sides, threads, 10 * n, |engine, id, _| engine.with_blob(id, <[u8]>::to_vec));
            report.rate(&format!("D blob, copied, threads: {threads}"), "blobs/s", Some(0.95), rates);
        }
        let rates = reads!(self, sides, 1, 10 * n, |engine, id, _| engine.with_blob(id, |blob| black_box(blob).len()));
        report.rate("D blob, in place", "blobs/s", None, rates);
        let rates = reads!(self, sides, 1, 10 * n, |engine, id, rng| engine.input(id, rng.below(INPUTS.into()) as u32));
        report.rate("E one input", "inputs/s", Some(0.8), rates);
        for threads in [1, 2] {
            let rates = reads!(self, sides, threads, 2 * n, |engine, id, _| engine.tree(id));
            report.rate(&format!("F tree, decoded, threads: {threads}"), "trees/s", Some(0.95), rates);
        }
        let decoded = reads!(self, sides, 1, n, |engine, id, _| engine.tree(id));
        let took = phases::read(sides.stratum.engine(), n, (1, 4 * n), |engine, id, _| {
            engine.with_packed(id, |packed| black_box(packed).len())
        });
        let packed = (decoded.0, per_second(4 * n, took));
        report.rate("F tree, packed, in place (raw: decoded)", "trees/s", Some(1.72), packed);
        let rates = reads!(self, sides, 1, 10 * n, |engine, id, _| engine.columns(id));
        report.rate("G columns", "documents/s", Some(0.8), rates);
    }

    /// A reader beside a bulk writer, and beside a thread that merely takes a core.
    fn beside(&self, sides: &mut Sides, load_alone: f64, report: &mut Report) {
        let (raw, stratum) = both!(self, sides, read_beside_writer);
        let reads = |side: &Beside| per_second(side.reads.len() as u64, side.took);
        report.rate("K blob reads beside a bulk writer", "blobs/s", Some(0.9), (reads(&raw), reads(&stratum)));
        let writes = |side: &Beside| per_second(self.workload.documents / 2, side.took);
        let alone = writes(&stratum) / load_alone;
        report.rate("K bulk writer beside a reader", "trees/s", None, (writes(&raw), writes(&stratum)));
        report.figure("K writer alone : beside a reader", "", Some(1.25), None, 1.0 / alone);
        let spin = both!(self, sides, read_beside_spinning, stratum.took);
        let slow = |side: &Beside| micros(phases::percentile(&side.reads, 0.999));
        report.figure("K slowest read of 1000 beside a writer", "us", None, Some(slow(&raw)), slow(&stratum));
        report.figure("K the same beside a spinning thread", "us", None, Some(slow(&spin.0)), slow(&spin.1));
    }

    fn read_beside_writer<E: Engine>(&self, side: &mut Side<E>) -> Beside {
        let (n, workload, engine) = (self.workload.documents, self.workload, side.engine());
        let beside = phases::read_beside(engine, n, || {
            phases::bulk_load(engine, workload, n + 1, n / 2);
        });
        phases::prove_documents(engine, workload, n + 1, n / 2);
        beside
    }

    fn read_beside_spinning<E: Engine>(&self, side: &mut Side<E>, time: Duration) -> Beside {
        phases::read_beside(side.engine(), self.workload.documents, || {
            let begun = Instant::now();
            while begun.elapsed() < time {
                std::hint::spin_loop();
            }
        })
    }

    fn durable(&self, sides: &mut Sides, report: &mut Report) {
        let each = self.workload.documents.div_ceil(20);
        for threads in [1, 8] {
            let (raw, stratum) = both!(self, sides, put_durably, threads, each);
            report.rate(&format!("B durable put, threads: {threads}"), "trees/s", Some(0.9), (raw.0, stratum.0));
            for (name, share) in [("half", 0.5), ("99 %", 0.99)] {
                let within = |sorted: &[Duration]| micros(phases::percentile(sorted, share));
                let name = format!("B durable put, threads: {threads}, {name} within");
                report.figure(&name, "us", None, Some(within(&raw.1)), within(&stratum.1));
            }
        }
        for (threads, target) in [(1, Some(0.9)), (8, None)] {
            let rates = both!(self, sides, add_inputs, threads, each);
            report.rate(&format!("C durable add input, threads: {threads}"), "inputs/s", target, rates);
        }
    }

    fn put_durably<E: Engine>(&self, side: &mut Side<E>, threads: u64, each: u64) -> (f64, Vec<Duration>) {
        let (took, mut latencies) = phases::put_durably(side.engine(), self.workload, threads, each);
        latencies.sort_unstable();
        (per_second(threads * each, took), latencies)
    }

    fn add_inputs<E: Engine>(&self, side: &mut Side<E>, threads: u64, each: u64) -> f64 {
        per_second(threads * each, phases::add_inputs(side.engine(), self.workload, threads, each))
    }

    fn burst<E: Engine>(&self, side: &mut Side<E>) -> f64 {
        let (count, mut rng) = (2 * self.workload.documents, Rng::new(self.seed));
        per_second(count, phases::update_blobs(side.engine(), self.workload, &mut rng, count, |_| ()).0)
    }

    /// Deletes half of the documents that were loaded first, in no order.
    fn delete_half<E: Engine>(&self, side: &mut Side<E>) -> f64 {
        let mut documents: Vec<u64> = (1..=self.workload.documents).collect();
        let mut rng = Rng::new(self.seed + 1);
        for at in (1..documents.len()).rev() {
            documents.swap(at, rng.index(at + 1));
        }
        documents.truncate(documents.len().div_ceil(2));
        let took = phases::delete(side.engine(), &documents);
        per_second(documents.len() as u64, took)
    }

    fn compact<E: Engine>(&self, side: &mut Side<E>) -> f64 {
        let begun = Instant::now();
        side.engine.as_mut().expect("the store is open").compact();
        let took = begun.elapsed();
        side.disk_bytes() / 1e6 / took.as_secs_f64()
    }

    /// Bytes that the documents have in themselves, as they are read back.
    fn logical_left<E: Engine>(&self, side: &mut Side<E>) -> f64 {
        side.engine()
            .documents()
            .into_iter()
            .map(|id| crate::workload::logical_size(&side.engine().tree(id)))
            .sum::<u64>() as f64
    }

    fn opens(&self, sides: &mut Sides, report: &mut Report) {
        let (raw, stratum) = both!(self, sides, open, "");
        let target = match self.workload.documents {
            20_000 => Some(0.5),
            1_000_000 => Some(5.0),
            _ => None,
        };
        report.figure("J open to first blob", "ms", target, Some(raw), stratum);
        let scanned = self.open(&mut sides.stratum, "stratum/CHECKPOINT");
        report.figure("J open without a checkpoint", "ms", None, None, scanned);
    }

    /// Closes and opens again, a few times; `without` names a file that is taken away before.
    fn open<E: Engine>(&self, side: &mut Side<E>, without: &str) -> f64 {
        let mut times = Vec::new();
        for _ in 0..5 {
            let document = side.engine().documents()[0];
            let expected = side.engine().with_blob(document, <[u8]>::to_vec);
            side.engine.take().expect("the store is open").close();
            if !without.is_empty() {
                std::fs::remove_file(side.dir.path().join(without)).expect("the file is there");
            }
            let begun = Instant::now();
            let engine = E::open(side.dir.path());
            let is_right = engine.with_blob(document, |blob| blob == expected);
            times.push(begun.elapsed());
            assert!(is_right, "the blob after opening");
            side.engine = Some(engine);
        }
        times.sort_unstable();
        micros(times[2]) / 1000.0
    }

    /// Updates far beyond the store's size, with compaction at work.
    fn sustained(&self, overwrite: u64, report: &mut Report) {
        let mut sides = Sides::new();
        both!(self, sides, load);
        let (raw, stratum) = both!(self, sides, overwrite, overwrite);
        report.rate("H blob updates, sustained, no sync", "blobs/s", Some(0.45), (raw.rate, stratum.rate));
        report.figure("written : logical, sustained updates", "", Some(2.0), Some(raw.written), stratum.written);
        let name = "disk : logical at its worst, sustained updates";
        report.figure(name, "", None, Some(raw.worst_disk), stratum.worst_disk);
        // The ceiling: 1.5 times the live bytes, and two segments.
        report.figure("the same without two segments", "", Some(1.5), None, stratum.worst_disk_without_two);
    }

    fn overwrite<E: Engine>(&self, side: &mut Side<E>, times: u64) -> Sustained {
        let (mut rng, dir) = (Rng::new(self.seed + 2), side.dir.path());
        let count = times * self.workload.documents;
        let logical = self.logical();
        let before = bytes_written();
        let mut worst = 0.0_f64;
        let (took, bytes) = phases::update_blobs(side.engine(), self.workload, &mut rng, count, |_| {
            worst = worst.max(phases::disk_bytes(dir) as f64);
        });
        Sustained {
            rate: per_second(count, took),
            written: (bytes_written() - before) as f64 / bytes as f64,
            worst_disk: worst / logical,
            worst_disk_without_two: (worst - TWO_SEGMENTS) / logical,
        }
    }
}

const TWO_SEGMENTS: f64 = (128 << 20) as f64;

/// What sustained updates came to.
struct Sustained {
    rate: f64,
    written: f64,
    worst_disk: f64,
    worst_disk_without_two: f64,
}

/// Bytes that this process has given to the system to write.
fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").expect("/proc/self/io");
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|number| number.parse().ok()).expect("a line wchar")
}

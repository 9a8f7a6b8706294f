//! The phases of the workload, on all engines by turns.
//!
//! 1. All engines run in one process, each phase on one engine after the other; who begins changes with the round.
//! 2. Opening is timed in processes of their own, on files that are in the page cache.
//! 3. Before a store is read from, every document in it is compared with what was written.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use golden_sets::native::{STRATUM, STRATUM_ZSTD};
use golden_sets::phases::{self, Beside, Until};
use golden_sets::workload::{INPUTS, Workload, logical_size};
use golden_sets::{Engine, Kind};
use stratum::vfs::sim::Rng;
use tempfile::TempDir;

use crate::report::{Report, at_least, at_most, is_stratum, median};
use crate::scale::child;

/// How much is measured.
pub struct Settings {
    /// Documents of a store.
    pub documents: u64,
    /// Rounds.
    pub rounds: u64,
    /// How often as many bytes as are live are overwritten under sustained updates.
    pub overwrite: u64,
}

/// Slices of a reading phase, in which the engines take turns.
const SLICES: u64 = 4;
const TWO_SEGMENTS: f64 = (128 << 20) as f64;

/// Measures; the first kind is the yardstick.
pub fn run(kinds: &[Kind], settings: &Settings) -> Report {
    let workload = Workload::new(settings.documents);
    let mut report = Report::new(kinds.iter().map(|kind| kind.name).collect());
    // Few rounds still begin at places that are far from one another.
    let stride = (kinds.len() / settings.rounds.max(1) as usize).max(1);
    for number in 0..settings.rounds {
        let first = number as usize * stride % kinds.len();
        let round = Round { kinds, workload: &workload, first, seed: number << 32 };
        round.life(&mut report);
        round.sustained(settings.overwrite, &mut report);
        eprintln!("round {} of {}", number + 1, settings.rounds);
    }
    report
}

/// One engine's store.
pub struct Side {
    kind: Kind,
    dir: TempDir,
    /// Absent only while it is being opened anew.
    engine: Option<Box<dyn Engine>>,
}

impl Side {
    /// A new store.
    pub fn new(kind: Kind) -> Side {
        let dir = phases::scratch();
        Side { kind, engine: Some((kind.open)(dir.path())), dir }
    }

    /// The open store.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_deref().expect("the store is open")
    }

    /// Bytes of all its files.
    pub fn disk_bytes(&self) -> f64 {
        phases::disk_bytes(self.dir.path()) as f64
    }

    /// Gives back the space of what was deleted and replaced.
    pub fn compact(&mut self) {
        self.engine.as_mut().expect("the store is open").compact();
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.close();
        }
    }
}

/// A rate.
pub fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Microseconds.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// One round.
struct Round<'a> {
    kinds: &'a [Kind],
    workload: &'a Workload,
    /// Who begins.
    first: usize,
    seed: u64,
}

impl Round<'_> {
    fn sides(&self) -> Vec<Side> {
        self.kinds.iter().map(|kind| Side::new(*kind)).collect()
    }

    /// Calls `measure` for each side, in the round's order; gives back the results in the order of the engines.
    fn each<T>(&self, sides: &mut [Side], mut measure: impl FnMut(&mut Side) -> T) -> Vec<T> {
        let mut results: Vec<_> = sides.iter().map(|_| None).collect();
        for turn in 0..sides.len() {
            let at = (self.first + turn) % sides.len();
            results[at] = Some(measure(&mut sides[at]));
        }
        results.into_iter().flatten().collect()
    }

    /// Measures one kind of read, by turns.
    fn read_rates<T>(
        &self,
        sides: &mut [Side],
        (threads, each): (u64, u64),
        one: impl Fn(&dyn Engine, u64, &mut Rng) -> T + Sync,
    ) -> Vec<f64> {
        let each = each.div_ceil(SLICES);
        let mut took = vec![Duration::ZERO; sides.len()];
        for _ in 0..SLICES {
            let read = |side: &mut Side| phases::read(side.engine(), self.workload.documents, (threads, each), &one);
            took.iter_mut().zip(self.each(sides, read)).for_each(|(all, some)| *all += some);
        }
        took.into_iter().map(|took| per_second(threads * each * SLICES, took)).collect()
    }

    fn logical(&self) -> f64 {
        self.workload.logical_bytes(1, self.workload.documents) as f64
    }

    /// The life of a store: loaded, read, changed, emptied, opened again.
    fn life(&self, report: &mut Report) {
        let (n, workload) = (self.workload.documents, self.workload);
        let mut sides = self.sides();
        let load = self.load(&mut sides);
        report.rate("A bulk load, batches of 100, one sync", "trees/s", Some(at_least(0.85)), &load);
        let disk = self.each(&mut sides, |side| Some(side.disk_bytes() / self.logical()));
        report.figure("disk : logical, loaded", "", None, &disk);
        let memory = self.each(&mut sides, |side| side.engine().index_bytes().map(|bytes| bytes as f64 / n as f64));
        report.figure("memory of the index", "B/tree", Some(at_most(64.0)), &memory);
        self.each(&mut sides, |side| phases::prove_documents(side.engine(), workload, 1, n));
        self.reads(&mut sides, report);
        self.beside(&mut sides, &load, report);
        self.durable(&mut sides, report);
        let burst = self.each(&mut sides, |side| {
            let mut rng = Rng::new(self.seed);
            per_second(2 * n, phases::update_blobs(side.engine(), workload, &mut rng, 2 * n, || ()).0)
        });
        report.rate("H blob updates, burst of 2n, no sync", "blobs/s", Some(at_least(0.9)), &burst);
        let changed = self.read_rates(&mut sides, (1, n), |engine, id, _| engine.visit_tree(id));
        report.rate("F tree with changes, decoded", "trees/s", None, &changed);
        self.shrink(&mut sides, report);
        self.opens(&mut sides, report);
    }

    /// Deletes, compaction, and what is left.
    fn shrink(&self, sides: &mut [Side], report: &mut Report) {
        let n = self.workload.documents;
        let deleted = self.deleted();
        let deletes =
            self.each(sides, |side| per_second(deleted.len() as u64, phases::delete(side.engine(), &deleted)));
        report.rate("I delete, no sync", "trees/s", Some(at_least(0.53)), &deletes);
        let multiple = self.multiple(&deletes, STRATUM.name, |name| name.starts_with("RocksDB"));
        report.figure("I delete, Stratum : best RocksDB", "", Some(at_least(3.0)), &multiple);
        let compaction = self.each(sides, |side| {
            let begun = Instant::now();
            side.compact();
            Some(begun.elapsed().as_secs_f64())
        });
        report.figure("compaction of what is left", "s", None, &compaction);
        for document in &deleted {
            let gone = |side: &Side| !side.engine().find_blob(*document, &mut |_| ());
            assert!(sides.iter().all(gone), "{document} was deleted");
        }
        self.prove_same(sides, n + n / 2);
        let disk = self.each(sides, |side| Some(side.disk_bytes() / logical_left(side.engine())));
        report.figure("disk : logical after deletes and compaction", "", Some(at_most(1.06)), &disk);
        let compressed: Vec<_> =
            self.kinds.iter().zip(disk).map(|(kind, disk)| disk.filter(|_| is_zstd(kind))).collect();
        let target = at_most(0.45).of(STRATUM_ZSTD);
        report.figure("the same, with zstd", "", Some(target), &compressed);
        // What compresses has done so by now.
        let left = sides[0].engine().documents();
        let compacted =
            self.read_rates(sides, (1, n), |engine, id, _| engine.visit_tree(left[id as usize % left.len()]));
        report.rate("F tree, compacted, decoded", "trees/s", None, &compacted);
        let multiple = self.multiple(&compacted, STRATUM_ZSTD.name, |name| name == "RocksDB zstd");
        let target = at_least(2.0).of(STRATUM_ZSTD);
        report.figure("F tree, compacted, Stratum zstd : RocksDB zstd", "", Some(target), &multiple);
    }

    /// One engine's rate as a multiple of the best of some others', in its own column.
    fn multiple(&self, rates: &[f64], of: &str, over: impl Fn(&str) -> bool) -> Vec<Option<f64>> {
        let others = self.kinds.iter().zip(rates).filter(|(kind, _)| over(kind.name)).map(|(_, rate)| *rate);
        let best = others.reduce(f64::max);
        self.kinds
            .iter()
            .zip(rates)
            .map(|(kind, rate)| best.filter(|_| kind.name == of).map(|best| rate / best))
            .collect()
    }

    /// Whether all engines came to what the yardstick came to.
    fn prove_same(&self, sides: &[Side], last: u64) {
        let (yardstick, others) = sides.split_first().expect("the yardstick");
        others.iter().for_each(|side| phases::prove_same(yardstick.engine(), side.engine(), last));
    }

    fn load(&self, sides: &mut [Side]) -> Vec<f64> {
        let n = self.workload.documents;
        self.each(sides, |side| per_second(n, phases::bulk_load(side.engine(), self.workload, 1, n)))
    }

    fn reads(&self, sides: &mut [Side], report: &mut Report) {
        let n = self.workload.documents;
        self.on_two(sides, "D blob, copied", "blobs/s", 10 * n, report, |engine, id| drop(black_box(engine.blob(id))));
        let rates = self.read_rates(sides, (1, 10 * n), |engine, id, _| {
            engine.with_blob(id, &mut |blob| {
                black_box(blob);
            });
        });
        report.rate("D blob, in place", "blobs/s", None, &rates);
        let input = |engine: &dyn Engine, id, rng: &mut Rng| engine.input(id, rng.below(INPUTS.into()) as u32);
        let rates = self.read_rates(sides, (1, 10 * n), input);
        report.rate("E one input", "inputs/s", Some(at_least(0.8)), &rates);
        self.on_two(sides, "F tree, decoded", "trees/s", 2 * n, report, |engine, id| engine.visit_tree(id));
        let packed = self.read_rates(sides, (1, 4 * n), |engine, id, _| {
            let has_packed = engine.with_packed(id, &mut |packed| {
                black_box(packed);
            });
            if !has_packed {
                engine.visit_tree(id);
            }
        });
        report.rate("F tree, packed, in place (who has none: decoded)", "trees/s", Some(at_least(1.72)), &packed);
        let rates = self.read_rates(sides, (1, 10 * n), |engine, id, _| engine.columns(id));
        report.rate("G columns", "documents/s", Some(at_least(0.8)), &rates);
    }

    /// Measures one kind of read on one thread, on two, and how far the second one helps.
    fn on_two(
        &self,
        sides: &mut [Side],
        what: &str,
        unit: &'static str,
        each: u64,
        report: &mut Report,
        one: impl Fn(&dyn Engine, u64) + Sync,
    ) {
        let rates = [1, 2].map(|threads| {
            let rates = self.read_rates(sides, (threads, each), |engine, id, _| one(engine, id));
            report.rate(&format!("{what}, threads: {threads}"), unit, Some(at_least(0.95)), &rates);
            rates
        });
        let scaling: Vec<_> = rates[0].iter().zip(&rates[1]).map(|(one, two)| Some(two / one)).collect();
        report.figure(&format!("{what}, two threads : one"), "", Some(at_least(1.9)), &scaling);
    }

    /// A reader beside a bulk writer, and beside a thread that merely takes a core.
    fn beside(&self, sides: &mut [Side], alone: &[f64], report: &mut Report) {
        let (n, workload) = (self.workload.documents, self.workload);
        // Before the writer, whose engine may go on in the background; for as long as the slowest of them takes.
        let slowest = alone.iter().copied().fold(f64::INFINITY, f64::min);
        let time = Duration::from_secs_f64(n as f64 / 2.0 / slowest);
        let spinning = self.each(sides, |side| {
            phases::read_beside(side.engine(), n, || {
                let begun = Instant::now();
                while begun.elapsed() < time {
                    std::hint::spin_loop();
                }
            })
        });
        let beside = self.each(sides, |side| {
            let engine = side.engine();
            let beside = phases::read_beside(engine, n, || {
                phases::bulk_load(engine, workload, n + 1, n / 2);
            });
            phases::prove_documents(engine, workload, n + 1, n / 2);
            beside
        });
        let rates: Vec<_> = beside.iter().map(|b| per_second(b.reads.len() as u64, b.took)).collect();
        report.rate("K blob reads beside a bulk writer", "blobs/s", Some(at_least(0.9)), &rates);
        let writes: Vec<_> = beside.iter().map(|b| per_second(n / 2, b.took)).collect();
        report.rate("K bulk writer beside a reader", "trees/s", None, &writes);
        let slowed: Vec<_> = alone.iter().zip(&writes).map(|(alone, beside)| Some(alone / beside)).collect();
        report.figure("K writer alone : beside a reader", "", Some(at_most(1.25)), &slowed);
        let slow = |beside: &Beside| micros(phases::percentile(&beside.reads, 0.999));
        let [beside, spinning]: [Vec<_>; 2] = [beside, spinning].map(|all| all.iter().map(slow).collect());
        report.figure("K slowest read of 1000 beside a writer", "us", None, &some(&beside));
        report.figure("K the same beside a spinning thread", "us", None, &some(&spinning));
        let slower: Vec<_> = beside.iter().zip(&spinning).map(|(writer, spinner)| Some(writer / spinner)).collect();
        report.figure("K slowest read of 1000, writer : spinning thread", "", Some(at_most(2.0)), &slower);
    }

    fn durable(&self, sides: &mut [Side], report: &mut Report) {
        let each = self.workload.documents.div_ceil(20);
        for threads in [1, 8] {
            let puts = self.each(sides, |side| {
                let (took, mut latencies) = phases::put_durably(side.engine(), self.workload, threads, each);
                latencies.sort_unstable();
                (per_second(threads * each, took), latencies)
            });
            let rates: Vec<_> = puts.iter().map(|(rate, _)| *rate).collect();
            report.rate(&format!("B durable put, threads: {threads}"), "trees/s", Some(at_least(0.9)), &rates);
            let [half, most]: [Vec<_>; 2] =
                [0.5, 0.99].map(|share| puts.iter().map(|(_, all)| micros(phases::percentile(all, share))).collect());
            let name = format!("B durable put, threads: {threads}");
            report.figure(&format!("{name}, half within"), "us", None, &some(&half));
            report.figure(&format!("{name}, 99 % within"), "us", None, &some(&most));
            let target = (threads == 8).then(|| at_most(2.0));
            let spread: Vec<_> = half.iter().zip(&most).map(|(half, most)| Some(most / half)).collect();
            report.figure(&format!("{name}, 99 % : half"), "", target, &spread);
        }
        for (threads, target) in [(1, Some(at_least(0.9))), (8, None)] {
            let add = |side: &mut Side| phases::add_inputs(side.engine(), self.workload, threads, each);
            let rates: Vec<_> =
                self.each(sides, add).into_iter().map(|took| per_second(threads * each, took)).collect();
            report.rate(&format!("C durable add input, threads: {threads}"), "inputs/s", target, &rates);
        }
    }

    /// Half of the documents that were loaded first, in no order.
    fn deleted(&self) -> Vec<u64> {
        let mut documents: Vec<u64> = (1..=self.workload.documents).collect();
        let mut rng = Rng::new(self.seed + 1);
        for at in (1..documents.len()).rev() {
            documents.swap(at, rng.index(at + 1));
        }
        documents.truncate(documents.len().div_ceil(2));
        documents
    }

    fn opens(&self, sides: &mut [Side], report: &mut Report) {
        let target = match self.workload.documents {
            20_000 => Some(at_most(0.5)),
            1_000_000 => Some(at_most(5.0)),
            _ => None,
        };
        let opens = self.each(sides, |side| Some(open(side, &[])));
        report.figure("J open to first blob", "ms", target, &opens);
        let scans = self.each(sides, |side| {
            let hints = side.engine().hints();
            (!hints.is_empty()).then(|| open(side, hints))
        });
        report.figure("J open without a checkpoint", "ms", None, &scans);
    }

    /// Updates far beyond the store's size, with compaction at work.
    fn sustained(&self, overwrite: u64, report: &mut Report) {
        let mut sides = self.sides();
        self.load(&mut sides);
        let updates = self.each(&mut sides, |side| self.overwrite(side, overwrite));
        let rates: Vec<_> = updates.iter().map(|update| update.rate).collect();
        report.rate("H blob updates, sustained, no sync", "blobs/s", Some(at_least(0.45)), &rates);
        let written: Vec<_> = updates.iter().map(|update| Some(update.written)).collect();
        report.figure("written : logical, sustained updates", "", Some(at_most(2.0)), &written);
        let worst: Vec<_> = updates.iter().map(|update| Some(update.worst_disk / self.logical())).collect();
        report.figure("disk : logical at its worst, sustained updates", "", None, &worst);
        // Stratum's ceiling: 1.5 times the live bytes, and two segments.
        let without = |(update, kind): (&Sustained, &Kind)| {
            is_stratum(kind.name).then(|| (update.worst_disk - TWO_SEGMENTS) / self.logical())
        };
        let without: Vec<_> = updates.iter().zip(self.kinds).map(without).collect();
        report.figure("the same without two segments", "", Some(at_most(1.5)), &without);
        self.prove_same(&sides, self.workload.documents);
    }

    fn overwrite(&self, side: &Side, times: u64) -> Sustained {
        let (mut rng, dir) = (Rng::new(self.seed + 2), side.dir.path());
        let until = Until::Bytes(times * self.logical() as u64);
        let before = bytes_written();
        let mut worst = 0.0_f64;
        let (took, updated) = phases::update_blobs(side.engine(), self.workload, &mut rng, until, || {
            worst = worst.max(phases::disk_bytes(dir) as f64);
        });
        let written = (bytes_written() - before) as f64 / updated.bytes as f64;
        Sustained { rate: per_second(updated.updates, took), written, worst_disk: worst }
    }
}

/// What sustained updates came to.
struct Sustained {
    rate: f64,
    written: f64,
    worst_disk: f64,
}

/// Those that every engine has a figure for.
fn some(figures: &[f64]) -> Vec<Option<f64>> {
    figures.iter().copied().map(Some).collect()
}

fn is_zstd(kind: &Kind) -> bool {
    kind.name.ends_with("zstd")
}

/// Bytes that the documents have in themselves, as they are read back.
fn logical_left(engine: &dyn Engine) -> f64 {
    engine.documents().into_iter().map(|id| logical_size(&engine.tree(id))).sum::<u64>() as f64
}

/// Closes, and has a few fresh processes open and read a blob, without some files; gives back milliseconds.
pub fn open(side: &mut Side, without: &[&str]) -> f64 {
    let document = side.engine().documents()[0];
    let blob = side.engine().blob(document);
    side.engine.take().expect("the store is open").close();
    let dir = side.dir.path();
    let times = (0..5).map(|_| {
        without.iter().for_each(|file| remove(&dir.join(file)));
        child::opened_one(side.kind, dir, document, &blob) / 1e6
    });
    let time = median(&times.collect::<Vec<_>>()).expect("there was one");
    side.engine = Some((side.kind.open)(dir));
    time
}

fn remove(path: &Path) {
    std::fs::remove_file(path).expect("the file is there");
}

/// Bytes that this process has given to the system to write, by calls.
fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").expect("/proc/self/io");
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|number| number.parse().ok()).expect("a line wchar")
}

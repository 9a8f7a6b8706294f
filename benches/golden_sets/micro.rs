//! Each operation by itself, under criterion, Stratum and the yardstick in one group.
//!
//! 1. A store that is read from is proven whole before the first read is timed.
//! 2. What cannot be repeated on one store (loading, deleting, compacting, opening) is timed with `iter_custom`, so
//!    that making the store ready is not counted.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{Bencher, BenchmarkGroup, Criterion, SamplingMode, Throughput};
use stratum::vfs::sim::Rng;
use tempfile::TempDir;

use golden_sets::native::STRATUM;
use golden_sets::phases::{self, BATCH};
use golden_sets::raw::RAW;
use golden_sets::workload::{INPUTS, Workload, any_document};
use golden_sets::{Engine, Kind};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Runs all groups on stores of so many documents.
pub fn run(documents: u64) {
    let workload = Workload::new(documents);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    writes(&mut criterion, &workload);
    reads(&mut criterion, &workload);
    maintenance(&mut criterion, &workload);
    criterion.final_summary();
}

/// A store with the whole workload in it.
struct Loaded {
    engine: Box<dyn Engine>,
    dir: TempDir,
}

fn load(kind: Kind, workload: &Workload) -> Loaded {
    let dir = phases::scratch();
    let engine = (kind.open)(dir.path());
    phases::bulk_load(&*engine, workload, 1, workload.documents);
    Loaded { engine, dir }
}

fn average_tree(workload: &Workload) -> u64 {
    workload.logical_bytes(1, workload.documents) / workload.documents
}

fn writes(criterion: &mut Criterion, workload: &Workload) {
    let mut group = criterion.benchmark_group("put tree, batches of 100, one sync at the end");
    group.throughput(Throughput::Bytes(average_tree(workload) * BATCH));
    bulk(RAW, &mut group, workload);
    bulk(STRATUM, &mut group, workload);
    group.finish();
    for threads in [1, 8] {
        let mut group = criterion.benchmark_group(format!("durable commit of a tree, threads: {threads}"));
        group.throughput(Throughput::Elements(1));
        durable(RAW, &mut group, workload, threads);
        durable(STRATUM, &mut group, workload, threads);
        group.finish();
        let mut group = criterion.benchmark_group(format!("durable commit of an input, threads: {threads}"));
        group.throughput(Throughput::Elements(1));
        durable_input(RAW, &mut group, workload, threads);
        durable_input(STRATUM, &mut group, workload, threads);
        group.finish();
    }
    let mut group = criterion.benchmark_group("update blob");
    group.throughput(Throughput::Elements(1));
    update(RAW, &mut group, workload);
    update(STRATUM, &mut group, workload);
    group.finish();
}

fn bulk(kind: Kind, group: &mut Group<'_>, workload: &Workload) {
    group.bench_function(kind.name, |bencher| {
        bencher.iter_custom(|iterations| {
            let dir = phases::scratch();
            let engine = (kind.open)(dir.path());
            let took = phases::bulk_load(&*engine, workload, 1, iterations * BATCH);
            engine.close();
            took
        });
    });
}

/// The time of `iterations` operations of which each thread does its share, rounded up.
fn shared(iterations: u64, threads: u64, work: impl FnOnce(u64) -> Duration) -> Duration {
    let each = iterations.div_ceil(threads);
    work(each).mul_f64(iterations as f64 / (each * threads) as f64)
}

fn durable(kind: Kind, group: &mut Group<'_>, workload: &Workload, threads: u64) {
    let dir = phases::scratch();
    let engine = (kind.open)(dir.path());
    group.bench_function(kind.name, |bencher| {
        bencher.iter_custom(|iterations| {
            shared(iterations, threads, |each| phases::put_durably(&*engine, workload, threads, each).0)
        });
    });
    engine.close();
}

fn durable_input(kind: Kind, group: &mut Group<'_>, workload: &Workload, threads: u64) {
    let Loaded { engine, dir: _dir } = load(kind, workload);
    group.bench_function(kind.name, |bencher| {
        bencher.iter_custom(|iterations| {
            shared(iterations, threads, |each| phases::add_inputs(&*engine, workload, threads, each))
        });
    });
    engine.close();
}

fn update(kind: Kind, group: &mut Group<'_>, workload: &Workload) {
    let Loaded { engine, dir: _dir } = load(kind, workload);
    let mut rng = Rng::new(3);
    group.bench_function(kind.name, |bencher| {
        bencher.iter_custom(|iterations| phases::update_blobs(&*engine, workload, &mut rng, iterations, || ()).0);
    });
    engine.close();
}

fn reads(criterion: &mut Criterion, workload: &Workload) {
    let documents = workload.documents;
    let (raw, stratum) = (load(RAW, workload), load(STRATUM, workload));
    let (raw, stratum) = (&*raw.engine, &*stratum.engine);
    phases::prove_documents(raw, workload, 1, documents);
    phases::prove_documents(stratum, workload, 1, documents);
    let blob_bytes = (1..=documents).map(|document| workload.tree(document).blob.len() as u64).sum::<u64>() / documents;

    let mut group = criterion.benchmark_group("read blob");
    group.throughput(Throughput::Bytes(blob_bytes));
    group.bench_function("raw, copied", |bencher| blob(bencher, raw, documents));
    group.bench_function("stratum, copied", |bencher| blob(bencher, stratum, documents));
    group.bench_function("raw, in place", |bencher| blob_in_place(bencher, raw, documents));
    group.bench_function("stratum, in place", |bencher| blob_in_place(bencher, stratum, documents));
    group.finish();

    let mut group = criterion.benchmark_group("read columns");
    group.throughput(Throughput::Elements(1));
    group.bench_function(RAW.name, |bencher| columns(bencher, raw, documents));
    group.bench_function(STRATUM.name, |bencher| columns(bencher, stratum, documents));
    group.finish();

    let mut group = criterion.benchmark_group("read one input");
    group.throughput(Throughput::Elements(1));
    group.bench_function(RAW.name, |bencher| input(bencher, raw, documents));
    group.bench_function(STRATUM.name, |bencher| input(bencher, stratum, documents));
    group.finish();

    let mut group = criterion.benchmark_group("read whole tree");
    group.throughput(Throughput::Bytes(average_tree(workload)));
    group.bench_function("raw, decoded", |bencher| tree(bencher, raw, documents));
    group.bench_function("stratum, decoded", |bencher| tree(bencher, stratum, documents));
    group.bench_function("stratum, packed, in place", |bencher| packed(bencher, stratum, documents));
    group.finish();
}

fn blob(bencher: &mut Bencher<'_>, engine: &dyn Engine, documents: u64) {
    let mut rng = Rng::new(4);
    bencher.iter(|| engine.blob(any_document(&mut rng, documents)));
}

fn blob_in_place(bencher: &mut Bencher<'_>, engine: &dyn Engine, documents: u64) {
    let mut rng = Rng::new(4);
    bencher.iter(|| {
        engine.with_blob(any_document(&mut rng, documents), &mut |blob| {
            black_box(blob);
        });
    });
}

fn columns(bencher: &mut Bencher<'_>, engine: &dyn Engine, documents: u64) {
    let mut rng = Rng::new(4);
    bencher.iter(|| engine.columns(any_document(&mut rng, documents)));
}

fn input(bencher: &mut Bencher<'_>, engine: &dyn Engine, documents: u64) {
    let mut rng = Rng::new(4);
    bencher.iter(|| {
        let document = any_document(&mut rng, documents);
        engine.input(document, rng.below(INPUTS.into()) as u32)
    });
}

fn tree(bencher: &mut Bencher<'_>, engine: &dyn Engine, documents: u64) {
    let mut rng = Rng::new(4);
    bencher.iter(|| engine.tree(any_document(&mut rng, documents)));
}

fn packed(bencher: &mut Bencher<'_>, engine: &dyn Engine, documents: u64) {
    let mut rng = Rng::new(4);
    bencher.iter(|| {
        engine.with_packed(any_document(&mut rng, documents), &mut |packed| {
            black_box(packed);
        })
    });
}

fn maintenance(criterion: &mut Criterion, workload: &Workload) {
    let documents = workload.documents;
    let live = workload.logical_bytes(1, documents) / 2;
    // The time that making the stores ready takes comes on top of what is measured here.
    let group_of = |criterion: &mut Criterion, name: &str, throughput: Throughput, work: &dyn Fn(&mut Group<'_>)| {
        let mut group = criterion.benchmark_group(name);
        group.throughput(throughput).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(100));
        work(&mut group);
        group.finish();
    };
    group_of(criterion, "delete every document", Throughput::Elements(documents), &|group| {
        delete(RAW, group, workload);
        delete(STRATUM, group, workload);
    });
    group_of(criterion, "compaction, half of it garbage", Throughput::Bytes(live), &|group| {
        compact(RAW, group, workload);
        compact(STRATUM, group, workload);
    });
    group_of(criterion, "open and read one blob", Throughput::Elements(documents), &|group| {
        open(RAW, group, workload, RAW.name, &[]);
        open(STRATUM, group, workload, "stratum, with checkpoint", &[]);
        open(STRATUM, group, workload, "stratum, without checkpoint", &["stratum/CHECKPOINT"]);
    });
}

/// Times `work` on a new store each time.
fn on_new_stores(
    kind: Kind,
    workload: &Workload,
    iterations: u64,
    work: impl Fn(&mut dyn Engine) -> Duration,
) -> Duration {
    let one = |_| {
        let mut loaded = load(kind, workload);
        let took = work(&mut *loaded.engine);
        loaded.engine.close();
        took
    };
    (0..iterations).map(one).sum()
}

fn delete(kind: Kind, group: &mut Group<'_>, workload: &Workload) {
    let all: Vec<u64> = (1..=workload.documents).collect();
    group.bench_function(kind.name, |bencher| {
        bencher
            .iter_custom(|iterations| on_new_stores(kind, workload, iterations, |engine| phases::delete(engine, &all)));
    });
}

fn compact(kind: Kind, group: &mut Group<'_>, workload: &Workload) {
    let odd: Vec<u64> = (1..=workload.documents).step_by(2).collect();
    group.bench_function(kind.name, |bencher| {
        bencher.iter_custom(|iterations| {
            on_new_stores(kind, workload, iterations, |engine| {
                phases::delete(engine, &odd);
                let begun = Instant::now();
                engine.compact();
                let took = begun.elapsed();
                (2..=workload.documents)
                    .step_by(2)
                    .for_each(|document| phases::prove_documents(engine, workload, document, 1));
                took
            })
        });
    });
}

/// Opens a store of which the files in `without` are gone.
fn open(kind: Kind, group: &mut Group<'_>, workload: &Workload, name: &str, without: &[&str]) {
    let Loaded { engine, dir } = load(kind, workload);
    engine.close();
    let expected = &workload.tree(1).blob;
    let one = |_| {
        for file in without {
            std::fs::remove_file(dir.path().join(file)).expect("the file is there");
        }
        let begun = Instant::now();
        let engine = (kind.open)(dir.path());
        let mut is_right = false;
        engine.with_blob(1, &mut |blob| is_right = blob == expected);
        let took = begun.elapsed();
        assert!(is_right, "the blob after opening");
        engine.close();
        took
    };
    group.bench_function(name, |bencher| bencher.iter_custom(|iterations| (0..iterations).map(one).sum()));
}

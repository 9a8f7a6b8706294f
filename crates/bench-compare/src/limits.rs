//! The machine's limits: what no store can do faster, so that each of its paths can be put beside one.
//!
//! ```text
//! bench-compare limits                 medians of rounds
//! ```
//!
//! 1. Files are where the stores are, memory is a mapped file in the page cache, as what is read of a store is.
//! 2. A random place is aligned as a cache line is, and too far from the last for the caches to have it.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Args;
use golden_sets::{codec, phases};
use stratum::vfs::os::OsFileSystem;
use stratum::vfs::sim::Rng;
use stratum::vfs::{FileSystem, Mapping};

use crate::Outcome;
use crate::report::{median, number};
use crate::sheet::Sheet;
use crate::table::micros;

/// How much is measured.
#[derive(Args)]
pub struct Arguments {
    /// Rounds; each figure is the median of them
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Size of the mapping, a power of two, far larger than the processor's caches
    #[arg(long, default_value_t = 1024)]
    megabytes: u64,
}

/// Bytes of a tree, which a durable put writes.
const TREE: usize = 11 << 10;
const PAGE: usize = 4 << 10;
const LINE: u64 = 64;
/// Synced writes of a round.
const WRITES: u64 = 200;
/// Bytes of one write at full speed.
const PIECE: u64 = 1 << 20;
/// Operations on memory in a round.
const LOADS: u64 = 100_000;
const ADDS: u64 = 4_000_000;

/// What there is to measure on.
struct Place {
    file: PathBuf,
    map: Box<dyn Mapping>,
    /// Bytes of the mapping.
    mapped: u64,
}

/// A limit: its name, its unit, a round of it.
type Limit = (&'static str, &'static str, fn(&Place) -> f64);

const LIMITS: [Limit; 12] = [
    ("append of 11 KB to a growing file, fdatasync", "us", |place| synced_write(place, false)),
    ("write of 11 KB into a prewritten file, fdatasync", "us", |place| synced_write(place, true)),
    ("sequential write, one fdatasync at the end", "GB/s", |place| bandwidth(place, true)),
    ("sequential write, into the page cache only", "GB/s", |place| bandwidth(place, false)),
    ("memcpy of 4 KiB, in cache", "ns", |place| copies(place, 1)),
    ("memcpy of 4 KiB, random places", "ns", |place| copies(place, place.mapped)),
    ("crc32fast of 4 KiB, in cache", "ns", |place| checksums(place, PAGE, 1)),
    ("crc32fast of 11 KB, random places", "ns", |place| checksums(place, TREE, place.mapped)),
    ("load of 8 bytes, in cache, each needed for the next, and what makes its place of it", "ns", |place| {
        loads(place, 1)
    }),
    ("load of 8 bytes, random places, each needed for the next", "ns", |place| loads(place, place.mapped)),
    ("atomic add, one thread", "ns", |_| adds(1)),
    ("atomic add, two threads at one number", "ns", |_| adds(2)),
];

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Outcome {
    let (dir, mapped) = (phases::scratch(), arguments.megabytes << 20);
    if !mapped.is_power_of_two() {
        return Err("the mapping's size is no power of two".into());
    }
    let file = OsFileSystem.create(&dir.path().join("mapped"))?;
    let mut rng = Rng::new(1);
    let piece: Vec<u8> = (0..PIECE / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    (0..mapped / PIECE).try_for_each(|at| file.write_all_at(at * PIECE, &piece))?;
    file.sync()?; // its writing back is nothing to measure beside
    let place = Place { file: dir.path().join("written"), map: file.map(mapped)?, mapped };
    let touched: u64 = place.map[..mapped as usize].iter().step_by(PAGE).map(|byte| u64::from(*byte)).sum();
    black_box(touched);

    let mut figures = vec![Vec::new(); LIMITS.len()];
    for _ in 0..arguments.rounds {
        LIMITS.iter().zip(&mut figures).for_each(|((.., round), figures)| figures.push(round(&place)));
    }
    let mut sheet = Sheet::new(["limit", "median", "least", "most", "unit"]);
    for ((name, unit, _), mut figures) in LIMITS.iter().zip(figures) {
        figures.sort_unstable_by(f64::total_cmp);
        let [middle, least, most] = [median(&figures), figures.first().copied(), figures.last().copied()]
            .map(|figure| figure.map_or(String::new(), number));
        sheet.row([*name, &middle, &least, &most, unit]);
    }
    let Arguments { rounds, megabytes } = arguments;
    println!("The machine's limits, memory mapped: {megabytes} MB, medians of {rounds} rounds\n\n{}", sheet.markdown());
    Ok(())
}

/// Microseconds that half of the writes do not exceed.
fn synced_write(place: &Place, prewritten: bool) -> f64 {
    let file = File::create(&place.file).expect("a file");
    let bytes = [b'x'; TREE];
    if prewritten {
        file.write_all_at(&vec![0; WRITES as usize * TREE], 0).expect("writing");
        file.sync_all().expect("syncing");
    }
    let write = |number| {
        let begun = Instant::now();
        file.write_all_at(&bytes, number * TREE as u64).expect("writing");
        file.sync_data().expect("syncing");
        micros(begun.elapsed())
    };
    median(&(0..WRITES).map(write).collect::<Vec<_>>()).expect("there were writes")
}

fn bandwidth(place: &Place, sync: bool) -> f64 {
    let file = File::create(&place.file).expect("a file");
    let bytes = vec![b'x'; PIECE as usize];
    let begun = Instant::now();
    let bulk = place.mapped / 4;
    (0..bulk / PIECE).for_each(|number| file.write_all_at(&bytes, number * PIECE).expect("writing"));
    if sync {
        file.sync_data().expect("syncing");
    }
    let bandwidth = bulk as f64 / begun.elapsed().as_secs_f64() / 1e9;
    file.set_len(0).expect("cutting"); // what was not written back never needs to be
    bandwidth
}

/// Nanoseconds of a turn; each begins with what the one before it gave back.
fn turns(count: u64, mut turn: impl FnMut(u64) -> u64) -> f64 {
    let begun = Instant::now();
    black_box((0..count).fold(0, |last, _| turn(last)));
    begun.elapsed().as_nanos() as f64 / count as f64
}

/// A place for `length` bytes, so far from the front; the same place always where it is not far.
fn place_in(rng: &mut Rng, within: u64, length: usize) -> usize {
    let lines = within.saturating_sub(length as u64) / LINE;
    (rng.below(lines + 1) * LINE) as usize
}

fn copies(place: &Place, within: u64) -> f64 {
    let (mut rng, mut copy) = (Rng::new(2), [0; PAGE]);
    turns(LOADS, |_| {
        copy.copy_from_slice(&place.map[place_in(&mut rng, within, PAGE)..][..PAGE]);
        black_box(&copy);
        0
    })
}

fn checksums(place: &Place, length: usize, within: u64) -> f64 {
    let mut rng = Rng::new(3);
    turns(LOADS, |_| {
        let bytes = &place.map[place_in(&mut rng, within, length)..][..length];
        crc32fast::hash(black_box(bytes)).into()
    })
}

fn loads(place: &Place, within: u64) -> f64 {
    let mut number = 0;
    turns(LOADS, |last| {
        number += 1;
        // The multiplication spreads what was loaded over the lines; it takes a nanosecond.
        let mixed = (last ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        codec::u64_at(&place.map, (mixed & (within - 1) & !(LINE - 1)) as usize)
    })
}

fn adds(threads: u64) -> f64 {
    let number = AtomicU64::new(0);
    let (took, _) = phases::on_threads(threads, |_| {
        (0..ADDS).for_each(|_| {
            black_box(number.fetch_add(1, Ordering::Relaxed));
        });
    });
    took.as_nanos() as f64 / ADDS as f64
}

//! Compaction at work: space under sustained overwrites and deletes, latencies beside it, its throughput.
//!
//! ```text
//! bench-compare compaction                     20,000 documents, their contents replaced 20 times over
//! bench-compare compaction --svg FILE          with a picture of the space over time, beside the ceiling
//! bench-compare compaction --overwrite 0       the latencies alone; --seconds 0 leaves them out
//! ```
//!
//! 1. Every store is proven after its run: all documents are what was last written, and no deleted one is there.

mod beside;
mod churn;
mod space;

use std::time::Duration;

use clap::Args;
use golden_sets::workload::Workload;
use hdrhistogram::Histogram;

use crate::lines::{self, Axis, Chart, Line};
use crate::report::number;
use crate::sheet::Sheet;
use crate::{Outcome, Output};
use beside::Company;
use space::{Sample, Sustained};

/// How much is measured.
#[derive(Args)]
pub struct Arguments {
    /// Documents of a store, about 11 KB each
    #[arg(long, default_value_t = 20_000)]
    documents: u64,
    /// How often the contents are replaced; 0 leaves space and throughput out
    #[arg(long, default_value_t = 20)]
    overwrite: u64,
    /// Seconds of each run that latencies are taken from; 0 leaves them out
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Commits a second of the runs at a steady rate
    #[arg(long, default_value_t = 2500.0)]
    rate: f64,
    #[command(flatten)]
    output: Output,
}

const MEGA: f64 = (1 << 20) as f64;

/// Measures and prints.
pub fn run(arguments: Arguments) -> Outcome {
    let workload = Workload::new(arguments.documents);
    let caption = format!(
        "{} documents, contents replaced {} times over at random. {}",
        arguments.documents, arguments.overwrite, arguments.output.caption
    );
    println!("{caption}\n");
    if arguments.overwrite > 0 {
        let sustained = space::sustained(&workload, arguments.overwrite);
        if let Some(path) = &arguments.output.svg {
            lines::draw(&[chart(&sustained.samples)], &caption, path)?;
        }
        println!("{}", sustained_sheet(&sustained).markdown());
        println!("{}", sizes_sheet(&sustained).markdown());
        println!("{}", compactor_sheet(&workload).markdown());
    }
    if arguments.seconds > 0.0 {
        let time = Duration::from_secs_f64(arguments.seconds);
        println!("{}", latencies(&workload, time, arguments.rate).markdown());
    }
    Ok(())
}

fn compactor_sheet(workload: &Workload) -> Sheet {
    let (progress, took) = space::compactor(workload);
    let mega_read = progress.bytes_read as f64 / MEGA;
    let mut sheet = Sheet::new(["compact_now alone, a third of the store garbage", ""]);
    let mut row = |name: &str, figure: f64| sheet.row([name.to_string(), number(figure)]);
    row("read (MB)", mega_read);
    row("written (MB)", progress.bytes_written as f64 / MEGA);
    row("took (s)", took.as_secs_f64());
    row("read (MB/s)", mega_read / took.as_secs_f64());
    sheet
}

fn worst(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).fold(0.0, f64::max)
}

fn sustained_sheet(sustained: &Sustained) -> Sheet {
    let Sustained { samples, took, commits, replaced, stats: (before, after), .. } = sustained;
    let seconds = took.as_secs_f64();
    let (read, written) = (
        (after.compaction_bytes_read - before.compaction_bytes_read) as f64,
        (after.compaction_bytes_written - before.compaction_bytes_written) as f64,
    );
    let mut sheet = Sheet::new(["sustained overwrites and deletes", ""]);
    let mut row = |name: &str, figure: f64| sheet.row([name.to_string(), number(figure)]);
    row("live (MB)", after.live_bytes as f64 / MEGA);
    row("contents replaced (MB)", *replaced as f64 / MEGA);
    row("commits/s", commits.len() as f64 / seconds);
    row("contents replaced (MB/s)", *replaced as f64 / MEGA / seconds);
    row(
        "segments : ceiling, at the worst (over 1 is a fault)",
        worst(samples, |sample| sample.segments / sample.ceiling),
    );
    row("files : ceiling, at the worst", worst(samples, |sample| sample.files / sample.ceiling));
    row("segments : live, at the worst", worst(samples, |sample| sample.segments / sample.live));
    row("ceiling : live", worst(samples, |sample| sample.ceiling / sample.live));
    row("compaction jobs", (after.compactions - before.compactions) as f64);
    row("compaction, read (MB/s of the whole run)", read / MEGA / seconds);
    row("compaction, written (MB/s of the whole run)", written / MEGA / seconds);
    row("compaction, written : contents replaced", written / *replaced as f64);
    row("commits held back at the ceiling (of 1000)", {
        let paced = after.paced_commits - before.paced_commits;
        1000.0 * paced as f64 / commits.len() as f64
    });
    for (name, share) in [("half", 0.5), ("99 %", 0.99), ("99.9 %", 0.999), ("all", 1.0)] {
        row(&format!("commits, {name} within (us)"), micros(commits, share));
    }
    sheet
}

fn sizes_sheet(sustained: &Sustained) -> Sheet {
    let mut sheet = Sheet::new(["space", "files (MB)", "disk blocks (MB)", "live (MB)", "files : live"]);
    for (name, files, blocks, live) in &sustained.sizes {
        let mega = |bytes: &u64| number(*bytes as f64 / MEGA);
        let ratio = number(*files as f64 / *live as f64);
        sheet.row([(*name).to_string(), mega(files), mega(blocks), mega(live), ratio]);
    }
    sheet
}

fn micros(took: &Histogram<u64>, share: f64) -> f64 {
    took.value_at_quantile(share) as f64 / 1000.0
}

/// Reader and writer, with compaction, with nobody, and with a thread that spins.
fn latencies(workload: &Workload, time: Duration, steady: f64) -> Sheet {
    let shares = [("half", 0.5), ("99 %", 0.99), ("99.9 %", 0.999), ("all", 1.0)];
    let mut head = vec!["beside one another".to_string(), "reads/s".to_string(), "commits/s".to_string()];
    for who in ["reads", "commits"] {
        head.extend(shares.iter().map(|(name, _)| format!("{who}, {name} within (us)")));
    }
    head.push("compaction (MB/s)".to_string());
    let mut sheet = Sheet::new(head);
    for (pace, rate) in [("as fast as it goes", None), ("a steady rate", Some(steady))] {
        for (name, company) in [
            ("compaction at work", Company::Compaction),
            ("background off", Company::Nobody),
            ("background off, a thread that spins", Company::Spinner),
        ] {
            let run = beside::run(workload, company, rate, time);
            let seconds = time.as_secs_f64();
            let mut row = vec![format!("{pace}: {name}")];
            row.extend([&run.reads, &run.commits].map(|took| number(took.len() as f64 / seconds)));
            for took in [&run.reads, &run.commits] {
                row.extend(shares.iter().map(|(_, share)| number(micros(took, *share))));
            }
            row.push(number(run.compacted as f64 / MEGA / seconds));
            sheet.row(row);
        }
    }
    sheet
}

/// The space over time.
fn chart(samples: &[Sample]) -> Chart {
    let line = |color: i32, name: &str, of: &dyn Fn(&Sample) -> f64| Line {
        name: name.to_string(),
        color,
        points: samples.iter().map(|sample| (sample.seconds, of(sample))).collect(),
    };
    Chart {
        title: "Space under sustained overwrites and deletes".to_string(),
        across: Axis { name: "seconds", log: false },
        up: Axis { name: "bytes : live bytes", log: false },
        lines: vec![
            line(1, "ceiling: 1.5 x live + 2 segments", &|sample| sample.ceiling / sample.live),
            line(2, "all files", &|sample| sample.files / sample.live),
            line(3, "segments", &|sample| sample.segments / sample.live),
            line(7, "live", &|_| 1.0),
        ],
    }
}

//! What an operation, the memory and opening cost, from small stores to very large ones.
//!
//! ```text
//! bench-compare scale                                     1,000 to 10,000,000 nodes, Stratum beside raw
//! bench-compare scale --nodes 1000,10000 --svg FILE       these sizes, with a picture of the costs
//! bench-compare scale --rounds 0                          memory and opening only
//! ```
//!
//! 1. Ten nodes (an input with its output) make a document; trees are below 1 KB, so that 10,000,000 nodes take about
//!    1 GB in each engine.
//! 2. Memory for a node is what a document with ten takes more than one without.

pub mod child;
mod costs;
mod figures;

use std::path::Path;

use clap::Args;
use golden_sets::workload::INPUTS;
use golden_sets::{Kind, phases};

use crate::lines::{self, Axis, Chart, Line};
use crate::{Outcome, Output, kinds, process};
use child::Task;
use figures::Figures;

/// Sizes and engines.
#[derive(Args)]
pub struct Arguments {
    /// Nodes of the stores, ten of them a document, with commas between them
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000,1000000,10000000")]
    nodes: Vec<u64>,
    /// Rounds of the costs; each figure is the median of them. 0 leaves them out
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Leaves memory and opening out
    #[arg(long)]
    costs_only: bool,
    /// Names of engines, with commas between them; raw is always one of them
    #[arg(long, value_delimiter = ',', default_value = "raw,Stratum")]
    engines: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Openings of a kind; each figure is the median of them.
const OPENS: usize = 3;

/// Measures and prints.
pub fn run(arguments: Arguments) -> Outcome {
    let kinds = kinds::chosen(&arguments.engines)?;
    let sizes = &arguments.nodes;
    if let Some(small) = sizes.iter().find(|nodes| **nodes < u64::from(INPUTS)) {
        return Err(format!("{small} nodes are not one document").into());
    }
    let [mut costs, mut memory, mut opens] = [(); 3].map(|()| Figures::default());
    for nodes in sizes {
        for round in 0..arguments.rounds {
            costs::measure(&kinds, *nodes, round, &mut costs);
        }
        for kind in kinds.iter().filter(|_| !arguments.costs_only) {
            stores(*kind, *nodes, &mut memory, &mut opens)?;
        }
        eprintln!("{nodes} nodes are done");
    }
    let caption = format!("Small trees of 10 nodes, by nodes in the store. {}", arguments.output.caption);
    println!("{caption}\n");
    let tables = [
        ("cost (ns)", &costs),
        ("memory that no file backs (bytes a document; the last: a node)", &memory),
        ("opening (ms)", &opens),
    ];
    for (title, figures) in tables.iter().filter(|(_, figures)| !figures.rows().is_empty()) {
        println!("{}", figures.markdown(title, sizes));
    }
    match arguments.output.svg {
        Some(path) => draw(&kinds, &costs, sizes, &caption, &path),
        None => Ok(()),
    }
}

/// Memory and opening of one engine's store.
fn stores(kind: Kind, nodes: u64, memory: &mut Figures, opens: &mut Figures) -> Outcome {
    let documents = (nodes / u64::from(INPUTS)) as f64;
    let (full, bare) = (phases::scratch(), phases::scratch());
    let mut bytes = child::spawn(Task::Load, kind, full.path(), nodes)?;
    let mut bare_bytes = child::spawn(Task::LoadBare, kind, bare.path(), nodes)?;
    bytes.extend(opened(kind, full.path(), nodes, "with what closing left, warm", false, &[], opens)?);
    bare_bytes.extend(opened(kind, bare.path(), nodes, "", false, &[], &mut Figures::default())?);
    for ((what, bytes), (_, bare)) in bytes.iter().zip(&bare_bytes) {
        memory.note(what, kind.name, nodes, bytes / documents);
        memory.note(&format!("{what}, for a node"), kind.name, nodes, (bytes - bare).max(0.0) / nodes as f64);
    }
    opened(kind, full.path(), nodes, "with what closing left, cold", true, &[], opens)?;
    let hints = (kind.open)(full.path());
    let without = hints.hints();
    hints.close();
    if !without.is_empty() {
        opened(kind, full.path(), nodes, "without a checkpoint, warm", false, without, opens)?;
        opened(kind, full.path(), nodes, "without a checkpoint, cold", true, without, opens)?;
    }
    Ok(())
}

/// Opens a store in a few processes; gives back the last one's memory.
fn opened(
    kind: Kind,
    dir: &Path,
    nodes: u64,
    what: &str,
    cold: bool,
    without: &[&str],
    opens: &mut Figures,
) -> Result<Vec<(String, f64)>, Box<dyn std::error::Error>> {
    let mut memory = Vec::new();
    for _ in 0..OPENS {
        for file in without {
            std::fs::remove_file(dir.join(file))?;
        }
        if cold {
            process::evict(dir);
        }
        memory = child::spawn(Task::Open, kind, dir, nodes)?;
        let at = memory.iter().position(|(what, _)| what == child::OPENED).ok_or("no time")?;
        let (name, nanos) = memory.remove(at);
        opens.note(&format!("{name}, {what}"), kind.name, nodes, nanos / 1e6);
    }
    Ok(memory)
}

/// A chart an engine, a line an operation.
fn draw(kinds: &[Kind], costs: &Figures, sizes: &[u64], caption: &str, path: &Path) -> Outcome {
    let chart = |kind: &Kind| {
        let rows = costs.rows().into_iter().filter(|(_, engine)| *engine == kind.name);
        let line = |(what, engine): (&str, &str)| {
            let point = |nodes: &u64| costs.figure(what, engine, *nodes).map(|cost| (*nodes as f64, cost));
            let color = 1 + costs.names().iter().position(|name| *name == what).unwrap_or_default() as i32;
            Line { name: what.to_string(), points: sizes.iter().filter_map(point).collect(), color }
        };
        Chart {
            title: kind.name.to_string(),
            across: Axis { name: "nodes in the store", log: true },
            up: Axis { name: "ns", log: true },
            lines: rows.map(line).collect(),
        }
    };
    let charts: Vec<_> = kinds.iter().rev().map(chart).collect();
    lines::draw(&charts, caption, path)
}

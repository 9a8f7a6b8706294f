//! What only a process of its own can tell: the memory that a store takes, and opening it for the first time.
//!
//! 1. Memory is what came to the process since it opened the store, of pages that no file backs.
//! 2. A child prints a line a figure: what it is, a tab, bytes or nanoseconds.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::{Args, ValueEnum};
use golden_sets::Kind;
use golden_sets::workload::{INPUTS, Workload};

use super::costs;
use crate::{Outcome, kinds, process};

/// What a child does.
#[derive(Clone, Copy, ValueEnum)]
pub enum Task {
    /// Puts all documents, then compacts.
    Load,
    /// The same, the documents without inputs.
    LoadBare,
    /// Opens the store and reads the first document's blob, then all blobs.
    Open,
    /// Opens the store and reads one document's blob.
    OpenOne,
}

/// One child.
#[derive(Args)]
pub struct Arguments {
    task: Task,
    engine: String,
    dir: PathBuf,
    /// Nodes of the store; of `OpenOne` the document.
    number: u64,
}

/// The figure of an opening that is a time.
pub const OPENED: &str = "open to first blob";
/// The figure of `Task::OpenOne` that tells blobs apart.
const DIGEST: &str = "digest of the blob";

/// In the child: does the task.
pub fn run(arguments: &Arguments) -> Outcome {
    let all = kinds::chosen(std::slice::from_ref(&arguments.engine))?;
    let kind = all.into_iter().find(|kind| kind.name == arguments.engine).ok_or("no engine")?;
    let documents = arguments.number / u64::from(INPUTS);
    match arguments.task {
        Task::Load => load(kind, &arguments.dir, &Workload::small(documents)),
        Task::LoadBare => load(kind, &arguments.dir, &Workload::bare(documents)),
        Task::Open => open(kind, &arguments.dir, documents),
        Task::OpenOne => open_one(kind, &arguments.dir, arguments.number),
    }
    Ok(())
}

fn load(kind: Kind, dir: &Path, workload: &Workload) {
    let before = process::anonymous_bytes();
    let mut engine = (kind.open)(dir);
    costs::load(&*engine, workload);
    println!("after the load\t{}", process::anonymous_bytes().saturating_sub(before));
    engine.compact();
    println!("after compaction\t{}", process::anonymous_bytes().saturating_sub(before));
    engine.close();
}

fn open(kind: Kind, dir: &Path, documents: u64) {
    let before = process::anonymous_bytes();
    let begun = Instant::now();
    let engine = (kind.open)(dir);
    let mut length = 0;
    engine.with_blob(1, &mut |blob| length = blob.len());
    println!("{OPENED}\t{}", begun.elapsed().as_nanos());
    assert!(length > 0, "the first blob");
    println!("after opening and one read\t{}", process::anonymous_bytes().saturating_sub(before));
    (1..=documents).for_each(|document| engine.with_blob(document, &mut |_| ()));
    println!("after opening and reading all\t{}", process::anonymous_bytes().saturating_sub(before));
    engine.close();
}

fn open_one(kind: Kind, dir: &Path, document: u64) {
    let begun = Instant::now();
    let engine = (kind.open)(dir);
    let blob = engine.blob(document);
    println!("{OPENED}\t{}\n{DIGEST}\t{}", begun.elapsed().as_nanos(), digest(&blob));
    engine.close();
}

/// What tells blobs apart, as a number that a figure can be.
fn digest(blob: &[u8]) -> f64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(blob);
    (hasher.finish() >> 12) as f64
}

/// In the parent: has a child open a store and read a blob, which must be this one; gives back nanoseconds.
pub fn opened_one(kind: Kind, dir: &Path, document: u64, blob: &[u8]) -> f64 {
    let figures = spawn(Task::OpenOne, kind, dir, document).expect("the child's figures");
    let figure = |name| figures.iter().find(|(what, _)| what == name).expect("the figure").1;
    assert_eq!(figure(DIGEST), digest(blob), "the blob after opening");
    figure(OPENED)
}

/// In the parent: has a child do a task, and gives back its figures.
pub fn spawn(
    task: Task,
    kind: Kind,
    dir: &Path,
    number: u64,
) -> Result<Vec<(String, f64)>, Box<dyn std::error::Error>> {
    let name = task.to_possible_value().expect("no task is hidden");
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("scale-child").args([name.get_name(), kind.name]).arg(dir).arg(number.to_string());
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(
            format!("the child that was to {} {} ended with {}", name.get_name(), kind.name, output.status).into()
        );
    }
    let figure = |line: &str| {
        let (what, figure) = line.split_once('\t').ok_or("a line without a tab")?;
        Ok((what.to_string(), figure.parse::<f64>()?))
    };
    String::from_utf8(output.stdout)?.lines().map(figure).collect()
}

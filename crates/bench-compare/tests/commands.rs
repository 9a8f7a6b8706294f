//! Every command at toy size, as one would call it: what it proves holds, and it prints what it says it does.

use std::path::Path;
use std::process::Command;

/// Runs a command with its stores in `dir`; gives back what it printed.
fn say(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-compare"));
    let output = command.args(arguments).env("STRATUM_BENCH_DIR", dir).output().expect("the command runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The same with its picture in `dir` too; gives back both.
fn run(dir: &Path, arguments: &[&str]) -> (String, String) {
    let svg = dir.join("picture.svg");
    let picture = ["--caption", "toy size", "--svg", svg.to_str().expect("UTF-8")];
    let text = say(dir, &[arguments, &picture].concat());
    (text, std::fs::read_to_string(svg).expect("the picture"))
}

/// The cells behind a row's name, as numbers.
fn row(text: &str, name: &str) -> Vec<f64> {
    let line = text.lines().find(|line| line.starts_with(&format!("| {name} |"))).expect(name);
    line.split('|').filter_map(|cell| cell.trim().parse().ok()).collect()
}

/// Each phase proves what it read before it is timed: a run is a test of every adapter.
#[test]
fn every_engine_reads_what_was_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let (text, picture) = run(dir.path(), &["--trees", "60", "--rounds", "1", "--overwrite", "2"]);
    let table = text.lines().filter(|line| line.starts_with('|'));
    let lines: Vec<Vec<&str>> = table.map(|line| line.split('|').map(str::trim).collect()).collect();
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{text}");
    // Behind the last engine are the best peer, the target, whether it was reached, and the end of the line.
    let engines = 3..lines[0].len() - 4;
    assert!(lines[0][engines.clone()].iter().all(|engine| picture.contains(engine)), "{text}");
    for line in lines.iter().skip(2).take_while(|line| line[1] != "figure") {
        let is_share = |cell: &&str| cell.parse().is_ok_and(|share: f64| share.is_finite());
        assert!(line[engines.clone()].iter().all(is_share), "{line:?}");
    }
}

#[test]
fn the_machine_has_limits() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = say(dir.path(), &["limits", "--rounds", "1", "--megabytes", "8"]);
    for name in ["append of 11 KB to a growing file, fdatasync", "memcpy of 4 KiB, in cache"] {
        assert!(row(&text, name)[0] > 0.0, "{text}");
    }
}

#[test]
fn scale_measures_costs_memory_and_opening() {
    let dir = tempfile::tempdir().expect("a directory");
    let (text, picture) = run(dir.path(), &["scale", "--nodes", "200,1000", "--rounds", "1"]);
    for name in ["get one input", "after compaction", "open to first blob, without a checkpoint, cold"] {
        let engine = if name.ends_with("cold") { "Stratum" } else { "raw" };
        assert_eq!(row(&text, &format!("{name} | {engine}")).len(), 2, "{text}");
    }
    assert!(row(&text, "update blob, no sync | Stratum").iter().all(|nanos| *nanos > 0.0), "{text}");
    assert!(["raw", "Stratum", "toy size", "read whole tree, packed"].iter().all(|words| picture.contains(words)));
}

#[test]
fn compaction_keeps_below_the_ceiling_and_hands_space_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let arguments = ["compaction", "--documents", "400", "--overwrite", "40", "--seconds", "0.2"];
    let (text, picture) = run(dir.path(), &arguments);
    assert!(row(&text, "segments : ceiling, at the worst (over 1 is a fault)")[0] <= 1.0, "{text}");
    let (at_once, compacted) = (row(&text, "90 % deleted, at once"), row(&text, "the same, after compact_now"));
    assert!(compacted[0] < at_once[0], "{text}");
    assert_eq!(row(&text, "a steady rate: background off").len(), 11, "{text}");
    assert!(picture.contains("ceiling"));
}

#[test]
fn every_engine_does_stratakvs_workload() {
    let dir = tempfile::tempdir().expect("a directory");
    let engines = "raw,Stratum,Stratum (C),SQLite,LMDB,redb,fjall";
    let (text, picture) = run(dir.path(), &["stratakv", "--scale", "0.002", "--engines", engines]);
    let missing = text.lines().find(|line| line.starts_with("| deletes that found nothing |")).expect("a row");
    let missing: f64 = missing.split('|').nth(2).and_then(|cell| cell.trim().parse().ok()).expect("a number");
    assert!((110.0..160.0).contains(&missing), "of 160 deletes of 50 ids: {text}");
    assert_eq!(
        row(&text, "get blob of a missing id after compaction").len(),
        7,
        "six engines and the best peer: {text}"
    );
    assert!(picture.contains("durable overwrite"));
}

#[test]
fn calls_cost_something_on_both_sides_of_the_c_abi() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = say(dir.path(), &["calls", "--rounds", "1", "--documents", "20"]);
    for name in ["exists", "one input", "whole tree", "batch of 100 set blob"] {
        assert!(row(&text, name)[..2].iter().all(|nanos| *nanos > 0.0), "{text}");
    }
}

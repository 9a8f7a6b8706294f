//! stratum-conformance: the reference runner, and the driver of all runners. `stratum-conformance` alone tells how.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use stratum_conformance::compare::{self, Runner, difference, dump_all, reference, seeded, smallest, stores};
use stratum_conformance::runner::{record, run_file};
use stratum_conformance::script::File;

const USAGE: &str = "stratum-conformance run WORK FILE...     runs vectors, a line for each step
stratum-conformance dump STORE...        dumps stores, a line for each document
stratum-conformance generate SEED STEPS  writes a random script
stratum-conformance record FILE...       fills in what new steps expect, to be read before it is committed
stratum-conformance compare ROOT SEEDS STEPS FILE...
                                         builds and runs every runner of bindings/conformance/runners.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command(&arguments) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn command(arguments: &[String]) -> Result<Vec<String>, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let paths = |words: &[&str]| words.iter().map(PathBuf::from).collect::<Vec<_>>();
    let number = |word: &str| word.parse::<u64>().map_err(|error| format!("{word}: {error}"));
    match words.as_slice() {
        ["run", work, files @ ..] => run(Path::new(work), &paths(files)),
        ["dump", stores @ ..] => Ok(dump_all(&paths(stores))),
        ["generate", seed, steps] => {
            let file = seeded(std::iter::once(number(seed)?), number(steps)? as usize);
            Ok(vec![file.to_text().trim_end().to_string()])
        }
        ["record", files @ ..] => record_all(&paths(files)),
        ["compare", root, seeds, steps, files @ ..] => {
            compare_all(Path::new(root), number(seeds)?, number(steps)? as usize, &paths(files))
        }
        _ => Err(USAGE.to_string()),
    }
}

fn run(work: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    let mut first = 0;
    for path in files {
        let file = File::read(path)?;
        lines.extend(run_file(&file, work, first, true).map_err(|what| format!("{}: {what}", path.display()))?);
        first += file.scripts.len();
    }
    Ok(lines)
}

fn record_all(files: &[PathBuf]) -> Result<Vec<String>, String> {
    for path in files {
        let work = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut file = File::read(path)?;
        record(&mut file, work.path()).map_err(|what| format!("{}: {what}", path.display()))?;
        fs::write(path, file.to_text()).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(Vec::new())
}

fn compare_all(root: &Path, seeds: u64, steps: usize, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let started = Instant::now();
    let work = tempfile::tempdir().map_err(|error| error.to_string())?;
    let runners = compare::runners(&root.join("bindings/conformance/runners.json"))?;
    for runner in &runners {
        runner.build(root)?;
    }
    let random = seeded(1..=seeds, steps);
    let random_path = work.path().join("random.json");
    fs::write(&random_path, random.to_text()).map_err(|error| error.to_string())?;
    let files = [files, &[random_path]].concat();
    let own = work.path().join("Rust");
    let lines = reference(&own, &files)?;
    let scripts = lines.iter().filter(|line| line.starts_with("{\"script\"")).count();
    let mut summary = vec![format!("Rust: {scripts} scripts, {} steps, as expected", lines.len() - scripts)];
    for runner in &runners {
        let theirs = runner.run(root, &work.path().join(&runner.name), &files)?;
        if let Some(what) = difference(&lines, &theirs) {
            return Err(differing(&what, &files, root, runner));
        }
        summary.push(format!("{}: the same {} lines", runner.name, lines.len()));
    }
    exchange(root, work.path(), scripts, &runners, &mut summary)?;
    summary.push(format!("conformance: {} runners agree, {} s", runners.len() + 1, started.elapsed().as_secs()));
    Ok(summary)
}

fn differing(what: &str, files: &[PathBuf], root: &Path, runner: &Runner) -> String {
    let mut text = format!("{} differs from the reference: {what}", runner.name);
    for file in files.iter().filter_map(|path| File::read(path).ok()) {
        if let Ok(Some(script)) = smallest(&file, root, runner) {
            let alone = File { about: "A difference, made small.".to_string(), scripts: vec![script] };
            text.push_str(&format!("\n{}", alone.to_text()));
            break;
        }
    }
    text
}

/// Every store that a runner wrote is dumped by every other one, and by the reference.
fn exchange(
    root: &Path,
    work: &Path,
    scripts: usize,
    runners: &[Runner],
    summary: &mut Vec<String>,
) -> Result<(), String> {
    let wanted = dump_all(&stores(&work.join("Rust"), scripts));
    let writers = std::iter::once("Rust").chain(runners.iter().map(|runner| runner.name.as_str()));
    for writer in writers {
        let stores = stores(&work.join(writer), scripts);
        let read_by = |name: &str, lines: &[String]| match difference(&wanted, lines) {
            None => Ok(()),
            Some(what) => Err(format!("a store that {writer} wrote, read by {name}: {what}")),
        };
        read_by("Rust", &dump_all(&stores))?;
        for runner in runners {
            read_by(&runner.name, &runner.dump(root, &stores)?)?;
        }
        let crc = crc32fast::hash(wanted.join("\n").as_bytes());
        summary
            .push(format!("{} stores that {writer} wrote: every runner reads the same, crc {crc:08x}", stores.len()));
    }
    Ok(())
}

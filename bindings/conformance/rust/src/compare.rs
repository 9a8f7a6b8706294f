//! Runs every runner on the same scripts and holds its answers against the reference's, line by line; then lets every
//! runner read what every other wrote.
//!
//! 1. A runner that cannot be built or run fails the comparison: nothing is skipped.
//! 2. What differs is made smaller before it is shown: ready to become a vector.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::dump::dump;
use crate::generate;
use crate::runner::run_file;
use crate::script::{File, Script};
use crate::shrink::shrink;

/// A runner of the table (runners.json).
pub struct Runner {
    /// The language.
    pub name: String,
    /// The shell command that builds it, in the project's root.
    pub build: String,
    /// The shell command that runs it; `run WORK FILE...` and `dump STORE...` are put behind it.
    pub run: String,
}

/// Reads the table.
///
/// # Errors
/// What is wrong with it.
pub fn runners(table: &Path) -> Result<Vec<Runner>, String> {
    let text = fs::read_to_string(table).map_err(|error| format!("{}: {error}", table.display()))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", table.display()))?;
    let rows = json.get("runners").and_then(Json::as_array).ok_or("no runners")?;
    let rows = rows.iter().map(|row| {
        let field = |name| row.get(name).and_then(Json::as_str).map(str::to_string).ok_or(format!("no {name:?}"));
        Ok(Runner { name: field("name")?, build: field("build")?, run: field("run")? })
    });
    rows.collect()
}

impl Runner {
    /// Builds it.
    ///
    /// # Errors
    /// What the command said.
    pub fn build(&self, root: &Path) -> Result<(), String> {
        self.shell(root, &self.build, &[]).map(|_| ())
    }

    fn shell(&self, root: &Path, command: &str, arguments: &[PathBuf]) -> Result<String, String> {
        let mut shell = Command::new("sh");
        shell.current_dir(root).arg("-c").arg(format!("{command} \"$@\"")).arg(&self.name).args(arguments);
        let output = shell.output().map_err(|error| format!("{}: {error}", self.name))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: `{command}` ended with {}\n{said}", self.name, output.status));
        }
        String::from_utf8(output.stdout).map_err(|_| format!("{}: `{command}` wrote what is not UTF-8", self.name))
    }

    /// Runs files in `work`; gives the lines.
    ///
    /// # Errors
    /// Where it ends with another status than 0.
    pub fn run(&self, root: &Path, work: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
        let arguments = [&[PathBuf::from("run"), work.to_path_buf()], files].concat();
        Ok(self.shell(root, &self.run, &arguments)?.lines().map(str::to_string).collect())
    }

    /// Dumps stores; gives the lines.
    ///
    /// # Errors
    /// As for [`Runner::run`].
    pub fn dump(&self, root: &Path, stores: &[PathBuf]) -> Result<Vec<String>, String> {
        let arguments = [&[PathBuf::from("dump")], stores].concat();
        Ok(self.shell(root, &self.run, &arguments)?.lines().map(str::to_string).collect())
    }
}

/// The first line in which two answers differ, as a text; `None` where there is none.
pub fn difference(reference: &[String], other: &[String]) -> Option<String> {
    let lines = reference.len().max(other.len());
    let at = (0..lines).find(|at| reference.get(*at) != other.get(*at))?;
    let script = reference[..at.min(reference.len())].iter().rev().find(|line| line.starts_with("{\"script\""));
    let show = |lines: &[String]| lines.get(at).map_or("(no line)", String::as_str).to_string();
    let script = script.map_or("", String::as_str);
    Some(format!("{script}\n  reference: {}\n  runner:    {}", show(reference), show(other)))
}

/// Lines of the reference, with every expectation checked.
///
/// # Errors
/// The expectation that is not met.
pub fn reference(work: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let (mut lines, mut first) = (Vec::new(), 0);
    for path in files {
        let file = File::read(path)?;
        let ran = run_file(&file, work, first, true).map_err(|what| format!("{}: {what}", path.display()))?;
        lines.extend(ran);
        first += file.scripts.len();
    }
    Ok(lines)
}

/// Seeded scripts as a file.
pub fn seeded(seeds: impl Iterator<Item = u64>, steps: usize) -> File {
    File { about: "Random scripts.".to_string(), scripts: seeds.map(|seed| generate::script(seed, steps)).collect() }
}

/// A script of `file` by which the runner differs from the reference, made smaller.
///
/// # Errors
/// Where nothing can be written.
pub fn smallest(file: &File, root: &Path, runner: &Runner) -> Result<Option<Script>, String> {
    let temp = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut tries = 0;
    let mut differs = |script: &Script| {
        tries += 1;
        let work = temp.path().join(tries.to_string());
        let alone = File { about: String::new(), scripts: vec![script.clone()] };
        let path = temp.path().join("script.json");
        if fs::write(&path, alone.to_text()).is_err() {
            return false;
        }
        // A script that lost what it needs is none, for either of the two.
        let Ok(reference) = run_file(&alone, &work.join("reference"), 0, false) else { return false };
        let other = runner.run(root, &work.join("runner"), &[path]);
        other.map_or_else(|error| !error.contains("step"), |other| difference(&reference, &other).is_some())
    };
    let found = file.scripts.iter().find(|script| differs(script)).cloned();
    Ok(found.map(|script| shrink(&script, differs)))
}

/// The stores that scripts left behind in `work`, in the order of the scripts.
pub fn stores(work: &Path, scripts: usize) -> Vec<PathBuf> {
    (0..scripts).map(|at| work.join(at.to_string()).join("store")).filter(|store| store.is_dir()).collect()
}

/// The reference's dump of several stores.
pub fn dump_all(stores: &[PathBuf]) -> Vec<String> {
    let dumps = stores.iter().enumerate().map(|(at, store)| {
        let mut lines = dump(store);
        lines.insert(0, format!("{{\"store\":{at}}}"));
        lines
    });
    dumps.flatten().collect()
}

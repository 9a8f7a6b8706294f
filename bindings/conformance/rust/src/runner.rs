//! Runs scripts on the crate, and says what came of each step.
//!
//! 1. A script has a directory of its own, and nothing in it outlives the script.
//! 2. What Rust makes impossible (the use of what was freed or moved) the runner answers itself: `STRATUM_CLOSED`.

use std::collections::HashMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use stratum::{
    Batch, Compression, Db, DocumentId, Documents, Durability, Input, InputId, Inputs, Options, ReadMode, Tree, View,
};

use crate::canonical::canonical;
use crate::script::{File, Script, Step};
use crate::wire::{CLOSED, Call, INVALID_ARGUMENT, NOT_FOUND, Stop, broken, number, spelled_out, text, unhex};

/// What a script has under a name.
pub(crate) enum Thing {
    Db(Db),
    Latest(Db),
    Snapshot(Db, View),
    Batch(Db, Box<Batch>),
    Documents(Db, Box<Documents>),
    Inputs(Db, Box<Inputs>, Option<Input>),
    Tree(Tree),
    Bytes(Box<dyn Deref<Target = [u8]>>),
    /// Freed, committed, abandoned.
    Gone,
}

/// How a store is opened, from text.
fn options(given: Option<&Map<String, Json>>) -> Call<Options> {
    let mut options = Options::default();
    for (name, json) in given.into_iter().flatten() {
        let word = text(json)?;
        set_option(&mut options, name, word).ok_or(INVALID_ARGUMENT)?;
    }
    Ok(options)
}

/// `None` where there is no such option, or that is no value for it.
fn set_option(options: &mut Options, name: &str, word: &str) -> Option<()> {
    match name {
        "create" => options.create = word.parse().ok()?,
        "exclusive" => options.exclusive = word.parse().ok()?,
        "verify_reads" => options.verify_reads = word.parse().ok()?,
        "background" => options.background = word.parse().ok()?,
        "durability" => options.durability = durability(word)?,
        "sync_interval_ms" => options.sync_interval = Duration::from_millis(word.parse().ok()?),
        "compression" => {
            options.compression = match word {
                "none" => Compression::None,
                "lz4" => Compression::Lz4,
                "zstd" => Compression::Zstd,
                _ => return None,
            }
        }
        "read_mode" => {
            options.read_mode = match word {
                "mmap" => ReadMode::Mmap,
                "pread" => ReadMode::Pread,
                _ => return None,
            }
        }
        "segment_size" => options.segment_size = word.parse().ok()?,
        "max_record_bytes" => options.max_record_bytes = word.parse().ok()?,
        "max_batch_bytes" => options.max_batch_bytes = word.parse().ok()?,
        "max_amplification" => options.max_amplification = word.parse().ok()?,
        "checkpoint_bytes" => options.checkpoint_bytes = word.parse().ok()?,
        "fold_after" => options.fold_after = word.parse().ok()?,
        "compaction_bytes_per_second" => options.compaction_bytes_per_second = word.parse().ok()?,
        "max_retained_bytes" => options.max_retained_bytes = word.parse().ok()?,
        _ => return None,
    }
    Some(())
}

/// A durability by its name.
pub(crate) fn durability(word: &str) -> Option<Durability> {
    match word {
        "always" => Some(Durability::Always),
        "interval" => Some(Durability::Interval),
        "os" => Some(Durability::Os),
        _ => None,
    }
}

/// What a step gives, where it gives anything.
pub(crate) type Answer = Call<Option<Json>>;

/// The state of one script.
pub(crate) struct Run {
    dir: PathBuf,
    pub things: HashMap<String, Thing>,
    ids: HashMap<String, u64>,
}

/// The arguments of a step.
pub(crate) struct Args<'a> {
    pub step: &'a Step,
    ids: &'a HashMap<String, u64>,
    /// The argument `packed`.
    pub packed: Vec<u8>,
}

impl<'a> Args<'a> {
    pub fn get(&self, name: &str) -> Call<&'a Json> {
        self.step.args.get(name).map_or_else(|| broken(format!("no argument {name:?}")), Ok)
    }

    pub fn text(&self, name: &str) -> Call<&'a str> {
        text(self.get(name)?)
    }

    /// A number, or the id that a name stands for.
    pub fn id(&self, name: &str) -> Call<u64> {
        self.resolve(self.get(name)?)
    }

    pub fn resolve(&self, json: &Json) -> Call<u64> {
        let word = text(json)?;
        match word.strip_prefix('$') {
            Some(name) => self.ids.get(name).copied().map_or_else(|| broken(format!("no id {word}")), Ok),
            None => word.parse().or_else(|_| broken(format!("no number: {word:?}"))),
        }
    }

    pub fn document(&self) -> Call<DocumentId> {
        DocumentId::new(self.id("document")?).ok_or(NOT_FOUND)
    }

    pub fn input(&self, name: &str) -> Call<InputId> {
        InputId::new(self.id(name)?).ok_or(NOT_FOUND)
    }

    /// A size that fits into memory.
    pub fn size(&self, name: &str) -> Call<usize> {
        usize::try_from(self.id(name)?).or_else(|_| broken("too large a number"))
    }
}

/// Runs every script of `file`, each in `work`/its number from `first` on, and gives a line for each step. Where
/// `strict`, an expectation that is not met ends it.
///
/// # Errors
/// A text that names the script and the step.
pub fn run_file(file: &File, work: &Path, first: usize, strict: bool) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for (at, script) in file.scripts.iter().enumerate() {
        let dir = work.join((first + at).to_string());
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        lines.push(canonical(&json!({"script": script.name})));
        for (at, answer) in run_script(script, &dir)?.into_iter().enumerate() {
            let (line, step) = (line(at + 1, &script.steps[at], &answer), &script.steps[at]);
            if strict && let Some(expect) = &step.expect {
                check(expect, &answer).map_err(|what| format!("{}, step {}: {what}\n{line}", script.name, at + 1))?;
            }
            lines.push(line);
        }
    }
    Ok(lines)
}

/// What came of a step: a status, and a value where there is one.
pub struct Outcome {
    /// Its name.
    pub status: &'static str,
    /// Only where it is `STRATUM_OK`.
    pub value: Option<Json>,
}

/// Runs a script in `dir`.
///
/// # Errors
/// A text, where a step is not in the language.
pub fn run_script(script: &Script, dir: &Path) -> Result<Vec<Outcome>, String> {
    let mut run = Run { dir: dir.to_path_buf(), things: HashMap::new(), ids: HashMap::new() };
    let outcomes = script.steps.iter().enumerate().map(|(at, step)| match run.step(step) {
        Ok(value) => Ok(Outcome { status: "STRATUM_OK", value }),
        Err(Stop::Status(status)) => Ok(Outcome { status, value: None }),
        Err(Stop::Broken(what)) => Err(format!("{}, step {} ({}): {what}", script.name, at + 1, step.op)),
    });
    outcomes.collect()
}

fn line(number: usize, step: &Step, outcome: &Outcome) -> String {
    let mut line = json!({"step": number, "op": step.op, "status": outcome.status});
    if let (Some(value), Some(fields)) = (&outcome.value, line.as_object_mut()) {
        fields.insert("value".to_string(), value.clone());
    }
    canonical(&line)
}

fn check(expect: &Json, outcome: &Outcome) -> Result<(), String> {
    let wanted = match expect {
        Json::String(status) if status == outcome.status => return Ok(()),
        Json::String(status) => return Err(format!("expected {status}")),
        other => other.get("value").ok_or("expect is neither a status nor a value")?,
    };
    let wanted = spelled_out(wanted).map_err(|stop| format!("{stop:?}"))?;
    match &outcome.value {
        Some(value) if canonical(value) == canonical(&wanted) => Ok(()),
        _ => Err(format!("expected {}", canonical(&wanted))),
    }
}

/// Fills in what the steps that expect nothing yet came to; every other expectation is checked.
///
/// # Errors
/// As for [`run_file`].
pub fn record(file: &mut File, work: &Path) -> Result<(), String> {
    run_file(file, work, 0, true)?;
    for (at, script) in file.scripts.iter_mut().enumerate() {
        let dir = work.join("again").join(at.to_string());
        fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        let outcomes = run_script(script, &dir)?;
        for (step, outcome) in script.steps.iter_mut().zip(outcomes) {
            let expect = outcome.value.map_or_else(|| Json::from(outcome.status), |value| json!({"value": value}));
            step.expect.get_or_insert(expect);
        }
    }
    Ok(())
}

impl Run {
    fn step(&mut self, step: &Step) -> Answer {
        let ids = self.ids.clone();
        let packed = step.args.get("packed").map(|packed| self.packed(packed)).transpose()?.unwrap_or_default();
        let args = Args { step, ids: &ids, packed };
        match step.op.as_str() {
            "db_open" => self.open(&args),
            "file_write" => self.file_write(&args),
            "file_xor" => self.file_xor(&args),
            _ => self.on_thing(&args),
        }
    }

    /// A packed tree: hex, or the name of one that was read.
    fn packed(&self, json: &Json) -> Call<Vec<u8>> {
        match text(json)?.strip_prefix('$').map(|name| self.things.get(name)) {
            None => unhex(json),
            Some(Some(Thing::Bytes(bytes))) => Ok(bytes.to_vec()),
            Some(_) => broken(format!("{json} names no packed tree")),
        }
    }

    fn on_thing(&mut self, args: &Args<'_>) -> Answer {
        let Some(on) = &args.step.on else { return broken("it needs a handle (on)") };
        let Some(thing) = self.things.get_mut(on) else { return broken(format!("nothing is called {on:?}")) };
        let op = args.step.op.as_str();
        if op != "batch_commit" && (op.ends_with("_free") || op == "db_close") {
            if let ("db_close", Thing::Db(db)) = (op, &*thing) {
                db.close()?;
            } else {
                *thing = Thing::Gone;
            }
            return Ok(None);
        }
        let made = match thing {
            Thing::Gone => return Err(CLOSED),
            Thing::Db(db) => crate::writes::on_db(db, op, args)?,
            Thing::Batch(db, batch) if op != "batch_commit" => {
                db.view()?;
                crate::writes::on_batch(batch, op, args)?
            }
            Thing::Batch(..) => match std::mem::replace(thing, Thing::Gone) {
                Thing::Batch(_, batch) => crate::writes::commit(*batch, args)?,
                _ => return broken("no batch"),
            },
            Thing::Latest(db) => crate::reads::on_view(&db.view()?, db, op, args)?,
            Thing::Snapshot(db, view) => {
                db.view()?;
                crate::reads::on_view(view, db, op, args)?
            }
            kept => crate::reads::on_kept(kept, op, args)?,
        };
        Ok(self.keep(args.step, made))
    }

    fn keep(&mut self, step: &Step, made: Made) -> Option<Json> {
        if let Some(name) = &step.save_as {
            for (suffix, id) in made.ids {
                self.ids.insert(format!("{name}{suffix}"), id);
            }
            if let Some(thing) = made.thing {
                self.things.insert(name.clone(), thing);
            }
        }
        made.value
    }

    fn open(&mut self, args: &Args<'_>) -> Answer {
        let options = options(args.step.args.get("options").and_then(Json::as_object))?;
        let db = Db::open(self.dir.join(args.text("path")?), &options)?;
        Ok(self.keep(args.step, Made::thing(Thing::Db(db))))
    }

    fn file_write(&self, args: &Args<'_>) -> Answer {
        let path = self.dir.join(args.text("file")?);
        let bytes = unhex(args.get("bytes")?)?;
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
        made.map(|()| None).or_else(|error| broken(error.to_string()))
    }

    fn file_xor(&self, args: &Args<'_>) -> Answer {
        let path = self.dir.join(args.text("file")?);
        let mut bytes = fs::read(&path).or_else(|error| broken(error.to_string()))?;
        let offset = args.size("offset")?;
        let Some(byte) = bytes.get_mut(offset) else { return broken("the file ends before that") };
        *byte ^= unhex(args.get("mask")?)?.first().copied().unwrap_or_default();
        fs::write(&path, bytes).map(|()| None).or_else(|error| broken(error.to_string()))
    }
}

/// What a call made: a value to show, ids and a handle to keep.
#[derive(Default)]
pub(crate) struct Made {
    pub value: Option<Json>,
    pub ids: Vec<(&'static str, u64)>,
    pub thing: Option<Thing>,
}

impl Made {
    pub fn value(value: Json) -> Made {
        Made { value: Some(value), ..Made::default() }
    }

    pub fn thing(thing: Thing) -> Made {
        Made { thing: Some(thing), ..Made::default() }
    }

    pub fn id(id: u64) -> Made {
        Made { value: Some(number(id)), ids: vec![("", id)], thing: None }
    }
}

//! Bit rot: every byte of every golden store changed, and every file cut off everywhere.
//!
//! ```text
//!   damage --> open refuses (Corruption)            nothing on disk was changed by it
//!          --> a read refuses (Corruption)          and `verify` lists it
//!          --> `verify` lists it                    all that is read is right
//!          --> a rollback that is reported          to the commit before the damage, where nothing vouches for it
//!          --> nothing                              where `unheeded` says why nothing can notice
//! ```
//!
//! 1. Never a wrong value, a panic or a hang; no other outcome than the one that `expected` names for that byte.
//! 2. What the store is to hold comes from the golden store's own expectations.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use stratum::format::names;
use stratum::vfs::sim::SimDisk;
use stratum::{Columns, Db, DocumentId, Error, ReadMode, Tree, View};

use crate::anatomy::{Commit, Files, Manifest, Segment, segments};
use crate::store::{self, Golden, Moment, files_of, place};
use crate::{dump, make, setting};

mod live;
mod sample;
mod strange;

pub(crate) use sample::OnDisk;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    Flip(u8),
    Set(u8),
    Cut,
}

/// A harm and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Damage<'a> {
    pub(crate) file: &'a str,
    pub(crate) at: usize,
    pub(crate) harm: Harm,
}

/// The harms that each byte suffers.
const HARMS: [Harm; 5] = [Harm::Flip(0x01), Harm::Flip(0x80), Harm::Set(0xff), Harm::Set(0x00), Harm::Cut];

impl Damage<'_> {
    /// The damaged file; `None` where it would be as it is.
    pub(crate) fn apply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut damaged = bytes.to_vec();
        match self.harm {
            Harm::Flip(pattern) => damaged[self.at] ^= pattern,
            Harm::Set(byte) => damaged[self.at] = byte,
            Harm::Cut => damaged.truncate(self.at),
        }
        (damaged != bytes).then_some(damaged)
    }
}

/// Every damage to a store.
pub(crate) fn damages(golden: &Golden) -> impl Iterator<Item = Damage<'_>> {
    golden
        .files
        .iter()
        .flat_map(|(file, bytes)| (0..bytes.len()).flat_map(move |at| HARMS.map(|harm| Damage { file, at, harm })))
}

/// What must become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The open refuses.
    Refused,
    /// The open refuses, or `verify` lists it, and reads refuse or are right.
    Noticed,
    /// The store holds what it held after this commit, and says how many bytes it discarded.
    Rolled(u64, u64),
    /// Nothing notices, and the store holds all that it held.
    Unheeded(&'static str),
    /// The same, but nothing is wrong with noticing it.
    MayBeUnheeded(&'static str),
}

/// A damaged store, wherever it lies.
pub(crate) trait Patient {
    fn open(&self, mode: ReadMode) -> stratum::Result<Db>;
    fn files(&self) -> Files;
}

impl Patient for SimDisk {
    fn open(&self, mode: ReadMode) -> stratum::Result<Db> {
        store::open(self, mode)
    }

    fn files(&self) -> Files {
        files_of(self)
    }
}

/// A golden store taken apart, and what it holds.
pub(crate) struct Subject<'a> {
    pub(crate) golden: &'a Golden,
    pub(crate) trees: BTreeMap<DocumentId, Tree>,
    manifest: Manifest,
    parts: BTreeMap<&'a str, Segment>,
    /// Where the checkpoint says that the active segment was on disk.
    vouched: u64,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(golden: &'a Golden) -> Subject<'a> {
        let db = store::open(&golden.disk(), ReadMode::Pread).expect("the golden store opens");
        let view = db.view().expect("it is open");
        assert_eq!(dump::lines(&view).expect("it reads"), golden.newest().documents, "{}", golden.name);
        let documents = view.documents(DocumentId::FIRST).expect("it is open");
        let trees = documents.map(|id| (id, view.tree(id).expect("it reads"))).collect();
        let manifest = Manifest::of(&golden.files);
        let vouched = golden.files.get(names::CHECKPOINT).map_or(0, |bytes| {
            let reader = stratum::format::checkpoint::CheckpointReader::open(bytes).expect("a checkpoint");
            let (segment, offset) = reader.head.position;
            if manifest.active() == Some(names::segment(segment)) { offset } else { 0 }
        });
        Subject { golden, trees, parts: segments(&golden.files).collect(), vouched, manifest }
    }

    /// What this damage must come to.
    pub(crate) fn expected(&self, damage: &Damage<'_>) -> Outcome {
        let (file, at) = (damage.file, damage.at as u64);
        let named = |name: &str| self.manifest.state.segments.keys().any(|id| names::segment(*id) == name);
        match file {
            names::CHECKPOINT => Outcome::Unheeded("the checkpoint is disposable: the log says the same"),
            names::MANIFEST_NEW | names::CHECKPOINT_NEW => Outcome::Unheeded("it was never finished, and is removed"),
            names::MANIFEST => {
                let last = self.manifest.edits.last().map_or(0, |(at, _)| *at as u64);
                if at >= self.manifest.end {
                    return Outcome::Unheeded("zeros ahead of the next edit");
                }
                if at >= last && self.manifest.edits.len() > 1 {
                    return Outcome::MayBeUnheeded("an edit without which the store comes to the same");
                }
                Outcome::Refused
            }
            _ if !named(file) => Outcome::Unheeded("no edit names the segment: nobody was told of it"),
            _ => match self.manifest.sealed(file) {
                Some(length) if at >= length => Outcome::Unheeded("behind what counts of a sealed segment"),
                Some(_) if at < 96 || damage.harm == Harm::Cut => Outcome::Refused,
                Some(_) => Outcome::Noticed,
                None => self.expected_of_log(damage),
            },
        }
    }

    /// Of the active segment: everything from the damaged commit on goes, unless something says that it was on disk.
    fn expected_of_log(&self, damage: &Damage<'_>) -> Outcome {
        let (segment, at) = (&self.parts[damage.file], damage.at as u64);
        if at < 96 {
            return Outcome::Refused;
        }
        let commits = segment.commits();
        let is_cut = damage.harm == Harm::Cut;
        let Some(number) = commits.iter().position(|commit| at < commit.end) else {
            return Outcome::Unheeded("behind the last whole commit: nobody was told of it");
        };
        let commit = &commits[number];
        let is_padding = |at: u64| {
            let mut records = segment.records.iter();
            records.any(|record| (record.padding()..record.end()).contains(&at))
        };
        if !is_cut && is_padding(at) {
            return Outcome::MayBeUnheeded("padding, which the next writing makes anew");
        }
        // A frame that the damage leaves whole still says what it said.
        let vouches =
            |(at, other): (usize, &Commit)| if at == number || (is_cut && at > number) { 0 } else { other.durable };
        let durable = commits.iter().enumerate().map(vouches).max().unwrap_or(0).max(self.vouched);
        if durable > commit.start {
            return Outcome::Refused;
        }
        let before = self.golden.moments.iter().rev().find(|moment| moment.sequence < commit.sequence);
        let rest = damage.apply(&self.golden.files[damage.file]).unwrap_or_default();
        let rest = rest.get(commit.start as usize..).unwrap_or_default();
        let discarded = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        Outcome::Rolled(before.expect("a moment before").sequence, discarded)
    }

    /// Opens the damaged store and says what came of it.
    pub(crate) fn judge(&self, patient: &dyn Patient, mode: ReadMode, file: &str) -> Result<Outcome, String> {
        let before = patient.files();
        let db = match patient.open(mode) {
            Ok(db) => db,
            Err(error) => {
                self.check_refusal(&error, file)?;
                let mut after = patient.files();
                after.retain(|name, _| before.contains_key(name) || name != names::LOCK);
                return if before == after { Ok(Outcome::Refused) } else { Err("a refused open changed files".into()) };
            }
        };
        let outcome = self.survey(&db, file)?;
        match outcome {
            Outcome::Noticed => {}
            Outcome::Rolled(sequence, _) => self.write_on(&db, sequence)?,
            _ => self.write_on(&db, self.golden.newest().sequence)?,
        }
        Ok(outcome)
    }

    fn check_refusal(&self, error: &Error, file: &str) -> Result<(), String> {
        match error {
            Error::Corruption(_) => Ok(()),
            Error::NotAStore { path, .. } if file == names::MANIFEST && path.ends_with(file) => Ok(()),
            other => Err(format!("open failed with {other:?}")),
        }
    }

    /// Reads everything, in every way.
    fn survey(&self, db: &Db, file: &str) -> Result<Outcome, String> {
        let fail = |error: Error| format!("a call failed with {error:?}");
        let view = db.view().map_err(fail)?;
        let report = db.verify().map_err(fail)?;
        let stats = db.stats().map_err(fail)?;
        let ids: Vec<DocumentId> = view.documents(DocumentId::FIRST).map_err(fail)?.collect();
        let mut refused = 0;
        let mut same = ids.iter().eq(self.trees.keys());
        for (id, tree) in &self.trees {
            match view.tree(*id) {
                Ok(read) => same &= read == *tree,
                Err(Error::Corruption(damage)) if damage.file.ends_with(file) => refused += 1,
                Err(Error::NotFound(_)) => same = false,
                Err(error) => return Err(format!("document {id}: {error:?}")),
            }
        }
        for (id, tree) in self.trees.iter().filter(|_| same) {
            refused += read_in_parts(&view, *id, tree)?;
        }
        let is_listed = report.damage.iter().any(|damage| damage.file.ends_with(file));
        match (same, refused > 0, is_listed) {
            (true, _, true) => Ok(Outcome::Noticed),
            (true, true, false) => Err("a read refused what verify did not list".into()),
            (true, false, false) if report.damage.is_empty() => Ok(Outcome::Unheeded("")),
            (true, ..) => Err(format!("verify lists something else: {:?}", report.damage)),
            (false, ..) if !report.damage.is_empty() => Err(format!("other contents, and {:?}", report.damage)),
            (false, ..) => {
                let lines = dump::lines(&view).map_err(fail)?;
                let moment = self.golden.moments.iter().rev().find(|moment| moment.documents == lines);
                let moment = moment.ok_or("wrong contents: they are no moment of the store's history")?;
                Ok(Outcome::Rolled(moment.sequence, stats.recovery_discarded_bytes))
            }
        }
    }

    /// That the store takes commits, and gives no id a second time.
    fn write_on(&self, db: &Db, sequence: u64) -> Result<(), String> {
        let moment = self.golden.moments.iter().find(|moment| moment.sequence == sequence);
        let Moment { highest_document, .. } = moment.ok_or("no such moment")?;
        let written = db.write(|batch| batch.create_document(b"new", &Columns::new()));
        let id = written.map_err(|error| format!("writing on: {error:?}"))?;
        if id.get() <= *highest_document {
            return Err(format!("document id {id} was handed out a second time"));
        }
        let read = db.view().and_then(|view| view.tree(id)).map_err(|error| format!("reading on: {error:?}"))?;
        if read.blob == b"new" { Ok(()) } else { Err("a new document reads otherwise".into()) }
    }

    /// Damages a store in every way, on all processors; gives back how often each outcome came.
    fn damage_all(&self) -> BTreeMap<&'static str, usize> {
        let all: Vec<Damage<'_>> = damages(self.golden).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut counts = BTreeMap::new();
            while let Some(chunk) = all.get(next.fetch_add(256, Ordering::Relaxed)..).filter(|rest| !rest.is_empty()) {
                for (at, damage) in chunk.iter().take(256).enumerate() {
                    if let Some(outcome) =
                        self.damage(damage, if at % 2 == 0 { ReadMode::Pread } else { ReadMode::Mmap })
                    {
                        *counts.entry(outcome).or_insert(0) += 1;
                    }
                }
            }
            counts
        };
        let threads = std::thread::available_parallelism().map_or(2, |count| count.get());
        let counts: Vec<BTreeMap<&str, usize>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).collect()
        });
        let mut sums = BTreeMap::new();
        counts.into_iter().flatten().for_each(|(outcome, count)| *sums.entry(outcome).or_insert(0) += count);
        sums
    }

    fn damage(&self, damage: &Damage<'_>, mode: ReadMode) -> Option<&'static str> {
        let damaged = damage.apply(&self.golden.files[damage.file])?;
        let disk = self.golden.disk();
        disk.plant(&place().join(damage.file), &damaged);
        Some(self.check(&disk, damage, mode))
    }

    /// Demands the outcome that the damage must have; gives back its name.
    fn check(&self, patient: &dyn Patient, damage: &Damage<'_>, mode: ReadMode) -> &'static str {
        let expected = self.expected(damage);
        let outcome = self.judge(patient, mode, damage.file);
        let place = || format!("{}: {damage:?} in {mode:?}: expected {expected:?}", self.golden.name);
        match (&expected, outcome.unwrap_or_else(|what| panic!("{}, {what}", place()))) {
            (Outcome::Refused | Outcome::Noticed | Outcome::MayBeUnheeded(_), Outcome::Refused) => "refused at open",
            (Outcome::Noticed | Outcome::MayBeUnheeded(_), Outcome::Noticed) => "listed by verify",
            (Outcome::Rolled(..), outcome) if expected == outcome => "rolled back",
            (Outcome::Unheeded(why) | Outcome::MayBeUnheeded(why), Outcome::Unheeded(_)) => why,
            (_, outcome) => panic!("{}, came {outcome:?}", place()),
        }
    }
}

/// Reads a document part by part; gives back how many reads were refused.
fn read_in_parts(view: &View, id: DocumentId, tree: &Tree) -> Result<usize, String> {
    let mut refused = 0;
    let mut check = |what: &str, read: stratum::Result<bool>| match read {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("document {id}: wrong {what}")),
        Err(Error::Corruption(_)) => {
            refused += 1;
            Ok(())
        }
        Err(error) => Err(format!("document {id}: {what}: {error:?}")),
    };
    check("blob", view.blob(id).map(|blob| blob[..] == tree.blob))?;
    check("columns", view.columns(id).map(|columns| columns == tree.columns))?;
    check("input count", view.input_count(id).map(|count| count == tree.inputs.len() as u64))?;
    for (name, value) in tree.columns.iter().take(1) {
        check("column", view.column(id, name).map(|read| read == *value))?;
    }
    for input in &tree.inputs {
        let input_id = input.id.expect("what was read has ids");
        check("input", view.input(id, input_id).map(|value| value == input.value))?;
        check("input's columns", view.input_columns(id, input_id).map(|columns| columns == input.columns))?;
        let output = match view.output(id, input_id) {
            Err(Error::NotFound(_)) => Ok(None),
            read => read.map(Some),
        };
        check("output", output.map(|output| output == input.output))?;
    }
    Ok(refused)
}

/// One store more, made by chance: `.ci/soak-rot` says how large, and which.
#[test]
fn no_damaged_byte_and_no_cut_of_a_grown_store_goes_unnoticed() {
    let (seed, bytes) = (setting("STRATUM_SEED", 1), setting("STRATUM_ROT_BYTES", 6000));
    let golden = make::grown(seed, bytes as usize);
    println!("STRATUM_SEED={seed} STRATUM_ROT_BYTES={bytes}: {} files, {} bytes", golden.files.len(), golden.bytes());
    let subject = Subject::new(&golden);
    let counts = subject.damage_all();
    let opens: usize = counts.values().sum();
    println!("{opens} opens: {counts:#?}");
    assert!(opens > 4 * golden.bytes() && golden.bytes() as u64 >= bytes, "{opens}");
}

#[test]
fn no_damaged_byte_and_no_cut_gives_a_wrong_value_or_goes_unnoticed() {
    let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
    for golden in store::all() {
        let counts = Subject::new(&golden).damage_all();
        counts.into_iter().for_each(|(outcome, count)| *sums.entry(outcome).or_insert(0) += count);
    }
    let opens: usize = sums.values().sum();
    println!("{opens} opens: {sums:#?}");
    assert!(opens > 300_000, "{opens}");
}

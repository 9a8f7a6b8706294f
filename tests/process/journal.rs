//! What a worker did and was told, and what a store may hold after it: the oracle of all process tests.
//!
//! ```text
//!   life --> opened (everything in the store) --> intent (what a commit will change) --> ack (what the call said) ...
//! ```
//!
//! 1. A record is one line, written by one call, and ends in ` .`: one that was cut short by a kill does not count.
//! 2. An intent that was acknowledged is in the store from then on. One that was refused never is. One without an
//!    answer, or whose outcome is unknown, is there as a whole or not at all; the next opening tells, and it stays so.
//! 3. Each commit also writes its number into the shared document, under its thread's name: that tells whether it is
//!    there.
//! 4. A commit that saw others does not survive without them: what is left is a prefix of history.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use stratum::format::value::encode_value;
use stratum::{Columns, Db, DocumentId, Result, Tree, Value};

/// A column of the shared document, and of copies of it, which come later.
pub(crate) const SHARED: &str = "shared";

/// Everything in a store: what stands for the contents of each document, and the last commit of each thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) documents: BTreeMap<u64, u64>,
    /// Absent where there is no shared document yet.
    pub(crate) commits: Option<BTreeMap<u32, i64>>,
}

/// What a commit will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) thread: u32,
    pub(crate) number: i64,
    /// The last commits of the others that it saw.
    pub(crate) saw: BTreeMap<u32, i64>,
    /// The documents that it changes, with their new contents, or none where they go.
    pub(crate) changes: BTreeMap<u64, Option<u64>>,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Life,
    Opened(Moment),
    Intent(Intent),
    /// Thread, number, and what the commit's call said: `OK`, or the status.
    Ack(u32, i64, String),
    /// What another call said, where that was not `OK`: call, status.
    Refused(String, String),
    /// Something that is wrong beyond all doubt.
    Wrong(String),
    /// The worker is done; whether the store was poisoned.
    Done(bool),
}

/// What the contents of a document come to.
pub(crate) fn digest(tree: &Tree) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    let mut bytes = Vec::new();
    let mut value = |hasher: &mut std::hash::DefaultHasher, value: &Value| {
        bytes.clear();
        encode_value(value, &mut bytes);
        hasher.write(&bytes);
        hasher.write_usize(bytes.len());
    };
    let mut columns = |hasher: &mut std::hash::DefaultHasher, columns: &Columns| {
        for (name, content) in columns.iter() {
            hasher.write(name.as_bytes());
            hasher.write_u8(0xff);
            value(hasher, content);
        }
        hasher.write_usize(columns.len());
    };
    hasher.write(&tree.blob);
    hasher.write_usize(tree.blob.len());
    columns(&mut hasher, &tree.columns);
    for input in &tree.inputs {
        hasher.write_u64(input.id.map_or(0, |id| id.get()));
        columns(&mut hasher, &input.columns);
        let both = Value::List(std::iter::once(&input.value).chain(&input.output).cloned().collect());
        columns(&mut hasher, &Columns::from_iter([("", both)]));
    }
    hasher.finish()
}

impl Moment {
    /// Reads a store whole.
    pub(crate) fn read(db: &Db, digest: fn(&Tree) -> u64) -> Result<Moment> {
        let view = db.view()?;
        let mut moment = Moment::default();
        for id in view.documents(DocumentId::FIRST)? {
            let tree = view.tree(id)?;
            if moment.commits.is_none() && tree.columns.get(SHARED).is_some() {
                moment.commits = Some(commits(&tree.columns));
            } else {
                moment.documents.insert(id.get(), digest(&tree));
            }
        }
        Ok(moment)
    }

    fn apply(&mut self, intent: &Intent) {
        self.commits.get_or_insert_default().insert(intent.thread, intent.number);
        for (id, digest) in &intent.changes {
            match digest {
                Some(digest) => self.documents.insert(*id, *digest),
                None => self.documents.remove(id),
            };
        }
    }
}

/// The last commit of each thread, as the shared document says.
pub(crate) fn commits(columns: &Columns) -> BTreeMap<u32, i64> {
    let numbers = columns.iter().filter_map(|(name, value)| match value {
        Value::Int64(number) => Some((name.strip_prefix('t')?.parse().ok()?, *number)),
        _ => None,
    });
    numbers.collect()
}

impl Record {
    /// The record as a line.
    pub(crate) fn line(&self) -> String {
        let pairs = |pairs: &BTreeMap<u32, i64>| {
            let pairs: Vec<_> = pairs.iter().map(|(thread, number)| format!("{thread}={number}")).collect();
            format!("[{}]", pairs.join(","))
        };
        let text = match self {
            Record::Life => "life".to_string(),
            Record::Opened(moment) => {
                let documents: Vec<_> = moment.documents.iter().map(|(id, digest)| format!("{id}:{digest}")).collect();
                let commits = moment.commits.as_ref().map_or("-".to_string(), pairs);
                format!("opened {commits} {}", documents.join(" "))
            }
            Record::Intent(intent) => {
                let digest = |digest: &Option<u64>| digest.map_or("-".to_string(), |digest| digest.to_string());
                let changes: Vec<_> =
                    intent.changes.iter().map(|(id, content)| format!("{id}:{}", digest(content))).collect();
                format!("intent {} {} {} {}", intent.thread, intent.number, pairs(&intent.saw), changes.join(" "))
            }
            Record::Ack(thread, number, status) => format!("ack {thread} {number} {status}"),
            Record::Refused(call, status) => format!("refused {call} {status}"),
            Record::Wrong(what) => format!("wrong {}", what.replace(['\n', '\r'], " ")),
            Record::Done(poisoned) => format!("done {poisoned}"),
        };
        format!("\n{text} .")
    }

    /// The record that a line holds; none where it was cut off.
    pub(crate) fn parse(line: &str) -> Option<Record> {
        let mut words = line.strip_suffix(" .")?.split_whitespace();
        let kind = words.next()?;
        let pairs = |text: &str| -> Option<BTreeMap<u32, i64>> {
            let inner = text.strip_prefix('[')?.strip_suffix(']')?;
            let pairs = inner.split(',').filter(|pair| !pair.is_empty());
            pairs.map(|pair| pair.split_once('=').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))).collect()
        };
        let contents = |pair: &str| {
            let (id, digest) = pair.split_once(':')?;
            let digest = if digest == "-" { None } else { Some(digest.parse::<u64>().ok()?) };
            Some((id.parse::<u64>().ok()?, digest))
        };
        Some(match kind {
            "life" => Record::Life,
            "opened" => {
                let commits = words.next().filter(|text| *text != "-").map(pairs);
                let commits = if let Some(found) = commits { Some(found?) } else { None };
                let documents = words.map(|pair| contents(pair).and_then(|(id, digest)| Some((id, digest?))));
                Record::Opened(Moment { documents: documents.collect::<Option<_>>()?, commits })
            }
            "intent" => Record::Intent(Intent {
                thread: words.next()?.parse().ok()?,
                number: words.next()?.parse().ok()?,
                saw: pairs(words.next()?)?,
                changes: words.map(contents).collect::<Option<_>>()?,
            }),
            "ack" => Record::Ack(words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.to_string()),
            "refused" => Record::Refused(words.next()?.to_string(), words.next()?.to_string()),
            "wrong" => Record::Wrong(words.collect::<Vec<_>>().join(" ")),
            "done" => Record::Done(words.next()?.parse().ok()?),
            _ => return None,
        })
    }
}

/// The records of a journal.
pub(crate) fn parse(text: &str) -> Vec<Record> {
    text.lines().filter_map(Record::parse).collect()
}

/// What the store must hold, as far as the journal was gone through.
#[derive(Default)]
pub(crate) struct Oracle {
    moment: Moment,
    /// Commits that were begun and of which it is not known whether they are there.
    open: BTreeMap<u32, Intent>,
    /// The highest commit of each thread that any commit in the store saw.
    seen: BTreeMap<u32, i64>,
    /// Every document id that was ever in the store.
    used: BTreeSet<u64>,
    /// Commits that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Commits that nobody was told of and that were there, and those that were not.
    pub(crate) found: u64,
    pub(crate) lost: u64,
    /// Openings that were compared.
    pub(crate) openings: u64,
}

impl Oracle {
    /// Goes through records; what does not fit is an error.
    pub(crate) fn follow(&mut self, records: &[Record]) -> std::result::Result<(), String> {
        for record in records {
            match record {
                Record::Opened(moment) => self.opened(moment)?,
                Record::Intent(intent) => {
                    if let Some(open) = self.open.insert(intent.thread, intent.clone()) {
                        return Err(format!("{intent:?} came while {open:?} was not answered"));
                    }
                }
                Record::Ack(thread, number, status) => self.answered(*thread, *number, status)?,
                Record::Wrong(what) => return Err(what.clone()),
                Record::Life | Record::Refused(..) | Record::Done(_) => {}
            }
        }
        Ok(())
    }

    fn answered(&mut self, thread: u32, number: i64, status: &str) -> std::result::Result<(), String> {
        if status == "COMMIT_UNKNOWN" {
            return Ok(());
        }
        let Some(intent) = self.open.remove(&thread).filter(|intent| intent.number == number) else {
            return Err(format!("an answer to a commit that was not begun: thread {thread}, number {number}"));
        };
        if status == "OK" {
            self.acknowledged += 1;
            self.happened(&intent)?;
        }
        Ok(())
    }

    fn happened(&mut self, intent: &Intent) -> std::result::Result<(), String> {
        for id in intent.changes.keys().filter(|id| !self.moment.documents.contains_key(id)) {
            if !self.used.insert(*id) {
                return Err(format!("document id {id} was handed out again: {intent:?}"));
            }
        }
        for (thread, number) in &intent.saw {
            let seen = self.seen.entry(*thread).or_default();
            *seen = (*seen).max(*number);
        }
        self.moment.apply(intent);
        Ok(())
    }

    /// Compares with what a store holds that was just opened, and goes on from there.
    pub(crate) fn opened(&mut self, actual: &Moment) -> std::result::Result<(), String> {
        self.openings += 1;
        for (thread, intent) in std::mem::take(&mut self.open) {
            let number = actual.commits.as_ref().and_then(|commits| commits.get(&thread));
            if number == Some(&intent.number) {
                self.found += 1;
                self.happened(&intent)?;
            } else {
                self.lost += 1;
            }
        }
        if *actual != self.moment {
            return Err(difference(&self.moment, actual));
        }
        for (thread, seen) in &self.seen {
            let number = actual.commits.as_ref().and_then(|commits| commits.get(thread)).copied().unwrap_or(0);
            if number < *seen {
                return Err(format!(
                    "thread {thread} is at commit {number}, and commit {seen} was seen by one that stayed"
                ));
            }
        }
        Ok(())
    }
}

fn difference(expected: &Moment, actual: &Moment) -> String {
    let mut places = Vec::new();
    if expected.commits != actual.commits {
        places.push(format!("commits {:?}, expected {:?}", actual.commits, expected.commits));
    }
    let ids: BTreeSet<_> = expected.documents.keys().chain(actual.documents.keys()).collect();
    for id in ids {
        let (is, should) = (actual.documents.get(id), expected.documents.get(id));
        if is != should {
            places.push(format!("document {id} is {is:?}, expected {should:?}"));
        }
    }
    places.join("; ")
}

//! What was acknowledged and what was seen, and whether both agree.

use std::collections::{BTreeMap, BTreeSet};

use stratum::{DocumentId, InputId, Value, View};

/// What one commit did.
#[derive(Clone, Debug)]
pub struct Commit {
    /// What it wrote into all shared documents.
    pub stamp: u64,
    /// Documents that it created.
    pub created: BTreeSet<DocumentId>,
    /// Documents that it deleted.
    pub deleted: BTreeSet<DocumentId>,
    /// The input that it appended to the first shared document.
    pub input: Option<InputId>,
    /// Whether it was acknowledged as durable.
    pub durable: bool,
}

/// What one moment looks like.
#[derive(Debug, PartialEq, Eq)]
pub struct Moment {
    sequence: u64,
    /// The one stamp of all shared documents.
    stamp: u64,
    own: BTreeSet<DocumentId>,
    inputs: Vec<InputId>,
}

/// Acknowledged commits by sequence number, and moments that were seen.
#[derive(Default)]
pub struct History {
    commits: BTreeMap<u64, Commit>,
    seen: Vec<Moment>,
}

impl History {
    /// Notes a commit that was acknowledged.
    pub fn acknowledge(&mut self, sequence: u64, commit: Commit) {
        let other = self.commits.insert(sequence, commit);
        assert!(other.is_none(), "two commits with the number {sequence}");
    }

    /// The newest commit that was acknowledged.
    pub fn newest(&self) -> u64 {
        self.commits.keys().next_back().copied().unwrap_or(0)
    }

    /// The newest commit that was acknowledged as durable.
    pub fn durable(&self) -> u64 {
        self.commits.iter().filter(|(_, commit)| commit.durable).map(|(sequence, _)| *sequence).max().unwrap_or(0)
    }

    /// Notes what a view shows.
    pub fn note(&mut self, moment: Moment) {
        self.seen.push(moment);
    }

    /// What the moment after the commit with this number, and all before it, must be. `first` is the one before them.
    fn expected(&self, first: &Moment, sequence: u64) -> Moment {
        let mut moment = Moment { sequence, stamp: first.stamp, own: first.own.clone(), inputs: first.inputs.clone() };
        for commit in self.commits.range(..=sequence).map(|(_, commit)| commit) {
            moment.stamp = commit.stamp;
            moment.own.extend(&commit.created);
            moment.own.retain(|document| !commit.deleted.contains(document));
            moment.inputs.extend(commit.input);
        }
        moment
    }

    /// Compares a moment with the commits up to it.
    fn check(&self, first: &Moment, moment: &Moment) {
        assert_eq!(*moment, self.expected(first, moment.sequence));
    }

    /// Compares what a restart left with every prefix of the commits that has at least those up to `least`. A store
    /// that lost commits goes on from the highest number that was ever used, so the number does not say which prefix
    /// it is.
    pub fn check_prefix(&self, first: &Moment, mut moment: Moment, least: u64) {
        let numbers = self.commits.keys().copied().filter(|number| (least..=moment.sequence).contains(number));
        let fits = std::iter::once(least).chain(numbers).collect::<Vec<_>>().into_iter().any(|number| {
            moment.sequence = number;
            moment == self.expected(first, number)
        });
        assert!(fits, "{moment:?} is no prefix of {:?} with all up to {least}", self.commits);
    }

    /// Compares all that was seen, and looks for ids that were handed out twice.
    pub fn check_all(&self, first: &Moment) {
        self.seen.iter().for_each(|moment| self.check(first, moment));
        let (mut documents, mut inputs) = (first.own.clone(), BTreeSet::from_iter(first.inputs.clone()));
        for commit in self.commits.values() {
            assert!(commit.created.iter().all(|document| documents.insert(*document)), "a document id twice");
            assert!(commit.input.is_none_or(|input| inputs.insert(input)), "an input id twice");
        }
    }
}

impl Moment {
    /// Reads a view; the shared documents must be of one commit.
    pub fn read(view: &View, shared: &[DocumentId]) -> stratum::Result<Moment> {
        let mut stamps = BTreeSet::new();
        for document in shared {
            let tree = view.tree(*document)?;
            stamps.insert(u64::from_le_bytes(tree.blob[..8].try_into().expect("eight bytes")));
            let Some(Value::Int64(column)) = tree.columns.get("stamp") else { panic!("no stamp in {document}") };
            stamps.insert(*column as u64);
        }
        assert_eq!(stamps.len(), 1, "half a batch: {stamps:?}");
        let listed: BTreeSet<DocumentId> = view.documents(DocumentId::FIRST)?.collect();
        assert_eq!(listed.len() as u64, view.document_count()?);
        assert!(shared.iter().all(|document| listed.contains(document)));
        Ok(Moment {
            sequence: view.sequence(),
            stamp: stamps.into_iter().next().expect("one"),
            own: listed.into_iter().filter(|document| !shared.contains(document)).collect(),
            inputs: view.input_ids(shared[0])?,
        })
    }

    /// Sequence number of the newest commit in it.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

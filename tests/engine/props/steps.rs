//! What a case is made of, and how proptest makes it.
//!
//! 1. Numbers stand for documents, inputs and things that are held; what they mean is settled when the step is run.

use proptest::prelude::*;
use stratum::vfs::sim::Rng;
use stratum::{Compression, Durability, Options, ReadMode};

use crate::workload::{CALLS, Call, End};

/// Steps from an empty store, opened with some options.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) options: u32,
    pub(super) steps: Vec<Step>,
}

/// What may stay open through everything else.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    View,
    Snapshot,
    Documents,
    Inputs,
    Blob,
    Packed,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A batch, from its first call to its end.
    Batch(Vec<Call>, End),
    /// Begins a batch that stays open, or makes further calls on one.
    Hold(u8, Vec<Call>),
    /// Ends a batch that was open meanwhile.
    Finish(u8, End),
    /// A call that must be refused, on a batch that is then committed.
    Bad(u8, Vec<Call>),
    Flush,
    Compact,
    /// Compaction that is told to stop after its first step.
    CompactALittle,
    /// Compaction in whose midst a batch is committed.
    CompactAndWrite(Vec<Call>),
    /// One step of background work.
    Maintain,
    Checkpoint,
    /// Lets go of the store, closed or merely dropped, and opens it with other options.
    Reopen {
        close: bool,
        options: u32,
    },
    /// The process is killed; the next one opens the store.
    Kill {
        options: u32,
    },
    /// Takes something that stays open.
    Keep(Keep, u8),
    /// Compares something that is held with what it must be; cursors go on.
    Look(u8),
    Release(u8),
    /// Compares everything.
    Compare,
    Verify,
    Stats,
    /// Opens two copies of the store, with its checkpoint and without one.
    Twins,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    (0..64u32, prop::collection::vec(step(), 42..56)).prop_map(|(options, steps)| Case { options, steps })
}

fn step() -> impl Strategy<Value = Step> {
    let other_options = prop_oneof![Just(0), 0..512u32];
    let keep = prop_oneof![
        Just(Keep::View),
        Just(Keep::Snapshot),
        Just(Keep::Documents),
        Just(Keep::Inputs),
        Just(Keep::Blob),
        Just(Keep::Packed)
    ];
    prop_oneof![
        52 => (calls(), end()).prop_map(|(calls, end)| Step::Batch(calls, end)),
        7 => (any::<u8>(), calls()).prop_map(|(which, calls)| Step::Hold(which, calls)),
        5 => (any::<u8>(), end()).prop_map(|(which, end)| Step::Finish(which, end)),
        3 => (any::<u8>(), calls()).prop_map(|(kind, calls)| Step::Bad(kind, calls)),
        3 => Just(Step::Flush),
        4 => Just(Step::Compact),
        2 => Just(Step::CompactALittle),
        2 => calls().prop_map(Step::CompactAndWrite),
        5 => Just(Step::Maintain),
        4 => Just(Step::Checkpoint),
        4 => (any::<bool>(), other_options.clone()).prop_map(|(close, options)| Step::Reopen { close, options }),
        3 => other_options.prop_map(|options| Step::Kill { options }),
        6 => (keep, any::<u8>()).prop_map(|(kind, number)| Step::Keep(kind, number)),
        5 => any::<u8>().prop_map(Step::Look),
        2 => any::<u8>().prop_map(Step::Release),
        2 => Just(Step::Compare),
        2 => Just(Step::Verify),
        2 => Just(Step::Stats),
        1 => Just(Step::Twins),
    ]
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    prop::collection::vec(call(), 1..6)
}

fn call() -> impl Strategy<Value = Call> {
    (0..CALLS.len(), 0..64u8, 0..64u8, prop_oneof![0..200u32, any::<u32>()])
        .prop_map(|(what, document, input, content)| Call { what: CALLS[what], document, input, content })
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        8 => Just(End::Commit),
        2 => Just(End::CommitWith(Durability::Always)),
        2 => Just(End::CommitWith(Durability::Os)),
        1 => Just(End::CommitWith(Durability::Interval)),
        1 => Just(End::Abandon),
        1 => Just(End::Clear),
    ]
}

/// The largest blob or value that `options` allow; no content of `values` is larger.
pub(super) const MAX_RECORD: u64 = 100_000;

/// Options with absurd sizes.
pub(super) fn options(seed: u32) -> Options {
    let mut rng = Rng::new(u64::from(seed));
    let mut options = Options::default();
    options.background = false;
    options.segment_size = [256, 400, 600, 1000, 2000, 1 << 20][rng.index(6)];
    options.fold_after = 1 + rng.below(4) as u32;
    options.checkpoint_bytes = [1, 200, 800, 3000][rng.index(4)];
    options.max_amplification = [1.1, 1.5, 3.0][rng.index(3)];
    options.durability = [Durability::Always, Durability::Always, Durability::Os, Durability::Interval][rng.index(4)];
    options.read_mode = if rng.chance(0.5) { ReadMode::Mmap } else { ReadMode::Pread };
    options.compression = [Compression::None, Compression::Lz4, Compression::Zstd][rng.index(3)];
    options.verify_reads = rng.chance(0.7);
    options.max_retained_bytes = if rng.chance(0.3) { rng.below(2000) } else { u64::MAX };
    options.max_record_bytes = MAX_RECORD;
    options
}

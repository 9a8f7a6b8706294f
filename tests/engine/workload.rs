//! Random work: calls on a batch, batches and what happens between them.
//!
//! 1. A workload is plain data and small numbers: it can be made from a seed or shrunk by proptest, and printed.
//! 2. Which document or input a number stands for is settled when the call is made, against the model; every
//!    eighth stands for one that is not there.

use stratum::vfs::sim::Rng;
use stratum::{Batch, Columns, Compression, DocumentId, Durability, Input, InputId, Missing, Options, ReadMode, View};

use crate::model::{Checked, Document, Model, answer, wrong};
use crate::values;

/// A call of `Batch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    CreateDocument,
    PutTree,
    PutPacked,
    ReplaceTree,
    ReplacePacked,
    SetBlob,
    SetColumn,
    RemoveColumn,
    DeleteDocument,
    AppendInput,
    InsertInput,
    MoveInput,
    ReplaceInput,
    SetInputColumn,
    RemoveInputColumn,
    DeleteInput,
    SetOutput,
    UpdateOutput,
    DeleteOutput,
}

/// Every call, as often as it should come.
pub(crate) const CALLS: &[What] = &[
    What::CreateDocument,
    What::CreateDocument,
    What::PutTree,
    What::PutTree,
    What::PutTree,
    What::PutPacked,
    What::ReplaceTree,
    What::ReplaceTree,
    What::ReplacePacked,
    What::SetBlob,
    What::SetBlob,
    What::SetColumn,
    What::SetColumn,
    What::RemoveColumn,
    What::DeleteDocument,
    What::DeleteDocument,
    What::DeleteDocument,
    What::AppendInput,
    What::AppendInput,
    What::AppendInput,
    What::InsertInput,
    What::InsertInput,
    What::MoveInput,
    What::MoveInput,
    What::ReplaceInput,
    What::ReplaceInput,
    What::SetInputColumn,
    What::RemoveInputColumn,
    What::DeleteInput,
    What::DeleteInput,
    What::SetOutput,
    What::SetOutput,
    What::SetOutput,
    What::UpdateOutput,
    What::DeleteOutput,
];

/// One call with what it is about, as numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) what: What,
    pub(crate) document: u8,
    pub(crate) input: u8,
    pub(crate) content: u32,
}

/// How a batch ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Commit,
    CommitWith(Durability),
    Abandon,
    /// Forgets what it holds, and commits nothing.
    Clear,
}

/// One step of a workload.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Batch(Vec<Call>, End),
    Flush,
    Compact,
    /// One step of background work.
    Maintain,
    /// Compaction that is told to stop after its first step.
    CompactALittle,
    Checkpoint,
    /// Close, or mere dropping, and open again.
    Reopen {
        close: bool,
    },
    /// Takes a view, or a snapshot, and keeps it beside the later work.
    Keep {
        snapshot: bool,
    },
    /// Compares and drops the oldest kept view.
    Release,
    /// Compares everything.
    Compare,
    Verify,
}

/// The sizes and the work of one run.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) steps: Vec<Step>,
}

impl Workload {
    /// A workload of that many steps, with sizes absurd enough that segments, folds, compactions and checkpoints
    /// come every few of them.
    pub(crate) fn new(seed: u64, length: usize) -> Workload {
        let mut rng = Rng::new(seed);
        let options = small_options(rng.next_u64() as u32);
        Workload { seed, options, steps: (0..length).map(|_| step(&mut rng)).collect() }
    }

    /// That many steps of any kind with, in between, one of everything that a workload must have: several documents
    /// in a batch, a blob that is a record of its own, deltas enough to be folded, a replaced tree, deletes, each
    /// durability, compaction, a checkpoint, a snapshot held across it all, a close and a mere drop.
    pub(crate) fn mixed(seed: u64, length: usize) -> Workload {
        let mut workload = Workload::new(seed, length);
        let mut rng = Rng::new(!seed);
        let call = |what, content| Call { what, document: 0, input: 0, content };
        let batch = |calls: &[Call], durability| Step::Batch(calls.to_vec(), End::CommitWith(durability));
        let several = [call(What::PutTree, 4), call(What::PutTree, 3), call(What::SetColumn, 9)];
        let large = 127 + 128 * rng.below(100) as u32;
        let delta = |content| batch(&[call(What::SetColumn, content), call(What::AppendInput, 2)], Durability::Os);
        // Enough commits to one document, one after the other, that they are folded.
        let deltas = (0..workload.options.fold_after + 2).map(|at| delta(at * 16 + 1)).collect();
        let must = [
            vec![batch(&several, Durability::Always)],
            vec![Step::Keep { snapshot: true }],
            vec![batch(&[call(What::CreateDocument, large)], Durability::Os)],
            deltas,
            vec![Step::Maintain],
            vec![batch(&[call(What::ReplaceTree, 5), call(What::PutTree, 10)], Durability::Interval)],
            vec![Step::Reopen { close: false }],
            vec![Step::Checkpoint],
            vec![batch(&[call(What::DeleteDocument, 0)], Durability::Os)],
            vec![Step::Keep { snapshot: true }, Step::Compact],
            vec![Step::Release],
            vec![Step::Reopen { close: true }],
        ];
        let mut places: Vec<usize> = must.iter().map(|_| rng.index(length + 1)).collect();
        places.sort_unstable();
        let mut must = must.into_iter().zip(places).peekable();
        for (at, step) in std::mem::take(&mut workload.steps).into_iter().enumerate() {
            while let Some((must, _)) = must.next_if(|(_, place)| *place <= at) {
                workload.steps.extend(must);
            }
            workload.steps.push(step);
        }
        workload.steps.extend(must.flat_map(|(must, _)| must));
        workload
    }
}

/// Options with absurd sizes.
pub(crate) fn small_options(seed: u32) -> Options {
    let mut rng = Rng::new(u64::from(seed));
    let mut options = Options::default();
    options.background = false;
    options.segment_size = [400, 600, 1000, 2000][rng.index(4)];
    options.fold_after = 1 + rng.below(4) as u32;
    options.checkpoint_bytes = [200, 800, 3000][rng.index(3)];
    options.max_amplification = [1.1, 1.5, 3.0][rng.index(3)];
    options.durability = [Durability::Always, Durability::Always, Durability::Os, Durability::Interval][rng.index(4)];
    options.read_mode = if rng.chance(0.5) { ReadMode::Mmap } else { ReadMode::Pread };
    options.compression = [Compression::None, Compression::Lz4, Compression::Zstd][rng.index(3)];
    options
}

fn step(rng: &mut Rng) -> Step {
    match rng.below(100) {
        0..=62 => Step::Batch(calls(rng), end(rng)),
        63..=66 => Step::Maintain,
        67..=70 => Step::Flush,
        71..=75 => Step::Compact,
        76 => Step::CompactALittle,
        77..=81 => Step::Checkpoint,
        82..=87 => Step::Reopen { close: rng.chance(0.5) },
        88..=91 => Step::Keep { snapshot: rng.chance(0.5) },
        92..=94 => Step::Release,
        95..=97 => Step::Compare,
        _ => Step::Verify,
    }
}

fn calls(rng: &mut Rng) -> Vec<Call> {
    let count = if rng.chance(0.05) { 20 + rng.index(20) } else { 1 + rng.index(4) };
    let call = |rng: &mut Rng| Call {
        what: CALLS[rng.index(CALLS.len())],
        document: rng.next_u64() as u8,
        input: rng.next_u64() as u8,
        content: rng.next_u64() as u32,
    };
    (0..count).map(|_| call(rng)).collect()
}

fn end(rng: &mut Rng) -> End {
    match rng.below(20) {
        0 => End::Abandon,
        1 => End::Clear,
        2..=4 => End::CommitWith(Durability::Always),
        5..=7 => End::CommitWith(Durability::Os),
        8 => End::CommitWith(Durability::Interval),
        _ => End::Commit,
    }
}

/// The document that a number stands for.
pub(crate) fn document(model: &Model, number: u8) -> DocumentId {
    let live = model.ids();
    let choice = usize::from(number);
    if live.is_empty() || choice % 8 == 7 { model.dead_id(choice as u64 / 8) } else { live[choice % live.len()] }
}

/// The input of a document that a number stands for.
pub(crate) fn input(document: &Document, number: u8) -> InputId {
    let live = &document.tree.inputs;
    let choice = usize::from(number);
    match live.get(choice % live.len().max(1)).and_then(|input| input.id) {
        Some(id) if choice % 8 != 7 => id,
        _ => document.dead_input(choice as u64 / 8),
    }
}

/// Makes a call on the batch and on the model, and demands the same answer of both. `view` is the latest
/// committed moment, where packed trees are taken from.
pub(crate) fn apply(call: &Call, batch: &mut Batch, view: &View, model: &mut Model) -> Checked {
    let id = document(model, call.document);
    match call.what {
        What::CreateDocument => {
            let (blob, columns) = (values::blob(call.content), values::columns(call.content));
            let id = batch.create_document(&blob, &columns)?;
            let document = model.add(id)?;
            (document.tree.blob, document.tree.columns) = (blob, columns);
            Ok(())
        }
        What::PutTree => {
            let tree = values::tree(call.content);
            let ids = batch.put_tree(&tree)?;
            model.add(ids.document)?.put(&tree, &ids)
        }
        What::PutPacked | What::ReplacePacked => apply_packed(call, id, batch, view, model),
        What::ReplaceTree => {
            let tree = values::tree(call.content);
            let ids = answer(batch.replace_tree(id, &tree))?;
            agree(call, model.find(id), ids, |document, ids| document.put(&tree, &ids))
        }
        What::SetBlob => {
            let blob = values::blob(call.content);
            let done = answer(batch.set_blob(id, &blob))?;
            agree(call, model.find(id), done, |document, ()| {
                document.tree.blob = blob;
                Ok(())
            })
        }
        What::SetColumn => {
            let (name, value) = (values::column_name(call.content), values::value(call.content / 16));
            let done = answer(batch.set_column(id, &name, &value))?;
            agree(call, model.find(id), done, |document, ()| {
                document.tree.columns.set(name, value);
                Ok(())
            })
        }
        What::RemoveColumn => {
            let name = values::column_name(call.content);
            let done = answer(batch.remove_column(id, &name))?;
            let document = model.find(id).and_then(|document| match document.tree.columns.get(&name) {
                Some(_) => Ok(document),
                None => Err(Missing::Column(id)),
            });
            agree(call, document, done, |document, ()| {
                document.tree.columns.remove(&name);
                Ok(())
            })
        }
        What::DeleteDocument => {
            let done = answer(batch.delete_document(id))?;
            agree(call, model.remove(id), done, |(), ()| Ok(()))
        }
        What::AppendInput | What::InsertInput | What::MoveInput => apply_order(call, id, batch, model),
        _ => apply_input(call, id, batch, model),
    }
}

fn apply_packed(call: &Call, id: DocumentId, batch: &mut Batch, view: &View, model: &mut Model) -> Checked {
    let sources: Vec<_> = view.documents(DocumentId::FIRST)?.collect();
    let Some(source) = sources.get(call.content as usize % sources.len().max(1)) else { return Ok(()) };
    let packed = view.packed_tree(*source)?;
    let tree = packed.to_tree()?;
    if call.what == What::PutPacked {
        let ids = batch.put_packed(packed.as_bytes())?;
        return model.add(ids.document)?.put(&tree, &ids);
    }
    let ids = answer(batch.replace_packed(id, packed.as_bytes()))?;
    agree(call, model.find(id), ids, |document, ids| document.put(&tree, &ids))
}

fn apply_order(call: &Call, id: DocumentId, batch: &mut Batch, model: &mut Model) -> Checked {
    let value = values::value(call.content);
    let (subject, before) = match model.find(id) {
        Ok(document) => (input(document, call.input), input(document, call.content as u8)),
        Err(_) => (InputId::FIRST, InputId::FIRST),
    };
    match call.what {
        What::AppendInput => {
            let given = answer(batch.append_input(id, &value))?;
            agree(call, model.find(id), given, |document, given| document.insert(given, Input::new(value, None), None))
        }
        What::InsertInput => {
            let given = answer(batch.insert_input(id, subject, &value))?;
            let is_there = model.find_input(id, subject).map(|_| ());
            let document = is_there.and_then(|()| model.find(id));
            agree(call, document, given, |document, given| {
                document.insert(given, Input::new(value, None), Some(subject))
            })
        }
        _ => {
            let is_there = model.find_input(id, subject).map(|_| ());
            // Where the input itself is missing there is one thing missing only, so that one answer is right.
            let before = if is_there.is_err() || before == subject || call.content.is_multiple_of(4) {
                None
            } else {
                Some(before)
            };
            let is_there = is_there.and_then(|()| match before {
                Some(before) => model.find_input(id, before).map(|_| ()),
                None => Ok(()),
            });
            let done = answer(batch.move_input(id, subject, before))?;
            let document = is_there.and_then(|()| model.find(id));
            agree(call, document, done, |document, ()| {
                document.shift(subject, before);
                Ok(())
            })
        }
    }
}

fn apply_input(call: &Call, id: DocumentId, batch: &mut Batch, model: &mut Model) -> Checked {
    let subject = model.find(id).map_or(InputId::FIRST, |document| input(document, call.input));
    let (name, value) = (values::column_name(call.content), values::value(call.content / 16));
    let done = match call.what {
        What::ReplaceInput => batch.replace_input(id, subject, &value),
        What::SetInputColumn => batch.set_input_column(id, subject, &name, &value),
        What::RemoveInputColumn => batch.remove_input_column(id, subject, &name),
        What::DeleteInput => batch.delete_input(id, subject),
        What::SetOutput => batch.set_output(id, subject, &value),
        What::UpdateOutput => batch.update_output(id, subject, &value),
        What::DeleteOutput => batch.delete_output(id, subject),
        other => return wrong(format!("{other:?} is not about an input")),
    };
    let done = answer(done)?;
    let target = model.find_input(id, subject).and_then(|target| match call.what {
        What::RemoveInputColumn if target.columns.get(&name).is_none() => Err(Missing::InputColumn(id, subject)),
        What::UpdateOutput | What::DeleteOutput if target.output.is_none() => Err(Missing::Output(id, subject)),
        _ => Ok(target),
    });
    agree(call, target, done, |target, ()| {
        match call.what {
            What::ReplaceInput => target.value = value,
            What::SetInputColumn => drop(target.columns.set(name, value)),
            What::RemoveInputColumn => drop(target.columns.remove(&name)),
            What::SetOutput | What::UpdateOutput => target.output = Some(value),
            What::DeleteOutput => target.output = None,
            _ => target.columns = Columns::new(),
        }
        Ok(())
    })?;
    if call.what == What::DeleteInput
        && let Ok(document) = model.find(id)
    {
        document.remove(subject);
    }
    Ok(())
}

/// Both say yes, and the model follows; or both say that the same thing is missing.
fn agree<M, T>(
    call: &Call,
    model: Result<M, Missing>,
    store: Result<T, Missing>,
    follow: impl FnOnce(M, T) -> Checked,
) -> Checked {
    match (model, store) {
        (Ok(model), Ok(given)) => follow(model, given),
        (Err(expected), Err(missing)) if expected == missing => Ok(()),
        (model, store) => wrong(format!("{call:?}: the store says {:?}, the model {:?}", store.err(), model.err())),
    }
}

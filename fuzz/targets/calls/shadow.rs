//! What a store must hold, by the calls that it took.
//!
//! 1. A change that was accepted can be made to the shadow, and one that was refused as `NotFound` cannot.
//! 2. A batch is held against the store once more when it is committed, by what it comes to: `may_fail` says which of
//!    its calls may name what has gone since.

use std::collections::BTreeMap;

use stratum::{Input, InputId, Tree, Value};

/// The documents of a store, ids of their inputs filled in.
pub type Shadow = BTreeMap<u64, Tree>;

/// What a call changes.
#[derive(Clone, Debug)]
pub enum Change {
    /// The document becomes this.
    Put(u64, Tree),
    /// A document that must be there becomes this.
    Replace(u64, Tree),
    Delete(u64),
    Blob(u64, Vec<u8>),
    Column(u64, String, Option<Value>),
    Insert {
        document: u64,
        id: u64,
        before: u64,
        value: Value,
    },
    Move {
        document: u64,
        id: u64,
        before: u64,
    },
    Value(u64, u64, Value),
    InputColumn(u64, u64, String, Option<Value>),
    DeleteInput(u64, u64),
    /// The last says that there must be an output already.
    Output(u64, u64, Option<Value>, bool),
    /// Something that only the store knows.
    Unknown,
}

/// Makes a batch's changes in their order; gives back the first that names what is not there and must be.
pub fn apply_batch<'a>(shadow: &mut Shadow, changes: &'a [Change]) -> Result<(), &'a Change> {
    for (at, change) in changes.iter().enumerate() {
        if apply(shadow, change).is_none() && !may_fail(shadow, change, &changes[at + 1..]) {
            return Err(change);
        }
    }
    Ok(())
}

/// Whether it does not matter that a batch's call cannot be made any more: all that it did is undone by later calls of
/// the batch, or was to take away what has gone by itself, or was nothing.
fn may_fail(shadow: &Shadow, change: &Change, later: &[Change]) -> bool {
    let has_input = |document, id| shadow.get(document).is_some_and(|tree: &Tree| place(tree, id).is_some());
    let own = match change {
        Change::Column(document, _, None) => shadow.contains_key(document),
        Change::InputColumn(document, id, _, None) => has_input(document, *id),
        Change::Move { id, before, .. } => id == before,
        _ => false,
    };
    own || later.iter().any(|later| match (later, change) {
        (Change::Replace(document, _) | Change::Delete(document), _) => change.document() == Some(*document),
        (Change::DeleteInput(document, id), Change::Output(of, input, _, true)) => (document, id) == (of, input),
        _ => false,
    })
}

impl Change {
    fn document(&self) -> Option<u64> {
        match self {
            Change::Put(document, _)
            | Change::Replace(document, _)
            | Change::Delete(document)
            | Change::Blob(document, _)
            | Change::Column(document, ..)
            | Change::Insert { document, .. }
            | Change::Move { document, .. }
            | Change::Value(document, ..)
            | Change::InputColumn(document, ..)
            | Change::DeleteInput(document, _)
            | Change::Output(document, ..) => Some(*document),
            Change::Unknown => None,
        }
    }
}

fn place(tree: &Tree, id: u64) -> Option<usize> {
    tree.inputs.iter().position(|input| input.id.is_some_and(|other| other.get() == id))
}

/// Where an input goes that stands before another, at the end for 0.
fn place_before(tree: &Tree, before: u64) -> Option<usize> {
    if before == 0 { Some(tree.inputs.len()) } else { place(tree, before) }
}

/// Makes a change; `None` where something that it names is not there, and then the shadow may be anything.
pub fn apply(shadow: &mut Shadow, change: &Change) -> Option<()> {
    match change {
        Change::Put(document, tree) => drop(shadow.insert(*document, tree.clone())),
        Change::Replace(document, tree) => *shadow.get_mut(document)? = tree.clone(),
        Change::Delete(document) => drop(shadow.remove(document)?),
        Change::Blob(document, blob) => shadow.get_mut(document)?.blob = blob.clone(),
        Change::Column(document, name, Some(value)) => {
            shadow.get_mut(document)?.columns.set(name.as_str(), value.clone());
        }
        Change::Column(document, name, None) => drop(shadow.get_mut(document)?.columns.remove(name)?),
        Change::Unknown => {}
        Change::Insert { document, .. }
        | Change::Move { document, .. }
        | Change::Value(document, ..)
        | Change::InputColumn(document, ..)
        | Change::DeleteInput(document, _)
        | Change::Output(document, ..) => apply_to_inputs(shadow.get_mut(document)?, change)?,
    }
    Some(())
}

fn apply_to_inputs(tree: &mut Tree, change: &Change) -> Option<()> {
    match change {
        Change::Insert { id, before, value, .. } => {
            let at = place_before(tree, *before)?;
            let (id, value) = (InputId::new(*id), value.clone());
            tree.inputs.insert(at, Input { id, value, columns: Default::default(), output: None });
        }
        Change::Move { id, before, .. } => {
            let from = place(tree, *id)?;
            place_before(tree, *before)?;
            if id != before {
                let input = tree.inputs.remove(from);
                let to = place_before(tree, *before)?;
                tree.inputs.insert(to, input);
            }
        }
        Change::DeleteInput(_, id) => drop(tree.inputs.remove(place(tree, *id)?)),
        Change::Value(_, id, value) => input(tree, *id)?.value = value.clone(),
        Change::InputColumn(_, id, name, Some(value)) => {
            input(tree, *id)?.columns.set(name.as_str(), value.clone());
        }
        Change::InputColumn(_, id, name, None) => drop(input(tree, *id)?.columns.remove(name)?),
        Change::Output(_, id, output, must_be) => {
            let input = input(tree, *id)?;
            if *must_be && input.output.is_none() {
                return None;
            }
            input.output = output.clone();
        }
        _ => {}
    }
    Some(())
}

fn input(tree: &mut Tree, id: u64) -> Option<&mut Input> {
    let at = place(tree, id)?;
    tree.inputs.get_mut(at)
}

//! What a store must hold, by the calls that it took.
//!
//! 1. A change that was accepted can be made to the shadow, and one that was refused as `NotFound` cannot. Columns that a
//!    batch removes may have gone before it was committed.

use std::collections::BTreeMap;

use stratum::{Input, InputId, Tree, Value};

/// The documents of a store, ids of their inputs filled in.
pub type Shadow = BTreeMap<u64, Tree>;

/// What a call changes.
#[derive(Clone)]
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

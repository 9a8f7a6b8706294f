//! The naive model of a document, and random operations on it.

use proptest::prelude::*;

use super::id;
use crate::format::crc;
use crate::format::packed::tree::encode_with_ids;
use crate::format::packed::{DeltaBuilder, TreeParts};
use crate::format::value::encode_value;
use crate::format::value::tests::{any_text, any_value};
use crate::ids::InputId;
use crate::tree::{Input, Tree};
use crate::value::Value;

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub tree: Tree,
    /// Whether the blob is a record of its own.
    pub external: bool,
    pub next: u64,
}

/// Positions are taken modulo the number of inputs.
#[derive(Clone, Debug)]
pub(super) enum Op {
    SetBlob(Vec<u8>, bool),
    Column(String, Option<Value>),
    Append(Value),
    InsertBefore(usize, Value),
    Move(usize, Option<usize>),
    Delete(usize),
    SetValue(usize, Value),
    Output(usize, Option<Value>),
    InputColumn(usize, String, Option<Value>),
    /// The delta at hand ends, another begins.
    Cut,
}

pub(super) fn any_op() -> impl Strategy<Value = Op> {
    let at = 0..1000usize;
    let value = || any_value().boxed();
    let blob = prop::collection::vec(any::<u8>(), 0..30);
    let name =
        || prop_oneof![Just("a".to_owned()), Just("tags".to_owned()), any_text().prop_map(|text| format!("n{text}"))];
    prop_oneof![
        1 => (blob, any::<bool>()).prop_map(|(blob, external)| Op::SetBlob(blob, external)),
        3 => (name(), prop::option::of(value())).prop_map(|(name, value)| Op::Column(name, value)),
        4 => value().prop_map(Op::Append),
        3 => (at.clone(), value()).prop_map(|(at, value)| Op::InsertBefore(at, value)),
        4 => (at.clone(), prop::option::of(at.clone())).prop_map(|(at, before)| Op::Move(at, before)),
        2 => at.clone().prop_map(Op::Delete),
        2 => (at.clone(), value()).prop_map(|(at, value)| Op::SetValue(at, value)),
        4 => (at.clone(), prop::option::of(value())).prop_map(|(at, output)| Op::Output(at, output)),
        3 => (at, name(), prop::option::of(value())).prop_map(|(at, name, value)| Op::InputColumn(at, name, value)),
        4 => Just(Op::Cut),
    ]
}

pub(super) fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_value(value, &mut out);
    out
}

impl Model {
    pub(super) fn new() -> Model {
        Model { tree: Tree::default(), external: false, next: 1 }
    }

    /// Applies an operation to the model, and to a delta in the way the store would.
    pub(super) fn apply(&mut self, op: &Op, delta: &mut DeltaBuilder) {
        let count = self.tree.inputs.len();
        let value_at = |value: &Option<Value>| value.as_ref().map(encoded);
        match op {
            Op::SetBlob(blob, external) => {
                self.tree.blob.clone_from(blob);
                self.external = *external;
                match external {
                    true => delta.set_blob_external(blob.len() as u64, crc(blob)),
                    false => delta.set_blob(blob.clone()),
                }
            }
            Op::Column(name, value) => {
                match value {
                    Some(value) => self.tree.columns.set(name.clone(), value.clone()),
                    None => self.tree.columns.remove(name),
                };
                delta.set_column(name, value_at(value));
            }
            Op::Append(value) => self.insert(count, value, delta),
            Op::InsertBefore(at, value) => self.insert(at % (count + 1), value, delta),
            Op::Cut => {}
            _ if count == 0 => {}
            Op::Move(at, before) => {
                let at = at % count;
                let before = before.map(|before| self.id(before % count));
                let input = self.tree.inputs[at].clone();
                delta.move_(self.id(at), before);
                if before != input.id {
                    self.tree.inputs.remove(at);
                    let place = self.tree.inputs.iter().position(|other| before.is_some() && other.id == before);
                    self.tree.inputs.insert(place.unwrap_or(count - 1), input);
                }
            }
            Op::Delete(at) => {
                let gone = self.tree.inputs.remove(at % count);
                delta.delete(gone.id.unwrap());
            }
            Op::SetValue(at, value) => {
                self.tree.inputs[at % count].value = value.clone();
                delta.set_value(self.id(at % count), encoded(value));
            }
            Op::Output(at, output) => {
                self.tree.inputs[at % count].output.clone_from(output);
                delta.set_output(self.id(at % count), value_at(output));
            }
            Op::InputColumn(at, name, value) => {
                let columns = &mut self.tree.inputs[at % count].columns;
                match value {
                    Some(value) => columns.set(name.clone(), value.clone()),
                    None => columns.remove(name),
                };
                delta.set_input_column(self.id(at % count), name, value_at(value));
            }
        }
    }

    fn insert(&mut self, at: usize, value: &Value, delta: &mut DeltaBuilder) {
        let new = id(self.next);
        self.next += 1;
        delta.insert(new, self.tree.inputs.get(at).and_then(|input| input.id), encoded(value));
        self.tree.inputs.insert(at, Input { id: Some(new), ..Input::new(value.clone(), None) });
    }

    fn id(&self, at: usize) -> InputId {
        self.tree.inputs[at].id.unwrap()
    }

    pub(super) fn ids(&self) -> Vec<InputId> {
        self.tree.inputs.iter().map(|input| input.id.unwrap()).collect()
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        self.pack_as(self.external)
    }

    pub(super) fn pack_as(&self, external: bool) -> Vec<u8> {
        encode_with_ids(TreeParts::from(&self.tree), |at| self.id(at).raw(), self.next, external).unwrap()
    }
}

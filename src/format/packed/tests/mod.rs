//! Packed forms against a naive model, hostile bytes, and the golden vectors of docs/format.md.

mod golden;
mod hostile;
mod model;
mod rules;
mod stacks;

use crate::ids::InputId;

fn id(number: u64) -> InputId {
    InputId::new(number).unwrap()
}

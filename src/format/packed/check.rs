//! The full check of a packed form: for what comes from outside (`put_packed`, `verify`), and for tests.
//!
//! 1. What passes is canonical: sections exactly fill the buffer in their order, padding is zero, every checksum
//!    matches, every value decodes, ids are unique and below the next one.
//! 2. A delta that passes is consistent in itself. Whether it fits its base only the two together tell.

use std::collections::HashSet;

use super::directory::{Directory, Entry, OrderOp, OutputState};
use super::header::Head;
use super::{BlobState, ColumnsRef, Span};
use crate::format::value::ValueRef;
use crate::format::{Decoded, Malformed, check_zero, split};
use crate::ids::InputId;

/// Checks everything about a packed tree or delta. The bytes of an external blob are not here and not checked.
pub fn check(bytes: &[u8]) -> Decoded<()> {
    let head = Head::parse(bytes)?;
    if head.total_len() != bytes.len() as u64 {
        return Err(Malformed("not exactly one packed tree or delta"));
    }
    let directory = head.directory()?;
    check_zero(directory.extra_padding())?;
    check_columns(head.columns()?, head.is_delta())?;
    check_nodes(bytes, &head, &directory)?;
    check_blob(bytes, &head)?;
    if head.is_delta() {
        check_changes(&directory)?;
        check_ops(&head, &directory)
    } else {
        check_ids(&directory)
    }
}

fn check_columns(columns: ColumnsRef<'_>, removals: bool) -> Decoded<()> {
    for column in columns.iter() {
        match column?.1 {
            Some(value) => drop(ValueRef::parse(value)?),
            None if removals => {}
            None => return Err(Malformed("a column of a tree has no value")),
        }
    }
    Ok(())
}

/// Nodes lie one after the other from the head to the blob, and hold what their entries say.
fn check_nodes(bytes: &[u8], head: &Head<'_>, directory: &Directory<'_>) -> Decoded<()> {
    let mut outputs = 0;
    let mut end = head.header().head_len();
    for position in 0..directory.len() {
        let entry = directory.entry(position)?;
        let [_, off8, value_len8, output_len8, _, value_crc, output_crc, columns_crc] = directory.words(position)?;
        if u64::from(off8) * 8 != end {
            return Err(Malformed("nodes do not lie one after the other"));
        }
        for span in spans(&entry) {
            end += span.length;
        }
        let absent =
            [(value_len8 == 0, value_crc), (output_len8 == 0, output_crc), (entry.columns.is_none(), columns_crc)];
        if absent.iter().any(|(absent, crc)| *absent && *crc != 0) {
            return Err(Malformed("a part that is not there has a checksum"));
        }
        check_node(bytes, head, &entry)?;
        outputs += u32::from(matches!(entry.output, OutputState::At(_)));
    }
    if end != head.header().nodes_end() {
        return Err(Malformed("there are bytes after the last node"));
    }
    if !head.is_delta() && outputs != head.output_count() {
        return Err(Malformed("a packed tree has not as many outputs as it says"));
    }
    Ok(())
}

fn spans(entry: &Entry) -> impl Iterator<Item = Span> {
    let output = match entry.output {
        OutputState::At(span) => Some(span),
        OutputState::Unchanged | OutputState::Removed => None,
    };
    [entry.value, output, entry.columns].into_iter().flatten()
}

fn check_node(bytes: &[u8], head: &Head<'_>, entry: &Entry) -> Decoded<()> {
    if entry.id.get() >= head.next_input_id() {
        return Err(Malformed("an input id is not below the next one"));
    }
    if let Some(span) = entry.value {
        ValueRef::parse(span.verified(bytes)?)?;
    }
    if let OutputState::At(span) = entry.output {
        ValueRef::parse(span.verified(bytes)?)?;
    }
    if let Some(span) = entry.columns {
        check_columns(ColumnsRef::parse(span.verified(bytes)?)?, head.is_delta())?;
    }
    Ok(())
}

fn check_blob(bytes: &[u8], head: &Head<'_>) -> Decoded<()> {
    let BlobState::Inline(span) = head.blob() else { return Ok(()) };
    span.verified(bytes)?;
    let (_, padding) = split(bytes, span.offset + span.length)?;
    check_zero(padding)
}

/// A tree's ids ascend with the positions, or else in the order of its permutation.
fn check_ids(directory: &Directory<'_>) -> Decoded<()> {
    let by_position = ascend(directory.ids())?;
    let by_permutation = ascend(directory.permutation().map(|position| directory.id(position)))?;
    let permuted = directory.permutation().len() != 0;
    // A permutation is there only where it is needed; all its positions exist, and differ because the ids do.
    let in_order = if permuted { by_permutation && !by_position } else { by_position };
    if in_order { Ok(()) } else { Err(Malformed("the ids of a packed tree are not in order, or there twice")) }
}

fn ascend(ids: impl Iterator<Item = Decoded<InputId>>) -> Decoded<bool> {
    let mut previous = None;
    for id in ids {
        let id = Some(id?);
        if id <= previous {
            return Ok(false);
        }
        previous = id;
    }
    Ok(true)
}

/// Entries ascend and say something.
fn check_changes(directory: &Directory<'_>) -> Decoded<()> {
    let mut previous = None;
    for entry in directory.iter() {
        let entry = entry?;
        if Some(entry.id) <= previous {
            return Err(Malformed("the entries of a delta are not in order"));
        }
        previous = Some(entry.id);
        let changes = entry.value.is_some() || entry.columns.is_some() || entry.output != OutputState::Unchanged;
        if !changes && !entry.deleted {
            return Err(Malformed("an entry of a delta changes nothing"));
        }
    }
    Ok(())
}

/// The order operations agree with the entries, and each with those before it.
fn check_ops(head: &Head<'_>, directory: &Directory<'_>) -> Decoded<()> {
    const OPS: Malformed = Malformed("the order operations of a delta contradict its entries or one another");
    let (mut named, mut deleted) = (HashSet::new(), HashSet::new());
    let operations = directory.order_ops().len();
    named.try_reserve(2 * operations).map_err(|_| Malformed::NO_MEMORY)?;
    deleted.try_reserve(operations).map_err(|_| Malformed::NO_MEMORY)?;
    for op in directory.order_ops() {
        let op = op?;
        let (id, before) = match op {
            OrderOp::Insert { id, before } | OrderOp::Move { id, before } => (id, before),
            OrderOp::Delete { id } => (id, None),
        };
        let entry = directory.find(id)?;
        let agrees = match op {
            OrderOp::Insert { .. } => {
                !named.contains(&id) && entry.is_some_and(|entry| entry.deleted || entry.value.is_some())
            }
            OrderOp::Move { .. } => true,
            OrderOp::Delete { .. } => entry.is_some_and(|entry| entry.deleted),
        };
        let there = |id: InputId| !deleted.contains(&id) && id.get() < head.next_input_id();
        if !agrees || before == Some(id) || !there(id) || !before.is_none_or(there) {
            return Err(OPS);
        }
        named.insert(id);
        named.extend(before);
        if let OrderOp::Delete { id } = op {
            deleted.insert(id);
        }
    }
    let deletions = directory.iter().filter(|entry| entry.is_ok_and(|entry| entry.deleted)).count();
    if deletions == deleted.len() { Ok(()) } else { Err(OPS) }
}

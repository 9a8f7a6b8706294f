//! Encoded values, packed trees and deltas, manifests, checkpoints: every 32-bit field set to numbers that claim too
//! much, behind matching checksums.

use stratum::format::checkpoint::CheckpointReader;
use stratum::format::manifest;
use stratum::format::packed::{
    ColumnsRef, DeltaBuilder, MergedBlob, check, compose, encode_tree, merge, renumber, to_tree,
};
use stratum::format::record::decode_footer;
use stratum::format::value::{decode_value, encode_value};
use stratum::{Columns, Input, InputId, Tree, Value};

use crate::bounded;
use crate::seal;

/// What a field may claim.
const CLAIMS: [u32; 7] = [u32::MAX, i32::MAX as u32, 1 << 30, 1 << 29, 0x1fff_ffff, 1 << 24, 0xffff];

/// Every variant of `bytes` in which one field claims too much.
fn claims(bytes: &[u8], mut each: impl FnMut(usize, Vec<u8>)) {
    for at in (0..bytes.len() / 4).map(|word| 4 * word) {
        for claim in CLAIMS {
            let mut changed = bytes.to_vec();
            changed[at..at + 4].copy_from_slice(&claim.to_le_bytes());
            each(at, changed);
        }
    }
}

fn values() -> Vec<Value> {
    let text = |number: u32| format!("text {number}");
    vec![
        Value::String("grüße".into()),
        Value::Bytes(vec![7; 20]),
        Value::Decimal("1e400".into()),
        Value::Int64List(vec![1, 2, 3]),
        Value::DoubleList(vec![1.5, -0.0]),
        Value::StringList((0..9).map(text).collect()),
        Value::StringMap((0..12).map(|number| (text(number), text(number))).collect()),
        Value::List(vec![Value::List(vec![Value::Null, Value::Int64(3)]), Value::Bool(true)]),
        Value::Map((0..12).map(|number| (text(number), Value::List(vec![Value::Null]))).collect()),
    ]
}

#[test]
fn values_that_claim_too_much() {
    for value in values() {
        let mut bytes = Vec::new();
        encode_value(&value, &mut bytes);
        claims(&bytes, |at, bytes| {
            let _ = bounded(&format!("{value:?}, byte {at}"), bytes.len(), || decode_value(&bytes));
            let _ = bounded("a columns section", bytes.len(), || {
                ColumnsRef::parse(&bytes).and_then(|columns| columns.to_columns())
            });
            let _ = bounded("a footer", bytes.len(), || decode_footer(&bytes));
        });
    }
}

#[test]
fn many_empty_values_cost_little_more_than_their_bytes() {
    // A null of 8 bytes is a Rust value of 32: the densest that there is.
    let mut bytes = Vec::new();
    encode_value(&Value::List(vec![Value::Null; 200_000]), &mut bytes);
    let value = bounded("nulls", bytes.len(), || decode_value(&bytes)).unwrap();
    assert!(matches!(value, Value::List(items) if items.len() == 200_000));
}

fn tree() -> Tree {
    let inputs = values().into_iter().map(|value| Input {
        id: None,
        columns: Columns::from([("case", value.clone())]),
        output: Some(value.clone()),
        value,
    });
    Tree { blob: vec![1; 50], columns: Columns::from([("name", Value::Int64(1))]), inputs: inputs.collect() }
}

fn delta() -> Vec<u8> {
    let mut delta = DeltaBuilder::default();
    let mut value = Vec::new();
    encode_value(&Value::Int64(5), &mut value);
    let id = |number| InputId::new(number).unwrap();
    delta.insert(id(20), Some(id(3)), value.clone());
    delta.move_(id(2), None);
    delta.delete(id(1));
    delta.set_column("name", Some(value));
    delta.set_blob(vec![3; 30]);
    delta.encode(21).unwrap()
}

#[test]
fn packed_forms_that_claim_too_much() {
    let (tree, delta) = (encode_tree(&tree(), 1, false).unwrap(), delta());
    let together = |what: &str, tree: &[u8], delta: &[u8]| {
        bounded(what, tree.len() + delta.len(), || {
            let mut copy = tree.to_vec();
            let _ = (check(tree), check(delta), to_tree(tree, None), renumber(&mut copy, 3));
            let _ = (merge(tree, &[delta], MergedBlob::Keep), compose(&[delta, delta]));
        });
    };
    claims(&tree, |at, mut bytes| {
        seal::packed(&mut bytes);
        together(&format!("byte {at} of a tree"), &bytes, &delta);
    });
    claims(&delta, |at, mut bytes| {
        seal::packed(&mut bytes);
        together(&format!("byte {at} of a delta"), &tree, &bytes);
    });
}

#[test]
fn a_checkpoint_and_a_manifest_that_claim_too_much() {
    let files = crate::directories::small_store();
    for (name, bytes) in &files {
        claims(bytes, |at, mut bytes| {
            let name = name.to_string_lossy();
            seal::file(&name, &mut bytes);
            bounded(&format!("byte {at} of {name}"), bytes.len(), || {
                if let Ok(reader) = CheckpointReader::open(&bytes) {
                    let _ = reader.rows(|_, _| Ok(()));
                }
                let mut at = 96.min(bytes.len());
                while let manifest::EditAt::Edit(_, _, length) = manifest::decode_edit(&bytes[at..]) {
                    at += length;
                }
            });
        });
    }
}

const ENTRY: usize = 32;

/// Has every entry of a packed form say of its parts what the first one says; the ids stay as they are.
pub fn share(packed: &mut [u8], entries: usize) {
    let (first, others) = packed[80..80 + entries * ENTRY].split_at_mut(ENTRY);
    others.chunks_mut(ENTRY).for_each(|other| other[4..].copy_from_slice(&first[4..]));
    seal::packed(packed);
}

#[test]
fn parts_that_many_inputs_claim_are_no_part_of_any() {
    const COUNT: usize = 400;
    let large = Value::Bytes(vec![7; 50_000]);
    let columns = Columns::from([("large", large.clone())]);
    let first = Input { id: None, value: large.clone(), columns, output: Some(large.clone()) };
    let others = (1..COUNT).map(|_| Input::new(Value::Null, Some(Value::Null)));
    let inputs: Vec<Input> = std::iter::once(first).chain(others).collect();
    let mut tree = encode_tree(&Tree { inputs, ..Tree::default() }, 1, false).unwrap();
    let mut changes = DeltaBuilder::default();
    let mut bytes = Vec::new();
    encode_value(&large, &mut bytes);
    for number in 1..=COUNT as u64 {
        let value = if number == 1 { bytes.clone() } else { bytes[..8].to_vec() };
        changes.set_value(InputId::new(number).unwrap(), value);
    }
    let changes = changes.encode(500).unwrap();
    assert!(merge(&tree, &[&changes], MergedBlob::Keep).is_ok());
    let mut forged = changes.clone();
    share(&mut forged, COUNT);
    bounded("a delta whose inputs share a value", tree.len() + forged.len(), || {
        assert!(merge(&tree, &[&forged], MergedBlob::Keep).is_err() && compose(&[&forged, &changes]).is_err());
    });
    share(&mut tree, COUNT);
    bounded("a tree whose inputs share all", tree.len() + delta().len(), || {
        assert!(merge(&tree, &[&delta()], MergedBlob::Keep).is_err() && to_tree(&tree, None).is_err());
    });
}

#[test]
fn an_input_that_is_there_many_times_is_not_copied_many_times() {
    const COUNT: usize = 400;
    let first = Input::new(Value::Bytes(vec![7; 100_000]), None);
    let inputs = std::iter::once(first).chain((1..COUNT).map(|_| Input::new(Value::Null, None))).collect();
    let mut tree = encode_tree(&Tree { inputs, ..Tree::default() }, 1, false).unwrap();
    let mut changes = DeltaBuilder::default();
    changes.set_blob(vec![1]);
    let changes = changes.encode(500).unwrap();
    for entry in 0..COUNT {
        tree[80 + entry * ENTRY..][..4].copy_from_slice(&1_u32.to_le_bytes());
    }
    seal::packed(&mut tree);
    bounded("one input many times", tree.len() + changes.len(), || {
        assert!(merge(&tree, &[&changes], MergedBlob::Keep).is_err());
    });
}

//! Trees, deltas, stacks, merge and compose against the model.

use proptest::prelude::*;

use super::id;
use super::model::{Model, Op, any_op, encoded};
use crate::format::packed::*;
use crate::format::value::decode_value;
use crate::format::{Malformed, crc};
use crate::tree::{Columns, Input, Tree};
use crate::value::Value;

/// A document's history: its packed form at some moment, the deltas since, and one delta of all of them.
struct History {
    base: Vec<u8>,
    deltas: Vec<Vec<u8>>,
    at_once: Vec<u8>,
    /// The model after each delta; the first is the base's.
    models: Vec<Model>,
}

fn play(before: &[Op], after: &[Op]) -> History {
    let mut model = Model::new();
    let mut ignored = DeltaBuilder::default();
    before.iter().for_each(|op| model.apply(op, &mut ignored));
    let base = model.pack();
    let (mut deltas, mut models) = (Vec::new(), vec![model.clone()]);
    let (mut all, mut delta, mut start) = (DeltaBuilder::default(), DeltaBuilder::default(), model.clone());
    assert!(delta.is_empty());
    for op in after.iter().chain([&Op::Cut]) {
        model.clone().apply(op, &mut all);
        model.apply(op, &mut delta);
        check_pending(&delta, &start, &model);
        if matches!(op, Op::Cut) {
            deltas.push(delta.encode(model.next).unwrap());
            models.push(model.clone());
            (delta, start) = (DeltaBuilder::default(), model.clone());
        }
    }
    History { base, deltas, at_once: all.encode(model.next).unwrap(), models }
}

/// What a builder tells of its changes, against the document before and after them.
fn check_pending(delta: &DeltaBuilder, start: &Model, now: &Model) {
    assert_eq!(delta.bytes(), delta.encode(now.next).unwrap().len() as u64);
    for number in 1..now.next {
        let input = now.tree.inputs.iter().find(|input| input.id == Some(id(number)));
        assert_eq!(delta.is_inserted(id(number)), number >= start.next);
        let was_there = start.ids().contains(&id(number));
        assert_eq!(delta.is_deleted(id(number)), input.is_none() && (was_there || number >= start.next));
        let Some(input) = input else { continue };
        if let Some(value) = delta.value_of(id(number)) {
            assert_eq!(value, encoded(&input.value));
        }
        if let Some(output) = delta.output_of(id(number)) {
            assert_eq!(output.map(<[u8]>::to_vec), input.output.as_ref().map(encoded));
        }
        for name in ["a", "tags"] {
            if let Some(value) = delta.input_column(id(number), name) {
                assert_eq!(value.map(<[u8]>::to_vec), input.columns.get(name).map(encoded));
            }
        }
    }
    for name in ["a", "tags"] {
        if let Some(value) = delta.column(name) {
            assert_eq!(value.map(<[u8]>::to_vec), now.tree.columns.get(name).map(encoded));
        }
    }
    match delta.blob() {
        Some(PendingBlob::Inline(blob)) => assert_eq!((blob, false), (&now.tree.blob[..], now.external)),
        Some(PendingBlob::External { length, crc: expected }) => {
            assert_eq!((length, expected, true), (now.tree.blob.len() as u64, crc(&now.tree.blob), now.external));
        }
        None => assert_eq!(start.tree.blob, now.tree.blob),
    }
    assert!(delta.touched().all(|id| start.ids().contains(&id)));
}

/// Everything that a stack answers, against the model.
fn check_stack(base: &[u8], deltas: &[&[u8]], model: &Model) {
    let heads: Vec<_> = deltas.iter().map(|delta| Head::parse(delta).unwrap()).collect();
    let stack = Stack { base: Head::parse(base).unwrap(), deltas: heads };
    let bytes =
        |(layer, span): (Layer, Span)| span.verified(if layer == 0 { base } else { deltas[layer - 1] }).unwrap();
    assert_eq!(stack.order().unwrap(), model.ids());
    assert_eq!(stack.next_input_id(), model.next);
    assert_eq!(stack.columns().unwrap(), model.tree.columns);
    for name in ["a", "tags", "not there"] {
        let value = stack.column(name).unwrap().map(|value| decode_value(value).unwrap());
        assert_eq!(value.as_ref(), model.tree.columns.get(name));
    }
    match stack.blob() {
        (layer, BlobState::Inline(span)) => {
            assert_eq!((bytes((layer, span)), false), (&model.tree.blob[..], model.external));
        }
        (_, BlobState::External { length, crc: expected }) => {
            let blob = &model.tree.blob;
            assert_eq!((length, expected, true), (blob.len() as u64, crc(blob), model.external));
        }
        (_, BlobState::Unchanged) => panic!("a stack without a blob"),
    }
    let layers = stack.layers().unwrap();
    for number in 1..=model.next {
        let node = stack.locate(id(number)).unwrap();
        assert_eq!(layers.locate(id(number)).unwrap(), node);
        let input = model.tree.inputs.iter().find(|input| input.id == Some(id(number)));
        let Some(input) = input else {
            assert_eq!(node, None);
            continue;
        };
        let node = node.unwrap();
        assert_eq!(decode_value(bytes(node.value)).unwrap(), input.value);
        assert_eq!(node.output.map(|at| decode_value(bytes(at)).unwrap()), input.output);
        let mut columns = Columns::new();
        for section in &node.columns {
            for column in ColumnsRef::parse(bytes(*section)).unwrap().iter() {
                match column.unwrap() {
                    (name, Some(value)) => columns.set(name, decode_value(value).unwrap()),
                    (name, None) => columns.remove(name),
                };
            }
        }
        assert_eq!(columns, input.columns);
    }
}

fn slices(all: &[Vec<u8>]) -> Vec<&[u8]> {
    all.iter().map(Vec::as_slice).collect()
}

fn external(model: &Model) -> Option<&[u8]> {
    model.external.then_some(&model.tree.blob[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 300 }))]

    #[test]
    fn trees_come_back_as_they_were(ops in prop::collection::vec(any_op(), 0..40), first in 1u64..1000) {
        let mut model = Model::new();
        ops.iter().for_each(|op| model.apply(op, &mut DeltaBuilder::default()));
        let packed = model.pack();
        prop_assert_eq!(check(&packed), Ok(()));
        prop_assert_eq!(packed.len() % 8, 0);
        prop_assert_eq!(&to_tree(&packed, external(&model)).unwrap(), &model.tree);

        let mut renumbered = packed;
        renumber(&mut renumbered, first).unwrap();
        prop_assert_eq!(check(&renumbered), Ok(()));
        let expected = encode_tree(&model.tree, first, model.external).unwrap();
        prop_assert_eq!(expected.capacity(), expected.len(), "one allocation of the right size");
        prop_assert_eq!(renumbered, expected);
    }

    #[test]
    fn stacks_answer_as_the_model_does(
        before in prop::collection::vec(any_op(), 0..20),
        after in prop::collection::vec(any_op(), 0..40),
    ) {
        let history = play(&before, &after);
        for (count, model) in history.models.iter().enumerate() {
            check_stack(&history.base, &slices(&history.deltas[..count]), model);
        }
        for delta in &history.deltas {
            prop_assert_eq!(check(delta), Ok(()));
        }
    }

    #[test]
    fn merging_gives_the_one_packed_form_wherever_it_is_split(
        before in prop::collection::vec(any_op(), 0..20),
        after in prop::collection::vec(any_op(), 0..40),
    ) {
        let history = play(&before, &after);
        let (deltas, last) = (slices(&history.deltas), history.models.last().unwrap());
        let expected = last.pack();
        for split in 0..=deltas.len() {
            let early = merge(&history.base, &deltas[..split], MergedBlob::Keep).unwrap();
            prop_assert_eq!(&early, &history.models[split].pack());
            prop_assert_eq!(check(&early), Ok(()));
            let late = merge(&early, &deltas[split..], MergedBlob::Keep).unwrap();
            prop_assert_eq!(&late, &expected);
        }
        let inline = merge(&history.base, &deltas, MergedBlob::Inline(&last.tree.blob)).unwrap();
        prop_assert_eq!(&to_tree(&inline, None).unwrap(), &last.tree);
        prop_assert_eq!(inline, last.pack_as(false));
        let wrong = vec![0; last.tree.blob.len() + 1];
        prop_assert!(merge(&history.base, &deltas, MergedBlob::Inline(&wrong)).is_err());
    }

    #[test]
    fn composing_changes_nothing_of_the_effect(
        before in prop::collection::vec(any_op(), 0..20),
        after in prop::collection::vec(any_op(), 0..40),
        cuts in prop::collection::vec(any::<bool>(), 40),
    ) {
        let history = play(&before, &after);
        let deltas = slices(&history.deltas);
        let mut groups: Vec<Vec<&[u8]>> = vec![Vec::new()];
        for (delta, cut) in deltas.iter().zip(cuts.iter().cycle()) {
            groups.last_mut().unwrap().push(*delta);
            if *cut {
                groups.push(Vec::new());
            }
        }
        groups.retain(|group| !group.is_empty());
        let composed: Vec<_> = groups.iter().map(|group| compose(group).unwrap()).collect();
        for delta in &composed {
            prop_assert_eq!(check(delta), Ok(()));
        }
        let last = history.models.last().unwrap();
        check_stack(&history.base, &slices(&composed), last);
        let merged = merge(&history.base, &slices(&composed), MergedBlob::Keep).unwrap();
        prop_assert_eq!(merged, last.pack());
        prop_assert_eq!(compose(&slices(&composed)).unwrap(), compose(&deltas).unwrap());
        prop_assert_eq!(compose(&deltas).unwrap(), history.at_once);
    }
}

fn tree_of(values: &[i64]) -> Tree {
    let inputs = values.iter().map(|value| Input::new(Value::Int64(*value), None)).collect();
    Tree { inputs, ..Tree::default() }
}

#[test]
fn operations_on_what_is_not_there_are_malformed() {
    let base = encode_tree(&tree_of(&[1, 2, 3]), 1, false).unwrap();
    let value = encoded(&Value::Null);
    let order = |change: &dyn Fn(&mut DeltaBuilder)| {
        let mut delta = DeltaBuilder::default();
        change(&mut delta);
        let delta = delta.encode(10).unwrap();
        Stack { base: Head::parse(&base).unwrap(), deltas: vec![Head::parse(&delta).unwrap()] }.order()
    };
    assert_eq!(order(&|delta| delta.move_(id(1), None)).unwrap(), [id(2), id(3), id(1)]);
    assert_eq!(order(&|delta| delta.move_(id(3), Some(id(1)))).unwrap(), [id(3), id(1), id(2)]);
    assert_eq!(order(&|delta| delta.move_(id(3), Some(id(3)))).unwrap(), [id(1), id(2), id(3)]);
    let not_moved = Err(Malformed("an input that is not there is moved"));
    let not_deleted = Err(Malformed("an input that is not there is deleted"));
    let no_place = Err(Malformed("an order operation names a place that is not there"));
    let twice = Err(Malformed("an input is inserted twice"));
    assert_eq!(order(&|delta| delta.move_(id(4), None)), not_moved);
    assert_eq!(order(&|delta| delta.move_(id(1), Some(id(4)))), no_place);
    assert_eq!(order(&|delta| delta.delete(id(4))), not_deleted);
    assert_eq!(order(&|delta| delta.insert(id(5), Some(id(4)), value.clone())), no_place);
    assert_eq!(order(&|delta| delta.insert(id(5), Some(id(5)), value.clone())), no_place);
    assert_eq!(order(&|delta| delta.insert(id(3), None, value.clone())), twice);
    let after_delete = |change: &dyn Fn(&mut DeltaBuilder)| {
        order(&|delta| {
            delta.delete(id(2));
            change(delta);
        })
    };
    assert_eq!(after_delete(&|_| {}).unwrap(), [id(1), id(3)]);
    assert_eq!(after_delete(&|delta| delta.delete(id(2))), not_deleted);
    assert_eq!(after_delete(&|delta| delta.move_(id(2), None)), not_moved);
    assert_eq!(after_delete(&|delta| delta.insert(id(2), None, value.clone())), twice);
    assert_eq!(after_delete(&|delta| delta.insert(id(5), Some(id(2)), value.clone())), no_place);
}

#[test]
fn a_change_to_an_input_that_is_not_there_is_malformed() {
    let base = encode_tree(&tree_of(&[1]), 1, false).unwrap();
    let mut delta = DeltaBuilder::default();
    delta.set_output(id(2), Some(encoded(&Value::Null)));
    assert_eq!(delta.touched().collect::<Vec<_>>(), [id(2)]);
    let delta = delta.encode(3).unwrap();
    let stack = Stack { base: Head::parse(&base).unwrap(), deltas: vec![Head::parse(&delta).unwrap()] };
    assert_eq!(stack.locate(id(2)), Err(Malformed("a delta changes an input that is not there")));
    let reversed = Stack { base: Head::parse(&delta).unwrap(), deltas: vec![Head::parse(&base).unwrap()] };
    assert_eq!(reversed.order(), Err(Malformed("a stack is one packed tree and deltas")));
    assert_eq!(reversed.locate(id(1)), Err(Malformed("a stack is one packed tree and deltas")));
    assert!(compose(&[&base]).is_err() && compose(&[]).is_err());
}

#[test]
fn a_pile_of_operations_in_one_place_takes_linear_time() {
    // 200,000 inserts before the same input and as many moves: with a vector for the chain this would be 10^10 steps.
    // Miri takes long enough for few of them.
    const COUNT: u64 = if cfg!(miri) { 200 } else { 200_000 };
    let base = encode_tree(&tree_of(&[1]), 1, false).unwrap();
    let mut delta = DeltaBuilder::default();
    let value = encoded(&Value::Null);
    (2..COUNT).for_each(|number| delta.insert(id(number), Some(id(1)), value.clone()));
    (2..COUNT).for_each(|number| delta.move_(id(number), Some(id(1))));
    let delta = delta.encode(COUNT).unwrap();
    let stack = Stack { base: Head::parse(&base).unwrap(), deltas: vec![Head::parse(&delta).unwrap()] };
    let expected: Vec<_> = (2..COUNT).chain([1]).map(id).collect();
    assert_eq!(stack.order().unwrap(), expected);
}

#[test]
fn ids_go_up_to_the_last_one_and_no_further() {
    let last = u64::from(u32::MAX);
    let packed = encode_tree(&tree_of(&[1, 2]), last - 1, false).unwrap();
    assert_eq!(check(&packed), Ok(()));
    assert_eq!(Head::parse(&packed).unwrap().next_input_id(), last + 1);
    let mut again = packed.clone();
    renumber(&mut again, 1).unwrap();
    renumber(&mut again, last - 1).unwrap();
    assert_eq!(again, packed);
    for first in [0, last, u64::MAX] {
        assert_eq!(renumber(&mut again, first), Err(Malformed("the document has no ids left for this tree")));
    }
    assert_eq!(again, packed, "a refused renumbering changes nothing");
}

#[test]
fn damage_is_copied_with_the_checksum_that_tells_of_it() {
    let base = encode_tree(&tree_of(&[1, 2]), 1, false).unwrap();
    let span = Head::parse(&base).unwrap().directory().unwrap().entry(1).unwrap().value.unwrap();
    let mut damaged = base.clone();
    damaged[span.offset as usize + 8] ^= 1;
    let merged = merge(&damaged, &[], MergedBlob::Keep).unwrap();
    assert_eq!(merged, damaged);
    assert_eq!(check(&merged), Err(Malformed("the checksum of a node or blob does not match")));
    assert_eq!(to_tree(&merged, None), Err(Malformed("the checksum of a node or blob does not match")));
}

//! Each rule of docs/format.md broken alone, behind checksums that match, and the refusal that it gets.

use super::hostile::{reseal, small_delta, small_tree};
use super::id;
use super::model::{Model, Op, encoded};
use crate::format::packed::assembly::{Assembly, Mark, Part};
use crate::format::packed::columns::{Overlay, overlay_len, write_columns};
use crate::format::packed::*;
use crate::format::{Decoded, Malformed, crc, read_u32};
use crate::tree::{Columns, Input, Tree};
use crate::value::Value;

const SECTIONS: Decoded<()> = Err(Malformed("the sections of a packed header do not fit together"));
const ORDER: Decoded<()> = Err(Malformed("the ids of a packed tree are not in order, or there twice"));

/// What `check` says of `packed` after a change whose checksums are made right.
fn check_changed(mut packed: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Decoded<()> {
    assert_eq!(check(&packed), Ok(()));
    change(&mut packed);
    reseal(&mut packed);
    check(&packed)
}

fn put(bytes: &mut [u8], at: usize, word: u32) {
    bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

#[test]
fn headers_that_do_not_fit_are_refused() {
    let tree = |at, word| check_changed(small_tree(), |bytes| put(bytes, at, word));
    let delta = |at, word| check_changed(DeltaBuilder::default().encode(5).unwrap(), |bytes| put(bytes, at, word));
    let impossible_id = Err(Malformed("a packed header has an impossible next input id"));
    let nonsense = Err(Malformed("a packed header has a version, flag or reserved field that means nothing"));
    assert_eq!(tree(20, 1), impossible_id);
    assert_eq!(check_changed(DeltaBuilder::default().encode(5).unwrap(), |bytes| bytes[16] = 0), impossible_id);
    assert_eq!(tree(64, 0), Err(Malformed("a packed tree has not as many outputs as it says")));
    assert_eq!(tree(64, 4), SECTIONS);
    assert_eq!(tree(28, 4), SECTIONS, "a permutation of four for three inputs");
    assert_eq!(tree(52, 1), SECTIONS, "a blob of 4 GiB");
    let endless = |bytes: &mut Vec<u8>| bytes[48..56].fill(0xff);
    assert_eq!(check_changed(small_tree(), endless), SECTIONS);
    assert_eq!(check_changed(small_tree(), |bytes| bytes[5] = 0), SECTIONS, "a tree that says nothing of its blob");
    assert_eq!(check_changed(small_tree(), |bytes| bytes[5] = 3), SECTIONS, "an external blob with a place");
    for (at, what) in [(32, "columns"), (40, "blob"), (44, "blob"), (48, "blob"), (60, "columns"), (64, "outputs")] {
        assert_eq!(delta(at, 1), SECTIONS, "{what} that are not there, at {at}");
    }
    assert_eq!(check_changed(DeltaBuilder::default().encode(5).unwrap(), |bytes| bytes[5] = 2), SECTIONS);
    assert_eq!(delta(68, 1), nonsense);
    assert_eq!(delta(72, 1), nonsense);
}

#[test]
fn gaps_are_refused() {
    let gap_before_blob = |bytes: &mut Vec<u8>| {
        let blob_at = bytes.len() - 16;
        bytes.splice(blob_at..blob_at, [0; 8]);
        bytes[8] += 1;
        bytes[40] += 1;
    };
    let after_nodes = Err(Malformed("there are bytes after the last node"));
    assert_eq!(check_changed(small_tree(), gap_before_blob), after_nodes);
    let not_contiguous = Err(Malformed("nodes do not lie one after the other"));
    assert_eq!(check_changed(small_tree(), |bytes| bytes[80 + 4] += 1), not_contiguous);
    let padding = Err(Malformed("padding is not zero"));
    assert_eq!(check_changed(small_tree(), |bytes| bytes[80 + 3 * 32 + 12] = 1), padding);
    assert_eq!(check_changed(small_tree(), |bytes| *bytes.last_mut().unwrap() = 1), padding);
}

#[test]
fn ids_out_of_order_are_refused() {
    let ids = |ids: [u32; 3], permutation: [u32; 3]| {
        check_changed(small_tree(), |bytes| {
            ids.into_iter().enumerate().for_each(|(index, id)| put(bytes, 80 + index * 32, id));
            permutation.into_iter().enumerate().for_each(|(index, at)| put(bytes, 80 + 96 + index * 4, at));
        })
    };
    assert_eq!(ids([3, 1, 2], [1, 2, 0]), Ok(()));
    assert_eq!(ids([3, 1, 2], [1, 0, 2]), ORDER);
    assert_eq!(ids([3, 1, 2], [1, 2, 2]), ORDER);
    assert_eq!(ids([1, 2, 3], [0, 1, 2]), ORDER, "a permutation that is not needed");
    assert_eq!(ids([3, 1, 1], [1, 2, 0]), ORDER);
    assert_eq!(ids([3, 1, 2], [1, 2, 9]), Err(Malformed("the bytes end too early")));
    assert_eq!(ids([3, 1, 0], [1, 2, 0]), Err(Malformed("an input id is zero")));
    assert_eq!(ids([4, 1, 2], [1, 2, 0]), Err(Malformed("an input id is not below the next one")));
    let inputs = vec![Input::new(Value::Null, None), Input::new(Value::Null, None)];
    let tree = encode_tree(&Tree { inputs, ..Tree::default() }, 1, false).unwrap();
    assert_eq!(check_changed(tree, |bytes| put(bytes, 80, 2)), ORDER);
}

/// What is told of a form without reading its bodies, so that none is read a thousand times over.
#[test]
fn entries_that_share_bytes_or_ids_are_told_without_their_bodies() {
    let value = Value::Bytes(vec![7; 3000]);
    let columns = Columns::from([("points", Value::Int64(1))]);
    let input = || Input { id: None, value: value.clone(), columns: columns.clone(), output: Some(value.clone()) };
    let tree = Tree { inputs: (0..3).map(|_| input()).collect(), ..Tree::default() };
    let packed = encode_tree(&tree, 1, false).unwrap();
    let word = |entry: usize, field: usize| HEADER_LEN + entry * 32 + field * 4;
    let told = |changes: &[(usize, u32)]| {
        let mut packed = packed.clone();
        changes.iter().for_each(|(at, word)| put(&mut packed, *at, *word));
        reseal(&mut packed);
        Head::parse(&packed).unwrap().directory().unwrap().check_bounds().is_err()
    };
    assert!(!told(&[]));
    for field in [2, 3, 4] {
        let length8 = read_u32(&packed, word(1, field)).unwrap();
        assert!(told(&[(word(1, field), length8 + 1)]), "all of them together are too long");
        assert!(!told(&[(word(1, field), length8 - 1)]), "a gap shares nothing");
    }
    for (ids, is_told) in [([1, 2, 3], false), ([1, 1, 3], true), ([1, 3, 3], true), ([2, 1, 3], true)] {
        let changes: Vec<(usize, u32)> = (0..3).map(|entry| (word(entry, 0), ids[entry])).collect();
        assert_eq!(told(&changes), is_told, "{ids:?}");
    }
}

/// Forms that share bytes must not make more of them than they came with.
#[test]
fn a_form_takes_no_more_memory_than_it_was_given() {
    let mut packed = Assembly::new(false, 0, 0, HEADER_LEN as u64 + 100).unwrap();
    assert!(packed.expect_bytes(100).is_ok());
    assert!(packed.expect_bytes(HEADER_LEN as u64 + 100).is_err());
    packed.copied(&[1; 96], 0).unwrap();
    assert!(packed.copied(&[1; 96], 0).is_err());
    let columns: Overlay<'_> = [("level", Some(&[7; 48][..])), ("title", None)].into();
    let mut written = Vec::new();
    write_columns(columns.iter().map(|(name, value)| (*name, *value)), &mut written);
    assert_eq!(overlay_len(&columns), written.len() as u64, "what is asked for is what is written");
}

#[test]
fn removals_belong_in_deltas() {
    let removal = |out: &mut Vec<u8>| write_columns([("a", None)].into_iter(), out);
    let packed = |delta: bool, of_document: bool| {
        let mut packed = Assembly::new(delta, 1, 0, 0).unwrap();
        packed.columns(|out| {
            if of_document {
                removal(out)
            }
        });
        let value = packed.part(|out| out.extend(encoded(&Value::Null)));
        let columns = packed.part(|out| {
            if !of_document {
                removal(out)
            }
        });
        packed.entry(1, value, Part::NONE, columns, Mark::None);
        packed.inline_blob(&[], 0).unwrap();
        packed.finish(2)
    };
    for of_document in [true, false] {
        assert_eq!(check(&packed(true, of_document)), Ok(()));
        assert_eq!(check(&packed(false, of_document)), Err(Malformed("a column of a tree has no value")));
        assert_eq!(to_tree(&packed(false, of_document), None), Err(Malformed("a column has no value")));
    }
}

#[test]
fn an_external_blob_is_the_one_described() {
    let mut model = Model::new();
    model.apply(&Op::SetBlob(b"elsewhere".to_vec(), true), &mut DeltaBuilder::default());
    let packed = model.pack();
    assert_eq!(to_tree(&packed, Some(b"elsewhere")).as_ref(), Ok(&model.tree));
    assert_eq!(to_tree(&packed, None), Err(Malformed("the blob of this tree lies elsewhere")));
    let other = Err(Malformed("the checksum or length of a blob does not match"));
    assert_eq!(to_tree(&packed, Some(b"elsewherE")), other);
    let mut longer = packed;
    longer[48] += 1;
    reseal(&mut longer);
    assert_eq!(to_tree(&longer, Some(b"elsewhere")), other);
}

#[test]
fn no_operation_breaks_the_chain() {
    let tree = small_tree();
    let order = |deltas: &[Vec<u8>]| {
        let deltas = deltas.iter().map(|delta| Head::parse(delta).unwrap()).collect();
        Stack { base: Head::parse(&tree).unwrap(), deltas }.order()
    };
    let mut onto_itself = DeltaBuilder::default();
    onto_itself.move_(id(1), Some(id(2)));
    let mut onto_itself = onto_itself.encode(5).unwrap();
    assert_eq!(order(&[onto_itself.clone()]), Ok(vec![id(3), id(1), id(2)]));
    put(&mut onto_itself, 80 + 8, 1);
    reseal(&mut onto_itself);
    assert_eq!(order(&[onto_itself]), Err(Malformed("an input is moved before itself")));

    let mut insert = DeltaBuilder::default();
    insert.insert(id(4), None, encoded(&Value::Null));
    let insert = insert.encode(5).unwrap();
    let mut delete = DeltaBuilder::default();
    delete.delete(id(4));
    let delete = delete.encode(5).unwrap();
    assert_eq!(order(&[insert.clone(), delete.clone()]), Ok(vec![id(3), id(1), id(2)]));
    let twice = Err(Malformed("an input is inserted twice"));
    assert_eq!(order(&[insert.clone(), insert.clone()]), twice);
    assert_eq!(order(&[insert.clone(), delete, insert]), twice);
}

#[test]
fn a_newer_version_or_feature_is_told_from_damage() {
    let newer = Err(Malformed::NEWER);
    for (at, byte) in [(4, 2), (6, 1), (7, 0x80)] {
        let mut bytes = small_tree();
        bytes[at] = byte;
        assert_eq!(check(&bytes), Err(Malformed("the checksum of a packed header does not match")));
        reseal(&mut bytes);
        assert_eq!(check(&bytes), newer);
    }
    let mut bytes = small_tree();
    bytes[5] |= 4;
    reseal(&mut bytes);
    let nonsense = Malformed("a packed header has a version, flag or reserved field that means nothing");
    assert_eq!(check(&bytes), Err(nonsense));
}

/// `small_delta`'s directory entry of an id, and where its order operations start.
fn entry_at(delta: &[u8], number: u64) -> usize {
    80 + 32 * Head::parse(delta).unwrap().directory().unwrap().position(id(number)).unwrap().unwrap() as usize
}

#[test]
fn deltas_that_contradict_themselves_are_refused() {
    let refused = |change: &dyn Fn(&mut Vec<u8>)| check_changed(small_delta(), change);
    assert_eq!(refused(&|_| {}), Ok(()));
    let ops = 80 + 4 * 32;
    let contradiction = Err(Malformed("the order operations of a delta contradict its entries or one another"));
    // The insert of 4 becomes one of 1 (which was there, but then 4 is a change to nobody's input: that only a base
    // tells) before itself; one of a deleted id; a second deletion; a deletion of what has no such entry.
    assert_eq!(refused(&|bytes| bytes[ops + 8] = 4), contradiction);
    assert_eq!(refused(&|bytes| bytes[ops + 4] = 5), contradiction);
    assert_eq!(refused(&|bytes| bytes[ops + 28] = 1), contradiction);
    assert_eq!(refused(&|bytes| bytes[ops + 24] = 2), contradiction);
    let mut twice = DeltaBuilder::default();
    twice.delete(id(1));
    twice.delete(id(1));
    assert_eq!(check(&twice.encode(2).unwrap()), contradiction);
    let mut after = DeltaBuilder::default();
    after.delete(id(1));
    after.move_(id(2), Some(id(1)));
    assert_eq!(check(&after.encode(3).unwrap()), contradiction);
    // The deleted entry loses its mark, or has an output to remove as well.
    let deleted = entry_at(&small_delta(), 3);
    assert_eq!(refused(&|bytes| bytes[deleted + 19] = 0), Err(Malformed("an entry of a delta changes nothing")));
    assert_eq!(
        refused(&|bytes| bytes[deleted + 19] = 0xc0),
        Err(Malformed("an entry of a directory contradicts itself"))
    );
    assert_eq!(refused(&|bytes| bytes[deleted + 20] = 1), Err(Malformed("a part that is not there has a checksum")));
    let first = entry_at(&small_delta(), 1);
    assert_eq!(refused(&|bytes| bytes[first] = 2), Err(Malformed("the entries of a delta are not in order")));
    let last = entry_at(&small_delta(), 4);
    assert_eq!(refused(&|bytes| bytes[last] = 5), Err(Malformed("an input id is not below the next one")));
}

#[test]
fn columns_out_of_form_are_refused() {
    let column = |name: &[u8], value: &[u8]| {
        let mut out = [(name.len() as u32).to_le_bytes(), (value.len() as u32 / 8).to_le_bytes()].concat();
        out.extend_from_slice(name);
        out.resize(out.len().next_multiple_of(8), 0);
        [out, value.to_vec()].concat()
    };
    let section = |count: u64, columns: &[Vec<u8>]| [count.to_le_bytes().to_vec(), columns.concat()].concat();
    let columns = |bytes: &[u8]| ColumnsRef::parse(bytes)?.to_columns();
    let null = encoded(&Value::Null);
    let (a, b) = (column(b"a", &null), column(b"b", &null));
    let both = Columns::from([("a", Value::Null), ("b", Value::Null)]);
    assert_eq!(columns(&section(2, &[a.clone(), b.clone()])), Ok(both));
    assert_eq!(columns(&[]), Ok(Columns::new()));
    let order = Err(Malformed("column names are empty, out of order or there twice"));
    assert_eq!(columns(&section(2, &[b.clone(), a.clone()])), order);
    assert_eq!(columns(&section(2, &[a.clone(), a.clone()])), order);
    assert_eq!(columns(&section(1, &[column(b"", &null)])), order);
    assert_eq!(columns(&section(1, &[column(&[b'x'; 256], &null)])), Err(Malformed("a column name is too long")));
    assert!(columns(&section(1, &[column(&[b'x'; 255], &null)])).is_ok());
    assert_eq!(columns(&section(1, &[column(b"\xff", &null)])), Err(Malformed("a column name is not UTF-8")));
    assert_eq!(columns(&section(1, &[column(b"a", &[])])), Err(Malformed("a column has no value")));
    assert_eq!(columns(&section(0, &[])), Err(Malformed("a columns section has no columns")));
    assert_eq!(
        columns(&section(1 << 32 | 1, std::slice::from_ref(&a))),
        Err(Malformed("a columns section has unknown flags"))
    );
    assert_eq!(columns(&section(1, &[a.clone(), b])), Err(Malformed("a columns section has bytes after its columns")));
    assert!(columns(&section(u64::from(u32::MAX), &[a])).is_err());
}

#[test]
fn a_tree_whose_values_do_not_decode_is_refused_though_its_checksums_match() {
    let inputs = vec![Input::new(Value::Bool(true), None)];
    let mut bytes = encode_tree(&Tree { inputs, ..Tree::default() }, 1, false).unwrap();
    let at = bytes.len() - 8;
    bytes[at + 4] = 2;
    let crc = crc(&bytes[at..]);
    bytes[80 + 20..80 + 24].copy_from_slice(&crc.to_le_bytes());
    reseal(&mut bytes);
    assert_eq!(check(&bytes), Err(Malformed("a bool is neither 0 nor 1")));
    assert_eq!(to_tree(&bytes, None), Err(Malformed("a bool is neither 0 nor 1")));
}

#[test]
fn order_operations_out_of_form_are_refused() {
    let one = |change: &dyn Fn(&mut DeltaBuilder), at: usize, word: u32| {
        let mut delta = DeltaBuilder::default();
        change(&mut delta);
        let bytes = delta.encode(5).unwrap();
        check_changed(bytes, |bytes| put(bytes, at, word))
    };
    let unknown = Err(Malformed("an unknown order operation"));
    let contradiction = Err(Malformed("the order operations of a delta contradict its entries or one another"));
    assert_eq!(one(&|delta| delta.delete(id(1)), 80 + 32 + 8, 2), unknown, "a delete has no place");
    assert_eq!(one(&|delta| delta.move_(id(1), None), 80, 4), unknown);
    assert_eq!(one(&|delta| delta.move_(id(1), None), 80, 1), contradiction, "an insert without an entry");
    let moved_with_output = |delta: &mut DeltaBuilder| {
        delta.set_output(id(1), Some(encoded(&Value::Null)));
        delta.move_(id(1), None);
    };
    assert_eq!(one(&moved_with_output, 80 + 32, 1), contradiction, "an insert without a value");
    let removed = 1 << 31;
    let both = Err(Malformed("an entry of a directory contradicts itself"));
    assert_eq!(one(&moved_with_output, 80 + 16, removed), both, "an output that is set and removed");

    let mut late = DeltaBuilder::default();
    late.move_(id(4), None);
    late.insert(id(4), None, encoded(&Value::Null));
    assert_eq!(check(&late.encode(5).unwrap()), contradiction, "moved, then inserted");
    let mut place = DeltaBuilder::default();
    place.insert(id(3), Some(id(4)), encoded(&Value::Null));
    place.insert(id(4), None, encoded(&Value::Null));
    assert_eq!(check(&place.encode(5).unwrap()), contradiction, "a place that comes later");
}

#[test]
fn order_operations_are_about_inputs_that_were_handed_out() {
    let mut delta = DeltaBuilder::default();
    delta.move_(id(5), None);
    assert_eq!(check(&delta.encode(6).unwrap()), Ok(()));
    let contradiction = Err(Malformed("the order operations of a delta contradict its entries or one another"));
    assert_eq!(check(&delta.encode(5).unwrap()), contradiction, "5 is the next one to be handed out");
}

#[test]
fn nodes_outside_of_their_part_are_refused() {
    let outside = Err(Malformed("a node lies outside the packed form"));
    assert_eq!(check_changed(small_tree(), |bytes| put(bytes, 80 + 4, 0)), outside, "within the head");
    assert_eq!(check_changed(small_tree(), |bytes| put(bytes, 80 + 4, 1 << 20)), outside, "behind the end");
}

#[test]
fn entries_that_contradict_themselves_are_refused() {
    let both = Err(Malformed("an entry of a directory contradicts itself"));
    let (removed, deleted) = (1u32 << 31, 1u32 << 30);
    for flag in [removed, deleted] {
        let tree = Tree { inputs: vec![Input::new(Value::Null, None)], ..Tree::default() };
        let tree = encode_tree(&tree, 1, false).unwrap();
        assert_eq!(check_changed(tree, |bytes| put(bytes, 80 + 16, flag)), both, "a tree says only what is there");
    }
    let delta = |change: &dyn Fn(&mut DeltaBuilder), flags: u32| {
        let mut delta = DeltaBuilder::default();
        change(&mut delta);
        check_changed(delta.encode(5).unwrap(), |bytes| put(bytes, 80 + 16, flags))
    };
    assert_eq!(delta(&|delta| delta.delete(id(1)), removed | deleted), both);
    assert_eq!(delta(&|delta| delta.set_value(id(1), encoded(&Value::Null)), deleted), both, "deleted, with a value");
}

#[test]
fn changes_can_be_read_back_from_what_collects_them() {
    let mut delta = DeltaBuilder::default();
    assert!(delta.is_empty());
    let value = encoded(&Value::Null);
    let alone: [&dyn Fn(&mut DeltaBuilder); 4] = [
        &|delta| delta.set_blob(vec![]),
        &|delta| delta.set_column("a", None),
        &|delta| delta.set_output(id(1), None),
        &|delta| delta.move_(id(1), None),
    ];
    for change in alone {
        let mut delta = DeltaBuilder::default();
        change(&mut delta);
        assert!(!delta.is_empty());
    }
    delta.set_column("a", Some(value.clone()));
    delta.set_column("b", None);
    assert_eq!((delta.column("a"), delta.column("b"), delta.column("c")), (Some(Some(&value[..])), Some(None), None));
    delta.set_value(id(1), value.clone());
    assert_eq!((delta.value_of(id(1)), delta.value_of(id(2))), (Some(&value[..]), None));
    delta.set_output(id(1), Some(value.clone()));
    delta.set_output(id(2), None);
    let outputs = [1, 2, 3].map(|number| delta.output_of(id(number)));
    assert_eq!(outputs, [Some(Some(&value[..])), Some(None), None]);
    delta.set_input_column(id(1), "a", Some(value.clone()));
    delta.set_input_column(id(1), "b", None);
    let columns = ["a", "b", "c"].map(|name| delta.input_column(id(1), name));
    assert_eq!(columns, [Some(Some(&value[..])), Some(None), None]);
    assert_eq!(delta.input_column(id(2), "a"), None);
}

#[test]
fn heads_and_columns_say_how_much_there_is() {
    let tree = small_tree();
    let head = Head::parse(&tree).unwrap();
    assert_eq!((head.entry_count(), head.output_count()), (3, 1));
    let is_delta = |packed: &[u8]| Head::parse(packed).unwrap().directory().unwrap().is_delta();
    assert!(!is_delta(&tree) && is_delta(&small_delta()));
    let columns = |columns: &[(&str, Option<&[u8]>)]| {
        let mut section = Vec::new();
        write_columns(columns.iter().copied(), &mut section);
        let columns = ColumnsRef::parse(&section).unwrap();
        (columns.len(), columns.is_empty())
    };
    assert_eq!(columns(&[]), (0, true));
    assert_eq!(columns(&[("a", None), ("b", None)]), (2, false));
}

#[test]
fn only_a_whole_tree_is_renumbered() {
    let not_a_tree = Err(Malformed("not exactly one packed tree"));
    let mut longer = small_tree();
    longer.extend([0; 8]);
    for mut packed in [small_delta(), longer] {
        let before = packed.clone();
        assert_eq!(renumber(&mut packed, 1), not_a_tree);
        assert_eq!(packed, before);
    }
}

#[test]
fn ids_are_reserved_and_never_given_back() {
    let next = |packed: &[u8]| Head::parse(packed).unwrap().next_input_id();
    let mut tree = small_tree();
    assert_eq!(next(&tree), 4);
    for (reserved, expected) in [(9, 9), (3, 9), (9, 9), (10, 10)] {
        reserve_ids(&mut tree, reserved).unwrap();
        assert_eq!(next(&tree), expected);
        assert_eq!(check(&tree), Ok(()));
    }
}

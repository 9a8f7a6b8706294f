//! Damaged and hostile bytes: everything is noticed by `check`, and nothing panics.

use proptest::prelude::*;

use super::id;
use super::model::{Model, Op, any_op, encoded};
use crate::format::packed::*;
use crate::format::value::{ValueRef, decode_value};
use crate::format::{Malformed, crc, read_u32};
use crate::tree::{Columns, Input, Tree};
use crate::value::Value;

/// A tree with something of everything: columns, a permutation, outputs, an odd blob.
fn small_tree() -> Vec<u8> {
    let mut model = Model::new();
    let mut ignored = DeltaBuilder::default();
    let ops = [
        Op::SetBlob(b"blob bytes".to_vec(), false),
        Op::Column("title".into(), Some(Value::String("t".into()))),
        Op::Append(Value::Int64List(vec![1, 2])),
        Op::Append(Value::Map(vec![("k".into(), Value::Bool(true))])),
        Op::Append(Value::StringMap(vec![("k".into(), "v".into())])),
        Op::Output(1, Some(Value::Double(1.5))),
        Op::InputColumn(0, "points".into(), Some(Value::Decimal("1e9".into()))),
        Op::Move(2, Some(0)),
    ];
    ops.iter().for_each(|op| model.apply(op, &mut ignored));
    model.pack()
}

/// A delta to `small_tree` with something of everything.
fn small_delta() -> Vec<u8> {
    let mut delta = DeltaBuilder::default();
    let value = || encoded(&Value::String("new".into()));
    delta.set_blob(b"other".to_vec());
    delta.set_column("author", Some(value()));
    delta.set_column("title", None);
    delta.insert(id(4), Some(id(1)), value());
    delta.move_(id(2), None);
    delta.delete(id(3));
    delta.set_output(id(2), None);
    delta.set_input_column(id(1), "points", None);
    delta.set_value(id(1), value());
    delta.encode(5)
}

/// Calls everything that takes bytes. That it comes back is the test.
fn exercise(bytes: &[u8]) -> Result<(), Malformed> {
    let (tree, delta) = (small_tree(), small_delta());
    let _ = (Head::head_len(bytes), ValueRef::parse(bytes), decode_value(bytes), to_tree(bytes, Some(bytes)));
    let _ = ColumnsRef::parse(bytes).and_then(|columns| columns.to_columns());
    for blob in [MergedBlob::Keep, MergedBlob::Inline(b"blob bytes")] {
        let _ = (merge(bytes, &[], blob), merge(bytes, &[&delta], blob), merge(&tree, &[bytes, &delta], blob));
    }
    let _ = (compose(&[bytes]), compose(&[bytes, &delta]), compose(&[&delta, bytes]));
    let _ = renumber(&mut bytes.to_vec(), 1);
    let checked = check(bytes);
    if let Ok(head) = Head::parse(bytes) {
        let _ = (head.blob(), head.columns().map(|columns| (columns.get("title").is_ok(), columns.len())));
        if let Ok(directory) = head.directory() {
            for position in (0..5).chain([u32::MAX]) {
                let _ = (directory.entry(position), directory.id(position), directory.position(id(3)));
            }
            let found =
                (1..6).chain([u64::from(u32::MAX)]).filter(|number| directory.find(id(*number)).is_ok()).count();
            let _ = (found, directory.iter().count(), directory.order_ops().count());
        }
        let (good_tree, good_delta) = (Head::parse(&tree)?, Head::parse(&delta)?);
        for (base, deltas) in [(head, vec![]), (head, vec![good_delta]), (good_tree, vec![head, good_delta])] {
            let stack = Stack { base, deltas };
            let _ = (stack.order(), stack.locate(id(1)), stack.locate(id(4)), stack.columns(), stack.column("title"));
            let _ = (stack.blob(), stack.next_input_id());
        }
    }
    checked
}

#[test]
fn every_flipped_byte_and_every_truncation_is_noticed() {
    let mut external = Model::new();
    external.apply(&Op::SetBlob(vec![7; 9], true), &mut DeltaBuilder::default());
    let empty_tree = encode_tree(&Tree::default(), 1, false);
    for packed in [small_tree(), small_delta(), empty_tree, external.pack(), DeltaBuilder::default().encode(1)] {
        assert_eq!(exercise(&packed), Ok(()));
        for at in 0..packed.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = packed.clone();
                damaged[at] ^= change;
                assert!(exercise(&damaged).is_err(), "byte {at} ^ {change:#x} of {}", packed.len());
            }
            assert!(exercise(&packed[..at]).is_err(), "cut to {at} of {}", packed.len());
        }
        assert!(exercise(&[&packed[..], &[0; 8]].concat()).is_err());
    }
}

/// Makes the checksums of header, directory and columns right again, so that what they guard is reached.
fn reseal(bytes: &mut [u8]) {
    let Ok(field) = (|| {
        Ok::<_, Malformed>([read_u32(bytes, 24)?, read_u32(bytes, 28)?, read_u32(bytes, 32)?, read_u32(bytes, 36)?])
    })() else {
        return;
    };
    let [entries, extra, columns_off8, columns_len8] = field.map(|field| field as usize);
    let extra_len = (extra * if bytes[3] == b'D' { 12 } else { 4 }).next_multiple_of(8);
    if let Some(covered) = bytes.get(80..80 + entries * 32 + extra_len) {
        let crc = crc(covered);
        bytes[56..60].copy_from_slice(&crc.to_le_bytes());
    }
    if let Some(covered) = bytes.get(columns_off8 * 8..(columns_off8 + columns_len8) * 8).filter(|all| !all.is_empty())
    {
        let crc = crc(covered);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    }
    if bytes.len() >= 80 {
        let crc = crc(&bytes[..76]);
        bytes[76..80].copy_from_slice(&crc.to_le_bytes());
    }
}

#[test]
fn every_byte_of_the_head_changed_behind_the_checksums_is_survived() {
    for packed in [small_tree(), small_delta()] {
        let head_len = Head::head_len(&packed).unwrap() as usize;
        for at in 0..head_len {
            for change in [0x01, 0x02, 0x04, 0x40, 0x80, 0xff] {
                let mut hostile = packed.clone();
                hostile[at] ^= change;
                reseal(&mut hostile);
                let _ = exercise(&hostile);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), delta in any::<bool>()) {
        prop_assert!(exercise(&bytes).is_err());
        if bytes.len() >= 80 {
            bytes[..4].copy_from_slice(if delta { b"STPD" } else { b"STPT" });
            bytes[4..8].copy_from_slice(&[1, 1, 0, 0]);
            reseal(&mut bytes);
            let _ = exercise(&bytes);
        }
    }

    #[test]
    fn words_changed_behind_the_checksums_never_panic(
        delta in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![0u32..40, any::<u32>()]), 1..4),
    ) {
        let mut bytes = if delta { small_delta() } else { small_tree() };
        for (at, word) in changes {
            let at = at.index(bytes.len() / 4) * 4;
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        reseal(&mut bytes);
        let _ = exercise(&bytes);
    }

    #[test]
    fn what_passes_the_check_is_canonical(
        ops in prop::collection::vec(any_op(), 0..12),
        at in any::<prop::sample::Index>(),
        word in prop_oneof![0u32..6, any::<u32>()],
    ) {
        let mut model = Model::new();
        ops.iter().for_each(|op| model.apply(op, &mut DeltaBuilder::default()));
        let mut bytes = model.pack_as(false);
        let at = at.index(bytes.len() / 4) * 4;
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        reseal(&mut bytes);
        if check(&bytes).is_ok() {
            let head = Head::parse(&bytes).unwrap();
            let tree = to_tree(&bytes, None).unwrap();
            let again = Model { tree, external: false, next: head.next_input_id() };
            prop_assert_eq!(again.pack(), bytes);
        }
    }
}

#[test]
fn a_newer_version_or_feature_is_told_from_damage() {
    let newer = Err(Malformed("packed by a newer version of Stratum"));
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
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = small_delta();
        change(&mut bytes);
        reseal(&mut bytes);
        check(&bytes)
    };
    assert_eq!(refused(&|_| {}), Ok(()));
    let ops = 80 + 4 * 32;
    let contradiction = Err(Malformed("the order operations of a delta contradict its entries or one another"));
    // The insert of 4 becomes one of 1 (which was there, but then 4 is a change to nobody's input: that only a base tells)
    // before itself; one of a deleted id; a second deletion; a deletion of what has no such entry.
    assert_eq!(refused(&|bytes| bytes[ops + 8] = 4), contradiction);
    assert_eq!(refused(&|bytes| bytes[ops + 4] = 5), contradiction);
    assert_eq!(refused(&|bytes| bytes[ops + 28] = 1), contradiction);
    assert_eq!(refused(&|bytes| bytes[ops + 24] = 2), contradiction);
    let mut twice = DeltaBuilder::default();
    twice.delete(id(1));
    twice.delete(id(1));
    assert_eq!(check(&twice.encode(2)), contradiction);
    let mut after = DeltaBuilder::default();
    after.delete(id(1));
    after.move_(id(2), Some(id(1)));
    assert_eq!(check(&after.encode(3)), contradiction);
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
    let mut bytes = encode_tree(&Tree { inputs, ..Tree::default() }, 1, false);
    let at = bytes.len() - 8;
    bytes[at + 4] = 2;
    let crc = crc(&bytes[at..]);
    bytes[80 + 20..80 + 24].copy_from_slice(&crc.to_le_bytes());
    reseal(&mut bytes);
    assert_eq!(check(&bytes), Err(Malformed("a bool is neither 0 nor 1")));
    assert_eq!(to_tree(&bytes, None), Err(Malformed("a bool is neither 0 nor 1")));
}

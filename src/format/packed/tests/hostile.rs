//! Damaged and hostile bytes: everything is noticed by `check`, and nothing panics.

use proptest::prelude::*;

use super::id;
use super::model::{Model, Op, any_op, encoded};
use crate::format::packed::*;
use crate::format::value::{ValueRef, decode_value};
use crate::format::{Malformed, crc, read_u32};
use crate::tree::Tree;
use crate::value::Value;

/// A tree with something of everything: columns, a permutation, outputs, an odd blob.
pub(super) fn small_tree() -> Vec<u8> {
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
pub(super) fn small_delta() -> Vec<u8> {
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
    delta.encode(5).unwrap()
}

/// Calls everything that takes bytes. That it comes back is the test.
fn exercise(bytes: &[u8]) -> Result<(), Malformed> {
    let (tree, delta) = (small_tree(), small_delta());
    let _ = (
        HeadFields::parse(bytes).map(|fields| fields.head_len()),
        ValueRef::parse(bytes),
        decode_value(bytes),
        to_tree(bytes, Some(bytes)),
    );
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
    let empty_tree = encode_tree(&Tree::default(), 1, false).unwrap();
    for packed in [small_tree(), small_delta(), empty_tree, external.pack(), DeltaBuilder::default().encode(1).unwrap()]
    {
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
pub(super) fn reseal(bytes: &mut [u8]) {
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
        let head_len = HeadFields::parse(&packed).unwrap().head_len() as usize;
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

#[test]
fn a_length_beyond_the_bytes_is_not_believed_when_folding() {
    let mut delta = DeltaBuilder::default();
    delta.set_column("title", None);
    let mut delta = delta.encode(5).unwrap();
    delta[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    reseal(&mut delta);
    assert!(Head::parse(&delta).is_ok(), "the head alone does not tell");
    assert!(merge(&small_tree(), &[&delta], MergedBlob::Keep).is_err());
    assert!(compose(&[&delta]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 500 }))]

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

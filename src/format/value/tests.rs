//! Values against their encoded form: round trips, canonical form, hostile bytes. The golden vectors are in
//! `packed::tests`.

use proptest::prelude::*;

use super::*;
use crate::format::{Decoded, Malformed};
use crate::value::{MAX_DEPTH, Value};

/// Any text, short; sometimes with characters of several bytes and NULs.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![6 => prop::char::range('a', 'd'), 1 => any::<char>(), 1 => Just('\0')];
    prop::collection::vec(character, 0..12).prop_map(String::from_iter)
}

/// Any value that may be stored, a few levels deep.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let decimal = ("-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?").prop_map(Value::Decimal);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int64),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        decimal,
        any_text().prop_map(Value::String),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        prop::collection::vec(any::<i64>(), 0..5).prop_map(Value::Int64List),
        prop::collection::vec(any::<u64>(), 0..5)
            .prop_map(|all| Value::DoubleList(all.into_iter().map(f64::from_bits).collect())),
        prop::collection::vec(any_text(), 0..5).prop_map(Value::StringList),
        prop::collection::vec((any_text(), any_text()), 0..12).prop_map(|all| Value::StringMap(unique(all))),
    ];
    leaf.prop_recursive(4, 24, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::vec((any_text(), inner), 0..12).prop_map(|all| Value::Map(unique(all))),
        ]
    })
}

fn unique<T>(mut entries: Vec<(String, T)>) -> Vec<(String, T)> {
    let mut seen = std::collections::HashSet::new();
    entries.retain(|(key, _)| seen.insert(key.clone()));
    entries
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_value(value, &mut out);
    out
}

/// A value through each accessor of its view, independently of `ValueRef::to_value`.
fn through_accessors(view: ValueRef<'_>) -> Value {
    match view {
        ValueRef::Int64List(items) => {
            Value::Int64List((0..items.len()).map(|index| items.get(index).unwrap()).collect())
        }
        ValueRef::DoubleList(items) => {
            Value::DoubleList((0..items.len()).map(|index| items.get(index).unwrap()).collect())
        }
        ValueRef::StringList(items) => {
            Value::StringList((0..items.len()).map(|index| items.get(index).unwrap().to_owned()).collect())
        }
        ValueRef::StringMap(pairs) => {
            let pair = |index| pairs.get(index).map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
            Value::StringMap((0..pairs.len()).map(pair).collect())
        }
        ValueRef::List(items) => {
            let all: Vec<_> = items.iter().map(through_accessors).collect();
            assert_eq!((all.len(), all.is_empty()), (items.len(), items.is_empty()));
            Value::List(all)
        }
        ValueRef::Map(entries) => {
            let all: Vec<_> = entries.iter().map(|(key, value)| (key.to_owned(), through_accessors(value))).collect();
            assert_eq!((all.len(), all.is_empty()), (entries.len(), entries.is_empty()));
            Value::Map(all)
        }
        scalar => scalar.to_value().unwrap(),
    }
}

proptest! {
    #[test]
    fn values_come_back_bit_for_bit(value in any_value()) {
        prop_assert!(value.check().is_ok());
        let bytes = encoded(&value);
        prop_assert_eq!(bytes.len() as u64, encoded_len(&value));
        prop_assert_eq!(bytes.len() % 8, 0);
        prop_assert_eq!(&decode_value(&bytes).unwrap(), &value);
        let view = ValueRef::parse(&bytes).unwrap();
        prop_assert_eq!(view.kind(), bytes[0]);
        prop_assert_eq!(&view.to_value().unwrap(), &value);
        prop_assert_eq!(&through_accessors(view), &value);
    }

    #[test]
    fn what_decodes_is_canonical(value in any_value(), at in any::<prop::sample::Index>(), change in 1u8..) {
        let mut bytes = encoded(&value);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(other) = decode_value(&bytes) {
            prop_assert!(other.check().is_ok());
            prop_assert_ne!(&other, &value);
            prop_assert_eq!(encoded(&other), bytes);
        }
    }

    #[test]
    fn every_truncation_is_refused(value in any_value()) {
        let bytes = encoded(&value);
        for len in 0..bytes.len() {
            prop_assert!(decode_value(&bytes[..len]).is_err());
        }
        prop_assert!(decode_value(&[&bytes[..], &[0; 8]].concat()).is_err());
    }

    #[test]
    fn hostile_bytes_never_panic(kind in 0u8..16, count in 0u32..9, words in prop::collection::vec(0u64..64, 0..24)) {
        let header = u64::from(kind) | u64::from(count) << 32;
        let bytes: Vec<u8> = std::iter::once(header).chain(words).flat_map(u64::to_le_bytes).collect();
        if let Ok(value) = decode_value(&bytes) {
            prop_assert_eq!(encoded(&value), bytes);
        }
    }
}

#[test]
fn packed_lists_are_viewed_where_they_lie() {
    let numbers = vec![1, -2, i64::MAX];
    let words: Vec<u64> = encoded(&Value::Int64List(numbers.clone()))
        .chunks(8)
        .map(|word| u64::from_ne_bytes(word.try_into().unwrap()))
        .collect();
    let aligned: &[u8] = bytemuck::cast_slice(&words);
    let ValueRef::Int64List(list) = ValueRef::parse(aligned).unwrap() else { panic!("not a list") };
    if cfg!(target_endian = "little") {
        assert_eq!(list.as_slice().unwrap(), numbers);
    }
    let mut shifted = vec![0; 4];
    shifted.resize(4 + aligned.len() + 8, 0);
    let start = shifted.as_ptr().align_offset(8) + 4; // never 8-aligned
    shifted[start..start + aligned.len()].copy_from_slice(aligned);
    let view = ValueRef::parse(&shifted[start..start + aligned.len()]).unwrap();
    let ValueRef::Int64List(list) = view else { panic!("not a list") };
    assert!(list.as_slice().is_none());
    assert_eq!(list.to_vec().unwrap(), numbers);
    assert_eq!(list.get(3), None);
}

#[test]
fn nesting_is_bounded() {
    let kinds: [&dyn Fn(Value) -> Value; 2] =
        [&|value| Value::List(vec![value]), &|value| Value::Map(vec![("k".into(), value)])];
    for within in kinds {
        let nested = |levels| (0..levels).fold(Value::Null, |value, _| within(value));
        let deepest = nested(MAX_DEPTH);
        assert_eq!(decode_value(&encoded(&deepest)).unwrap(), deepest);
        assert_eq!(decode_value(&encoded(&nested(MAX_DEPTH + 1))), Err(Malformed("a value nests too deep")));
    }
    let hundred_thousand = encoded_levels(100_000);
    assert_eq!(decode_value(&hundred_thousand), Err(Malformed("a value nests too deep")));
}

/// Lists within lists, written without recursion.
fn encoded_levels(levels: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for level in (0..levels).rev() {
        out.extend_from_slice(&(u64::from(kind::LIST) | 1 << 32).to_le_bytes());
        out.extend_from_slice(&(level * 16 + 8).to_le_bytes());
    }
    out.extend_from_slice(&u64::from(kind::NULL).to_le_bytes());
    out
}

#[test]
fn counts_beyond_the_bytes_are_refused_before_memory_is_taken() {
    for kind in kind::NULL..=kind::MAP {
        for body in [0u64, 8, u64::MAX] {
            let mut bytes = (u64::from(kind) | u64::from(u32::MAX) << 32).to_le_bytes().to_vec();
            bytes.extend_from_slice(&body.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
            assert!(decode_value(&bytes).is_err(), "kind {kind}");
        }
    }
}

fn refusal(bytes: &[u8]) -> Decoded<()> {
    decode_value(bytes).map(drop)
}

#[test]
fn each_rule_of_the_form_is_held() {
    let with = |value: &Value, at: usize, byte: u8| {
        let mut bytes = encoded(value);
        bytes[at] = byte;
        refusal(&bytes)
    };
    let text = Value::String("abc".into());
    assert_eq!(with(&text, 11, 1), Err(Malformed("padding is not zero")));
    assert_eq!(with(&text, 8, 0xff), Err(Malformed("a text is not UTF-8")));
    assert_eq!(with(&text, 2, 1), Err(Malformed("an unknown kind of value")));
    assert_eq!(with(&text, 0, 14), Err(Malformed("an unknown kind of value")));
    assert_eq!(with(&Value::Bool(true), 4, 2), Err(Malformed("a bool is neither 0 nor 1")));
    assert_eq!(with(&Value::Null, 4, 1), Err(Malformed("a value that has no count counts something")));
    assert_eq!(with(&Value::Decimal("12".into()), 8, b'-'), Ok(()));
    assert_eq!(with(&Value::Decimal("12".into()), 8, b'+'), Err(Malformed("a decimal is not a number")));
    let texts = Value::StringList(vec!["é".into(), "a".into()]);
    assert_eq!(with(&texts, 8, 1), Err(Malformed("the ends of packed texts are out of order or inside a character")));
    assert_eq!(with(&texts, 8, 4), Err(Malformed("the ends of packed texts are out of order or inside a character")));
    for count in [2, 20] {
        let pairs = (0..count).map(|index| (format!("{index:02}"), String::new())).collect();
        let keys = Value::StringMap(pairs);
        let text_area = 8 + count * 8;
        assert_eq!(with(&keys, text_area + 3, b'0'), Err(Malformed("a map key is there twice")));
        let last = text_area + 2 * count - 1;
        assert_eq!(with(&keys, last, b'0'), Err(Malformed("a map key is there twice")), "the last of {count}");
        let map = Value::Map((0..count).map(|index| (format!("{index:02}"), Value::Null)).collect());
        assert_eq!(with(&map, 16 + 24 + 8 + 1, b'0'), Err(Malformed("a map key is there twice")));
        assert_eq!(with(&map, 16, kind::BYTES), Err(Malformed("a map key is not a text")));
    }
    let list = Value::List(vec![Value::Null, Value::Null]);
    assert_eq!(with(&list, 4, 1), Err(Malformed("a list or map has bytes after its last value")));
}

#[test]
fn packed_texts_say_whether_there_are_any() {
    for texts in [vec![], vec!["a".to_string()]] {
        let (none, list) = (texts.is_empty(), encoded(&Value::StringList(texts.clone())));
        let map = encoded(&Value::StringMap(texts.into_iter().map(|text| (text, String::new())).collect()));
        let ValueRef::StringList(list) = ValueRef::parse(&list).unwrap() else { panic!("not a list") };
        let ValueRef::StringMap(map) = ValueRef::parse(&map).unwrap() else { panic!("not a map") };
        assert_eq!((list.is_empty(), map.is_empty()), (none, none));
    }
}

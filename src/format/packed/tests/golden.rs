//! What the code writes against docs/format.md, and back.

use super::id;
use super::model::encoded;
use crate::format::golden::{check as golden, vectors};
use crate::format::packed::*;
use crate::format::value::decode_value;
use crate::tree::{Columns, Input, Tree};
use crate::value::Value;

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

fn values() -> Vec<(&'static str, Value)> {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    vec![
        ("value-null", Value::Null),
        ("value-bool", Value::Bool(true)),
        ("value-int64", Value::Int64(-2)),
        ("value-double", Value::Double(-0.0)),
        ("value-decimal", Value::Decimal("-1.5e400".into())),
        ("value-string", Value::String("grüße".into())),
        ("value-bytes", Value::Bytes(vec![0, 0xff, 0x7f])),
        ("value-int64-list", Value::Int64List(vec![1, -1])),
        ("value-int64-list-empty", Value::Int64List(vec![])),
        ("value-double-list", Value::DoubleList(vec![1.5, f64::from_bits(0x7ff8_0000_0000_0001)])),
        ("value-string-list", Value::StringList(texts(&["a", "", "bcd"]))),
        ("value-string-list-empty", Value::StringList(vec![])),
        ("value-string-map", Value::StringMap(vec![pair("k", "v"), pair("", "w")])),
        ("value-list", Value::List(vec![Value::Bool(false), Value::Int64(7)])),
        ("value-list-empty", Value::List(vec![])),
        ("value-map", Value::Map(vec![("n".into(), Value::Null), ("l".into(), Value::List(vec![Value::Null]))])),
    ]
}

fn tree() -> Tree {
    let mut first = Input::new(Value::Int64List(vec![1, 2]), Some(Value::Int64(3)));
    first.columns = Columns::from([("points", Value::Int64(5))]);
    let second = Input::new(Value::String("abc".into()), None);
    Tree {
        blob: b"Hi".to_vec(),
        columns: Columns::from([("title", Value::String("t".into()))]),
        inputs: vec![first, second],
    }
}

fn delta() -> DeltaBuilder {
    let mut delta = DeltaBuilder::default();
    delta.set_blob_external(100_000, 0xcbf4_3926);
    delta.set_column("title", None);
    delta.set_column("author", Some(encoded(&Value::Null)));
    delta.insert(id(9), Some(id(7)), encoded(&Value::Bool(true)));
    delta.move_(id(8), Some(id(7)));
    delta.delete(id(7));
    delta.set_output(id(8), Some(encoded(&Value::Bytes(vec![1]))));
    delta
}

#[test]
fn values_are_as_documented() {
    for (name, value) in values() {
        golden(name, &encoded(&value));
        assert_eq!(decode_value(&vectors()[name]).as_ref(), Ok(&value), "{name}");
    }
}

#[test]
fn packed_forms_are_as_documented() {
    let tree = encode_tree(&tree(), 7, false).unwrap();
    let delta = delta().encode(10).unwrap();
    golden("packed-tree", &tree);
    golden("packed-delta", &delta);
    golden("packed-tree-merged", &merge(&tree, &[&delta], MergedBlob::Keep).unwrap());
}

#[test]
fn what_is_documented_reads_back() {
    let vectors = vectors();
    let mut expected = tree();
    for (input, number) in expected.inputs.iter_mut().zip(7..) {
        input.id = Some(id(number));
    }
    assert_eq!(to_tree(&vectors["packed-tree"], None).unwrap(), expected);
    for name in ["packed-tree", "packed-delta", "packed-tree-merged"] {
        assert_eq!(check(&vectors[name]), Ok(()), "{name}");
    }
    let ours = |name: &&&str| name.starts_with("value-") || name.starts_with("packed-");
    assert_eq!(vectors.keys().filter(ours).count(), values().len() + 3, "a vector that no test knows");
}

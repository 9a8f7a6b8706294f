//! Values: any bytes, and any value.
//!
//! 1. Bytes that decode are canonical: the value encodes to the same bytes, and may be stored.
//! 2. A value that may be stored comes back from its bytes to the bit.

#![no_main]

mod source;

use libfuzzer_sys::fuzz_target;
use source::Source;
use stratum::Value;
use stratum::format::packed::ColumnsRef;
use stratum::format::value::{ValueRef, decode_value, encode_value, encoded_len};

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    if source.byte().is_multiple_of(2) {
        any_bytes(source.take(usize::MAX));
    } else {
        any_value(&value(&mut source, 0));
    }
});

fn any_bytes(bytes: &[u8]) {
    let decoded = decode_value(bytes);
    match ValueRef::parse(bytes) {
        Ok(view) => {
            let value = view.to_value().expect("there is memory");
            assert!(value.check().is_ok(), "what decodes may be stored");
            assert_eq!(encoded(&value), bytes, "a value has one form");
            assert_eq!(decoded.as_ref(), Ok(&value));
        }
        Err(error) => assert_eq!(decoded, Err(error)),
    }
    let Ok(section) = ColumnsRef::parse(bytes) else { return };
    if let Ok(columns) = section.to_columns() {
        assert_eq!(columns.len(), section.len());
        for (name, value) in columns.iter() {
            let bytes = section.get(name).expect("the section was read").flatten().expect("the column is there");
            assert_eq!(decode_value(bytes).as_ref(), Ok(value));
        }
    }
}

fn any_value(value: &Value) {
    if value.check().is_ok() {
        let bytes = encoded(value);
        assert_eq!(decode_value(&bytes).as_ref(), Ok(value));
        any_bytes(&bytes);
    }
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_value(value, &mut bytes);
    assert_eq!(bytes.len() as u64, encoded_len(value));
    bytes
}

/// The value that the bytes describe; a little deeper than may be stored.
fn value(source: &mut Source<'_>, depth: usize) -> Value {
    let kind = source.byte();
    let nested = |source: &mut Source<'_>| -> Vec<Value> {
        let count = if depth > 65 || source.is_empty() { 0 } else { source.byte() % 5 };
        (0..count).map(|_| value(source, depth + 1)).collect()
    };
    let texts = |source: &mut Source<'_>| -> Vec<String> { (0..source.byte() % 6).map(|_| text(source)).collect() };
    let words = |source: &mut Source<'_>| -> Vec<i64> { (0..source.byte() % 12).map(|_| word(source)).collect() };
    match kind % 13 {
        0 => Value::Null,
        1 => Value::Bool(source.byte() % 2 == 1),
        2 => Value::Int64(word(source)),
        3 => Value::Double(f64::from_bits(word(source).cast_unsigned())),
        4 => Value::Decimal(text(source)),
        5 => Value::String(text(source)),
        6 => Value::Bytes(text(source).into_bytes()),
        7 => Value::Int64List(words(source)),
        8 => Value::DoubleList(words(source).into_iter().map(|word| f64::from_bits(word.cast_unsigned())).collect()),
        9 => Value::StringList(texts(source)),
        10 => Value::StringMap((0..source.byte() % 6).map(|_| (text(source), text(source))).collect()),
        11 => Value::List(nested(source)),
        _ => Value::Map(nested(source).into_iter().map(|value| (text(source), value)).collect()),
    }
}

fn word(source: &mut Source<'_>) -> i64 {
    let mut word = [0; 8];
    word.iter_mut().for_each(|byte| *byte = source.byte());
    i64::from_le_bytes(word)
}

fn text(source: &mut Source<'_>) -> String {
    let length = usize::from(source.byte() % 40);
    String::from_utf8_lossy(source.take(length)).into_owned()
}

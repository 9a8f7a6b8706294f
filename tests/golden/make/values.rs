//! Values of every kind, with what is odd about each.

use stratum::Value;

/// A name and a value for each kind, and for what each kind may hold that another would not keep.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let text = |text: &str| text.to_string();
    let texts = |list: &[&str]| list.iter().map(|text| text.to_string()).collect();
    let double = f64::from_bits;
    let nested = Value::List(vec![Value::Null, Value::Map(vec![(text("deep"), Value::List(vec![Value::Bool(true)]))])]);
    vec![
        ("null", Value::Null),
        ("false", Value::Bool(false)),
        ("true", Value::Bool(true)),
        ("int64", Value::Int64(-2)),
        ("int64 least", Value::Int64(i64::MIN)),
        ("int64 most", Value::Int64(i64::MAX)),
        ("double", Value::Double(1.5)),
        ("double -0", Value::Double(-0.0)),
        ("double nan", Value::Double(double(0x7ff4_0000_dead_beef))),
        ("double inf", Value::Double(f64::NEG_INFINITY)),
        ("decimal", Value::Decimal(text("-98249283749234923498293171823948729348710298301928331.50e+400"))),
        ("string", Value::String(text("grüße, 水\0\"\n"))),
        ("string empty", Value::String(String::new())),
        ("bytes", Value::Bytes(vec![0, 255, 127])),
        ("bytes empty", Value::Bytes(Vec::new())),
        ("int64 list", Value::Int64List(vec![1, -1, i64::MIN])),
        ("int64 list empty", Value::Int64List(Vec::new())),
        ("double list", Value::DoubleList(vec![0.1, -0.0, double(0xfff8_0000_0000_0001)])),
        ("double list empty", Value::DoubleList(Vec::new())),
        ("string list", Value::StringList(texts(&["a", "", "bcd", "é"]))),
        ("string list empty", Value::StringList(Vec::new())),
        ("string map", Value::StringMap(vec![(text("z"), text("1")), (String::new(), text("w"))])),
        ("string map empty", Value::StringMap(Vec::new())),
        ("list", nested.clone()),
        ("list empty", Value::List(Vec::new())),
        ("map", Value::Map(vec![(text("z"), Value::Double(1.0)), (text("a"), nested)])),
        ("map empty", Value::Map(Vec::new())),
    ]
}

/// A value as deep as values may be.
pub(super) fn deepest() -> Value {
    (0..stratum::value::MAX_DEPTH).fold(Value::Null, |value, level| match level % 2 {
        0 => Value::List(vec![value]),
        _ => Value::Map(vec![("k".to_string(), value)]),
    })
}

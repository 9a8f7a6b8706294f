//! JSON as typed values, and back to the same text.
//!
//! 1. A number becomes the value whose own text is the number's: `1` an `Int64`, `1.0` and `1e308` a `Double`. One
//!    whose text neither gives back (53 digits, 1e400, 1.10, -0) becomes a `Decimal` with the text as it stands. So
//!    numbers that are written in different ways stay apart. One thing is not kept, because the parser does not keep
//!    it: whether an exponent was written with `e` or `E`, with or without a plus sign.
//! 2. Arrays are lists and objects maps, whatever is in them; members keep their order.
//! 3. A document that has a key twice in one object is refused: the parser would drop one of the two.

use serde_json::{Map, Number, Value as Json};
use stratum::Value;

use super::suite::Failure;

/// Parses a text in which every object has each key once.
pub fn parse(text: &str) -> Result<Json, Failure> {
    let json: Json = serde_json::from_str(text)?;
    let (written, kept) = (colons(text), members(&json));
    if written != kept {
        return Err(
            format!("{} of {written} object members have a key that their object has twice", written - kept).into()
        );
    }
    Ok(json)
}

/// How many colons stand outside strings: one for each member of an object.
fn colons(text: &str) -> usize {
    let mut count = 0;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

fn members(json: &Json) -> usize {
    match json {
        Json::Array(items) => items.iter().map(members).sum(),
        Json::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        _ => 0,
    }
}

/// The value of a JSON text.
pub fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => number_to_value(number.as_str()),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(to_value).collect()),
        Json::Object(object) => Value::Map(object.iter().map(|(key, json)| (key.clone(), to_value(json))).collect()),
    }
}

fn number_to_value(text: &str) -> Value {
    // The parser gives every exponent a sign; without its plus the text is what nearly everyone writes.
    let text = &text.replace('+', "");
    if let Some(number) = text.parse::<i64>().ok().filter(|number| number.to_string() == *text) {
        return Value::Int64(number);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && double_text(number) == *text => Value::Double(number),
        _ => Value::Decimal(text.to_string()),
    }
}

/// The shortest text that reads back as the same number, with a point or an exponent in it.
fn double_text(number: f64) -> String {
    format!("{number:?}")
}

/// The JSON of a value; kinds that JSON does not give rise to are refused.
pub fn from_value(value: &Value) -> Result<Json, Failure> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int64(number) => Json::Number(Number::from(*number)),
        Value::Double(number) => Json::Number(double_text(*number).parse()?),
        Value::Decimal(text) => Json::Number(text.parse()?),
        Value::String(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(from_value).collect::<Result<_, _>>()?),
        Value::Map(entries) => {
            let members = entries.iter().map(|(key, value)| Ok((key.clone(), from_value(value)?)));
            Json::Object(members.collect::<Result<Map<_, _>, Failure>>()?)
        }
        other => return Err(format!("a value that no JSON becomes: {other:?}").into()),
    })
}

//! What a store holds as text: one JSON line for each document, every value with its kind and to the bit.
//!
//! 1. Two documents have the same line exactly if they are equal: doubles are their bits, integers are text, bytes are
//!    hexadecimal, maps and columns are lists of pairs.
//! 2. A value is a list of its kind and its contents.

use serde_json::{Value as Json, json};
use stratum::{Columns, DocumentId, Input, Result, Tree, Value, View};

/// All documents of a view, a line each.
pub(crate) fn lines(view: &View) -> Result<Vec<String>> {
    view.documents(DocumentId::FIRST)?.map(|id| line(view, id)).collect()
}

fn line(view: &View, id: DocumentId) -> Result<String> {
    let packed = view.packed_tree(id)?;
    let next_input = packed.head()?.next_input_id();
    // With a blob that is a record of its own, the packed form that a view gives out holds it inline.
    let Tree { blob, columns, inputs } = packed.to_tree()?;
    let document = json!({
        "document": id.get(),
        "next_input": next_input,
        "blob": hex(&blob),
        "columns": named(&columns),
        "inputs": inputs.iter().map(input).collect::<Vec<Json>>(),
    });
    Ok(document.to_string())
}

fn input(input: &Input) -> Json {
    let mut line = json!({
        "id": input.id.map(|id| id.get()),
        "value": value(&input.value),
        "columns": named(&input.columns),
    });
    if let (Some(output), Json::Object(fields)) = (&input.output, &mut line) {
        fields.insert("output".to_string(), value(output));
    }
    line
}

fn named(columns: &Columns) -> Json {
    columns.iter().map(|(name, held)| json!([name, value(held)])).collect()
}

fn value(held: &Value) -> Json {
    let bits = |number: &f64| format!("{:016x}", number.to_bits());
    match held {
        Value::Null => json!(["null"]),
        Value::Bool(truth) => json!(["bool", truth]),
        Value::Int64(number) => json!(["int64", number.to_string()]),
        Value::Double(number) => json!(["double", bits(number)]),
        Value::Decimal(text) => json!(["decimal", text]),
        Value::String(text) => json!(["string", text]),
        Value::Bytes(bytes) => json!(["bytes", hex(bytes)]),
        Value::Int64List(list) => json!(["int64 list", list.iter().map(i64::to_string).collect::<Vec<_>>()]),
        Value::DoubleList(list) => json!(["double list", list.iter().map(bits).collect::<Vec<_>>()]),
        Value::StringList(list) => json!(["string list", list]),
        Value::StringMap(pairs) => json!(["string map", pairs]),
        Value::List(list) => json!(["list", list.iter().map(value).collect::<Vec<_>>()]),
        Value::Map(entries) => {
            json!(["map", entries.iter().map(|(key, held)| json!([key, value(held)])).collect::<Vec<_>>()])
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

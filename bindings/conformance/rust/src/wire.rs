//! Values, columns and trees between the language of the vectors and the crate.
//!
//! 1. What comes out is canonical: `canonical` of it is the text that every runner writes.
//! 2. `Stop::Broken` means that the vector is not in the language; `Stop::Status` is an answer.

use serde_json::{Value as Json, json};
use stratum::{Columns, Error, Input, Tree, TreeIds, Value};

/// Why a step gives no value.
#[derive(Debug)]
pub enum Stop {
    /// The call answers this status.
    Status(&'static str),
    /// The step makes no sense.
    Broken(String),
}

pub const CLOSED: Stop = Stop::Status("STRATUM_CLOSED");
pub const END: Stop = Stop::Status("STRATUM_END");
pub const NOT_FOUND: Stop = Stop::Status("STRATUM_NOT_FOUND");
pub const INVALID_ARGUMENT: Stop = Stop::Status("STRATUM_INVALID_ARGUMENT");
pub const BUFFER_TOO_SMALL: Stop = Stop::Status("STRATUM_BUFFER_TOO_SMALL");

pub type Call<T> = Result<T, Stop>;

pub fn broken<T>(what: impl Into<String>) -> Call<T> {
    Err(Stop::Broken(what.into()))
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Status(match error {
            Error::NotFound(_) => "STRATUM_NOT_FOUND",
            Error::InvalidArgument(_) => "STRATUM_INVALID_ARGUMENT",
            Error::TooLarge { .. } => "STRATUM_TOO_LARGE",
            Error::Corruption(_) => "STRATUM_CORRUPTION",
            Error::Io { .. } => "STRATUM_IO",
            Error::NoSpace { .. } => "STRATUM_NO_SPACE",
            Error::Locked(_) => "STRATUM_LOCKED",
            Error::NotAStore { .. } => "STRATUM_NOT_A_STORE",
            Error::NewerFormat { .. } => "STRATUM_NEWER_FORMAT",
            Error::OpenRefused { .. } => "STRATUM_OPEN_REFUSED",
            Error::CommitUnknown { .. } => "STRATUM_COMMIT_UNKNOWN",
            Error::Poisoned(_) => "STRATUM_POISONED",
            Error::Closed => "STRATUM_CLOSED",
            Error::SnapshotTooOld => "STRATUM_SNAPSHOT_TOO_OLD",
            Error::Forked => "STRATUM_FORKED",
            other => return Stop::Broken(format!("a status that this runner does not know: {other}")),
        })
    }
}

/// A number: a text of decimal digits.
pub fn number(id: u64) -> Json {
    Json::String(id.to_string())
}

pub fn hex(bytes: &[u8]) -> Json {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    Json::String(digits.map(char::from).collect())
}

pub fn unhex(json: &Json) -> Call<Vec<u8>> {
    let text = text(json)?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect::<Option<_>>().map_or_else(|| broken("bytes that are not hex"), Ok)
}

pub fn text(json: &Json) -> Call<&str> {
    json.as_str().map_or_else(|| broken(format!("no text: {json}")), Ok)
}

pub fn list(json: &Json) -> Call<&Vec<Json>> {
    json.as_array().map_or_else(|| broken(format!("no list: {json}")), Ok)
}

/// A list of two: a key and what belongs to it.
fn pair(json: &Json) -> Call<(String, &Json)> {
    match list(json)?.as_slice() {
        [key, value] => Ok((text(key)?.to_string(), value)),
        _ => broken("a pair has two members"),
    }
}

fn all<T>(json: &Json, one: impl Fn(&Json) -> Call<T>) -> Call<Vec<T>> {
    list(json)?.iter().map(one).collect()
}

fn int64(json: &Json) -> Call<i64> {
    text(json)?.parse().or_else(|_| broken(format!("no int64: {json}")))
}

fn double(json: &Json) -> Call<f64> {
    let bits = u64::from_str_radix(text(json)?, 16);
    bits.map(f64::from_bits).or_else(|_| broken(format!("no double: {json}")))
}

fn bits(number: f64) -> Json {
    Json::String(format!("{:016x}", number.to_bits()))
}

/// A value from the language.
pub fn value(json: &Json) -> Call<Value> {
    let mut fields = json.as_object().into_iter().flatten();
    let (Some((kind, content)), None) = (fields.next(), fields.next()) else {
        return broken(format!("no value: {json}"));
    };
    Ok(match kind.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(content.as_bool().map_or_else(|| broken("no bool"), Ok)?),
        "int64" => Value::Int64(int64(content)?),
        "double" => Value::Double(double(content)?),
        "decimal" => Value::Decimal(text(content)?.to_string()),
        "string" => Value::String(text(content)?.to_string()),
        "bytes" => Value::Bytes(unhex(content)?),
        "int64_list" => Value::Int64List(all(content, int64)?),
        "double_list" => Value::DoubleList(all(content, double)?),
        "string_list" => Value::StringList(all(content, |item| Ok(text(item)?.to_string()))?),
        "string_map" => Value::StringMap(all(content, |entry| {
            let (key, value) = pair(entry)?;
            Ok((key, text(value)?.to_string()))
        })?),
        "list" => Value::List(all(content, value)?),
        "map" => Value::Map(all(content, |entry| {
            let (key, item) = pair(entry)?;
            Ok((key, value(item)?))
        })?),
        "nest" => {
            let [levels, inner] = list(content)?.as_slice() else { return broken("nest takes two") };
            (0..int64(levels)?).try_fold(value(inner)?, |inner, _| Ok::<_, Stop>(Value::List(vec![inner])))?
        }
        other => return broken(format!("{other:?} is no kind")),
    })
}

/// A value in the language.
pub fn from_value(value: &Value) -> Json {
    let texts = |items: &[String]| Json::from(items.to_vec());
    match value {
        Value::Null => json!({"null": null}),
        Value::Bool(content) => json!({"bool": content}),
        Value::Int64(content) => json!({"int64": content.to_string()}),
        Value::Double(content) => json!({"double": bits(*content)}),
        Value::Decimal(content) => json!({"decimal": content}),
        Value::String(content) => json!({"string": content}),
        Value::Bytes(content) => json!({"bytes": hex(content)}),
        Value::Int64List(items) => json!({"int64_list": items.iter().map(i64::to_string).collect::<Vec<_>>()}),
        Value::DoubleList(items) => json!({"double_list": items.iter().map(|item| bits(*item)).collect::<Vec<_>>()}),
        Value::StringList(items) => json!({"string_list": texts(items)}),
        Value::StringMap(entries) => json!({"string_map": entries}),
        Value::List(items) => json!({"list": items.iter().map(from_value).collect::<Vec<_>>()}),
        Value::Map(entries) => {
            let pair = |(key, value): &(String, Value)| json!([key, from_value(value)]);
            json!({"map": entries.iter().map(pair).collect::<Vec<_>>()})
        }
    }
}

/// Columns from the language. `Columns` cannot hold a name twice, so it is here that two are refused.
pub fn columns(json: Option<&Json>) -> Call<Columns> {
    let mut columns = Columns::new();
    for column in json.map(list).transpose()?.into_iter().flatten() {
        let (name, content) = pair(column)?;
        if columns.set(name, value(content)?).is_some() {
            return Err(INVALID_ARGUMENT);
        }
    }
    Ok(columns)
}

pub fn from_columns(columns: &Columns) -> Json {
    columns.iter().map(|(name, value)| json!([name, from_value(value)])).collect()
}

/// A tree from the language.
pub fn tree(json: &Json) -> Call<Tree> {
    let field = |name| json.get(name);
    let inputs = field("inputs").map(list).transpose()?.into_iter().flatten();
    let inputs = inputs.map(|input| {
        let content = input.get("value").map_or_else(|| broken("an input without a value"), value)?;
        let output = input.get("output").filter(|output| !output.is_null()).map(value).transpose()?;
        Ok(Input { id: None, value: content, columns: columns(input.get("columns"))?, output })
    });
    Ok(Tree {
        blob: field("blob").map(unhex).transpose()?.unwrap_or_default(),
        columns: columns(field("columns"))?,
        inputs: inputs.collect::<Call<_>>()?,
    })
}

pub fn from_tree(tree: &Tree) -> Json {
    let inputs: Vec<Json> = tree.inputs.iter().map(from_input).collect();
    json!({"blob": hex(&tree.blob), "columns": from_columns(&tree.columns), "inputs": inputs})
}

pub fn from_input(input: &Input) -> Json {
    json!({
        "id": number(input.id.map_or(0, |id| id.get())),
        "value": from_value(&input.value),
        "columns": from_columns(&input.columns),
        "output": input.output.as_ref().map(from_value),
    })
}

pub fn from_ids(ids: &TreeIds) -> Json {
    json!({
        "document": number(ids.document.get()),
        "first_input": number(ids.first_input.map_or(0, |id| id.get())),
        "input_count": number(ids.inputs.into()),
    })
}

/// What a vector expects, with its shorthand written out.
pub fn spelled_out(json: &Json) -> Call<Json> {
    match json {
        Json::Object(fields) if fields.len() == 1 && fields.contains_key("nest") => Ok(from_value(&value(json)?)),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| Ok((name.clone(), spelled_out(field)?)));
            Ok(Json::Object(fields.collect::<Call<_>>()?))
        }
        Json::Array(items) => Ok(Json::Array(items.iter().map(spelled_out).collect::<Call<_>>()?)),
        other => Ok(other.clone()),
    }
}

//! Canonical JSON: one way to write each value, so that answers can be compared as text.
//!
//! 1. No spaces; keys in the order in which they were put; the only numbers are whole and not negative.
//! 2. In texts, `"` and `\` have a backslash before them, characters below U+0020 are `\u00xx` in lower case, everything
//!    else stands as it is, in UTF-8.

use serde_json::Value as Json;

/// The canonical text of `json`.
pub fn canonical(json: &Json) -> String {
    let mut out = String::new();
    write(json, &mut out);
    out
}

fn write(json: &Json, out: &mut String) {
    match json {
        Json::String(text) => write_text(text, out),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                comma(at, out);
                write(item, out);
            }
            out.push(']');
        }
        Json::Object(fields) => {
            out.push('{');
            for (at, (name, field)) in fields.iter().enumerate() {
                comma(at, out);
                write_text(name, out);
                out.push(':');
                write(field, out);
            }
            out.push('}');
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => out.push_str(&json.to_string()),
    }
}

fn comma(at: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..'\u{20}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_in_one_way() {
        let json = serde_json::json!({"b": ["\"\\/\n\0\u{7f}é\u{1f600}"], "a": null, "c": [true, 7]});
        assert_eq!(canonical(&json), "{\"b\":[\"\\\"\\\\/\\u000a\\u0000\u{7f}é\u{1f600}\"],\"a\":null,\"c\":[true,7]}");
    }
}

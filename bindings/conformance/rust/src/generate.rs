//! Random scripts from a seed: the same seed makes the same script on every machine.
//!
//! 1. Scripts make mistakes on purpose, about one call in eight: ids that are not there, values that cannot be stored,
//!    handles of a store that was closed.
//! 2. They keep away from two mistakes in one call that are found in different layers (an id that can be none, a value
//!    that cannot be stored): which of them is answered is not promised.

use serde_json::{Map, Value as Json, json};

use crate::script::{Script, Step};

/// Splitmix64: small, and good enough to choose by.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    fn often(&mut self) -> bool {
        self.below(8) != 0
    }
}

/// A script of `steps` calls, and those that open and close the store.
pub fn script(seed: u64, steps: usize) -> Script {
    let mut made = Maker {
        random: Random(seed),
        steps: Vec::new(),
        documents: 0,
        batches: 0,
        snapshots: 0,
        cursors: 0,
        is_bad: false,
    };
    made.open();
    while made.steps.len() < steps {
        made.call();
    }
    made.steps.push(Step::new("db_verify", Some("db"), json!({})));
    made.steps.push(Step::new("db_close", Some("db"), json!({})));
    Script { name: format!("seed {seed}"), steps: made.steps }
}

struct Maker {
    random: Random,
    steps: Vec<Step>,
    documents: u64,
    batches: u64,
    snapshots: u64,
    cursors: u64,
    /// The call that is being made has a value that cannot be stored.
    is_bad: bool,
}

impl Maker {
    fn push(&mut self, op: &str, on: &str, args: Json, save_as: Option<String>) {
        let step = Step { save_as, ..Step::new(op, Some(on), args) };
        self.steps.push(step);
    }

    fn open(&mut self) {
        let segment = self.random.one(&["512", "4096", "67108864"]).to_string();
        let fold = self.random.one(&["1", "2", "8"]).to_string();
        let mode = self.random.one(&["mmap", "pread"]).to_string();
        let compression = self.random.one(&["none", "lz4", "zstd"]).to_string();
        let options = json!({
            "background": "false", "segment_size": segment, "fold_after": fold, "read_mode": mode, "durability": "os",
            "compression": compression,
        });
        let step = Step::new("db_open", None, json!({"path": "store", "options": options}));
        self.steps.push(Step { save_as: Some("db".to_string()), ..step });
        self.push("db_latest", "db", json!({}), Some("view".to_string()));
    }

    fn call(&mut self) {
        match self.random.below(64) {
            0 => {
                // What was open on the store goes on being used: it must say that it is closed.
                self.push("db_close", "db", json!({}), None);
                let words = ["view_document_count", "view_sequence"];
                let op = *self.random.one(&words);
                self.push(op, "view", json!({}), None);
                self.open();
            }
            1 => self.push("db_flush", "db", json!({}), None),
            2 => self.push("db_checkpoint", "db", json!({}), None),
            3 => self.push("db_compact_now", "db", json!({}), None),
            4 => self.push("db_stats", "db", json!({}), None),
            5 => self.push("db_verify", "db", json!({}), None),
            6 => {
                self.snapshots += 1;
                self.push("db_snapshot", "db", json!({}), Some(format!("snapshot{}", self.snapshots)));
            }
            7..12 => self.batch(),
            12..18 => self.cursor(),
            18..38 => {
                let view = if self.snapshots > 0 && self.random.below(3) == 0 {
                    format!("snapshot{}", 1 + self.random.below(self.snapshots))
                } else {
                    "view".to_string()
                };
                let (op, args) = self.read();
                self.push(op, &view, args, None);
            }
            _ => {
                let (verb, args) = self.write();
                self.push(&format!("db_{verb}"), "db", args, None);
            }
        }
    }

    fn batch(&mut self) {
        self.batches += 1;
        let name = format!("batch{}", self.batches);
        self.push("batch_create", "db", json!({}), Some(name.clone()));
        for _ in 0..1 + self.random.below(6) {
            let (verb, args) = self.write();
            self.push(&format!("batch_{verb}"), &name, args, None);
        }
        self.push("batch_size", &name, json!({}), None);
        let end = *self.random.one(&["batch_commit", "batch_commit", "batch_free", "batch_clear"]);
        self.push(end, &name, json!({}), None);
        if end != "batch_clear" {
            self.push("batch_size", &name, json!({}), None);
        }
    }

    fn cursor(&mut self) {
        self.cursors += 1;
        let name = format!("cursor{}", self.cursors);
        if self.random.below(2) == 0 {
            let from = self.random.below(4).to_string();
            self.push("view_documents", "view", json!({"from": from}), Some(name.clone()));
            self.push("document_cursor_next", &name, json!({}), None);
            self.push("document_cursor_fill", &name, json!({"capacity": "3"}), None);
            self.push("document_cursor_seek", &name, json!({"from": "2"}), None);
            self.push("document_cursor_fill", &name, json!({"capacity": "100"}), None);
            self.push("document_cursor_free", &name, json!({}), None);
            return;
        }
        // Of the last document that is surely there, if there is any: a cursor that cannot be made has no name.
        self.push("db_create_document", "db", json!({}), Some(name.clone()));
        self.documents += 1;
        let document = format!("${name}");
        let count = self.random.below(4);
        for _ in 0..count {
            let args = json!({"document": document, "value": self.value(2)});
            self.push("db_append_input", "db", args, None);
        }
        self.push("view_input_cursor", "view", json!({"document": document}), Some(name.clone()));
        let capacity = self.random.one(&["24", "64", "4096"]).to_string();
        self.push("input_cursor_fill", &name, json!({"capacity": capacity}), None);
        self.push("input_cursor_next", &name, json!({}), None);
        self.push("input_cursor_free", &name, json!({}), None);
    }

    /// Mostly one that was handed out.
    fn document(&mut self) -> Json {
        let known = self.documents.max(1);
        let id = if self.random.often() { 1 + self.random.below(known) } else { self.random.below(known + 3) };
        Json::String(id.to_string())
    }

    fn input(&mut self) -> Json {
        let id = if self.random.often() { 1 + self.random.below(5) } else { self.random.below(12) };
        Json::String(id.to_string())
    }

    fn name(&mut self) -> Json {
        let name = *self.random.one(&["a", "b", "name", "ключ", "a\u{0}b", "\u{10ffff}"]);
        name.into()
    }

    fn bytes(&mut self) -> Json {
        let length = *self.random.one(&[0, 1, 7, 8, 9, 100, 700]);
        let bytes: Vec<u8> = (0..length).map(|_| self.random.next() as u8).collect();
        crate::wire::hex(&bytes)
    }

    fn text(&mut self) -> Json {
        let text = *self.random.one(&["", "a", "two words", "\u{0}", "line\nline", "\"\\/", "é\u{1f600}\u{7f}"]);
        text.into()
    }

    fn value(&mut self, depth: u64) -> Json {
        let count = self.random.below(4);
        match self.random.below(if depth == 0 { 11 } else { 13 }) {
            0 => json!({"null": null}),
            1 => json!({"bool": count > 1}),
            2 => json!({"int64": self.int64()}),
            3 => json!({"double": self.double()}),
            4 => json!({"decimal": *self.random.one(&["0", "-0", "1e400", "12345678901234567890.5", "-3.25E-7"])}),
            5 => json!({"string": self.text()}),
            6 => json!({"bytes": self.bytes()}),
            7 => json!({"int64_list": self.many(count, Self::int64)}),
            8 => json!({"double_list": self.many(count, Self::double)}),
            9 => json!({"string_list": self.many(count, Self::text)}),
            10 => {
                let entries = (0..count).map(|key| json!([format!("k{key}"), self.text()]));
                json!({"string_map": entries.collect::<Vec<Json>>()})
            }
            11 => json!({"list": self.many(count, |maker| maker.value(depth - 1))}),
            _ => {
                let entries = (0..count).map(|key| json!([format!("k{key}"), self.value(depth - 1)]));
                json!({"map": entries.collect::<Vec<Json>>()})
            }
        }
    }

    fn many(&mut self, count: u64, one: impl Fn(&mut Self) -> Json) -> Vec<Json> {
        (0..count).map(|_| one(self)).collect()
    }

    fn int64(&mut self) -> Json {
        let any = self.random.next() as i64;
        self.random.one(&[0, -1, 1, i64::MIN, i64::MAX, any]).to_string().into()
    }

    fn double(&mut self) -> Json {
        let any = self.random.next();
        let bits = *self.random.one(&[0, 1 << 63, 0x7ff8_0000_0000_0001, 0xfff0_0000_0000_0000, any]);
        format!("{bits:016x}").into()
    }

    /// A value for a write; now and then one that cannot be stored.
    fn stored(&mut self) -> Json {
        if self.random.below(16) != 0 {
            return self.value(3);
        }
        self.is_bad = true;
        let twice = json!([["k", {"null": null}], ["k", {"null": null}]]);
        let bad = [json!({"decimal": "1."}), json!({"map": twice}), json!({"nest": ["65", {"null": null}]})];
        self.random.one(&bad).clone()
    }

    fn columns(&mut self) -> Json {
        let count = self.random.below(3);
        (0..count).map(|at| json!([format!("c{at}"), self.value(1)])).collect()
    }

    fn tree(&mut self) -> Json {
        let count = self.random.below(5);
        let inputs = self.many(count, |maker| {
            let output = if maker.random.below(2) == 0 { Json::Null } else { maker.value(2) };
            json!({"value": maker.value(2), "columns": maker.columns(), "output": output})
        });
        json!({"blob": self.bytes(), "columns": self.columns(), "inputs": inputs})
    }

    fn write(&mut self) -> (&'static str, Json) {
        const VERBS: [(&str, &[&str]); 17] = [
            ("create_document", &["blob", "columns"]),
            ("put_tree", &["tree"]),
            ("put_tree", &["tree"]),
            ("replace_tree", &["document", "tree"]),
            ("set_blob", &["document", "blob"]),
            ("set_column", &["document", "name", "value"]),
            ("remove_column", &["document", "name"]),
            ("delete_document", &["document"]),
            ("append_input", &["document", "value"]),
            ("insert_input", &["document", "before", "value"]),
            ("move_input", &["document", "input", "before"]),
            ("replace_input", &["document", "input", "value"]),
            ("set_input_column", &["document", "input", "name", "value"]),
            ("delete_input", &["document", "input"]),
            ("set_output", &["document", "input", "value"]),
            ("update_output", &["document", "input", "value"]),
            ("delete_output", &["document", "input"]),
        ];
        let (verb, names) = *self.random.one(&VERBS);
        if matches!(verb, "create_document" | "put_tree") {
            self.documents += 1;
        }
        (verb, self.arguments(names))
    }

    fn read(&mut self) -> (&'static str, Json) {
        const READS: [(&str, &[&str]); 15] = [
            ("view_sequence", &[]),
            ("view_document_count", &[]),
            ("view_exists", &["document"]),
            ("view_input_count", &["document"]),
            ("view_blob", &["document"]),
            ("view_read_blob", &["document", "capacity"]),
            ("view_columns", &["document"]),
            ("view_column", &["document", "name"]),
            ("view_input_ids", &["document"]),
            ("view_inputs", &["document"]),
            ("view_input", &["document", "input"]),
            ("view_input_columns", &["document", "input"]),
            ("view_output", &["document", "input"]),
            ("view_tree", &["document"]),
            ("view_packed_tree", &["document"]),
        ];
        let (read, names) = *self.random.one(&READS);
        (read, self.arguments(names))
    }

    fn arguments(&mut self, names: &[&str]) -> Json {
        self.is_bad = false;
        let mut arguments = Map::new();
        for name in names {
            let argument = match *name {
                "document" => self.document(),
                "input" | "before" => self.input(),
                "name" => self.name(),
                "blob" => self.bytes(),
                "columns" => self.columns(),
                "tree" => self.tree(),
                "capacity" => self.random.one(&["0", "8", "1000"]).to_string().into(),
                _ => self.stored(),
            };
            arguments.insert(name.to_string(), argument);
        }
        if self.is_bad {
            for id in arguments.values_mut().filter(|argument| *argument == "0") {
                *id = "1".into();
            }
        }
        arguments.into()
    }
}

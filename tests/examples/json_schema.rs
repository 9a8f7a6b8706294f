//! The JSON Schema Test Suite in a store, by the modules of the example.

use std::path::{Path, PathBuf};

use stratum::{Batch, Db, DocumentId, InputId, Options, Tree, Value};
use tempfile::{TempDir, tempdir};

use crate::data::{files, shared, write};

#[path = "../../examples/json_schema_suite/json.rs"]
mod json;
#[path = "../../examples/json_schema_suite/suite.rs"]
mod suite;

/// Numbers, and the value that each becomes.
fn numbers() -> Vec<(&'static str, Value)> {
    let decimal = |text: &str| Value::Decimal(text.to_string());
    vec![
        ("0", Value::Int64(0)),
        ("1", Value::Int64(1)),
        ("1.0", Value::Double(1.0)),
        ("1.00", decimal("1.00")),
        ("-1", Value::Int64(-1)),
        ("-0", decimal("-0")),
        ("-0.0", Value::Double(-0.0)),
        ("1e308", Value::Double(1e308)),
        ("1E+308", Value::Double(1e308)),
        ("1e309", decimal("1e309")),
        ("-1e400", decimal("-1e400")),
        ("1e-400", decimal("1e-400")),
        ("0.0075", Value::Double(0.0075)),
        ("0.1", Value::Double(0.1)),
        ("0.10000000000000000555", decimal("0.10000000000000000555")),
        ("5e-324", Value::Double(5e-324)),
        ("9223372036854775807", Value::Int64(i64::MAX)),
        ("9223372036854775808", decimal("9223372036854775808")),
        ("-9223372036854775808", Value::Int64(i64::MIN)),
        ("-9223372036854775809", decimal("-9223372036854775809")),
        ("98249283749234923498293171823948729348710298301928331", decimal(BIG)),
        ("972783798187987123879878123.18878137", decimal("972783798187987123879878123.18878137")),
    ]
}

const BIG: &str = "98249283749234923498293171823948729348710298301928331";

/// A suite of our own: every number, and every shape; and a file in a folder of its own.
fn own_suite() -> TempDir {
    let folder = tempdir().unwrap();
    let number = |(text, _): &(&str, Value)| format!(r#"{{"data": {text}, "valid": true, "description": "{text}"}}"#);
    let numbers: Vec<String> = numbers().iter().map(number).collect();
    let file = format!(
        r#"[{{"description": "numbers", "schema": {{"type": "number", "maximum": {BIG}}}, "tests": [{}]}},
        {{"schema": false, "comment": "order of members", "tests": [], "description": "none",
          "specification": [{{"core": "4.2.1", "quote": "a: \"b\", {{\\"}}]}}]"#,
        numbers.join(", ")
    );
    let shapes = r#"[{"description": "shapes", "schema": true, "tests": [
        {"description": "all", "valid": false,
         "data": {"z": [], "a": {}, "": null, "list": [1, 1.0, "1", true, [[]], {"k": [null]}],
         "text": "\u00e9\n:\"\\"}}]}]"#;
    write(
        folder.path(),
        [
            ("tests/draft2020-12/numbers.json", file.as_bytes()),
            ("tests/draft2020-12/optional/shapes.json", shapes.as_bytes()),
        ],
    );
    folder
}

/// Imports a suite into a new store and opens that again.
fn reopened(folder: &Path, suite: &Path) -> (Db, suite::Counts) {
    let store = folder.join("store");
    let db = Db::open(&store, &Options::default()).unwrap();
    let counts = suite::import(&db, suite).unwrap();
    db.close().unwrap();
    (Db::open(&store, &Options::default()).unwrap(), counts)
}

fn trees(db: &Db) -> Vec<Tree> {
    let view = db.view().unwrap();
    view.documents(DocumentId::FIRST).unwrap().map(|id| view.tree(id).unwrap()).collect()
}

#[test]
fn a_suite_comes_back_equal_value_for_value() {
    let (suite, folder) = (own_suite(), tempdir().unwrap());
    let (db, counts) = reopened(folder.path(), suite.path());
    assert_eq!(counts, suite::Counts { files: 2, groups: 3, tests: numbers().len() + 1 });
    assert_eq!(suite::compare(&db.view().unwrap(), suite.path()).unwrap(), counts);
    let trees = trees(&db);
    for (input, (text, value)) in trees[0].inputs.iter().zip(numbers()) {
        assert_eq!(input.value, value, "{text}");
        assert_eq!(input.output, Some(Value::Bool(true)));
        assert_eq!(input.columns.get("description"), Some(&Value::String(text.to_string())));
    }
    assert_eq!(trees[0].blob, format!(r#"{{"type":"number","maximum":{BIG}}}"#).into_bytes());
    assert_eq!(trees[1].columns.get("comment"), Some(&Value::String("order of members".into())));
    assert_eq!(trees[2].columns.get("file"), Some(&Value::String("optional/shapes.json".into())));
    let Value::Map(entries) = &trees[2].inputs[0].value else { panic!("{:?}", trees[2].inputs[0]) };
    assert_eq!(entries.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["z", "a", "", "list", "text"]);
    assert_eq!(entries[0].1, Value::List(vec![]));
    assert_eq!(entries[4].1, Value::String("é\n:\"\\".into()));
}

/// Something done to one document and one of its inputs.
type Change = fn(&mut Batch, DocumentId, InputId) -> stratum::Result<()>;

#[test]
fn whatever_differs_is_found() {
    let suite = own_suite();
    let changes: [Change; 7] = [
        // 0 becomes 0.0
        |batch, document, input| batch.replace_input(document, input, &Value::Double(0.0)),
        |batch, document, input| batch.set_output(document, input, &Value::Bool(false)),
        |batch, document, input| batch.delete_output(document, input),
        |batch, document, input| batch.set_input_column(document, input, "description", &Value::String("zero".into())),
        |batch, document, input| batch.move_input(document, input, None),
        |batch, document, _| batch.set_blob(document, b"{}"),
        |batch, document, _| batch.delete_document(document),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let folder = tempdir().unwrap();
        let (db, _) = reopened(folder.path(), suite.path());
        db.write(|batch| change(batch, DocumentId::FIRST, InputId::FIRST)).unwrap();
        let found = suite::compare(&db.view().unwrap(), suite.path());
        assert!(found.is_err(), "change {at} was not noticed");
    }
    let folder = tempdir().unwrap();
    let (db, _) = reopened(folder.path(), suite.path());
    let mut extra = trees(&db).remove(0);
    extra.columns.set("position", Value::Int64(7));
    db.write(|batch| batch.put_tree(&extra)).unwrap();
    let found = suite::compare(&db.view().unwrap(), suite.path()).unwrap_err();
    assert!(found.to_string().contains("in the store, but not in the suite"), "{found}");
}

/// Imports a suite of one file after a good one: refused, and nothing of it is there.
fn refused(file: &str) -> String {
    let (suite, folder) = (own_suite(), tempdir().unwrap());
    write(suite.path(), [("tests/draft2020-12/zz.json", file.as_bytes())]);
    let db = Db::open(folder.path().join("store"), &Options::default()).unwrap();
    let failure = suite::import(&db, suite.path()).unwrap_err();
    assert_eq!(trees(&db).len(), 3);
    failure.to_string()
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let group = |data: &str| {
        format!(
            r#"[{{"schema": true, "tests": []}}, {{"schema": {{}}, "tests": [{{"data": {data}, "valid": true}}]}}]"#
        )
    };
    let twice = refused(&group(r#"{"k": 1, "l": {"k": 2, "k": 3}}"#));
    assert!(twice.contains("zz.json: 1 of 10 object members have a key that their object has twice"), "{twice}");
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let deep = refused(&group(&nested(65)));
    assert!(deep.contains("zz.json: ") && deep.contains("64"), "{deep}");
    assert!(refused(r#"{"schema": true}"#).contains("not a list of test groups"));
    assert!(refused(r#"[{"schema": true, "tests": [{"data": 1}]}]"#).contains("group 0: has no \"valid\""));
    assert!(refused(r#"[{"schema": true, "tests": [], "file": "x"}]"#).contains("has a member \"file\""));

    let (suite, folder) = (own_suite(), tempdir().unwrap());
    write(suite.path(), [("tests/draft2020-12/zz.json", group(&nested(64)).as_bytes())]);
    let (db, counts) = reopened(folder.path(), suite.path());
    assert_eq!(suite::compare(&db.view().unwrap(), suite.path()).unwrap(), counts);
}

#[test]
fn the_real_suite_comes_back_equal() {
    let Some(suite) = shared("json-schema-suite") else { return };
    let folder = tempdir().unwrap();
    let (db, counts) = reopened(folder.path(), &suite);
    assert_eq!(suite::compare(&db.view().unwrap(), &suite).unwrap(), counts);
    // Counted in another way: each test has one "valid", each group one "tests".
    let texts = files(&suite.join("tests")).into_iter().filter(|(path, _)| path.ends_with(".json"));
    let texts: Vec<String> = texts.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
    let keys = |key: &str| {
        let after = texts.iter().flat_map(|text| text.split(key).skip(1));
        after.filter(|rest| rest.trim_start().starts_with(':')).count()
    };
    assert_eq!(counts.files, texts.len());
    assert_eq!(counts.tests, keys("\"valid\""));
    assert_eq!(counts.groups, keys("\"tests\""));
    let trees = trees(&db);
    let in_file = |file: &str| {
        let file = Value::String(PathBuf::from("optional").join(file).to_str().unwrap().to_string());
        let found = trees.iter().filter(|tree| tree.columns.get("file") == Some(&file)).flat_map(|tree| &tree.inputs);
        found.map(|input| input.value.clone()).collect::<Vec<Value>>()
    };
    assert!(in_file("bignum.json").contains(&Value::Decimal(BIG.into())));
    assert_eq!(in_file("float-overflow.json"), [Value::Double(1e308)]);
    assert!(db.verify().unwrap().damage.is_empty());
}

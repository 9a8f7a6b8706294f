//! What is in a package, read without the program under test.
//!
//! The order is built another way than the program builds it: all tests are collected first, and then sorted by the
//! parts of their paths.

use std::collections::BTreeMap;
use std::path::Path;

use stratum::{Columns, Input, Tree, Value};

use crate::data;

/// A test of a package.
#[derive(Debug, PartialEq, Eq)]
pub struct Test {
    pub group: String,
    pub name: String,
    pub kind: &'static str,
    pub description: Option<Vec<u8>>,
    pub input: Vec<u8>,
    pub output: Option<Vec<u8>>,
}

/// The tests of a package, in the judge's order.
pub fn tests(package: &Path) -> Vec<Test> {
    let files: BTreeMap<String, Vec<u8>> = data::files(&package.join("data")).into_iter().collect();
    let mut tests = Vec::new();
    for (path, bytes) in &files {
        let (stem, kind) = match (path.strip_suffix(".in"), path.strip_suffix(".interaction")) {
            (Some(stem), _) => (stem, "test"),
            (None, Some(stem)) if !files.contains_key(&format!("{stem}.in")) => (stem, "interaction"),
            _ => continue,
        };
        let (group, name) = stem.rsplit_once('/').unwrap();
        tests.push(Test {
            group: group.to_string(),
            name: name.to_string(),
            kind,
            description: files
                .get(&format!("{stem}.desc"))
                .cloned()
                .or_else(|| described(files.get(&format!("{stem}.yaml"))?)),
            input: bytes.clone(),
            output: files.get(&format!("{stem}.ans")).cloned(),
        });
    }
    tests.sort_by(|a, b| path(a).cmp(&path(b)));
    assert!(!tests.is_empty(), "{} has no tests", package.display());
    tests
}

fn path(test: &Test) -> Vec<&str> {
    test.group.split('/').chain([test.name.as_str()]).collect()
}

/// The description in a test's YAML file; only what the project's own packages have: one line, in quotes or not.
fn described(yaml: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(yaml).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("description: "))?;
    Some(line.trim_matches('\'').as_bytes().to_vec())
}

/// The files that configure groups, by their path below data/.
pub fn group_files(package: &Path) -> BTreeMap<String, String> {
    let files = data::files(&package.join("data")).into_iter();
    let wanted = |path: &str| matches!(path.rsplit('/').next(), Some("testdata.yaml" | "test_group.yaml"));
    files.filter(|(path, _)| wanted(path)).map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap())).collect()
}

/// The value that these bytes are stored as.
pub fn value(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_string()),
        Err(_) => Value::Bytes(bytes.to_vec()),
    }
}

/// The text of a column.
pub fn text<'a>(columns: &'a Columns, name: &str) -> &'a str {
    match columns.get(name) {
        Some(Value::String(text)) => text,
        other => panic!("column {name}: {other:?}"),
    }
}

/// A stored input as a test.
fn stored(input: &Input) -> Test {
    let bytes = |value: &Value| match value {
        Value::String(text) => {
            assert_eq!(&self::value(text.as_bytes()), value);
            text.clone().into_bytes()
        }
        Value::Bytes(bytes) => {
            assert_eq!(&self::value(bytes), value, "UTF-8 that is stored as bytes");
            bytes.clone()
        }
        other => panic!("neither text nor bytes: {other:?}"),
    };
    Test {
        group: text(&input.columns, "group").to_string(),
        name: text(&input.columns, "name").to_string(),
        kind: if text(&input.columns, "kind") == "test" { "test" } else { "interaction" },
        description: input.columns.get("description").map(bytes),
        input: bytes(&input.value),
        output: input.output.as_ref().map(bytes),
    }
}

/// Compares a stored tree with the package that it was made of: everything but the columns from problem.yaml.
pub fn compare(tree: &Tree, package: &Path) {
    let wanted = tests(package);
    let found: Vec<Test> = tree.inputs.iter().map(stored).collect();
    assert_eq!(wanted.len(), found.len(), "{}", package.display());
    for (wanted, found) in wanted.iter().zip(&found) {
        assert_eq!(wanted, found, "{}", package.display());
    }
    assert_eq!(text(&tree.columns, "package"), data::name(package));
    assert_eq!(text(&tree.columns, "problem.yaml").as_bytes(), std::fs::read(package.join("problem.yaml")).unwrap());
    let statement = text(&tree.columns, "statement.file");
    assert!(statement.contains("statement/problem.en."), "{statement}");
    assert_eq!(tree.blob, std::fs::read(package.join(statement)).unwrap());
    assert_eq!(text(&tree.columns, "statement.language"), "en");
    let groups = match tree.columns.get("test_groups") {
        Some(Value::StringMap(pairs)) => pairs.iter().cloned().collect(),
        None => BTreeMap::new(),
        other => panic!("test_groups: {other:?}"),
    };
    assert_eq!(groups, group_files(package));
}

//! The JSON Schema Test Suite in a store.
//!
//! | in the suite | in the store |
//! |---|---|
//! | a test group | a document; its schema, as JSON text, is the blob |
//! | `tests/<draft>/<file>` | its columns `draft` and `file`; `position` is the group's place in the file, from 0 |
//! | the group's `description`, `comment`... | columns of the same names; `members` keeps the order of all members |
//! | a test | an input: the instance as a typed, nested value |
//! | its `valid` | the output: a bool |
//! | its `description`, `comment`... | columns of the input, and `members` likewise |
//!
//! 1. The groups of a file are written in one batch: all of the file is in the store, or nothing of it.
//! 2. Documents have their ids in the order of the files' paths and of the groups in them.
//! 3. `compare` rebuilds the JSON of every group from the store alone and compares it with the suite's, member for
//!    member and in order, numbers digit for digit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use stratum::{Columns, Db, DocumentId, Input, Tree, Value, View};

use super::json;

/// What went wrong, as a text that says where.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How much there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files of the suite.
    pub files: usize,
    /// Test groups: documents.
    pub groups: usize,
    /// Tests: inputs, each with its output.
    pub tests: usize,
}

/// Columns that say where a group comes from.
const PLACE: [&str; 3] = ["draft", "file", "position"];
/// Column with the names of all members in their order: columns come back sorted by name.
const MEMBERS: &str = "members";

/// Puts every test group below `<suite>/tests` into a store.
pub fn import(db: &Db, suite: &Path) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    for (draft, file, path) in files(suite)? {
        let groups = groups(&path)?;
        let trees = groups.iter().enumerate().map(|(position, group)| {
            tree(group, &draft, &file, position).map_err(|failure| format!("{file}, group {position}: {failure}"))
        });
        let trees = trees.collect::<Result<Vec<Tree>, String>>()?;
        db.write(|batch| trees.iter().try_for_each(|tree| batch.put_tree(tree).map(drop)))
            .map_err(|error| format!("{file}: {error}"))?;
        counts.files += 1;
        counts.groups += trees.len();
        counts.tests += trees.iter().map(|tree| tree.inputs.len()).sum::<usize>();
    }
    Ok(counts)
}

/// Compares everything in the store with everything in the suite.
pub fn compare(view: &View, suite: &Path) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    let mut stored = stored_groups(view)?;
    for (draft, file, path) in files(suite)? {
        counts.files += 1;
        for (position, group) in groups(&path)?.iter().enumerate() {
            let place = (draft.clone(), file.clone(), i64::try_from(position)?);
            let found = stored.remove(&place).ok_or_else(|| format!("{file}, group {position}: not in the store"))?;
            let (wanted, found) = (group.to_string(), found.to_string());
            if wanted != found {
                return Err(format!("{file}, group {position}: the suite has\n{wanted}\nthe store has\n{found}").into());
            }
            counts.groups += 1;
            counts.tests += group["tests"].as_array().map_or(0, Vec::len);
        }
    }
    match stored.into_keys().next() {
        Some((_, file, position)) => {
            Err(format!("{file}, group {position}: in the store, but not in the suite").into())
        }
        None => Ok(counts),
    }
}

/// Draft, path below the draft's folder, and path of each file, in the order of the paths.
fn files(suite: &Path) -> Result<Vec<(String, String, PathBuf)>, Failure> {
    let tests = suite.join("tests");
    let mut found = Vec::new();
    let mut folders = vec![tests.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(format!("{}: no test suite (no .json file)", tests.display()).into());
    }
    let named = found.into_iter().map(|path| {
        let place = path.strip_prefix(&tests)?.to_str().ok_or("a path that is not UTF-8")?;
        let (draft, file) = place.split_once('/').ok_or_else(|| format!("{place}: in no draft's folder"))?;
        Ok((draft.to_string(), file.to_string(), path.clone()))
    });
    named.collect()
}

fn groups(path: &Path) -> Result<Vec<Json>, Failure> {
    let explain = |failure: Failure| -> Failure { format!("{}: {failure}", path.display()).into() };
    let text = fs::read_to_string(path).map_err(|error| explain(error.into()))?;
    match json::parse(&text).map_err(explain)? {
        Json::Array(groups) => Ok(groups),
        _ => Err(explain("not a list of test groups".into())),
    }
}

/// A member that has to be there.
fn member<'a>(object: &'a Map<String, Json>, key: &str) -> Result<&'a Json, Failure> {
    object.get(key).ok_or_else(|| format!("has no {key:?}").into())
}

/// A column for each member but those with a place of their own, for `more`, and for the order of the members.
fn columns<const MORE: usize>(
    object: &Map<String, Json>,
    but: [&str; 2],
    more: [(&str, Value); MORE],
) -> Result<Columns, Failure> {
    let members = object.iter().filter(|(key, _)| !but.contains(&key.as_str()));
    let mut columns: Columns = members.map(|(key, json)| (key.clone(), json::to_value(json))).collect();
    let order = (MEMBERS, Value::StringList(object.keys().cloned().collect()));
    for (name, value) in more.into_iter().chain([order]) {
        if columns.set(name, value).is_some() {
            return Err(format!("has a member {name:?}, which is a column of its own here").into());
        }
    }
    Ok(columns)
}

fn tree(group: &Json, draft: &str, file: &str, position: usize) -> Result<Tree, Failure> {
    let group = group.as_object().ok_or("a group that is no object")?;
    let place = [
        (PLACE[0], Value::String(draft.into())),
        (PLACE[1], Value::String(file.into())),
        (PLACE[2], Value::Int64(i64::try_from(position)?)),
    ];
    let tests = member(group, "tests")?.as_array().ok_or("\"tests\" is no list")?;
    Ok(Tree {
        blob: member(group, "schema")?.to_string().into_bytes(),
        columns: columns(group, ["schema", "tests"], place)?,
        inputs: tests.iter().map(input).collect::<Result<_, _>>()?,
    })
}

fn input(test: &Json) -> Result<Input, Failure> {
    let test = test.as_object().ok_or("a test that is no object")?;
    let valid = member(test, "valid")?.as_bool().ok_or("\"valid\" is no bool")?;
    let mut input = Input::new(json::to_value(member(test, "data")?), Some(Value::Bool(valid)));
    input.columns = columns(test, ["data", "valid"], [])?;
    Ok(input)
}

/// The JSON of every document, by draft, file and position.
fn stored_groups(view: &View) -> Result<BTreeMap<(String, String, i64), Json>, Failure> {
    let mut groups = BTreeMap::new();
    for document in view.documents(DocumentId::FIRST)? {
        let tree = view.tree(document)?;
        let place = PLACE.map(|name| tree.columns.get(name));
        let [Some(Value::String(draft)), Some(Value::String(file)), Some(Value::Int64(position))] = place else {
            return Err(format!("document {document} is no test group").into());
        };
        let json = group_json(&tree).map_err(|failure| format!("document {document}: {failure}"))?;
        if groups.insert((draft.clone(), file.clone(), *position), json).is_some() {
            return Err(format!("document {document}: {file}, group {position} is there twice").into());
        }
    }
    Ok(groups)
}

fn group_json(tree: &Tree) -> Result<Json, Failure> {
    let schema = serde_json::from_slice(&tree.blob)?;
    let tests = tree.inputs.iter().map(test_json).collect::<Result<Vec<_>, _>>()?;
    object(&tree.columns, [("schema", schema), ("tests", Json::Array(tests))])
}

fn test_json(input: &Input) -> Result<Json, Failure> {
    let Some(valid @ Value::Bool(_)) = &input.output else {
        return Err(format!("a test whose output is {:?}", input.output).into());
    };
    object(&input.columns, [("data", json::from_value(&input.value)?), ("valid", json::from_value(valid)?)])
}

/// An object of the two members that are no columns, and of those that are.
fn object(columns: &Columns, own: [(&str, Json); 2]) -> Result<Json, Failure> {
    let Some(Value::StringList(members)) = columns.get(MEMBERS) else {
        return Err(format!("has no column {MEMBERS:?}").into());
    };
    let mut object = Map::new();
    for key in members {
        let own = own.iter().find(|(name, _)| name == key).map(|(_, json)| json.clone());
        let json = match own {
            Some(json) => json,
            None => json::from_value(columns.get(key).ok_or_else(|| format!("has no column {key:?}"))?)?,
        };
        object.insert(key.clone(), json);
    }
    Ok(Json::Object(object))
}

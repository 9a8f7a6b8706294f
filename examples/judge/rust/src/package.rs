//! A problem package, read from its directory.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use saphyr::{Yaml, YamlLoader};
use saphyr_parser::Parser;
use stratum::{Columns, Input, Tree, Value};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Reads all of a file, and says which one cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The package as a tree.
pub fn read_package(directory: &Path, name: &str) -> Result<Tree> {
    let yaml = String::from_utf8(read(&directory.join("problem.yaml"))?)?;
    let yaml = parse(&yaml)?;
    let data = directory.join("data");
    let mut tests = tests(&data, "sample")?;
    let samples = tests.len() as i64;
    tests.extend(self::tests(&data, "secret")?);

    let mut columns = Columns::from([("package", Value::String(name.into()))]);
    let title = entry(&yaml, "name").and_then(title);
    columns.set("title", Value::String(title.unwrap_or_else(|| name.into())));
    for (key, column) in [("keywords", "keywords"), ("validator_flags", "flags")] {
        let words = entry(&yaml, key).map(words).unwrap_or_default();
        if !words.is_empty() {
            columns.set(column, Value::StringList(words));
        }
    }
    columns.set("samples", Value::Int64(samples));
    let inputs = tests.iter().map(|test| read_input(&data, test)).collect::<Result<_>>()?;
    Ok(Tree { blob: statement(directory)?, columns, inputs })
}

/// The map that `problem.yaml` is, every scalar as the text that stands there.
fn parse(text: &str) -> Result<Yaml<'_>> {
    let mut loader = YamlLoader::default();
    loader.early_parse(false);
    Parser::new_from_str(text).load(&mut loader, false)?;
    match loader.into_documents().into_iter().next() {
        Some(map @ Yaml::Mapping(_)) => Ok(map),
        _ => Err("problem.yaml is not a map".into()),
    }
}

fn text(yaml: &Yaml<'_>) -> Option<String> {
    match yaml {
        Yaml::Representation(text, ..) => Some(text.to_string()),
        _ => None,
    }
}

fn entry<'a, 'b>(yaml: &'a Yaml<'b>, key: &str) -> Option<&'a Yaml<'b>> {
    let Yaml::Mapping(entries) = yaml else { return None };
    entries.iter().find(|(name, _)| text(name).as_deref() == Some(key)).map(|(_, value)| value)
}

fn title(name: &Yaml<'_>) -> Option<String> {
    let Yaml::Mapping(names) = name else { return text(name) };
    entry(name, "en").or(names.values().next()).and_then(text)
}

fn words(yaml: &Yaml<'_>) -> Vec<String> {
    match yaml {
        Yaml::Sequence(list) => list.iter().filter_map(text).collect(),
        other => text(other).unwrap_or_default().split_ascii_whitespace().map(String::from).collect(),
    }
}

fn statement(directory: &Path) -> Result<Vec<u8>> {
    let places = ["statement", "problem_statement"].map(|name| directory.join(name));
    let Some(place) = places.iter().find(|place| place.is_dir()) else { return Ok(Vec::new()) };
    let names = fs::read_dir(place)?.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    let first = names.into_iter().filter(|name| name.as_encoded_bytes().starts_with(b"problem.")).min();
    first.map_or(Ok(Vec::new()), |name| read(&place.join(name)))
}

/// The tests below `data/<part>`, by their paths without `.in`.
fn tests(data: &Path, part: &str) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    if data.join(part).is_dir() {
        collect(&data.join(part), part, &mut paths)?;
    }
    paths.sort();
    Ok(paths.into_iter().filter_map(|path| path.strip_suffix(".in").map(String::from)).collect())
}

fn collect(folder: &Path, name: &str, paths: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let below =
            format!("{name}/{}", entry.file_name().into_string().map_err(|name| format!("{name:?}: not UTF-8"))?);
        if entry.path().is_dir() {
            collect(&entry.path(), &below, paths)?;
        } else {
            paths.push(below);
        }
    }
    Ok(())
}

fn read_input(data: &Path, test: &str) -> Result<Input> {
    let with = |extension: &str| -> PathBuf { data.join(format!("{test}.{extension}")) };
    let content = |path: &Path| -> Result<Value> {
        Ok(String::from_utf8(read(path)?).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::String))
    };
    let answer = with("ans");
    let output = if answer.is_file() { Some(content(&answer)?) } else { None };
    let mut input = Input::new(content(&with("in"))?, output);
    input.columns.set("test", Value::String(test.into()));
    Ok(input)
}

//! `judge` in Rust: import, show, check. ../README.md says what each does.

mod compare;
mod package;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use compare::Rules;
use stratum::{Columns, Db, DocumentId, Options, Tree, Value, View};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: judge import STORE PACKAGE_DIR... | show STORE PACKAGE | check STORE PACKAGE OUTPUTS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &arguments[..] {
        ["import", store, packages @ ..] if !packages.is_empty() => import(store, packages),
        ["show", store, package] => with_tree(store, package, show),
        ["check", store, package, outputs] => {
            with_tree(store, package, |package, _, tree| check(package, tree, outputs))
        }
        _ => Err(USAGE.into()),
    };
    done.map_or_else(
        |error| {
            eprintln!("judge: {error}");
            ExitCode::from(2)
        },
        |yes| ExitCode::from(u8::from(!yes)),
    )
}

/// Whether all packages were imported.
fn import(store: &str, packages: &[&str]) -> Result<bool> {
    let db = Db::open(store, &Options::default())?;
    let mut all = true;
    for package in packages {
        if let Err(error) = import_package(&db, Path::new(package)) {
            eprintln!("judge: {package}: not imported: {error}");
            all = false;
        }
    }
    db.close()?;
    Ok(all)
}

fn import_package(db: &Db, directory: &Path) -> Result<()> {
    let name = directory.file_name().and_then(|name| name.to_str()).ok_or("the directory has no name in UTF-8")?;
    let tree = package::read_package(directory, name)?;
    let old = find(&db.view()?, name)?;
    let ids = db.write(|batch| match old {
        Some(document) => batch.replace_tree(document, &tree),
        None => batch.put_tree(&tree),
    })?;
    let replaced = if old.is_some() { " replaced" } else { "" };
    println!("{name}: document {}{replaced}, {} tests", ids.document, tree.inputs.len());
    Ok(())
}

fn find(view: &View, package: &str) -> Result<Option<DocumentId>> {
    for document in view.documents(DocumentId::FIRST)? {
        match view.column(document, "package") {
            Ok(name) if name == Value::String(package.into()) => return Ok(Some(document)),
            Ok(_) | Err(stratum::Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Does something with a package's tree, in a store that must be there.
fn with_tree(store: &str, package: &str, act: impl FnOnce(&str, DocumentId, &Tree) -> Result<bool>) -> Result<bool> {
    let mut options = Options::default();
    options.create = false;
    let db = Db::open(store, &options)?;
    let view = db.view()?;
    let Some(document) = find(&view, package)? else {
        eprintln!("judge: {package}: no such package in {store}");
        return Ok(false);
    };
    let yes = act(package, document, &view.tree(document)?)?;
    db.close()?;
    Ok(yes)
}

fn text<'a>(columns: &'a Columns, name: &str) -> &'a str {
    if let Some(Value::String(text)) = columns.get(name) { text } else { "" }
}

fn texts<'a>(columns: &'a Columns, name: &str) -> &'a [String] {
    if let Some(Value::StringList(texts)) = columns.get(name) { texts } else { &[] }
}

fn content(value: &Value) -> &[u8] {
    match value {
        Value::String(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn sum(bytes: &[u8]) -> String {
    format!("{} bytes, crc32 {:08x}", bytes.len(), crc32fast::hash(bytes))
}

fn described(value: &Value) -> String {
    let kind = if let Value::String(_) = value { "String" } else { "Bytes" };
    format!("{kind} {}", sum(content(value)))
}

fn show(package: &str, document: DocumentId, tree: &Tree) -> Result<bool> {
    println!("{package}: document {document}");
    println!("  title      {}", text(&tree.columns, "title"));
    for (name, between) in [("keywords", ", "), ("flags", " ")] {
        if tree.columns.get(name).is_some() {
            println!("  {name:<9}  {}", texts(&tree.columns, name).join(between));
        }
    }
    if let Some(Value::Int64(samples)) = tree.columns.get("samples") {
        println!("  samples    {samples}");
    }
    println!("  statement  {}", sum(&tree.blob));
    for input in &tree.inputs {
        let output = input.output.as_ref().map_or("no output".into(), |output| format!("out {}", described(output)));
        println!("  {}: in {}; {output}", text(&input.columns, "test"), described(&input.value));
    }
    Ok(true)
}

/// Whether every output agrees.
fn check(package: &str, tree: &Tree, outputs: &str) -> Result<bool> {
    let rules = Rules::new(texts(&tree.columns, "flags"));
    let (mut right, mut judged) = (0, 0);
    for input in &tree.inputs {
        let Some(expected) = &input.output else { continue };
        let test = text(&input.columns, "test");
        let places = ["out", "ans"].map(|extension| Path::new(outputs).join(format!("{test}.{extension}")));
        let why = match places.iter().find(|path| path.is_file()) {
            Some(path) => rules.difference(content(expected), &fs::read(path)?),
            None => Some("no output".into()),
        };
        match &why {
            Some(why) => println!("WRONG  {test}: {why}"),
            None => println!("ok     {test}"),
        }
        judged += 1;
        right += usize::from(why.is_none());
    }
    println!("{package}: {right} of {judged} tests ok");
    Ok(right == judged)
}

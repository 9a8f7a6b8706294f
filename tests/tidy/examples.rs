//! The crate as Rust users see it: every type that lib.rs hands out shows how it is used.

use crate::files::{Source, sources};
use crate::none;

/// The types that the crate's root hands out.
fn public_types(lib: &str) -> impl Iterator<Item = &str> {
    let uses = lib.lines().filter_map(|line| line.strip_prefix("pub use "));
    let names = uses.flat_map(|list| list.split(|c: char| !c.is_alphanumeric()));
    names.filter(|name| name.starts_with(char::is_uppercase) && *name != "Result")
}

/// Whether the comment above this type has code in it; `None` where the file does not define it.
fn has_example(text: &str, name: &str) -> Option<bool> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = |line: &&str| {
        let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let at = lines.iter().position(starts)?;
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with("#["));
    Some(above.into_iter().any(|line| line.starts_with("/// ```")))
}

fn without_example(lib: &str, files: &[Source]) -> Vec<String> {
    let lacks = |name: &&str| !files.iter().any(|file| has_example(&file.text, name) == Some(true));
    public_types(lib).filter(lacks).map(|name| format!("{name} has no example")).collect()
}

#[test]
fn every_public_type_shows_how_it_is_used() {
    let files = sources("src", ".rs");
    let lib = files.iter().find(|file| file.path == "src/lib.rs").expect("the crate has a root");
    none("examples", &without_example(&lib.text, &files));
    assert!(public_types(&lib.text).count() > 20, "the types are found");

    let file = |text: &str| vec![Source { path: "src/x.rs".into(), text: text.into() }];
    let lib = "pub use x::{Plain, function};";
    assert_eq!(without_example(lib, &file("/// Text.\npub struct Plain;\n")), ["Plain has no example"]);
    assert_eq!(without_example(lib, &file("/// ```\n/// ```\n#[derive(Clone)]\npub struct Plain;\n")), [""; 0]);
    assert_eq!(without_example(lib, &file("/// ```\npub struct Plainer;\n")), ["Plain has no example"]);
}

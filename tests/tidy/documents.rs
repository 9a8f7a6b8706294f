//! Documents: links lead somewhere, and promises name tests that exist.

use std::collections::BTreeSet;

use crate::code::code;
use crate::files::{Source, root, sources};
use crate::none;

/// The lines of a document outside of its code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        (!in_block && !is_fence && !line.starts_with("    ")).then_some((at + 1, line))
    })
}

/// The targets of a line's links: `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The anchors that a document's headings make.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    headings
        .map(|heading| {
            let title = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

fn broken_links(file: &Source) -> Vec<String> {
    let folder = root().join(&file.path).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let mut places = Vec::new();
    for (line, text) in prose(&file.text) {
        for link in links(text).filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = folder.join(path);
            let there = if path.is_empty() { true } else { target.exists() };
            let has_anchor = anchor.is_none_or(|anchor| {
                let text = if path.is_empty() { Ok(file.text.clone()) } else { std::fs::read_to_string(&target) };
                text.is_ok_and(|text| anchors(&text).contains(anchor))
            });
            if !there || !has_anchor {
                places.push(file.place(line, format_args!("{link} leads nowhere")));
            }
        }
    }
    places
}

#[test]
fn links_lead_somewhere() {
    none("links", &sources("", ".md").iter().flat_map(broken_links).collect::<Vec<_>>());
    let file = |text: &str| Source { path: "docs/x.md".to_string(), text: text.to_string() };
    assert_eq!(
        broken_links(&file("# A b\n[a](format.md) [b](#a-b) [c](none.md) [d](#none) [e](https://x.org/y)")).len(),
        2
    );
}

/// The names of a Rust file's tests.
fn tests_in(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let after = code.split("#[test]").skip(1).filter_map(|rest| rest.split_once("fn ").map(|(_, rest)| rest));
    after.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

/// The tests that a document names, as `path/to/file.rs::name`.
fn named_tests(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    prose(text).flat_map(|(line, text)| {
        let spans = text.split('`').skip(1).step_by(2);
        spans.filter_map(move |span| {
            let (path, name) = span.split_once(".rs::")?;
            Some((line, &span[..path.len() + 3], name))
        })
    })
}

fn missing_tests(file: &Source) -> Vec<String> {
    let missing = named_tests(&file.text).filter(|(_, path, name)| {
        let text = std::fs::read_to_string(root().join(path));
        !text.is_ok_and(|text| tests_in(&text).contains(*name))
    });
    missing.map(|(line, path, name)| file.place(line, format_args!("there is no test {name} in {path}"))).collect()
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let documents = sources("docs", ".md");
    none("tests that are named", &documents.iter().flat_map(missing_tests).collect::<Vec<_>>());
    let guarantees = documents.iter().find(|file| file.path == "docs/guarantees.md").expect("docs/guarantees.md");
    assert!(named_tests(&guarantees.text).count() > 30, "the guarantees name the tests that hold them");
    let file = |text: &str| Source { path: "docs/x.md".to_string(), text: text.to_string() };
    let own = "tests/tidy/documents.rs";
    assert_eq!(missing_tests(&file(&format!("`{own}::links_lead_somewhere` `{own}::links` `none.rs::x`"))).len(), 2);
}

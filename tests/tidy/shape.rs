//! The shape of files: heads, lengths, line widths, and what must not be left in them.

use crate::code::{code, line_of, words};
use crate::files::{Source, sources};
use crate::none;

const MOST_LINES: usize = 600;
const MOST_COLUMNS: usize = 120;

/// Every Rust file of the project.
fn rust() -> Vec<Source> {
    sources("", ".rs")
}

#[test]
fn every_file_says_what_it_is_for() {
    let bare = rust().into_iter().filter(|file| !file.text.starts_with("//! "));
    none("files without a head", &bare.map(|file| file.place(1, "no //! at its head")).collect::<Vec<_>>());
}

#[test]
fn files_are_of_readable_length() {
    let long = rust().into_iter().filter(|file| file.text.matches('\n').count() > MOST_LINES);
    let places: Vec<String> = long.map(|file| file.place(MOST_LINES, "the file goes on")).collect();
    none("files that are too long", &places);
}

fn ill_shaped(file: &Source) -> Vec<String> {
    let mut places = Vec::new();
    let is_rust = file.path.ends_with(".rs");
    let tabs_belong = file.path == "Makefile" || [".mk", ".go", "go.mod"].iter().any(|kind| file.path.ends_with(kind));
    for (line, text) in file.lines() {
        let width = text.chars().count();
        if is_rust && width > MOST_COLUMNS {
            places.push(file.place(line, format_args!("{width} columns")));
        }
        if text.contains('\t') && !tabs_belong {
            places.push(file.place(line, "a tab"));
        }
        if text.ends_with([' ', '\t', '\r']) {
            places.push(file.place(line, "blanks at the end"));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        places.push(file.place(file.lines().count(), "no line end at the end of the file"));
    }
    places
}

/// Test data keeps its form: what a judge compares may well have blanks at the end.
fn is_data(path: &str) -> bool {
    let kinds = [".in", ".ans", ".out", ".interaction", ".desc", ".patch", ".diff"];
    kinds.iter().any(|kind| path.ends_with(kind)) || path.contains("/data/")
}

#[test]
fn lines_are_of_readable_width_without_tabs_and_trailing_blanks() {
    let files: Vec<Source> = sources("", "").into_iter().filter(|file| !is_data(&file.path)).collect();
    none("lines out of shape", &files.iter().flat_map(ill_shaped).collect::<Vec<_>>());
    let file = |text: &str| Source { path: "src/x.rs".to_string(), text: text.to_string() };
    assert_eq!(ill_shaped(&file(&format!("{}\n\ta\nb \nc", "x".repeat(121)))).len(), 4);
}

fn leftovers(file: &Source) -> Vec<String> {
    let code = code(&file.text);
    let ignored = words(&code, "ignore").into_iter().filter(|at| code[..*at].ends_with("#["));
    let mut places: Vec<String> = ignored.map(|at| file.place(line_of(&code, at), "a test that is not run")).collect();
    let marks = ["TODO", "FIXME", "XXX", "HACK"];
    // This file has to spell them.
    if file.path != "tests/tidy/shape.rs" {
        for mark in marks {
            let found = words(&file.text, mark).into_iter();
            places.extend(found.map(|at| file.place(line_of(&file.text, at), mark)));
        }
    }
    places
}

#[test]
fn nothing_is_left_for_later() {
    none("left for later", &rust().iter().flat_map(leftovers).collect::<Vec<_>>());
    let file = |text: &str| Source { path: "src/x.rs".to_string(), text: text.to_string() };
    assert_eq!(
        leftovers(&file("// FIXME: later\n#[test]\n#[ignore]\nfn f() {}\n#[ignore = \"slow\"]\nfn g() {}")).len(),
        3
    );
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let homes = ["work", "root", "home"].map(|name| format!("/{name}/"));
    let names_home = |text: &str| {
        homes.iter().any(|home| {
            let after = |at: usize| text[..at].chars().next_back();
            text.match_indices(home.as_str())
                .any(|(at, _)| after(at).is_none_or(|c| !c.is_alphanumeric() && !"_-.}".contains(c)))
        })
    };
    let mut places = Vec::new();
    for file in sources("", "") {
        let lines = file.lines().filter(|(_, text)| names_home(text));
        places.extend(lines.map(|(line, _)| file.place(line, "a path of one machine")));
    }
    none("paths of one machine", &places);
    assert!(names_home(&format!("cd {}x", homes[0])) && !names_home(&format!("frame{}x", homes[0])));
}

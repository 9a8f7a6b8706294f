//! What may stand in some rooms only: unsafe code, the file system, clocks, panics.

use crate::code::{line_of, product, words};
use crate::files::{Source, sources};
use crate::none;

const UNSAFE_ROOMS: [&str; 2] = ["src/vfs/os/", "src/capi/"];
const FILE_ROOM: &str = "src/vfs/os/";
const FILES: [&str; 4] = ["std::fs", "File::open", "File::create", "OpenOptions"];
const CLOCK_FILE: &str = "src/sync/clock.rs";
const CLOCKS: [&str; 3] = ["Instant::now", "SystemTime", "UNIX_EPOCH"];
const PANICS: [&str; 6] = [".unwrap()", ".expect(", "panic!", "unreachable!", "todo!", "unimplemented!"];
const PRINTS: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

/// Where any of `words` stands in the product's code of files that `applies` to.
fn found(files: &[Source], words_: &[&str], applies: impl Fn(&str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for file in files.iter().filter(|file| applies(&file.path)) {
        let code = product(&file.path, &file.text);
        for word in words_ {
            let lines = words(&code, word).into_iter().map(|at| line_of(&code, at));
            places.extend(lines.map(|line| file.place(line, format_args!("{word} does not belong here"))));
        }
    }
    places
}

fn is_unsafe_room(path: &str) -> bool {
    UNSAFE_ROOMS.iter().any(|room| path.starts_with(room))
}

#[test]
fn unsafe_code_stays_in_its_rooms() {
    none("unsafe code", &found(&sources("src", ".rs"), &["unsafe", "unsafe_code"], |path| !is_unsafe_room(path)));
}

#[test]
fn files_are_touched_in_one_room() {
    none("the file system", &found(&sources("src", ".rs"), &FILES, |path| !path.starts_with(FILE_ROOM)));
}

#[test]
fn no_result_depends_on_a_clock() {
    none("clocks", &found(&sources("src", ".rs"), &CLOCKS, |path| path != CLOCK_FILE));
}

#[test]
fn nothing_panics_or_prints_on_purpose() {
    let places = found(&sources("src", ".rs"), &[&PANICS[..], &PRINTS].concat(), |path| !NEVER_SHIPPED.contains(&path));
    none("panics and prints", &places);
}

/// Only ever part of a test: taken in under cfg(test), and under the model checkers' flags.
const NEVER_SHIPPED: [&str; 2] = ["src/format/golden.rs", "src/sync/modelled.rs"];

#[test]
fn the_rules_see_what_breaks_them() {
    let file = |path: &str, text: &str| [Source { path: path.to_string(), text: text.to_string() }];
    let text = "fn f() { std::fs::read(p).unwrap(); unsafe { g() } }\n#[cfg(test)]\nmod tests { fn h() { panic!() } }";
    let log = file("src/log/x.rs", text);
    assert_eq!(found(&log, &FILES, |path| !path.starts_with(FILE_ROOM)).len(), 1);
    assert_eq!(found(&log, &["unsafe"], |path| !is_unsafe_room(path)).len(), 1);
    assert_eq!(found(&log, &PANICS, |_| true).len(), 1, "but not in tests");
    assert!(found(&file("src/vfs/os/x.rs", text), &FILES, |path| !path.starts_with(FILE_ROOM)).is_empty());
    assert_eq!(found(&file("src/store/x.rs", "let t = std::time::Instant::now();"), &CLOCKS, |_| true).len(), 1);
}

/// Every unsafe block, impl and function, says why it is sound, right before it or before the statement that it is in.
fn unargued(file: &Source) -> Vec<String> {
    let code = product(&file.path, &file.text);
    let lines: Vec<&str> = file.text.split('\n').collect();
    let opens = |at: &usize| {
        let rest = code[at + "unsafe".len()..].trim_start();
        rest.starts_with('{') || rest.starts_with("impl")
    };
    let blocks = words(&code, "unsafe").into_iter().filter(opens).map(|at| line_of(&code, at));
    blocks
        .filter(|line| !is_argued(&lines, *line))
        .map(|line| file.place(line, "unsafe without a SAFETY comment"))
        .collect()
}

/// Whether a comment with the argument ends on the line before, or on that before the statement's first line.
fn is_argued(lines: &[&str], line: usize) -> bool {
    let mut above = lines[..line - 1].iter().rev().map(|line| line.trim()).peekable();
    // The statement may have begun up to four lines earlier.
    for _ in 0..4 {
        match above.peek() {
            Some(line) if line.starts_with("//") => break,
            Some(line) if line.ends_with(';') || line.ends_with('}') || line.is_empty() => return false,
            _ => drop(above.next()),
        }
    }
    above.take_while(|line| line.starts_with("//")).any(|line| line.contains("SAFETY: "))
}

#[test]
fn every_unsafe_block_is_argued() {
    let files = sources("src", ".rs");
    let places: Vec<String> = files.iter().flat_map(unargued).collect();
    none("unsafe code without its reason", &places);
    let bare = "fn f() {\n    // Fast.\n    unsafe { g() }\n}\n";
    let file = |text: &str| Source { path: "src/capi/x.rs".to_string(), text: text.to_string() };
    assert_eq!(unargued(&file(bare)).len(), 1);
    assert!(unargued(&file(&bare.replace("Fast.", "SAFETY: g has no conditions."))).is_empty());
    assert_eq!(unargued(&file("// SAFETY: of a.\nlet a = 1;\nlet b = unsafe { c };")).len(), 1);
}

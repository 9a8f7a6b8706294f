//! Imports in src/ run one way.
//!
//! ```text
//!   memory, sync, ids, error, value, tree, options  <-  format, vfs  <-  log  <-  index  <-  manifest, checkpoint
//!                                                          capi  ->  store  ->  recovery, compaction, salvage  --^
//! ```
//!
//! 1. A room (a file or folder directly in src/) names only rooms of lower layers; those of its own layer only where
//!    `SIBLINGS` says why.
//! 2. Tests inside a room are bound like the room itself.
//! 3. `sync` is for everybody, the C ABI too: which locks and atomics are meant is decided there alone.
//! 4. What the crate's root re-exports counts as the room that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{code, line_of, words};
use crate::files::{Source, sources};
use crate::none;

const LAYERS: &[&[&str]] = &[
    &["memory", "sync", "ids", "error", "value", "tree", "options"],
    &["format", "vfs"],
    &["log"],
    &["index"],
    &["manifest", "checkpoint"],
    &["recovery", "compaction", "salvage"],
    &["store"],
    &["capi"],
];

/// Imports within a layer: who, from whom, why. Together they may not form a circle.
const SIBLINGS: &[(&str, &str, &str)] = &[
    ("error", "ids", "an error names the document or input that it is about"),
    ("error", "memory", "memory that is refused is an error"),
    ("tree", "memory", "columns make room for more"),
    ("value", "memory", "checking a value's keys takes memory"),
    ("value", "error", "checking a value has a Result"),
    ("options", "error", "checking options has a Result"),
    ("tree", "error", "checking a tree has a Result"),
    ("tree", "ids", "inputs that were read carry their ids"),
    ("tree", "value", "a tree is made of values"),
];

/// What the crate's root makes public: rooms, and names with the room that they come from.
struct Root {
    public: BTreeSet<String>,
    names: BTreeMap<String, String>,
}

impl Root {
    fn parse(lib: &str) -> Root {
        let lib = code(lib);
        let (mut public, mut names) = (BTreeSet::new(), BTreeMap::new());
        for statement in lib.split(';').map(str::trim) {
            if let Some(room) = statement.strip_prefix("pub mod ") {
                public.insert(room.trim().to_string());
            } else if let Some((room, list)) = statement.strip_prefix("pub use ").and_then(|path| path.split_once("::"))
            {
                for name in list.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty()) {
                    names.insert(name.to_string(), room.to_string());
                }
            }
        }
        Root { public, names }
    }

    /// The room behind the first name of a path from the root; none for the room's own items, which `super` leads to.
    fn room<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let known = LAYERS.iter().flat_map(|rooms| rooms.iter()).any(|room| *room == name);
        if known { Some(name) } else { self.names.get(name).map(String::as_str) }
    }
}

/// The modules that a file's path stands for: `src/store/batch/mod.rs` is [store, batch].
fn module(path: &str) -> Vec<&str> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    inner.trim_end_matches("/mod").split('/').collect()
}

/// First names of all paths that begin at the crate's root, with their offsets: `crate::a`, `crate::{a, b::c}`,
/// `super::super::a`.
fn from_root(path: &str, code: &str) -> Vec<(usize, String)> {
    let mut starts: Vec<(usize, usize)> =
        words(code, "crate::").into_iter().map(|at| (at, at + "crate::".len())).collect();
    let depth = module(path).len();
    for at in words(code, "super::") {
        let supers = code[at..].split("super::").take_while(|between| between.is_empty()).count() - 1;
        let is_first = !code[..at].ends_with("super::");
        if is_first && supers + 1 >= depth {
            starts.push((at, at + (supers + 1) * "super::".len()));
        }
    }
    let mut found = Vec::new();
    for (at, start) in starts {
        found.extend(first_names(&code[start..]).into_iter().map(|name| (at, name)));
    }
    found
}

/// The first names of a path, or of each path in a braced list.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = rest.strip_prefix('{') else {
        return Some(name(rest)).filter(|name| !name.is_empty()).into_iter().collect();
    };
    let (mut depth, mut names, mut at_start) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                names.push(name(&list[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

fn rank(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// Imports that run the wrong way, and those within a layer that were met.
fn misdirected(files: &[Source], root: &Root) -> (Vec<String>, BTreeSet<(String, String)>) {
    let (mut places, mut siblings) = (Vec::new(), BTreeSet::new());
    for file in files.iter().filter(|file| file.path != "src/lib.rs") {
        let own = module(&file.path)[0];
        let Some(layer) = rank(own) else {
            places
                .push(file.place(1, format_args!("the room {own} is in no layer: see LAYERS in tests/tidy/layers.rs")));
            continue;
        };
        let code = code(&file.text);
        for (at, name) in from_root(&file.path, &code) {
            let Some(room) = root.room(&name).filter(|room| *room != own) else { continue };
            let line = line_of(&code, at);
            if rank(room).is_some_and(|other| other > layer) {
                places.push(file.place(line, format_args!("{own} names {room}, which lies above it")));
            } else if rank(room) == Some(layer) {
                siblings.insert((own.to_string(), room.to_string()));
                if !SIBLINGS.iter().any(|(from, to, _)| *from == own && *to == room) {
                    places.push(file.place(line, format_args!("{own} names {room}, which lies beside it")));
                }
            }
            if own == "capi" && room != "sync" && !root.public.contains(room) {
                places.push(file.place(line, format_args!("capi names {room}, which is not public")));
            }
        }
    }
    (places, siblings)
}

#[test]
fn imports_run_one_way() {
    let lib = sources("src", "lib.rs");
    let root = Root::parse(&lib[0].text);
    let (places, met) = misdirected(&sources("src", ".rs"), &root);
    none("imports that run the wrong way", &places);
    for (from, to, why) in SIBLINGS {
        assert!(met.contains(&(from.to_string(), to.to_string())), "no longer true: {from} names {to}, because {why}");
        assert!(!met.contains(&(to.to_string(), from.to_string())), "{from} and {to} name each other");
    }
}

#[test]
fn a_wrong_import_is_seen_however_it_is_written() {
    let root = Root::parse("pub mod error;\npub mod store;\nmod log;\npub use store::{Db, View};");
    let seen = |path: &str, text: &str| {
        let file = Source { path: path.to_string(), text: text.to_string() };
        misdirected(&[file], &root).0.len()
    };
    assert_eq!(seen("src/log/writer.rs", "use crate::store::core::Core;"), 1);
    assert_eq!(seen("src/log/writer.rs", "use crate::{error::Error, index::{A, B}, Db};"), 2);
    assert_eq!(seen("src/log/writer.rs", "fn f() { crate::Db::open() }"), 1);
    assert_eq!(seen("src/log/writer.rs", "use super::super::index::Index;"), 1);
    assert_eq!(seen("src/vfs/os/mod.rs", "use super::super::format::crc;"), 1);
    assert_eq!(seen("src/vfs/os/mod.rs", "mod tests { use super::super::super::format::crc; }"), 1);
    assert_eq!(seen("src/recovery/mod.rs", "use crate::compaction;"), 1);
    assert_eq!(seen("src/capi/db.rs", "use crate::log::Dir;"), 1);
    assert_eq!(seen("src/somewhere.rs", ""), 1);
    assert_eq!(
        seen(
            "src/log/writer.rs",
            "use super::dir::Dir; use crate::log::Dir; // crate::store\nuse crate::error::Error;"
        ),
        0
    );
    assert_eq!(seen("src/manifest.rs", "mod tests { use super::*; use super::Manifest; }"), 0);
}

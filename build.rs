//! Makes the C header into OUT_DIR and sets what the shared library is called.
//!
//! 1. Nothing outside OUT_DIR is written. The committed include/stratum.h is compared with this one by a test
//!    (tests/capi) and refreshed by `make header`.
//! 2. A header that cannot be made fails the build.

use std::env;
use std::path::{Path, PathBuf};

/// The files of src/capi that declare something, in the order in which the header shows it, each with the title that
/// its functions stand under.
const SOURCES: &[(&str, &str)] = &[
    ("status", "Status codes and the library"),
    ("error", "Errors"),
    ("options", "Open options"),
    ("value", "Values"),
    ("tree", "Trees"),
    ("result", "Results of reads"),
    ("pinned", "Pinned bytes"),
    ("db", "Stores"),
    ("stats", "Figures"),
    ("verify", "The full check"),
    ("salvage", "Repair: saving what still checks out of a damaged store"),
    ("view", "Reads: each through a view"),
    ("cursor", "Cursors"),
    ("batch", "Batches"),
    ("batch_writes", "Writes: each on a batch"),
    ("apply", "Writes in one buffer"),
    ("db_writes", "Writes as single calls"),
];

/// Raised with every change that breaks programs linked against the library.
const SONAME: &str = "libstratum.so.0";

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let header = compact(&titled(&generate(&root), &titles(&root)));
    let target = PathBuf::from(variable("OUT_DIR")).join("stratum.h");
    if let Err(error) = std::fs::write(&target, header) {
        panic!("cannot write {}: {error}", target.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    println!("cargo:rerun-if-changed=src/capi");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn source(root: &Path, name: &str) -> PathBuf {
    root.join("src/capi").join(name).with_extension("rs")
}

fn generate(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut builder = cbindgen::Builder::new().with_config(config);
    for (name, _) in SOURCES {
        builder = builder.with_src(source(root, name));
    }
    let bindings = builder.generate().unwrap_or_else(|error| panic!("cbindgen: {error}"));
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).expect("cbindgen writes UTF-8")
}

/// The first function of each source, with the title that goes before it.
fn titles(root: &Path) -> Vec<(String, &'static str)> {
    let first = |name: &str| {
        let path = source(root, name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, declared) = text.split_once("extern \"C\" fn stratum_").expect("every source declares a function");
        format!("stratum_{}(", declared.split('(').next().unwrap_or_default())
    };
    SOURCES.iter().map(|(name, title)| (first(name), *title)).collect()
}

/// The header with titles over its groups of functions. Declarations are separated by empty lines.
fn titled(header: &str, titles: &[(String, &str)]) -> String {
    let mut blocks = Vec::new();
    for block in ordered(header) {
        let code = block.split("*/\n").last().unwrap_or_default();
        if let Some((_, title)) = titles.iter().find(|(first, _)| code.contains(first.as_str())) {
            blocks.push(format!("/* ---- {title} {} */", "-".repeat(100 - title.len())));
        }
        blocks.push(block.to_string());
    }
    blocks.join("\n\n")
}

/// The declarations, with the struct that holds a value after the value: the two lead to each other, and cbindgen puts
/// the holder first, where the value is not complete yet.
fn ordered(header: &str) -> Vec<&str> {
    let mut blocks: Vec<&str> = header.split("\n\n").collect();
    let position = |blocks: &[&str], name: &str| {
        let declares = format!("\ntypedef struct {name} {{");
        blocks.iter().position(|block| block.contains(&declares)).unwrap_or_else(|| panic!("no {name} in the header"))
    };
    let entry = blocks.remove(position(&blocks, "stratum_entry"));
    blocks.insert(position(&blocks, "stratum_value") + 1, entry);
    blocks
}

/// Comments of one line on one line, and none of the `//` comments that C89 does not know.
fn compact(header: &str) -> String {
    let lines: Vec<&str> = header.lines().collect();
    let mut out = String::with_capacity(header.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let comment = lines.get(at + 1).and_then(|next| next.trim_start().strip_prefix("* "));
        let ends = lines.get(at + 2).is_some_and(|last| last.trim() == "*/");
        if let (Some(indent), Some(comment), true) = (line.strip_suffix("/**"), comment, ends) {
            out.push_str(&format!("{indent}/** {comment} */\n"));
            at += 3;
            continue;
        }
        match line.split_once("//") {
            Some((code, comment)) if code.starts_with(['#', '}']) => {
                out.push_str(&format!("{} /* {} */\n", code.trim_end(), comment.trim()));
            }
            _ => out.push_str(&format!("{}\n", line.trim_end())),
        }
        at += 1;
    }
    out
}

//! The project's files.
//!
//! 1. What builds leave behind (`target`, `build`) and what git keeps for itself are no part of the project.
//! 2. Files that are not text are passed over: only tests/ and examples/ may have them.

use std::fs;
use std::path::{Path, PathBuf};

const NOT_OURS: [&str; 4] = ["target", "build", ".git", "node_modules"];

/// A text file of the project.
pub struct Source {
    /// Its path from the root, with `/` between the names.
    pub path: String,
    pub text: String,
}

impl Source {
    /// Lines with their numbers, from one on.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split('\n').enumerate().map(|(at, line)| (at + 1, line))
    }

    /// A place in it, as failures name it.
    pub fn place(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file below `folder` (from the root, empty for all) whose name ends in `suffix`.
pub fn sources(folder: &str, suffix: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    let wanted = paths.into_iter().filter(|path| path.to_string_lossy().ends_with(suffix));
    let sources = wanted.filter_map(|path| {
        let text = String::from_utf8(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        let name = path.strip_prefix(root()).unwrap_or_else(|_| panic!("{} is elsewhere", path.display()));
        Some(Source { path: name.to_string_lossy().into_owned(), text: text.ok()? })
    });
    let sources: Vec<Source> = sources.collect();
    assert!(!sources.is_empty(), "there is no {suffix:?} in {folder:?}");
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let kind = entry.file_type().unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
        if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
}

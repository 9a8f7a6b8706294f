//! Where packages and suites are, and folders of files made up for one test.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// A folder of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder of third-party data; `None`, with a note on stderr, where it does not stand beside the project.
pub fn shared(name: &str) -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("STRATUM_SHARED_DATA") {
        let folder = Path::new(&given).join(name);
        assert!(folder.is_dir(), "STRATUM_SHARED_DATA is set, but {} is no folder", folder.display());
        return Some(folder);
    }
    let folder = project("../shared/data").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    static NOTE: Once = Once::new();
    NOTE.call_once(|| {
        let text = format!("note: {} is missing; tests run on the project's own data only\n", folder.display());
        // Not through the macros, whose output is shown for failed tests only.
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    });
    None
}

/// Every package at hand: the project's own, and the real ones.
pub fn packages() -> Vec<PathBuf> {
    let mut folders = vec![project("examples/packages")];
    folders.extend(shared("icpc-packages"));
    let mut packages = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<PathBuf> = entries.filter(|path| path.join("problem.yaml").is_file()).collect();
        found.sort();
        assert!(found.len() >= 4, "{} has lost packages: {found:?}", folder.display());
        packages.append(&mut found);
    }
    packages
}

/// The name of a file or folder.
pub fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Writes files below a folder, with the folders that they need.
pub fn write<'a>(folder: &Path, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// All files below a folder: path in it, and bytes; sorted.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let place = path.strip_prefix(folder).unwrap().to_str().unwrap().to_string();
                found.push((place, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

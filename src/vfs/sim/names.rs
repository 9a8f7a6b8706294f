//! The names of all files: what a process sees, what is durable, and the changes between.
//!
//! 1. `visible` is `durable` with every pending change applied, in order, and with what was forgotten.
//! 2. A change is applied whole or not at all, and never before an earlier pending change of a name it touches.
//! 3. Paths are absolute and plain (`normal`), so that one file has one spelling.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::Survival;
use super::rng::Rng;

/// Absolute, without `.`, `..` and trailing slashes; relative paths start at the root.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    plain
}

#[derive(Clone)]
enum Change {
    Add { path: PathBuf, inode: u64 },
    Remove { path: PathBuf },
    Move { from: PathBuf, to: PathBuf, inode: u64 },
}

impl Change {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let (first, second) = match self {
            Change::Add { path, .. } | Change::Remove { path } => (path, None),
            Change::Move { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(first).chain(second)
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Change::Add { path, inode } => {
                names.insert(path.clone(), *inode);
            }
            Change::Remove { path } => {
                names.remove(path);
            }
            Change::Move { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

#[derive(Clone)]
pub(super) struct Names {
    directories: BTreeSet<PathBuf>,
    visible: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    pending: Vec<Change>,
}

impl Names {
    pub(super) fn new() -> Names {
        Names {
            directories: BTreeSet::from([PathBuf::from("/")]),
            visible: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    pub(super) fn is_directory(&self, path: &Path) -> bool {
        self.directories.contains(path)
    }

    /// Directories are durable as soon as they are made.
    pub(super) fn add_directory(&mut self, path: &Path) {
        self.directories.insert(path.to_path_buf());
    }

    pub(super) fn get(&self, path: &Path) -> Option<u64> {
        self.visible.get(path).copied()
    }

    /// Every file's path and inode, as a process sees them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PathBuf, u64)> {
        self.visible.iter().map(|(path, inode)| (path, *inode))
    }

    /// The names in a directory, subdirectories included.
    pub(super) fn list(&self, dir: &Path) -> Vec<PathBuf> {
        let paths = self.visible.keys().chain(&self.directories);
        paths.filter(|path| path.parent() == Some(dir)).filter_map(|path| path.file_name().map(PathBuf::from)).collect()
    }

    pub(super) fn add(&mut self, path: &Path, inode: u64) {
        self.change(Change::Add { path: path.to_path_buf(), inode });
    }

    pub(super) fn add_durably(&mut self, path: &Path, inode: u64) {
        self.visible.insert(path.to_path_buf(), inode);
        self.durable.insert(path.to_path_buf(), inode);
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.change(Change::Remove { path: path.to_path_buf() });
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, inode: u64) {
        self.change(Change::Move { from: from.to_path_buf(), to: to.to_path_buf(), inode });
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.visible);
        self.pending.push(change);
    }

    /// The changes in `dir` become durable, and those elsewhere that they build on.
    pub(super) fn sync(&mut self, dir: &Path) {
        let mut needed: BTreeSet<PathBuf> = BTreeSet::new();
        let mut is_synced = vec![false; self.pending.len()];
        for (change, is_synced) in self.pending.iter().zip(&mut is_synced).rev() {
            if change.paths().any(|path| path.parent() == Some(dir) || needed.contains(path)) {
                *is_synced = true;
                needed.extend(change.paths().cloned());
            }
        }
        let mut fate = is_synced.into_iter();
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let is_synced = fate.next().unwrap_or(false);
            if is_synced {
                change.apply(durable);
            }
            !is_synced
        });
    }

    /// The changes in `dir` are seen as before, and nothing makes them durable any more.
    pub(super) fn forget(&mut self, dir: &Path) {
        self.pending.retain(|change| change.paths().all(|path| path.parent() != Some(dir)));
    }

    /// The inodes that a name leads to, now or after some power loss.
    pub(super) fn reachable(&self) -> BTreeSet<u64> {
        let pending = self.pending.iter().filter_map(|change| match change {
            Change::Add { inode, .. } | Change::Move { inode, .. } => Some(*inode),
            Change::Remove { .. } => None,
        });
        self.visible.values().chain(self.durable.values()).copied().chain(pending).collect()
    }

    /// The names as a power loss may leave them.
    pub(super) fn survivors(&self, rng: &mut Rng, survival: Survival) -> Names {
        let names = match survival {
            Survival::Nothing => self.durable.clone(),
            Survival::Everything => self.first_changes(self.pending.len()),
            Survival::Mixed => self.some_changes(rng),
        };
        Names { directories: self.directories.clone(), durable: names.clone(), visible: names, pending: Vec::new() }
    }

    fn first_changes(&self, count: usize) -> BTreeMap<PathBuf, u64> {
        let mut names = self.durable.clone();
        self.pending.iter().take(count).for_each(|change| change.apply(&mut names));
        names
    }

    fn some_changes(&self, rng: &mut Rng) -> BTreeMap<PathBuf, u64> {
        let mut names = self.durable.clone();
        let kept = [0.0, 0.2, 0.5, 0.8, 1.0, -1.0][rng.index(6)];
        if kept < 0.0 {
            return self.first_changes(rng.index(self.pending.len() + 1));
        }
        let mut lost: BTreeSet<&PathBuf> = BTreeSet::new();
        for change in &self.pending {
            if change.paths().any(|path| lost.contains(path)) || !rng.chance(kept) {
                lost.extend(change.paths());
            } else {
                change.apply(&mut names);
            }
        }
        names
    }
}

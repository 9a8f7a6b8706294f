//! Opening a store: what is on disk, decided once, before anything is changed.
//!
//! ```text
//!   refuse foreign, newer, damaged --> lock --> manifest --> segments --> tail of the active segment --> index
//!                                                                                                         |
//!                  clear leftovers <-- manifest edit <-- rewrite the unsynced tail, sync  <----------------
//! ```
//!
//! 1. Nothing on disk changes before everything was read and found good; a read error is an error, never "the end".
//! 2. What a commit frame says was durable must be there (`Corruption` if not); behind it, everything from the first
//!    damage on is discarded and reported (`tail`).
//! 3. What survives of the unsynced tail is written anew and synced before `open` returns: the pages that the kernel
//!    still shows may have been dropped by a failed sync. A recovered segment is never appended to.
//! 4. What `open` shows is durable when it returns, whatever state the process before left the page cache in.
//!    Contents are: each edit was made when what it names had been synced. Names, the manifest's own among them, are
//!    synced by any edit made here, and at the end where none was - unless the checkpoint vouches for them: it was
//!    begun when the edit whose number it gives was durable. Where that is the newest still, and nothing but what it
//!    names is there, no process that was killed left anything to be synced.
//! 5. A crash anywhere in here leaves the old manifest or the new one, and both lead to the same state.

mod rebuild;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint;
use crate::error::{Error, Result};
use crate::format::extent::Extent;
use crate::format::manifest::{Change, SegmentMeta};
use crate::format::names;
use crate::format::record::RecordHeader;
use crate::format::segment::{HEADER_LEN, SegmentHeader, SegmentKind};
use crate::index::{Ledger, State};
use crate::log::build::SegmentBuilder;
use crate::log::spare::Spare;
use crate::log::{Dir, Segment, SegmentTable};
use crate::manifest::Manifest;
use crate::options::{Compression, Options, ReadMode};
use crate::vfs::{FileLock, FileSystem};

pub use rebuild::rebuild;
pub use tail::Tail;

/// What opening a store came to.
pub struct Opened {
    /// Its directory.
    pub dir: Dir,
    /// Held for as long as the store is open.
    pub lock: Box<dyn FileLock>,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its newest moment.
    pub state: State,
    /// Live bytes per segment.
    pub ledger: Ledger,
    /// The lowest document id never handed out.
    pub next_document: u64,
    /// What recovery had to do.
    pub report: Report,
    /// The manifest's newest edit when the checkpoint was written that was used.
    pub vouched_for: Option<u64>,
    /// The reserves for a full disk: a log segment, and an output of compaction.
    pub spares: (Spare, Spare),
}

/// What recovery had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes behind the last whole commit that were discarded.
    pub discarded_bytes: u64,
    /// Bytes of log that were replayed.
    pub replayed_bytes: u64,
    /// Sequence number that the checkpoint covers; zero where none was used.
    pub checkpoint_sequence: u64,
}

/// Opens the store at `path`, or creates it.
pub fn open(fs: Arc<dyn FileSystem>, path: &Path, options: &Options) -> Result<Opened> {
    let dir = Dir::new(fs, path);
    let peeked = Manifest::peek(&dir);
    let found = match &peeked {
        // Not there, as far as one name can tell.
        Err(Error::Io { .. }) => look(&dir, &list(&dir)?)?,
        _ => Found::Store,
    };
    found.is_wanted(path, options)?;
    match found {
        Found::Store => {
            let peeked = match peeked {
                // It was created after it was looked for, and before the directory was listed.
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Manifest::peek(&dir),
                peeked => peeked,
            };
            peeked?;
        }
        Found::Nothing => {
            let created = dir.fs().create_dir_all(path);
            created.map_err(|error| Error::io("creating the directory", path, error))?;
        }
    }
    let lock_path = dir.join(names::LOCK);
    let lock = dir.fs().lock(&lock_path).map_err(|error| Error::io("locking", &lock_path, error))?;
    let lock = lock.ok_or_else(|| Error::Locked(path.to_path_buf()))?;
    dir.hold()?;
    // Only now is it certain that nobody else creates it.
    let listed = list(&dir)?;
    let found = look(&dir, &listed)?;
    found.is_wanted(path, options)?;
    let (manifest, is_new) = match found {
        Found::Store => (Manifest::load(&dir)?, false),
        Found::Nothing => {
            let store = dir.fs().unique_id().map_err(|error| Error::io("making an id for", path, error))?;
            (Manifest::create(&dir, store)?, true)
        }
    };
    recover(Locked { dir, lock, manifest, is_new, listed }, options.read_mode)
}

/// The names in the directory; none where there is no directory.
fn list(dir: &Dir) -> Result<Vec<PathBuf>> {
    match dir.fs().list(dir.path()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|error| Error::io("listing", dir.path(), error)),
    }
}

fn is_listed(listed: &[PathBuf], name: &str) -> bool {
    listed.iter().any(|other| other.as_os_str() == name)
}

enum Found {
    Nothing,
    Store,
}

impl Found {
    /// Refuses what the options do not ask for.
    fn is_wanted(&self, path: &Path, options: &Options) -> Result<()> {
        let what = match self {
            Found::Store if options.exclusive => "there is a store already, and `exclusive` was asked for",
            Found::Nothing if !options.create => "there is no store, and `create` is off",
            _ => return Ok(()),
        };
        Err(Error::OpenRefused { path: path.to_path_buf(), what })
    }
}

/// Tells a store from an empty place, and refuses everything else.
fn look(dir: &Dir, listed: &[PathBuf]) -> Result<Found> {
    if is_listed(listed, names::MANIFEST) {
        return Ok(Found::Store);
    }
    if is_listed(listed, names::REPAIR_UNFINISHED) {
        let what = "a repair into this directory was cut short; remove it, and repair again".to_string();
        return Err(Error::NotAStore { path: dir.path().to_path_buf(), what });
    }
    if let Some(segment) = listed.iter().find(|name| names::segment_id(name).is_some()) {
        let what = "there are segments, and no manifest";
        return Err(Error::corruption(&dir.path().join(segment), 0, None, what));
    }
    match listed.iter().find(|name| !names::precedes_a_store(name)) {
        None => Ok(Found::Nothing),
        Some(other) => {
            let what = format!("the directory holds other files ({})", other.display());
            Err(Error::NotAStore { path: dir.path().to_path_buf(), what })
        }
    }
}

/// A store that nobody else can change any more.
struct Locked {
    dir: Dir,
    lock: Box<dyn FileLock>,
    manifest: Manifest,
    /// It was created, and so is durable.
    is_new: bool,
    /// The names in its directory.
    listed: Vec<PathBuf>,
}

/// Finds the newest moment of a store.
fn recover(store: Locked, mode: ReadMode) -> Result<Opened> {
    let Locked { dir, lock, mut manifest, is_new, listed } = store;
    let state = manifest.state().clone();
    let spare = |name| Spare::new(&dir, name, is_listed(&listed, name));
    let spares = (spare(names::SPARE_LOG), spare(names::SPARE_COMPACTION));
    let (mut leftovers, unfinished) = unnamed(&dir, &manifest, &listed)?;
    let checkpoint =
        if is_listed(&listed, names::CHECKPOINT) { checkpoint::load(&dir, &state.store, mode)? } else { None };
    let synced = checkpoint.as_ref().map_or((0, 0), |checkpoint| checkpoint.head.position);
    let vouched_for = checkpoint.as_ref().map(|checkpoint| checkpoint.head.edit);
    let mut segments: Vec<(Arc<Segment>, u64)> = Vec::new();
    let mut tail: Option<(u32, Tail)> = None;
    for meta in state.segments.values() {
        let active = meta.length == 0;
        let segment = Segment::open(&dir, &state.store, meta.id, (!active).then_some(meta.length), mode)?;
        if segment.header().kind != meta.kind || segment.header().epoch != meta.epoch {
            return Err(segment.damage(0, None, "the segment is not the one that the manifest names"));
        }
        let segment = Arc::new(segment);
        let mut length = meta.length;
        if active {
            let found = tail::examine(&segment, if synced.0 == meta.id { synced.1 } else { 0 })?;
            length = found.valid_end;
            if tail.replace((meta.id, found)).is_some() {
                return Err(segment.damage(0, None, "the manifest names a second active segment"));
            }
        }
        segments.push((segment, length));
    }
    let mut rebuilt = rebuild(&segments, checkpoint)?;
    let mut report = rebuilt.report;
    let vouched_for = vouched_for.filter(|_| report.checkpoint_sequence > 0);
    let mut is_durable = is_new || (vouched_for == Some(manifest.number()) && unfinished.is_empty());
    // They replaced nothing, and on a full disk their room is needed.
    for path in unfinished {
        dir.remove(&path)?;
    }
    if let Some((id, found)) = tail {
        report.discarded_bytes = found.discarded;
        let at = segments.iter().position(|(segment, _)| segment.id() == id);
        let (segment, _) = segments.remove(at.unwrap_or_default());
        let settled = with_reserves(&dir, &spares, || settle_tail(&dir, &mut manifest, &segment, &found, mode))?;
        for (header, extent) in settled.moved {
            rebuilt.relocate(&header, extent)?;
        }
        rebuilt.finish()?;
        for segment in settled.segments {
            let length = segment.readable();
            segments.push((segment, length));
        }
        leftovers.push(dir.segment(id));
        is_durable = true;
    }
    // A file that an earlier recovery left may have been written anew by this one.
    leftovers.retain(|path| !segments.iter().any(|(segment, _)| segment.path() == path));
    if !leftovers.is_empty() {
        // What was read may not be on disk yet, and what it replaced must not go before it is.
        let marks = manifest.marks();
        with_reserves(&dir, &spares, || manifest.commit(&[], marks))?;
        is_durable = true;
    }
    for path in leftovers {
        dir.remove(&path)?;
    }
    if !is_durable {
        dir.sync()?;
    }
    let mut table = SegmentTable::default();
    table.change(segments.into_iter().map(|(segment, _)| segment), &[]);
    let next_document = rebuilt.next_document.max(state.marks.next_document);
    let sequence = rebuilt.sequence.max(manifest.marks().sequence);
    let state = State { index: rebuilt.index, segments: table, sequence, position: (0, 0) };
    let ledger = rebuilt.ledger;
    Ok(Opened { dir, lock, manifest, state, ledger, next_document, report, vouched_for, spares })
}

/// Does what needs a little room. Where the disk is full, the reserves make it, compaction's first: a store that could
/// not be opened could not be emptied either.
fn with_reserves<T>(dir: &Dir, spares: &(Spare, Spare), mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let mut done = work();
    for spare in [&spares.1, &spares.0] {
        if matches!(done, Err(Error::NoSpace { .. })) && spare.release(dir)? {
            done = work();
        }
    }
    done
}

/// Segments that no manifest edit names: left by a crash, and of no meaning - unless they hold commits, which would
/// mean that the edit which named them was lost, or that the manifest is another store's. And files that were to take
/// the place of others, and never did.
fn unnamed(dir: &Dir, manifest: &Manifest, listed: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let state = manifest.state();
    let (mut leftovers, mut unfinished) = (Vec::new(), Vec::new());
    for name in listed {
        let path = dir.path().join(name);
        let Some(id) = names::segment_id(name) else {
            if [names::MANIFEST_NEW, names::CHECKPOINT_NEW].iter().any(|own| name.as_os_str() == *own) {
                unfinished.push(path);
            }
            continue;
        };
        if state.segments.contains_key(&id) {
            continue;
        }
        if Segment::store_of(dir, id)?.is_some_and(|store| store != state.store) {
            let what = "the segment belongs to another store: it or the manifest is not where it should be";
            return Err(Error::corruption(&path, 0, None, what));
        }
        if first_commit(dir, &state.store, id)?.is_some_and(|sequence| sequence > state.marks.sequence) {
            let what = "the segment holds commits, and the manifest's edit that named it is damaged or lost";
            return Err(Error::corruption(&path, 0, None, what));
        }
        leftovers.push(path);
    }
    Ok((leftovers, unfinished))
}

/// Sequence number of the first commit in an unnamed file, if it is a log segment of this store with one.
fn first_commit(dir: &Dir, store: &[u8; 16], id: u32) -> Result<Option<u64>> {
    let segment = match Segment::open(dir, store, id, None, ReadMode::Pread) {
        Err(Error::Corruption(_) | Error::NewerFormat { .. }) => return Ok(None),
        opened => Arc::new(opened?),
    };
    if segment.header().kind != SegmentKind::Log {
        return Ok(None);
    }
    match tail::whole_commit(&segment, HEADER_LEN, segment.readable(), 0) {
        Err(Error::Corruption(_) | Error::NewerFormat { .. }) => Ok(None),
        commit => commit.map(|commit| Some(commit.header.sequence)),
    }
}

/// What took the place of the segment that was active.
struct Settled {
    segments: Vec<Arc<Segment>>,
    /// Records that were written anew, with their new places.
    moved: Vec<(RecordHeader, Extent)>,
}

/// Seals the active segment of the crashed process at its durable end, and moves what survives behind it into a
/// segment of its own. Reads nothing; may be tried again where there was no room.
fn settle_tail(
    dir: &Dir,
    manifest: &mut Manifest,
    segment: &Arc<Segment>,
    tail: &Tail,
    mode: ReadMode,
) -> Result<Settled> {
    let mut marks = manifest.marks();
    marks.epoch += 1;
    marks.sequence = marks.sequence.max(tail.max_sequence);
    manifest.check(&marks, 0)?;
    let mut changes = Vec::new();
    let mut settled = Settled { segments: Vec::new(), moved: Vec::new() };
    if tail.durable > HEADER_LEN {
        let old = segment.header();
        let meta = SegmentMeta {
            id: old.id,
            kind: old.kind,
            epoch: old.epoch,
            length: tail.durable,
            footer: 0,
            min_sequence: tail.min_sequence,
            max_sequence: tail.max_durable_sequence,
        };
        changes.push(Change::Segment(meta));
        segment.set_readable(tail.durable);
        settled.segments.push(Arc::clone(segment));
    } else {
        changes.push(Change::Remove(segment.id()));
    }
    if !tail.unsynced.is_empty() {
        let header = SegmentHeader {
            store: manifest.state().store,
            id: marks.next_segment,
            kind: SegmentKind::Recovered,
            epoch: marks.epoch,
            first_sequence: tail.max_durable_sequence + 1,
            compression: Some(Compression::None),
        };
        let path = dir.segment(header.id);
        let written = write_unsynced(dir, header, tail, mode, &mut settled.moved);
        let (recovered, meta) = written.inspect_err(|_| {
            // Left behind, the file is a leftover that no manifest names; the next open removes it.
            let _ = dir.remove(&path);
        })?;
        changes.push(Change::Segment(meta));
        settled.segments.push(recovered);
    }
    manifest.commit(&changes, marks)?;
    Ok(settled)
}

/// Writes the unsynced commits into a segment of their own, durable with its name, and notes where.
fn write_unsynced(
    dir: &Dir,
    header: SegmentHeader,
    tail: &Tail,
    mode: ReadMode,
    moved: &mut Vec<(RecordHeader, Extent)>,
) -> Result<(Arc<Segment>, SegmentMeta)> {
    let mut builder = SegmentBuilder::create(dir, header, None)?;
    for (header, payload) in &tail.unsynced {
        moved.push((*header, builder.append(header, payload)?));
    }
    let finished = builder.finish(mode)?;
    dir.sync()?;
    Ok(finished)
}

//! Opening hostile stores: the bytes choose a good store and damage it.
//!
//! 1. Nothing panics: not opening, not reading everything, not verifying, not writing and compacting afterwards.
//! 2. Where no checksum was made to match, nothing is read that was never written: every answer is one that some commit
//!    of this store gave, or an error; and where verification finds nothing, everything can be read.
//! 3. What is repaired is a store in which nothing is wrong, and the damaged one is as it was.

#![no_main]

mod golden;
mod seal;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use golden::{Golden, History};
use libfuzzer_sys::fuzz_target;
use source::Source;
use stratum::format::names::LOCK;
use stratum::salvage::repair_on;
use stratum::vfs::FileSystem;
use stratum::vfs::sim::SimDisk;
use stratum::{Db, DocumentId, Options, ReadMode, RepairOptions, Result, Value, View};

static STORES: LazyLock<Vec<Golden>> = LazyLock::new(golden::all);

const MOST_CHANGES: usize = 8;
const PLACE: &str = "/store";

type Files = BTreeMap<PathBuf, Vec<u8>>;

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let choice = source.byte();
    let golden = &STORES[usize::from(choice & 3 | choice >> 2 & 4) % STORES.len()];
    let (is_mapped, is_sealed) = (choice & 4 != 0, choice & 8 != 0);
    let mut files = golden.files.clone();
    for _ in 0..MOST_CHANGES {
        if source.is_empty() {
            break;
        }
        change(&mut files, &mut source, is_sealed);
    }
    if is_sealed {
        for (name, bytes) in &mut files {
            seal::file(&name.to_string_lossy(), bytes);
        }
    }
    let mut options = golden.options.clone();
    options.read_mode = if is_mapped { ReadMode::Mmap } else { ReadMode::Pread };
    let disk = planted(&files, is_mapped);
    let history = (!is_sealed).then_some(&golden.history);
    // An error is a right answer to damage.
    let _ = if choice & 32 == 0 { use_store(&disk, &options, history) } else { repair_store(&disk) };
});

fn planted(files: &Files, is_mapped: bool) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(PLACE)).expect("the directory is made");
    if is_mapped {
        disk.allow_map();
    }
    files.iter().for_each(|(name, bytes)| disk.plant(&Path::new(PLACE).join(name), bytes));
    disk
}

/// One change to the files. Where checksums will be made to match it may write anything; else it only flips bits, moves
/// bytes about and drops them, so that no checksum is ever found by trying.
fn change(files: &mut Files, source: &mut Source<'_>, is_sealed: bool) {
    let what = source.byte();
    let names: Vec<PathBuf> = files.keys().cloned().collect();
    let Some(name) = names.get(usize::from(source.byte()) % names.len().max(1)) else { return };
    let Some(other) = names.get(usize::from(what >> 4) % names.len()).and_then(|other| files.get(other)).cloned()
    else {
        return;
    };
    let Some(bytes) = files.get_mut(name) else { return };
    let at = place(source, bytes.len());
    match what % 8 {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= source.byte();
            }
        }
        2 => bytes.truncate(at),
        3 => {
            let end = (at + usize::from(source.u16())).min(bytes.len());
            bytes[at..end].fill(0);
        }
        4 => {
            let from = place(source, other.len());
            let length = usize::from(source.u16()).min(other.len() - from);
            bytes.truncate(bytes.len().max(at));
            bytes.resize(bytes.len().max(at + length), 0);
            bytes[at..at + length].copy_from_slice(&other[from..from + length]);
        }
        5 => *bytes = other,
        6 => drop(files.remove(name)),
        _ => {
            let new = source.take(8);
            if is_sealed && at + new.len() <= bytes.len() {
                bytes[at..at + new.len()].copy_from_slice(new);
            } else {
                bytes.extend_from_slice(&[0; 24]);
            }
        }
    }
}

/// A place in a file; a small number more often lies at its front, where headers are.
fn place(source: &mut Source<'_>, length: usize) -> usize {
    usize::from(source.u16()) % (length + 1)
}

fn use_store(disk: &SimDisk, options: &Options, history: Option<&History>) -> Result<()> {
    let db = Db::open_on(Arc::new(disk.clone()), Path::new(PLACE), options)?;
    let view = db.view()?;
    let mut unreadable = None;
    for id in view.documents(DocumentId::FIRST)? {
        unreadable = read_document(&view, id, history).err().or(unreadable);
    }
    let is_clean = db.verify().is_ok_and(|report| report.damage.is_empty());
    if let (true, Some(error), Some(_)) = (is_clean, &unreadable, history) {
        panic!("verification finds nothing, and a document cannot be read: {error}");
    }
    let snapshot = db.snapshot()?;
    let written = change_store(&db);
    let compacted = db.compact_now(&mut |_| true);
    for id in snapshot.documents(DocumentId::FIRST)? {
        // Read again to see that nothing else is found after compaction; what cannot be read was counted above.
        let _ = read_document(&snapshot, id, history);
    }
    db.close().and(written).and(compacted)
}

fn repair_store(disk: &SimDisk) -> Result<()> {
    let files = || {
        let mut files = disk.files(Path::new(PLACE));
        files.remove(Path::new(LOCK));
        files
    };
    let (before, target) = (files(), Path::new("/repaired"));
    let fs = || Arc::new(disk.clone());
    let repaired = repair_on(fs(), Path::new(PLACE), target, &RepairOptions::default(), &mut |_| true);
    assert!(files() == before, "repair changed the damaged store");
    repaired?;
    let mut options = Options::default();
    (options.background, options.create) = (false, false);
    let db = Db::open_on(fs(), target, &options).expect("what is repaired opens");
    assert_eq!(db.verify().expect("it can be verified").damage, []);
    let view = db.view()?;
    for id in view.documents(DocumentId::FIRST)? {
        read_document(&view, id, None).expect("what was saved can be read");
    }
    db.close()
}

/// Every reading call on one document.
fn read_document(view: &View, id: DocumentId, history: Option<&History>) -> Result<()> {
    let known = |is_known: &dyn Fn(&golden::Version) -> bool, what: &str| {
        if let Some(history) = history {
            let versions = history.get(&id).map_or(&[][..], |versions| versions);
            assert!(versions.iter().any(is_known), "document {id}: {what} was never written");
        }
    };
    assert!(view.exists(id)?, "a document that is listed exists");
    let tree = view.tree(id);
    if let Ok(tree) = &tree {
        known(&|version| version == tree, "this tree");
    }
    let blob = view.blob(id);
    if let Ok(blob) = &blob {
        known(&|version| version.blob[..] == blob[..], "this blob");
    }
    let columns = view.columns(id);
    if let Ok(columns) = &columns {
        known(&|version| version.columns == *columns, "these columns");
        for (name, value) in columns.iter() {
            if let Ok(read) = view.column(id, name) {
                assert!(read == *value, "a column by itself is what it is among all");
            }
        }
    }
    if let Ok(packed) = view.packed_tree(id)
        && let Ok(tree) = packed.to_tree()
    {
        known(&|version| *version == tree, "this packed tree");
    }
    let ids = view.input_ids(id)?;
    assert_eq!(view.input_count(id)?, ids.len() as u64);
    for input in ids {
        let is_value = |value: &Value, is: &dyn Fn(&stratum::Input) -> bool| {
            known(&|version| version.inputs.iter().any(|one| one.id == Some(input) && is(one)), &format!("{value:?}"));
        };
        let value = view.input(id, input)?;
        is_value(&value, &|one| one.value == value);
        match view.output(id, input) {
            Ok(output) => is_value(&output, &|one| one.output.as_ref() == Some(&output)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        let columns = view.input_columns(id, input)?;
        is_value(&Value::Null, &|one| one.columns == columns);
    }
    for input in view.inputs(id)? {
        input?;
    }
    tree?;
    blob?;
    columns.map(drop)
}

/// Something of every kind of change, to every document.
fn change_store(db: &Db) -> Result<()> {
    let view = db.view()?;
    for id in view.documents(DocumentId::FIRST)? {
        let mut batch = db.batch()?;
        // A damaged document refuses some of these; the others go on.
        let _ = batch.set_column(id, "fuzz", &Value::Bool(true));
        if let Ok(input) = batch.append_input(id, &Value::Null) {
            let _ = batch.set_output(id, input, &Value::Int64(1));
            let _ = batch.move_input(id, input, view.input_ids(id).ok().and_then(|ids| ids.first().copied()));
        }
        let _ = batch.commit();
    }
    let first = view.documents(DocumentId::FIRST)?.next();
    db.write(|batch| {
        batch.create_document(b"new", &stratum::Columns::new())?;
        first.map_or(Ok(()), |first| batch.delete_document(first))
    })
}

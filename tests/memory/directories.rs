//! Whole stores of which one field claims too much: opening, reading, verifying and writing cost memory and calls to
//! the file system in proportion to the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stratum::vfs::FileSystem;
use stratum::vfs::sim::SimDisk;
use stratum::{Columns, Compression, Db, DocumentId, Durability, Input, Options, Result, Tree, Value};

use crate::{bounded, seal};

const PLACE: &str = "/store";
const CLAIMS: [u32; 4] = [u32::MAX, 1 << 30, 0x1fff_ffff, 0xffff];
/// Calls to the file system for each byte of the files, and those that any store takes.
const CALLS_PER_BYTE: u64 = 1;
const CALLS: u64 = 400;

fn options(compression: Compression) -> Options {
    let mut options = Options::default();
    options.background = false;
    options.segment_size = 2048;
    options.fold_after = 3;
    options.compression = compression;
    options
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The files of a store with a checkpoint, a sealed segment, deltas, and an unsynced tail.
pub fn small_store() -> Files {
    make(Compression::None).expect("a store is made")
}

fn make(compression: Compression) -> Result<Files> {
    let disk = SimDisk::new(3);
    let db = Db::open_on(Arc::new(disk.clone()), Path::new(PLACE), &options(compression))?;
    let input = |number| Input::new(Value::Int64List(vec![number; 3]), Some(Value::String("out".into())));
    let tree = Tree {
        blob: if compression == Compression::None { b"blob".to_vec() } else { b"blob".repeat(60) },
        columns: Columns::from([("name", Value::Int64(1))]),
        inputs: (0..3).map(input).collect(),
    };
    let ids = db.write(|batch| batch.put_tree(&tree))?;
    db.write(|batch| batch.put_tree(&tree))?;
    db.write(|batch| batch.set_column(ids.document, "name", &Value::Bool(true)))?;
    if compression != Compression::None {
        db.compact_now(&mut |_| true)?;
    }
    db.checkpoint()?;
    for number in 0..2 {
        let mut batch = db.batch()?;
        batch.append_input(ids.document, &Value::Int64(number))?;
        batch.commit_with(Durability::Os)?;
    }
    // Not closed: the tail is recovered by whoever opens these files.
    Ok(disk.files(Path::new(PLACE)))
}

fn use_all(disk: &SimDisk, compression: Compression) -> Result<()> {
    let db = Db::open_on(Arc::new(disk.clone()), Path::new(PLACE), &options(compression))?;
    let view = db.view()?;
    for id in view.documents(DocumentId::FIRST)? {
        // What claims too much is an error of this document; the others are read all the same.
        let _ = (view.tree(id), view.blob(id), view.columns(id), view.packed_tree(id));
        if let Ok(inputs) = view.inputs(id) {
            let _ = inputs.take_while(|input| input.is_ok()).count();
        }
    }
    let verified = db.verify().map(drop);
    let written = db.write(|batch| batch.create_document(b"new", &Columns::new())).map(drop);
    let compacted = db.compact_now(&mut |_| true);
    db.close().and(verified).and(written).and(compacted)
}

#[test]
fn stores_that_claim_too_much() {
    claim_too_much(Compression::None);
}

#[test]
fn compressed_stores_that_claim_too_much() {
    claim_too_much(Compression::Lz4);
    claim_too_much(Compression::Zstd);
}

fn claim_too_much(compression: Compression) {
    let files = make(compression).expect("a store is made");
    let total: usize = files.values().map(Vec::len).sum();
    let mut used = 0;
    for name in files.keys() {
        for at in (0..files[name].len() / 4).map(|word| 4 * word) {
            for claim in CLAIMS {
                let disk = SimDisk::new(4);
                disk.create_dir_all(Path::new(PLACE)).unwrap();
                for (other, bytes) in &files {
                    let mut bytes = bytes.clone();
                    if other == name {
                        bytes[at..at + 4].copy_from_slice(&claim.to_le_bytes());
                        seal::file(&name.to_string_lossy(), &mut bytes);
                    }
                    disk.plant(&Path::new(PLACE).join(other), &bytes);
                }
                let before = disk.ops() + disk.reads();
                // Twice: the simulated disk keeps durable and volatile bytes, in the same memory.
                let what = format!("byte {at} of {} says {claim:#x}", name.display());
                used += usize::from(bounded(&what, 2 * total, || use_all(&disk, compression)).is_ok());
                let calls = disk.ops() + disk.reads() - before;
                let limit = CALLS_PER_BYTE * total as u64 + CALLS;
                assert!(calls <= limit, "{what}: {calls} calls to the file system, at most {limit} are right");
            }
        }
    }
    assert!(used > 100, "hardly any of these stores opens: the claims are not believed far enough to matter");
}

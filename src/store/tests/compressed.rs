//! What compaction makes of records where it compresses, seen from beneath the API.

use super::records::{add_columns, check_log, compact, open_with, options, put, slot};
use super::*;
use crate::format::record::BlobPlace;
use crate::log::build::SegmentBuilder;
use crate::options::ReadMode;
use crate::tree::Input;
use crate::{Compression, Value};

#[test]
fn a_delta_on_a_compressed_tree_replaces_what_is_stored_of_it() {
    let options = Options { compression: Compression::Zstd, ..options(1 << 20) };
    let db = open_with(&SimDisk::new(1), &options);
    let input = || Input::new(Value::Bytes(vec![9; 30_000]), None);
    let tree = Tree { inputs: std::iter::repeat_with(input).take(6).collect(), ..Tree::default() };
    let ids = db.write(|batch| batch.put_tree(&tree)).unwrap();
    compact(&db);
    let stored = slot(&db, ids.document).tree().unwrap().length();
    assert!(stored < 18_000, "{stored} bytes of 180 000");
    let short = Value::Bytes(vec![1; 8]);
    for at in 0..3 {
        db.write(|batch| batch.replace_input(ids.document, ids.input(at).unwrap(), &short)).unwrap();
    }
    let replaced: u64 = slot(&db, ids.document).runs().iter().map(|run| run.extent.replaced()).sum();
    assert!((stored / 4..=stored / 2).contains(&replaced), "{replaced} of {stored} bytes for half of the inputs");
}

/// What looks like a tree may be a blob.
#[test]
fn only_trees_are_compressed() {
    let options = Options { compression: Compression::Zstd, ..options(1 << 20) };
    let disk = SimDisk::new(1);
    let db = open_with(&disk, &options);
    let tree = Tree { inputs: vec![Input::new(Value::Bytes(vec![9; 100_000]), None)], ..Tree::default() };
    let inner = db.write(|batch| batch.put_tree(&tree)).unwrap().document;
    let packed = db.view().unwrap().packed_tree(inner).unwrap().as_bytes().to_vec();
    let id = put(&db, &packed);
    compact(&db);
    assert!(slot(&db, inner).tree().unwrap().length() < 10_000);
    assert!(slot(&db, id).blob().unwrap().length() > 100_000);
    assert_eq!(db.view().unwrap().blob(id).unwrap()[..], packed[..]);
    check_log(&disk, &db, &options);
}

/// Its checksums hold, and what it holds is no tree: that is for `verify` to tell, and no reason to stop.
#[test]
fn what_no_compressor_can_read_is_moved_as_it_is() {
    let disk = SimDisk::new(1);
    let dir = Dir::new(Arc::new(disk.clone()), Path::new("/store"));
    disk.create_dir_all(dir.path()).unwrap();
    let header = SegmentHeader::sample(SegmentKind::Compacted, 0);
    let mut builder = SegmentBuilder::create(&dir, header, None).unwrap();
    let junk = RecordHeader::new(RecordKind::Tree, 1, &[7; 500]).unwrap();
    let junk = RecordHeader { sequence: 1, first_sequence: 1, nodes: 1, blob: BlobPlace::Inline, ..junk };
    let before = builder.append(&junk, &[7; 500]).unwrap();
    let (_, meta) = builder.finish(ReadMode::Pread).unwrap();
    let mut manifest = Manifest::create(&dir, header.store).unwrap();
    manifest.commit(&[Change::Segment(meta)], manifest.marks()).unwrap();
    let db = open_with(&disk, &Options { compression: Compression::Zstd, ..options(1 << 20) });
    compact(&db);
    let after = *slot(&db, DocumentId::FIRST).tree().unwrap();
    assert_eq!((after.segment > before.segment, after.length()), (true, before.length()));
    assert!(!db.verify().unwrap().damage.is_empty());
}

/// There it must not grow: what makes room has no more of it than the reserve.
#[test]
fn what_is_folded_on_a_full_disk_stays_compressed() {
    let disk = SimDisk::new(1);
    let options = Options { compression: Compression::Zstd, ..options(64 << 10) };
    let db = open_with(&disk, &options);
    let (id, other) = (put(&db, &[1; 20_000]), put(&db, &[2; 20_000]));
    compact(&db);
    let before = slot(&db, id).tree().unwrap().length();
    assert!(before < 1000, "{before} bytes of 20 000");
    add_columns(&db, id, &["a", "b"], 100);
    db.write(|batch| batch.delete_document(other)).unwrap();
    disk.set_capacity(Some(disk.used()));
    compact(&db);
    let after = slot(&db, id);
    assert!(after.runs().is_empty() && after.tree().unwrap().length() < 1000, "{after:?}");
    disk.set_capacity(None);
    check_log(&disk, &db, &options);
}

/// The rest of the segment would be read for each damaged tree.
#[test]
fn a_table_is_not_looked_for_beyond_its_record() {
    let disk = SimDisk::new(1);
    let options = Options { compression: Compression::Zstd, ..options(1 << 20) };
    let db = open_with(&disk, &options);
    let id = put(&db, &[1; 20_000]);
    let mut rng = crate::vfs::sim::Rng::new(1);
    put(&db, &(0..60_000).map(|_| rng.below(256) as u8).collect::<Vec<_>>());
    compact(&db);
    let tree = *slot(&db, id).tree().unwrap();
    db.close().unwrap();
    let path = crate::format::names::segment_path(Path::new("/store"), tree.segment);
    let mut bytes = disk.files(Path::new("/store")).remove(Path::new(path.file_name().unwrap())).unwrap();
    let payload = (tree.offset() + crate::format::record::HEADER_LEN) as usize;
    let head_len = 8 * u32::from_le_bytes(bytes[payload + 12..][..4].try_into().unwrap()) as usize;
    bytes[payload + head_len..][..4].copy_from_slice(&2000_u32.to_le_bytes());
    disk.plant(&path, &bytes);
    let db = open_with(&disk, &options);
    let error = db.view().unwrap().blob(id).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("reaches beyond it"), "{error}");
}

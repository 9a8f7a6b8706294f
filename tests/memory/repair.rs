//! Stores whose checksums match and whose trees claim too much: what repairing them costs.

use std::path::Path;
use std::sync::Arc;

use stratum::format::record::{HEADER_LEN as RECORD_HEADER_LEN, RecordHeader, RecordKind};
use stratum::format::segment::{HEADER_LEN, SegmentHeader};
use stratum::salvage::repair_on;
use stratum::vfs::sim::SimDisk;
use stratum::{Columns, Db, Input, Options, RepairOptions, Tree, Value};

use crate::{bounded, forms, seal};

/// Where the payload of the first tree of a segment is.
fn first_tree(segment: &[u8]) -> std::ops::Range<usize> {
    let salt = SegmentHeader::decode(segment).unwrap().salt();
    let mut at = HEADER_LEN;
    loop {
        let header = RecordHeader::decode(&segment[at as usize..], salt, at).unwrap();
        if header.kind == RecordKind::Tree {
            let start = (at + RECORD_HEADER_LEN) as usize;
            return start..start + header.payload_len as usize;
        }
        at += header.record_len();
    }
}

#[test]
fn a_repair_copies_no_part_that_many_inputs_claim() {
    const COUNT: usize = 400;
    let (store, segment) = (Path::new("/store"), Path::new("/store/segment-00000001.strat"));
    let disk = SimDisk::new(1);
    let mut options = Options::default();
    options.background = false;
    let db = Db::open_on(Arc::new(disk.clone()), store, &options).unwrap();
    let large = Value::Bytes(vec![7; 50_000]);
    let first = Input { id: None, value: large.clone(), columns: Columns::new(), output: Some(large) };
    let others = (1..COUNT).map(|_| Input::new(Value::Null, Some(Value::Null)));
    let tree = Tree { inputs: std::iter::once(first).chain(others).collect(), ..Tree::default() };
    db.write(|batch| batch.put_tree(&tree)).unwrap();
    db.close().unwrap();
    let mut files = disk.files(store);
    let bytes = files.get_mut(Path::new(segment.file_name().unwrap())).unwrap();
    let payload = first_tree(bytes);
    forms::share(&mut bytes[payload], COUNT);
    seal::file("segment-00000001.strat", bytes);
    disk.plant(segment, bytes);
    let total: usize = files.values().map(Vec::len).sum();
    let report = bounded("a repair of a tree whose inputs share all", 2 * total, || {
        let disk = Arc::new(disk.clone());
        repair_on(disk, store, Path::new("/repaired"), &RepairOptions::default(), &mut |_| true).unwrap()
    });
    assert_eq!((report.inputs, report.documents_whole), (0, 0), "{report}");
}

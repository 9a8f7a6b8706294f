//! Damage that comes while the store is open: `verify` lists it, and no read gives a wrong value.
//!
//! 1. Read mode pread, where what the file holds now is what is read.

use std::collections::BTreeSet;

use stratum::format::names;
use stratum::{Error, ReadMode};

use super::{Damage, Harm, Subject};
use crate::anatomy::{Manifest, Segment};
use crate::store::{self, files_of, place};

/// Damages one byte after the other beneath an open store; gives back how many.
fn damage_beneath(subject: &Subject<'_>) -> usize {
    let disk = subject.golden.disk();
    let db = store::open(&disk, ReadMode::Pread).expect("the golden store opens");
    let view = db.view().expect("it is open");
    let files = files_of(&disk);
    let manifest = Manifest::of(&files);
    let mut damaged_bytes = 0;
    for (file, bytes) in &files {
        let counts = manifest.sealed(file).unwrap_or(if file == names::MANIFEST { bytes.len() as u64 } else { 0 });
        for at in 0..counts as usize {
            let damage = Damage { file, at, harm: Harm::Flip(0x10) };
            let place_of = || format!("{}: {damage:?}", subject.golden.name);
            disk.plant(&place().join(file), &damage.apply(bytes).expect("a flip changes a byte"));
            let report = db.verify().unwrap_or_else(|error| panic!("{}: {error:?}", place_of()));
            let files: BTreeSet<_> = report.damage.iter().filter_map(|damage| damage.file.file_name()).collect();
            assert!(files.iter().eq([file.as_str()].iter()), "{}: {:?}", place_of(), report.damage);
            for (id, tree) in &subject.trees {
                match view.tree(*id) {
                    Ok(read) => assert!(read == *tree, "{}: document {id}", place_of()),
                    Err(Error::Corruption(damage)) => assert!(damage.file.ends_with(file), "{}", place_of()),
                    Err(error) => panic!("{}: {error:?}", place_of()),
                }
            }
            damaged_bytes += 1;
        }
        disk.plant(&place().join(file), bytes);
    }
    assert_eq!(db.verify().expect("it is open").damage, [], "{}: all is as it was", subject.golden.name);
    damaged_bytes
}

#[test]
fn verify_lists_every_byte_that_rots_beneath_an_open_store() {
    let damaged: usize = store::all().iter().map(|golden| damage_beneath(&Subject::new(golden))).sum();
    println!("{damaged} bytes");
    assert!(damaged > 50_000, "{damaged}");
}

#[test]
fn every_byte_that_counts_belongs_to_a_record_or_a_header() {
    for golden in store::all() {
        let manifest = Manifest::of(&golden.files);
        for (name, bytes) in &golden.files {
            if let Some(length) = manifest.sealed(name) {
                let ends = Segment::of(bytes).records.into_iter().map(|record| record.end());
                assert!(ends.into_iter().any(|end| end == length) || length == 96, "{} {name}", golden.name);
            }
        }
    }
}

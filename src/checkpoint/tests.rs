//! What is made of a checkpoint's rows: the same as of the log's records, or nothing.

use std::path::Path;

use super::*;
use crate::format::checkpoint::Entry;
use crate::format::extent::{Extent, Run};
use crate::format::record::BlobPlace;
use crate::vfs::FileSystem;
use crate::vfs::sim::SimDisk;

const STORE: [u8; 16] = [7; 16];

fn extent(segment: u32, sequence: u64, blob: BlobPlace) -> Extent {
    Extent { segment, offset8: sequence as u32, length8: 10, nodes: 3, sequence, replaced8: 0, blob }
}

fn tree(segment: u32, sequence: u64) -> Entry {
    Entry::Tree(extent(segment, sequence, BlobPlace::Inline))
}

/// Writes a checkpoint of these documents, and reads it back as it is mapped and as it is not.
fn reload(documents: &[(u64, Vec<Entry>)]) -> [Option<Loaded>; 2] {
    let disk = SimDisk::new(1);
    disk.allow_map();
    let dir = Dir::new(Arc::new(disk.clone()), Path::new("/data"));
    disk.create_dir_all(dir.path()).unwrap();
    let head =
        CheckpointHead { store: STORE, sequence: 1, position: (0, 0), next_document: 1, edit: 1, segments: Vec::new() };
    let mut writer = CheckpointWriter::new(head, Vec::new());
    documents.iter().for_each(|(document, entries)| writer.row(*document, entries).unwrap());
    disk.plant(&dir.join(names::CHECKPOINT), &writer.finish().unwrap());
    [ReadMode::Mmap, ReadMode::Pread].map(|mode| load(&dir, &STORE, mode).unwrap())
}

#[test]
fn what_is_loaded_counts_as_what_was_written() {
    let run = Entry::Run(Run { extent: extent(3, 900, BlobPlace::Unchanged), first_sequence: 900 });
    let mut documents: Vec<(u64, Vec<Entry>)> = (1..=700).map(|id| (id, vec![tree(1, id)])).collect();
    // One page is of trees alone, the next lies in two segments, and one has a document with more than a tree.
    documents[300].1 = vec![tree(2, 301)];
    documents[600].1.push(run);
    let (mut index, mut ledger) = (Index::default(), Ledger::default());
    documents.iter().for_each(|(document, entries)| index.apply(*document, entries, &mut ledger).unwrap());
    for loaded in reload(&documents) {
        let loaded = loaded.unwrap();
        assert!(loaded.index == index, "{} documents, {} nodes", loaded.index.documents(), loaded.index.nodes());
        assert_eq!(loaded.ledger, ledger);
    }
}

#[test]
fn a_checkpoint_of_an_empty_store_is_one() {
    assert!(reload(&[]).into_iter().all(|loaded| loaded.is_some_and(|loaded| loaded.index.documents() == 0)));
}

#[test]
fn a_checkpoint_with_a_document_that_makes_no_sense_is_none() {
    let blob = || Entry::Blob(extent(1, 5, BlobPlace::Unchanged));
    let apart = || Entry::Tree(extent(1, 5, BlobPlace::External));
    let reloads = |entries: Vec<Entry>| {
        let documents = [(4, vec![tree(1, 4)]), (5, entries), (6, vec![tree(1, 6)])];
        reload(&documents).map(|loaded| loaded.is_some())
    };
    assert_eq!(reloads(vec![apart(), blob()]), [true; 2]);
    assert_eq!(reloads(vec![apart()]), [false; 2], "its blob is missing");
    // Its segment differs from the others' by the very bits by which its blob's place does.
    let elsewhere = Entry::Tree(extent(1 ^ 0x200, 5, BlobPlace::External));
    assert_eq!(reloads(vec![elsewhere]), [false; 2], "its blob is missing");
    let twice = [(5, vec![tree(2, 5)]), (5, vec![tree(3, 6)])];
    assert!(reload(&twice).into_iter().all(|loaded| loaded.is_none()), "it is there twice");
    let silent = Entry::Tree(extent(1, 5, BlobPlace::Unchanged));
    assert_eq!(reloads(vec![silent, blob()]), [false; 2], "nothing says that it has a blob");
}

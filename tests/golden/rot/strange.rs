//! Whole files that are missing, swapped, doubled, longer than they were, or of another time or store.
//!
//! 1. The store refuses and is as it was, or it holds all that it held. Nothing of this may lead to other contents.

use stratum::format::names;
use stratum::vfs::sim::SimDisk;
use stratum::{Columns, DocumentId, Error, ReadMode};

use super::{Outcome, Patient, Subject};
use crate::anatomy::{Files, Manifest};
use crate::store::{self, Golden, disk, files_of, options, place};

/// What a store comes to with these files instead of its own; `file` is one that is not as it should be.
fn outcome(subject: &Subject<'_>, what: &str, file: &str, files: &Files) -> Outcome {
    let mut outcomes = [ReadMode::Pread, ReadMode::Mmap].map(|mode| {
        let outcome = subject.judge(&disk(files), mode, file);
        outcome.unwrap_or_else(|error| panic!("{}: {what} {file}: {error}", subject.golden.name))
    });
    outcomes.swap(0, 1);
    let [outcome, other] = outcomes;
    assert_eq!(outcome, other, "{}: {what} {file}", subject.golden.name);
    assert!(
        matches!(outcome, Outcome::Refused | Outcome::Unheeded(_) | Outcome::Noticed),
        "{}: {what} {file}: {outcome:?}",
        subject.golden.name
    );
    outcome
}

/// Whether the store relies on a file being there.
fn counts(golden: &Golden, file: &str) -> bool {
    let manifest = Manifest::of(&golden.files);
    file == names::MANIFEST || manifest.state.segments.keys().any(|id| names::segment(*id) == file)
}

fn each_file(work: impl Fn(&Subject<'_>, &str)) {
    for golden in store::all() {
        let subject = Subject::new(&golden);
        golden.files.keys().for_each(|file| work(&subject, file));
    }
}

#[test]
fn a_missing_file_is_missed_where_it_counts() {
    each_file(|subject, file| {
        let mut files = subject.golden.files.clone();
        files.remove(file);
        if file == names::MANIFEST && Manifest::of(&subject.golden.files).state.segments.is_empty() {
            let opened = disk(&files).open(ReadMode::Pread);
            assert!(matches!(opened, Err(Error::OpenRefused { .. } | Error::NotAStore { .. })), "{:?}", opened.err());
            return;
        }
        let outcome = outcome(subject, "without", file, &files);
        assert_eq!(outcome == Outcome::Refused, counts(subject.golden, file), "{}: {file}", subject.golden.name);
    });
}

#[test]
fn swapped_files_are_not_taken_for_one_another() {
    each_file(|subject, file| {
        let own = &subject.golden.files;
        for other in own.keys().filter(|other| other.as_str() > file && own[*other] != own[file]) {
            let mut files = own.clone();
            files.insert(file.to_string(), own[other].clone());
            files.insert(other.clone(), own[file].clone());
            let damaged = if other == names::MANIFEST { other } else { file };
            let outcome = outcome(subject, &format!("swapped with {other}:"), damaged, &files);
            let manifests = [file, other].iter().all(|name| name.starts_with(names::MANIFEST));
            let matters = [file, other].iter().any(|name| counts(subject.golden, name));
            // The manifest that was being written says what the compaction had come to.
            assert_eq!(outcome == Outcome::Refused, matters && !manifests, "{}: {file}, {other}", subject.golden.name);
        }
    });
}

#[test]
fn files_of_another_store_are_not_taken_for_ones_own() {
    let all = store::all();
    for (golden, other) in all.iter().zip(all.iter().cycle().skip(1)) {
        let subject = Subject::new(golden);
        for (file, bytes) in other.files.iter().filter(|(file, _)| golden.files.contains_key(*file)) {
            let mut files = golden.files.clone();
            if files.insert(file.clone(), bytes.clone()).as_ref() != Some(bytes) {
                let outcome = outcome(&subject, "foreign", file, &files);
                assert_eq!(outcome == Outcome::Refused, counts(golden, file), "{}: {file}", golden.name);
            }
        }
    }
}

#[test]
fn what_is_appended_to_a_file_changes_nothing() {
    each_file(|subject, file| {
        let own = &subject.golden.files[file];
        for garbage in [vec![0; 8], vec![0; 4096], vec![0xff; 100], vec![1], own.clone(), own[own.len() / 2..].to_vec()]
        {
            let mut files = subject.golden.files.clone();
            files.insert(file.to_string(), [own.clone(), garbage].concat());
            let outcome = outcome(subject, "appended to", file, &files);
            assert!(matches!(outcome, Outcome::Unheeded(_)), "{}: {file}: {outcome:?}", subject.golden.name);
        }
    });
}

#[test]
fn a_segment_that_is_there_twice_counts_once() {
    each_file(|subject, file| {
        let Some(id) = names::segment_id(file.as_ref()) else { return };
        let free = |id: &u32| !subject.golden.files.contains_key(&names::segment(*id));
        for other in [1, id - 1, id + 1, id + 1000].into_iter().filter(|id| *id > 0).filter(free) {
            let mut files = subject.golden.files.clone();
            files.insert(names::segment(other), files[file].clone());
            let outcome = outcome(subject, "twice", file, &files);
            assert!(matches!(outcome, Outcome::Unheeded(_)), "{}: {file}: {outcome:?}", subject.golden.name);
        }
    });
}

/// The same store some commits, compactions and checkpoints later, each with its files.
fn later(golden: &Golden) -> Vec<Files> {
    let disk = golden.disk();
    let mut generations = Vec::new();
    for round in 0..3u8 {
        let db = disk.open(ReadMode::Pread).expect("the store opens");
        let ids: Vec<DocumentId> =
            db.view().and_then(|view| view.documents(DocumentId::FIRST)).expect("it is open").collect();
        for number in 0..3 {
            db.write(|batch| batch.create_document(&[round, number], &Columns::new())).expect("a commit");
        }
        if let Some(id) = ids.first() {
            db.write(|batch| batch.set_blob(*id, &[round])).expect("a commit");
        }
        db.checkpoint().expect("a checkpoint");
        generations.push(files_of(&disk));
        db.compact_now(&mut |_| true).expect("compaction");
        generations.push(files_of(&disk));
        db.close().expect("closing");
        generations.push(files_of(&disk));
    }
    generations
}

#[test]
fn a_checkpoint_of_another_generation_changes_nothing() {
    for golden in store::all() {
        let subject = Subject::new(&golden);
        let generations = later(&golden);
        let mut ignored = 0;
        for newer in &generations {
            let mut files = golden.files.clone();
            files.insert(names::CHECKPOINT.to_string(), newer[names::CHECKPOINT].clone());
            // It may say of the active segment that more of it was on disk than there is.
            ignored += usize::from(outcome(&subject, "a newer", names::CHECKPOINT, &files) != Outcome::Refused);
        }
        assert!(ignored > 0, "{}", golden.name);
        for (older, newer) in generations.iter().zip(&generations[1..]) {
            let mut files = newer.clone();
            files.insert(names::CHECKPOINT.to_string(), older[names::CHECKPOINT].clone());
            let (with, without) = (dump_of(&disk(newer)), dump_of(&disk(&files)));
            assert_eq!(with, without, "{}", golden.name);
        }
    }
}

/// What a store holds, after a full check.
fn dump_of(disk: &SimDisk) -> Vec<String> {
    let db = disk.open(ReadMode::Pread).expect("the store opens");
    assert_eq!(db.verify().expect("it is open").damage, []);
    crate::dump::lines(&db.view().expect("it is open")).expect("it reads")
}

#[test]
fn other_files_are_left_alone() {
    for golden in store::all() {
        let mut files = golden.files.clone();
        let others = ["notes.txt", "segment-1.strat", "segment-0000000A.strat", "MANIFEST~", "checkpoint"];
        others.iter().for_each(|name| drop(files.insert(name.to_string(), name.as_bytes().to_vec())));
        let disk = disk(&files);
        let db = disk.open(ReadMode::Mmap).expect("the store opens");
        assert_eq!(crate::dump::lines(&db.view().expect("open")).expect("it reads"), golden.newest().documents);
        db.compact_now(&mut |_| true).expect("compaction");
        db.close().expect("closing");
        let after = files_of(&disk);
        assert!(others.iter().all(|name| after.get(*name) == files.get(*name)), "{}", golden.name);
        let mut exclusive = options(ReadMode::Mmap);
        exclusive.exclusive = true;
        let refused = stratum::Db::open_on(std::sync::Arc::new(disk.clone()), place(), &exclusive);
        assert!(matches!(refused, Err(Error::OpenRefused { .. })), "{:?}", refused.err());
        assert!(files_of(&disk) == after, "{}", golden.name);
    }
}

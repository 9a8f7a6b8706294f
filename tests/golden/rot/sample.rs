//! A sample of the same damage on the real file system, through mappings and through pread.

use std::fs;

use stratum::{Db, ReadMode, Result};

use super::{Patient, Subject, damages};
use crate::anatomy::Files;
use crate::store::{self, Golden, options};

/// Of so many damages one is tried, in each read mode another.
const ONE_OF: usize = 601;

/// A store in a directory of its own.
pub(crate) struct OnDisk {
    directory: tempfile::TempDir,
}

impl OnDisk {
    /// A copy of a golden store.
    pub(crate) fn new(golden: &Golden) -> OnDisk {
        let on_disk = OnDisk { directory: tempfile::tempdir().expect("a temporary directory") };
        golden.files.iter().for_each(|(name, bytes)| on_disk.plant(name, bytes));
        on_disk
    }

    pub(crate) fn plant(&self, name: &str, bytes: &[u8]) {
        fs::write(self.directory.path().join(name), bytes).expect("a file of the store");
    }
}

impl Patient for OnDisk {
    fn open(&self, mode: ReadMode) -> Result<Db> {
        Db::open(self.directory.path(), &options(mode))
    }

    fn files(&self) -> Files {
        let entries = fs::read_dir(self.directory.path()).expect("the directory").map(|entry| entry.expect("an entry"));
        let name = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| (name(&entry), fs::read(entry.path()).expect("a file"))).collect()
    }
}

#[test]
fn damage_on_the_real_file_system_comes_to_the_same() {
    let mut opens = 0;
    for golden in store::all() {
        let subject = Subject::new(&golden);
        for (mode, first) in [(ReadMode::Mmap, 0), (ReadMode::Pread, ONE_OF / 2)] {
            for damage in damages(&golden).skip(first).step_by(ONE_OF) {
                let Some(damaged) = damage.apply(&golden.files[damage.file]) else { continue };
                let patient = OnDisk::new(&golden);
                patient.plant(damage.file, &damaged);
                subject.check(&patient, &damage, mode);
                opens += 1;
            }
        }
    }
    assert!(opens > 800, "{opens}");
}

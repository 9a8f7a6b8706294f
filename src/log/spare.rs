//! The reserve: blocks set aside while there is room, so that deletes and compaction, which make room, succeed on a
//! full disk.
//!
//! 1. The reserved file never held a record; taking it is a rename, after which it is an ordinary new segment.
//! 2. Failing to set it aside is no error: there is just nothing to take then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dir::Dir;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::vfs::{File, OpenMode};

/// One reserved segment of a store.
pub struct Spare {
    path: PathBuf,
    /// An earlier process has set it aside.
    found: bool,
    /// Bytes set aside; zero for none.
    reserved: Mutex<u64>,
}

impl Spare {
    /// The reserve under this name. What an earlier process set aside, where one was `found`, is there to be taken.
    pub fn new(dir: &Dir, name: &str, found: bool) -> Spare {
        Spare { path: dir.join(name), found, reserved: Mutex::new(u64::from(found)) }
    }

    /// Whether there was one when the store was opened.
    pub fn was_found(&self) -> bool {
        self.found
    }

    /// Sets aside `bytes`, or as much of them as there is room for; cheap where that is done already.
    pub fn reserve(&self, dir: &Dir, bytes: u64) {
        let mut reserved = self.reserved.lock();
        if *reserved >= bytes {
            return;
        }
        let file = match dir.fs().open(&self.path, OpenMode::ReadWrite) {
            Ok(file) => Ok(file),
            Err(_) => dir.fs().create(&self.path),
        };
        let Ok(file) = file else { return };
        // Less is better than none: some of what is on a full disk can still be compacted into it.
        let mut size = bytes;
        while size >= bytes.div_ceil(8) {
            if file.preallocate(size).is_ok() {
                *reserved = size;
                return;
            }
            size -= size.div_ceil(8);
        }
    }

    /// Bytes set aside.
    pub fn reserved(&self) -> u64 {
        *self.reserved.lock()
    }

    /// The reserved file, now a new segment's; `NoSpace` where there is none. Where even its new name needs room (a
    /// directory grows by whole blocks), the reserve is given back, and the segment created in the room this makes.
    pub fn take(&self, dir: &Dir, path: &Path) -> Result<Arc<dyn File>> {
        let failed = |error| Error::io("taking the reserved segment for", path, error);
        if std::mem::take(&mut *self.reserved.lock()) == 0 {
            return Err(failed(io::ErrorKind::StorageFull.into()));
        }
        match dir.fs().rename(&self.path, path).map_err(failed) {
            Ok(()) => dir.fs().open(path, OpenMode::ReadWrite).map_err(|error| {
                // Under its new name nobody would look for its blocks before the next open.
                let _ = dir.remove(path);
                Error::io("opening", path, error)
            }),
            Err(Error::NoSpace { .. }) => {
                dir.remove(&self.path)?;
                dir.create(path)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the blocks back to the file system, for something more urgent. False where there were none.
    pub fn release(&self, dir: &Dir) -> Result<bool> {
        let was = std::mem::take(&mut *self.reserved.lock());
        dir.remove(&self.path)?;
        Ok(was > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

    #[test]
    fn the_reserve_is_as_much_as_there_is_room_for_down_to_an_eighth() {
        const WANTED: u64 = 64 << 10;
        for (room, least) in [(WANTED, WANTED), (WANTED - 1, 56 << 10), (40 << 10, 35 << 10), (10 << 10, 8 << 10)] {
            let disk = SimDisk::new(1);
            disk.set_capacity(Some(room));
            let spare = reserved(&disk, WANTED);
            assert!((least..=room).contains(&spare.reserved()), "{} of {room} bytes", spare.reserved());
            assert_eq!(disk.used(), spare.reserved());
        }
        let disk = SimDisk::new(1);
        disk.set_capacity(Some(WANTED / 8 - 1));
        assert_eq!(reserved(&disk, WANTED).reserved(), 0, "too little to be of use");
    }

    fn reserved(disk: &SimDisk, bytes: u64) -> Spare {
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let spare = Spare::new(&dir, "SPARE.log", false);
        spare.reserve(&dir, bytes);
        spare
    }

    #[test]
    fn a_reserve_is_given_back_once() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let spare = reserved(&disk, 4096);
        assert!(spare.release(&dir).unwrap());
        assert_eq!((disk.used(), spare.reserved()), (0, 0));
        assert!(!spare.release(&dir).unwrap(), "there is no more room than before");
    }

    #[test]
    fn a_reserve_that_cannot_be_opened_is_given_back() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let spare = reserved(&disk, 4096);
        disk.inject(Fault::new(&[Op::Open], 0, Errno::Emfile));
        assert!(matches!(spare.take(&dir, Path::new("/segment")), Err(Error::Io { .. })));
        assert_eq!((disk.used(), spare.reserved()), (0, 0));
    }

    #[test]
    fn the_reserve_makes_room_also_for_a_name() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let spare = Spare::new(&dir, "SPARE.log", false);
        spare.reserve(&dir, 4096);
        disk.set_capacity(Some(disk.used()));
        disk.inject(Fault::new(&[Op::Rename], 0, Errno::Enospc));
        let file = spare.take(&dir, Path::new("/segment")).unwrap();
        file.write_all_at(0, &[1; 4000]).unwrap();
        assert_eq!(spare.reserved(), 0);
        let again = spare.take(&dir, Path::new("/another"));
        assert!(matches!(again, Err(Error::NoSpace { .. })));
    }
}

//! Syncs of the log, by two who do not wait for each other otherwise: the writer, and whoever makes older commits
//! durable and lets new ones go on meanwhile.
//!
//! 1. One syncs at a time. The system tells of bytes that it could not write once, to whoever syncs next: two at a
//!    time, and the one might be told what the other lost.
//! 2. After a failure every further call for what is not on disk fails, without a sync: the bytes are lost, and one
//!    that succeeds would only not know of it.
//! 3. What another sync made durable meanwhile is not synced again: who waited for it shares it.

use std::io;
use std::sync::Arc;

use super::segment::Segment;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::vfs::File;

/// The one way to sync a file of the log.
pub struct LogSync {
    file: Arc<dyn File>,
    state: Mutex<State>,
}

struct State {
    /// Everything before this offset is on disk.
    durable: u64,
    end: Option<End>,
}

/// Why a file is not synced any more.
enum End {
    Closed,
    /// With what the system said, if it was the system.
    Failed(Option<i32>),
}

impl End {
    fn error(&self) -> io::Error {
        match self {
            End::Closed => io::Error::other("the store was closed meanwhile"),
            End::Failed(Some(number)) => io::Error::from_raw_os_error(*number),
            End::Failed(None) => io::Error::other("an earlier sync of it failed"),
        }
    }
}

impl LogSync {
    /// For a file that nobody syncs but through this, of which `durable` bytes are on disk.
    pub fn new(file: Arc<dyn File>, durable: u64) -> LogSync {
        LogSync { file, state: Mutex::new(State { durable, end: None }) }
    }

    /// Makes durable what was written to the file before `end`, which must all have been written. Says whether that
    /// took a sync.
    pub fn sync(&self, end: u64) -> io::Result<bool> {
        let mut state = self.state.lock();
        if end <= state.durable {
            return Ok(false);
        }
        if let Some(end) = &state.end {
            return Err(end.error());
        }
        // Until it comes back: one that a panic cut short is not tried again either.
        state.end = Some(End::Failed(None));
        if let Err(error) = self.file.sync() {
            state.end = Some(End::Failed(error.raw_os_error()));
            return Err(error);
        }
        (state.end, state.durable) = (None, end);
        Ok(true)
    }

    /// What follows `end` will be written again.
    pub fn cut(&self, end: u64) {
        let mut state = self.state.lock();
        state.durable = state.durable.min(end);
    }

    /// Once this returns the file is not touched any more.
    pub fn close(&self) {
        self.state.lock().end.get_or_insert(End::Closed);
    }
}

/// What a log had that was not on disk, at one moment.
pub struct Unsynced {
    pub(super) segment: Arc<Segment>,
    pub(super) sync: Arc<LogSync>,
    pub(super) end: u64,
}

impl Unsynced {
    /// Makes it durable; needs no lock of the writer's. Says whether that took a sync.
    pub fn sync(&self) -> Result<bool> {
        self.sync.sync(self.end).map_err(|error| Error::unknown("syncing", self.segment.path(), error))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::vfs::FileSystem;
    use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

    fn log() -> (SimDisk, LogSync) {
        let disk = SimDisk::new(1);
        let file = disk.create(Path::new("/log")).unwrap();
        file.write_all_at(0, &[1; 100]).unwrap();
        (disk, LogSync::new(file, 0))
    }

    #[test]
    fn what_is_on_disk_is_not_synced_again() {
        let (_, log) = log();
        assert!(log.sync(60).unwrap() && !log.sync(60).unwrap() && !log.sync(20).unwrap());
        assert!(log.sync(100).unwrap());
        log.cut(60);
        assert!(!log.sync(60).unwrap() && log.sync(100).unwrap(), "what was cut off is written again");
    }

    #[test]
    fn everybody_is_told_what_the_system_said() {
        let (disk, log) = log();
        log.sync(60).unwrap();
        disk.inject(Fault::new(&[Op::Sync], 0, Errno::Eio));
        for _ in 0..2 {
            assert_eq!(log.sync(100).unwrap_err().raw_os_error(), Some(libc::EIO));
        }
        log.close();
        assert_eq!(log.sync(100).unwrap_err().raw_os_error(), Some(libc::EIO));
        assert!(!log.sync(60).unwrap(), "on disk before");
    }

    #[test]
    fn a_closed_log_is_not_touched() {
        let (disk, log) = log();
        let operations = disk.ops();
        log.close();
        assert!(log.sync(100).is_err());
        assert_eq!(disk.ops(), operations);
    }
}

/// Two who sync, on a disk that lost what both wait for, and tells one of them.
#[cfg(test)]
#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::atomic::{AtomicBool, Ordering};
    use crate::sync::thread;
    use crate::vfs::Mapping;

    /// Lost all that it has. The error goes to whoever asks first, and only once.
    #[derive(Default)]
    struct Disk {
        is_told: AtomicBool,
    }

    impl File for Disk {
        fn write_at(&self, _: u64, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn sync(&self) -> io::Result<()> {
            if self.is_told.swap(true, Ordering::AcqRel) { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
        }

        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn len(&self) -> io::Result<u64> {
            Ok(0)
        }

        fn truncate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn preallocate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn map(&self, _: u64) -> io::Result<Box<dyn Mapping>> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    #[test]
    fn nobody_is_told_that_lost_bytes_are_durable() {
        loom::model(|| {
            let sync = Arc::new(LogSync::new(Arc::new(Disk::default()), 0));
            let beside = {
                let sync = Arc::clone(&sync);
                thread::spawn(move || sync.sync(1).is_ok())
            };
            let told = [sync.sync(2).is_ok(), beside.join().unwrap()];
            assert_eq!(told, [false, false], "what one of them lost the other says is there");
            assert!(sync.sync(3).is_err(), "and nobody tries again");
        });
    }
}

//! How a store is opened and how commits are made durable.

use std::time::Duration;

use crate::error::{Error, Result};

/// When a commit counts as done.
///
/// ```
/// use stratum::{Columns, Db, Durability, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?; // `Always`
/// let mut batch = db.batch()?;
/// batch.create_document(b"can be made again", &Columns::new())?;
/// batch.commit_with(Durability::Os)?;
/// db.flush()?; // now it is on disk, too
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// On disk (fdatasync) when the call returns, and visible to others only then.
    #[default]
    Always,
    /// Handed to the operating system when the call returns, synced every `sync_interval`.
    Interval,
    /// Handed to the operating system when the call returns; `flush` or the next `Always` commit syncs it.
    Os,
}

/// How sealed and active segments are read.
///
/// ```
/// use stratum::{Db, Options, ReadMode};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let mut options = Options::default();
/// options.read_mode = ReadMode::Pread;
/// let db = Db::open(&path, &options)?;
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReadMode {
    /// Through a mapping: no system call on a warm read. A disk that fails under it ends the process by SIGBUS.
    #[default]
    Mmap,
    /// With pread: every I/O error is a status.
    Pread,
}

/// How compaction compresses trees. What commits write is plain; `compact_now` brings a whole store to the option that
/// it was opened with, and background compaction whatever it rewrites. Reading needs no option: every tree says how it
/// is stored.
///
/// ```
/// use stratum::{Compression, Db, Options, Tree};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let mut options = Options::default();
/// options.compression = Compression::Zstd;
/// let db = Db::open(&path, &options)?;
/// let blob = "the same words again and again ".repeat(1000).into_bytes();
/// let ids = db.write(|batch| batch.put_tree(&Tree { blob: blob.clone(), ..Tree::default() }))?;
/// db.compact_now(&mut |_| true)?;
/// assert!(db.stats()?.total_bytes < blob.len() as u64);
/// assert_eq!(&db.view()?.blob(ids.document)?[..], blob);
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all: reads are views of the store's own bytes.
    #[default]
    None = 0,
    /// LZ4: little to pay for reads, least gained.
    Lz4 = 1,
    /// Zstandard: smallest.
    Zstd = 2,
}

impl Compression {
    /// The one with this number.
    pub fn from_number(number: u32) -> Option<Compression> {
        let all = [Compression::None, Compression::Lz4, Compression::Zstd];
        all.into_iter().find(|compression| *compression as u32 == number)
    }
}

/// Options for opening a store. `Options::default()` suits most.
///
/// ```
/// use stratum::{Db, Error, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let mut options = Options::default();
/// options.create = false;
/// assert!(matches!(Db::open(&path, &options), Err(Error::OpenRefused { .. })));
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Create the store where there is none. Default: true.
    pub create: bool,
    /// Refuse to open where there is one already. Default: false.
    pub exclusive: bool,
    /// Durability of commits that do not say otherwise. Default: `Always`.
    pub durability: Durability,
    /// Longest time between syncs in `Interval` durability. Default: 100 ms.
    pub sync_interval: Duration,
    /// How segments are read. Default: `Mmap`.
    pub read_mode: ReadMode,
    /// Verify the checksum of whatever a read returns. Default: true.
    pub verify_reads: bool,
    /// Bytes at which the active segment is sealed and the next begun. Default: 64 MiB.
    pub segment_size: u64,
    /// Largest blob or encoded value, in bytes. Default: 256 MiB.
    pub max_record_bytes: u64,
    /// Largest batch, in bytes as encoded. Default: 1 GiB.
    pub max_batch_bytes: u64,
    /// Run compaction, checkpoints and interval syncs on a thread of the store's own. Default: true.
    /// Without it they run only in `compact_now`, `checkpoint`, `flush` and `close`.
    pub background: bool,
    /// Bytes on disk are kept below this multiple of the live bytes plus two segments. Default: 1.5; at least 1.1.
    pub max_amplification: f64,
    /// Bytes of log after which a new index checkpoint is written. Default: 64 MiB.
    pub checkpoint_bytes: u64,
    /// Deltas that a document may gather before they are folded. Default: 8.
    pub fold_after: u32,
    /// How compaction compresses trees. Default: `None`.
    pub compression: Compression,
    /// Bytes that compaction may write in a second, in the background, in `maintain` and in `compact_now`; what it
    /// reads is not counted. Default: 0, no limit.
    ///
    /// At the space ceiling commits wait for compaction, and so go on at the pace that the limit leaves it; below it
    /// they never wait for the limit, and reads never do. `checkpoint`, `verify`, `maintain` and `compact_now` wait
    /// for the job at work, about one segment; `close` cuts it off.
    pub compaction_bytes_per_second: u64,
    /// Bytes of replaced segments that open snapshots may hold; over it the oldest become
    /// `SnapshotTooOld`. Default: no bound.
    pub max_retained_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            create: true,
            exclusive: false,
            durability: Durability::Always,
            sync_interval: Duration::from_millis(100),
            read_mode: ReadMode::Mmap,
            verify_reads: true,
            segment_size: 64 << 20,
            max_record_bytes: 256 << 20,
            max_batch_bytes: 1 << 30,
            background: true,
            max_amplification: 1.5,
            checkpoint_bytes: 64 << 20,
            fold_after: 8,
            compression: Compression::None,
            compaction_bytes_per_second: 0,
            max_retained_bytes: u64::MAX,
        }
    }
}

/// The smallest segment size; absurd, so that tests rotate every few operations.
pub const MIN_SEGMENT_SIZE: u64 = 256;
/// The largest segment size.
pub const MAX_SEGMENT_SIZE: u64 = 4 << 30;

impl Options {
    /// Whether the options make sense together.
    pub fn check(&self) -> Result<()> {
        let refuse = |text: String| Err(Error::InvalidArgument(text));
        if !(MIN_SEGMENT_SIZE..=MAX_SEGMENT_SIZE).contains(&self.segment_size) {
            return refuse(format!(
                "segment_size {} is not between {MIN_SEGMENT_SIZE} and {MAX_SEGMENT_SIZE}",
                self.segment_size
            ));
        }
        if self.max_record_bytes == 0 || self.max_record_bytes > 1 << 31 {
            return refuse(format!("max_record_bytes {} is not between 1 and 2 GiB", self.max_record_bytes));
        }
        if self.max_batch_bytes < self.max_record_bytes || self.max_batch_bytes > 3 << 30 {
            return refuse(format!(
                "max_batch_bytes {} is not between max_record_bytes ({}) and 3 GiB",
                self.max_batch_bytes, self.max_record_bytes
            ));
        }
        if !(1.1..=1000.0).contains(&self.max_amplification) {
            return refuse(format!("max_amplification {} is not between 1.1 and 1000", self.max_amplification));
        }
        if self.fold_after == 0 || self.fold_after > 1000 {
            return refuse(format!("fold_after {} is not between 1 and 1000", self.fold_after));
        }
        if self.sync_interval.is_zero() || self.sync_interval > Duration::from_secs(3600) {
            return refuse("sync_interval is not between 1 ms and one hour".to_string());
        }
        Ok(())
    }
}

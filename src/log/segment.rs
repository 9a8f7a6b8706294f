//! One open segment file: reading by position.
//!
//! 1. A mapped segment is mapped once, at the capacity it was created with; the file grows into the mapping.
//!    The file itself is not kept open then: a store of many segments needs no descriptor for each.
//! 2. Reads stay below `readable`, which rises only after bytes were written, so the mapping is never touched
//!    past the end of the file (which would be a SIGBUS).
//! 3. No segment is longer than places in it can say: sums of what lies in one are far from overflow.
//! 4. Who keeps bytes of a mapping counts himself in at a `Pin`. There is one for each stripe of threads, made when it
//!    is first wanted: threads that read the same segment do not share a count.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use super::bytes::Bytes;
use super::dir::Dir;
use crate::error::{Error, Result};
use crate::format::record::{self, RecordError, RecordHeader};
use crate::format::segment::{HEADER_LEN, MOST_BYTES, SegmentHeader};
use crate::format::{HeaderError, crc};
use crate::options::ReadMode;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::stripe::{self, Apart, STRIPES};
use crate::vfs::{File, Mapping};

/// An open segment.
pub struct Segment {
    header: SegmentHeader,
    salt: u32,
    path: PathBuf,
    source: Arc<Source>,
    pins: [OnceLock<Arc<Pin>>; STRIPES],
    readable: AtomicU64,
}

/// Keeps a segment's bytes readable, also when the segment is gone.
pub struct Pin(Apart<Arc<Source>>);

impl Pin {
    /// The mapped bytes.
    pub fn mapping(&self) -> &[u8] {
        self.0.0.mapping().unwrap_or_default()
    }
}

/// Tells whether anybody still holds a segment, or bytes of it.
pub struct Watch(Weak<Source>);

impl Watch {
    /// Whether somebody does.
    pub fn is_held(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Where bytes come from.
enum Source {
    Mapping(Box<dyn Mapping>),
    File(Arc<dyn File>),
}

impl Source {
    fn mapping(&self) -> Option<&[u8]> {
        match self {
            Source::Mapping(map) => Some(map),
            Source::File(_) => None,
        }
    }
}

impl Segment {
    /// A segment whose file is known to be good: just created, or checked by `open`.
    pub fn new(
        header: SegmentHeader,
        path: PathBuf,
        file: Arc<dyn File>,
        capacity: u64,
        readable: u64,
        mode: ReadMode,
    ) -> Result<Segment> {
        let source = match mode {
            ReadMode::Pread => Source::File(file),
            ReadMode::Mmap => match file.map(capacity) {
                Ok(map) => Source::Mapping(map),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => Source::File(file),
                Err(error) => return Err(Error::io("mapping", &path, error)),
            },
        };
        Ok(Segment {
            salt: header.salt(),
            header,
            path,
            source: Arc::new(source),
            pins: [const { OnceLock::new() }; STRIPES],
            readable: AtomicU64::new(readable),
        })
    }

    /// Opens an existing segment of which `length` bytes count.
    pub fn open(dir: &Dir, store: &[u8; 16], id: u32, length: Option<u64>, mode: ReadMode) -> Result<Segment> {
        let path = dir.segment(id);
        let file = match dir.open(&path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(Error::corruption(&path, 0, None, "the manifest names this segment, and it is not there"));
            }
            opened => opened?,
        };
        let size = file.len().map_err(|error| Error::io("reading the length of", &path, error))?;
        let length = length.unwrap_or(size);
        let header = read_header(&path, &*file, size)?;
        if header.store != *store || header.id != id {
            let what = "the segment belongs to another store, or to another place of this one";
            return Err(Error::corruption(&path, 0, None, what));
        }
        if length > MOST_BYTES {
            let what = format!("the segment is of {length} bytes; no store makes one of more than {MOST_BYTES}");
            return Err(Error::corruption(&path, 0, None, what));
        }
        if size < length {
            let what = format!("the segment is cut off: {size} bytes of {length}");
            return Err(Error::corruption(&path, size, None, what));
        }
        Segment::new(header, path, file, length, length, mode)
    }

    /// The store that a segment file says it belongs to, whether or not it should be there; `None` where its header
    /// does not check out.
    pub fn store_of(dir: &Dir, id: u32) -> Result<Option<[u8; 16]>> {
        let path = dir.segment(id);
        let file = dir.open(&path)?;
        let size = file.len().map_err(|error| Error::io("reading the length of", &path, error))?;
        match read_header(&path, &*file, size) {
            Err(Error::Corruption(_) | Error::NewerFormat { .. }) => Ok(None),
            header => header.map(|header| Some(header.store)),
        }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.header.id
    }

    /// Its header.
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// What goes into the CRC of its record headers.
    pub fn salt(&self) -> u32 {
        self.salt
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mapped bytes, where it is mapped.
    pub fn mapping(&self) -> Option<&[u8]> {
        self.source.mapping()
    }

    /// A hold on the segment's bytes, counted where the calling thread counts.
    pub fn pin(&self) -> Arc<Pin> {
        let pin = self.pins[stripe::own()].get_or_init(|| Arc::new(Pin(Apart(Arc::clone(&self.source)))));
        Arc::clone(pin)
    }

    /// Watches who holds it.
    pub fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.source))
    }

    /// Bytes that may be read.
    pub fn readable(&self) -> u64 {
        self.readable.load(Ordering::Acquire)
    }

    /// Lets readers see everything before `end`.
    pub fn set_readable(&self, end: u64) {
        self.readable.store(end, Ordering::Release);
    }

    /// Damage found in this segment.
    pub fn damage(&self, offset: u64, document: Option<u64>, what: impl Into<String>) -> Error {
        Error::corruption(&self.path, offset, document.and_then(crate::ids::DocumentId::new), what)
    }

    /// Whether a range was written; it is an error if not.
    fn check_written(&self, offset: u64, length: u64) -> Result<()> {
        let end = offset.checked_add(length).filter(|end| *end <= self.readable());
        if end.is_none() {
            return Err(self.damage(offset, None, format!("{length} bytes reach beyond the end of what was written")));
        }
        Ok(())
    }

    /// A range of the mapping, `None` where there is none.
    pub fn mapped(&self, offset: u64, length: u64) -> Result<Option<&[u8]>> {
        let Some(map) = self.mapping() else { return Ok(None) };
        self.check_written(offset, length)?;
        let bytes = map.get(offset as usize..).and_then(|rest| rest.get(..length as usize));
        let beyond = || self.damage(offset, None, format!("{length} bytes reach beyond the mapping"));
        bytes.ok_or_else(beyond).map(Some)
    }

    /// Reads a range, as a view of the mapping where there is one.
    pub fn read(&self, offset: u64, length: u64) -> Result<Bytes> {
        self.check_written(offset, length)?;
        match &*self.source {
            Source::Mapping(_) => Bytes::mapped(self, offset, length)
                .ok_or_else(|| self.damage(offset, None, format!("{length} bytes reach beyond the mapping"))),
            Source::File(file) => Bytes::filled(length as usize, |into| {
                file.read_exact_at(offset, into).map_err(|error| Error::io("reading", &self.path, error))
            }),
        }
    }

    /// Reads and checks the record header at `offset`.
    pub fn record_header(&self, offset: u64) -> Result<RecordHeader> {
        let bytes = self.read(offset, record::HEADER_LEN)?;
        self.decode_header(&bytes, offset)
    }

    /// Checks the record header in `bytes`, which were read at `offset`.
    pub fn decode_header(&self, bytes: &[u8], offset: u64) -> Result<RecordHeader> {
        RecordHeader::decode(bytes, self.salt, offset).map_err(|error| match error {
            RecordError::Damaged(what) => self.damage(offset, None, what),
            RecordError::Newer(what) => Error::NewerFormat { path: self.path.clone(), what },
        })
    }

    /// Reads the record at `offset` whole; its checksums are verified.
    pub fn record(&self, offset: u64) -> Result<(RecordHeader, Bytes)> {
        let header = self.record_header(offset)?;
        let payload = self.read(offset + record::HEADER_LEN, header.payload_len.into())?;
        if crc(&payload) != header.payload_crc {
            return Err(self.damage(offset, Some(header.document), "the payload's checksum does not match"));
        }
        Ok((header, payload))
    }
}

fn read_header(path: &Path, file: &dyn File, size: u64) -> Result<SegmentHeader> {
    let mut bytes = vec![0; size.min(HEADER_LEN) as usize];
    file.read_exact_at(0, &mut bytes).map_err(|error| Error::io("reading the header of", path, error))?;
    SegmentHeader::decode(&bytes).map_err(|error| match error {
        HeaderError::Foreign => Error::corruption(path, 0, None, "the file does not start like a segment"),
        HeaderError::Damaged(what) => Error::corruption(path, 0, None, what),
        HeaderError::Newer(what) => Error::NewerFormat { path: path.to_path_buf(), what },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::segment::SegmentKind;
    use crate::vfs::FileSystem;
    use crate::vfs::os::OsFileSystem;
    use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

    #[test]
    fn what_was_not_written_yet_cannot_be_read_though_the_file_is_longer() {
        let temporary = tempfile::tempdir().unwrap();
        for mode in [ReadMode::Pread, ReadMode::Mmap] {
            let path = temporary.path().join(format!("{mode:?}"));
            let file = OsFileSystem.create(&path).unwrap();
            file.write_all_at(0, &[7; 8192]).unwrap();
            let header = SegmentHeader::sample(SegmentKind::Log, 1);
            let segment = Segment::new(header, path, file, 8192, 4096, mode).unwrap();
            let is_mapped = mode == ReadMode::Mmap;
            assert_eq!(segment.mapped(4088, 8).unwrap(), is_mapped.then_some(&[7; 8][..]));
            let read = segment.read(4088, 8).unwrap();
            assert_eq!((&read[..], read.is_mapped()), (&[7; 8][..], is_mapped));
            for (offset, length) in [(4089, 8), (4096, 1), (0, 4097), (u64::MAX, 2)] {
                let read = segment.read(offset, length);
                assert!(matches!(read, Err(Error::Corruption(_))), "{length} bytes at {offset}");
                assert!(!is_mapped || segment.mapped(offset, length).is_err());
            }
            segment.set_readable(8192);
            assert_eq!(&segment.read(4089, 8).unwrap()[..], [7; 8]);
            // A mistake of the store's, and no reason to touch what is not there.
            segment.set_readable(9000);
            assert!(segment.read(8190, 8).is_err());
        }
    }

    #[test]
    fn a_segment_that_is_not_there_is_damage_and_one_that_cannot_be_opened_is_not() {
        let disk = SimDisk::new(1);
        let dir = Dir::new(Arc::new(disk.clone()), Path::new("/"));
        let open = |store, length| Segment::open(&dir, &store, 1, length, ReadMode::Pread);
        assert!(matches!(open([1; 16], None), Err(Error::Corruption(_))));
        disk.plant(&dir.segment(1), &SegmentHeader::sample(SegmentKind::Log, 1).encode());
        assert_eq!(open([1; 16], None).unwrap().readable(), HEADER_LEN);
        for (op, times) in [(Op::Open, 0), (Op::Length, 0), (Op::Read, 0)] {
            disk.inject(Fault::new(&[op], times, Errno::Eio));
            assert!(matches!(open([1; 16], None), Err(Error::Io { .. })), "{op:?}");
        }
        assert!(matches!(open([2; 16], None), Err(Error::Corruption(_))), "of another store");
        assert!(matches!(open([1; 16], Some(HEADER_LEN + 1)), Err(Error::Corruption(_))), "cut off");
        assert_eq!(Segment::store_of(&dir, 1).unwrap(), Some([1; 16]));
        disk.plant(&dir.segment(1), &[0; 500]);
        assert_eq!(Segment::store_of(&dir, 1).unwrap(), None, "nobody knows whose it is");
    }
}

//! The one error type. Each text says what happened, to which file or id, and what to do.
//!
//! 1. `NotFound` allocates nothing: looking up what is not there is an ordinary answer.
//! 2. Every variant has one stable status number in the C ABI (`capi::status`).

use std::io;
use std::path::{Path, PathBuf};

use crate::ids::{DocumentId, InputId};
use crate::memory::NoMemory;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What was looked for and is not there.
///
/// ```
/// use stratum::{Columns, Db, Error, InputId, Missing, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let document = db.write(|batch| batch.create_document(b"", &Columns::new()))?;
/// match db.view()?.input(document, InputId::FIRST) {
///     Err(Error::NotFound(Missing::Input(..))) => {} // the document is there, the input is not
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Missing {
    /// No such document in this view: never created, or deleted.
    #[error("document {0} does not exist in this view")]
    Document(DocumentId),
    /// The document is there, the input is not.
    #[error("document {0} has no input {1} in this view")]
    Input(DocumentId, InputId),
    /// The input is there and has no output.
    #[error("input {1} of document {0} has no output in this view")]
    Output(DocumentId, InputId),
    /// The document has no column of that name.
    #[error("document {0} has no column of that name in this view")]
    Column(DocumentId),
    /// The input has no column of that name.
    #[error("input {1} of document {0} has no column of that name in this view")]
    InputColumn(DocumentId, InputId),
    /// The number cannot be an id of this store (zero, or beyond what it can hand out).
    #[error("{0} is not an id that a store hands out")]
    Id(u64),
}

/// Where in the store damage was found.
///
/// ```
/// use stratum::{Damage, DocumentId};
/// let damage = Damage {
///     file: "store/segment-00000001.strat".into(),
///     offset: 4096,
///     document: Some(DocumentId::FIRST),
///     what: "the checksum does not match".into(),
/// };
/// let text = "store/segment-00000001.strat at byte 4096 (document 1): the checksum does not match";
/// assert_eq!(damage.to_string(), text);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The damaged file.
    pub file: PathBuf,
    /// Byte offset of the damaged record in the file.
    pub offset: u64,
    /// The document the record belongs to, where that can still be told.
    pub document: Option<DocumentId>,
    /// What does not check out.
    pub what: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.file.display(), self.offset)?;
        if let Some(document) = self.document {
            write!(f, " (document {document})")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What can go wrong.
///
/// ```
/// use stratum::{Db, Error, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// match Db::open(&path, &Options::default()) {
///     Err(error @ Error::Locked(_)) => println!("{error}"), // says which store, and what to do
///     other => panic!("{:?}", other.err()),
/// }
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document, input, output or column is not there.
    #[error("not found: {0}")]
    NotFound(Missing),

    /// The caller passed something that can never be right.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),

    /// Over a limit of the store; refused before anything was written.
    #[error("too large: {what} is {size} bytes, the limit is {limit} ({option}); nothing was written")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
        /// The option that sets the limit.
        option: &'static str,
    },

    /// The system refused memory that the size of what is read or written asks for. Nothing was changed.
    #[error("out of memory: what this call reads or writes does not fit; nothing was changed")]
    NoMemory,

    /// Stored bytes do not check out. Nothing was changed.
    #[error("corruption: {0}; restore the store from a backup, or repair it into a new one")]
    Corruption(Box<Damage>),

    /// The operating system refused an operation.
    #[error("I/O error: {action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// The disk is full. Nothing of the commit is visible; writing works again when there is room.
    #[error(
        "no space: {action} {}: {source}; nothing was changed, and writing resumes when there is room \
         (deletes and compaction still work)",
        path.display()
    )]
    NoSpace {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// Another process, or another handle of this one, has the store open.
    #[error("locked: the store at {} is open elsewhere; close it there first", .0.display())]
    Locked(PathBuf),

    /// The directory holds something that is not a store. It was not touched.
    #[error("not a store: {}: {what}; nothing was changed", path.display())]
    NotAStore {
        /// The directory or file.
        path: PathBuf,
        /// Why it is not a store.
        what: String,
    },

    /// The store was written by a newer version. It was not touched.
    #[error("newer format: {}: {what}; open it with a newer version of Stratum. Nothing was changed", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// What this version does not know.
        what: String,
    },

    /// There is no store and none may be created, or there is one and there must not be.
    #[error("cannot open {}: {what}", path.display())]
    OpenRefused {
        /// The directory.
        path: PathBuf,
        /// Which option stands against it.
        what: &'static str,
    },

    /// A sync failed: whether this commit will be there after a reopen is not known.
    #[error(
        "commit outcome unknown: {action} {}: {source}; reads go on, writes are refused \
         until the store is reopened, which tells",
        path.display()
    )]
    CommitUnknown {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// An earlier sync failed, so this store takes no writes until it is reopened.
    #[error("poisoned: an earlier failure ({0}) left the log's state on disk unknown; reopen the store to write again")]
    Poisoned(String),

    /// The store (or what the handle belonged to) was closed.
    #[error("closed: the store was closed; open it again")]
    Closed,

    /// The snapshot was given up to bound the space that old views hold.
    #[error("snapshot too old: it held more than max_retained_bytes of replaced data and was released; take a new one")]
    SnapshotTooOld,

    /// This process is a fork of the one that opened the store.
    #[error(
        "forked: the store was opened before fork(); a child process must open it itself, after the parent closed it"
    )]
    Forked,
}

impl Error {
    /// Whether this is the ordinary "not there".
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::NotFound(_))
    }

    /// The operating system's error number, where one stands behind this error.
    pub fn os_error(&self) -> Option<i32> {
        match self {
            Error::Io { source, .. } | Error::NoSpace { source, .. } | Error::CommitUnknown { source, .. } => {
                source.raw_os_error()
            }
            _ => None,
        }
    }
}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Error {
        Error::NotFound(missing)
    }
}

impl From<NoMemory> for Error {
    fn from(_: NoMemory) -> Error {
        Error::NoMemory
    }
}

impl Error {
    /// What the system said of an operation on a file; a full disk or quota is told apart, and a want of memory.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoSpace { action, path, source },
            io::ErrorKind::OutOfMemory => Error::NoMemory,
            _ => Error::Io { action, path, source },
        }
    }

    /// The same failure once more, for another commit of the group that met it.
    pub(crate) fn again(&self) -> Error {
        fn same(source: &io::Error) -> io::Error {
            source.raw_os_error().map_or_else(|| source.kind().into(), io::Error::from_raw_os_error)
        }
        match self {
            Error::NoSpace { action, path, source } => {
                Error::NoSpace { action, path: path.clone(), source: same(source) }
            }
            Error::CommitUnknown { action, path, source } => {
                Error::CommitUnknown { action, path: path.clone(), source: same(source) }
            }
            Error::Io { action, path, source } => Error::Io { action, path: path.clone(), source: same(source) },
            Error::Corruption(damage) => Error::Corruption(damage.clone()),
            Error::NoMemory => Error::NoMemory,
            Error::Closed => Error::Closed,
            Error::Forked => Error::Forked,
            Error::Poisoned(reason) => Error::Poisoned(reason.clone()),
            other => Error::Poisoned(other.to_string()),
        }
    }

    /// A failed sync (or rename): what is on disk is not known, and asking again would not tell.
    pub(crate) fn unknown(action: &'static str, path: &Path, source: io::Error) -> Error {
        Error::CommitUnknown { action, path: path.to_path_buf(), source }
    }

    /// Stored bytes that do not check out.
    pub(crate) fn corruption(file: &Path, offset: u64, document: Option<DocumentId>, what: impl Into<String>) -> Error {
        Error::Corruption(Box::new(Damage { file: file.to_path_buf(), offset, document, what: what.into() }))
    }
}

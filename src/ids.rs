//! The identifiers that the store hands out.
//!
//! 1. An id is never zero, so that a C caller's zero can mean "none".
//! 2. A `DocumentId` that a durable commit used is never handed out again in the life of the store, an `InputId` never
//!    again in that of its document. Ids that only an abandoned batch saw may be skipped or handed out again later.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

/// Names a document: rising, never used again after a delete.
///
/// ```
/// use stratum::DocumentId;
/// assert_eq!(DocumentId::new(0), None);
/// assert_eq!(DocumentId::new(1), Some(DocumentId::FIRST));
/// assert_eq!(DocumentId::FIRST.to_string(), "1");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DocumentId(NonZeroU64);

impl DocumentId {
    /// The smallest id, and the one that a new store hands out first.
    pub const FIRST: DocumentId = DocumentId(NonZeroU64::MIN);

    /// `None` for zero, which names no document.
    pub const fn new(id: u64) -> Option<DocumentId> {
        match NonZeroU64::new(id) {
            Some(id) => Some(DocumentId(id)),
            None => None,
        }
    }

    /// The id as a number, always above zero.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names an input within its document: rising, never used again in it.
///
/// A document can hand out 4,294,967,295 input ids in its life; the API speaks of them as `u64`.
///
/// ```
/// use stratum::InputId;
/// assert_eq!(InputId::new(3).map(InputId::get), Some(3));
/// assert_eq!(InputId::new(1 << 32), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InputId(NonZeroU32);

impl InputId {
    /// The smallest id, and the one that a new document hands out first.
    pub const FIRST: InputId = InputId(NonZeroU32::MIN);

    /// `None` for zero and for numbers that no document can have handed out.
    pub fn new(id: u64) -> Option<InputId> {
        u32::try_from(id).ok().and_then(NonZeroU32::new).map(InputId)
    }

    /// The id as a number, always above zero.
    pub const fn get(self) -> u64 {
        self.0.get() as u64
    }

    /// The id as the packed forms hold it.
    pub(crate) const fn raw(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for InputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

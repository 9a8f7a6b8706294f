//! The manifest's bytes: a file header, then edits.
//!
//! ```text
//! File header, 96 bytes: 0 magic "STRATMAN", 8 u32 version, 12 u32 length, 16 store UUID, 48 u64 required features,
//!                        56 u64 optional features, 64 u64 key id, 92 u32 CRC
//! Edit: 0 u32 CRC of bytes 4.. of the edit   4 u32 length of the changes   8 u64 number   16 changes
//! Changes, one after another, 8-aligned: u32 tag, u32 length of the fields, fields
//!   1 segment  u32 id, u32 kind, u64 epoch, u64 length (0: active), u64 footer offset (0: none),
//!              u64 lowest and u64 highest sequence
//!   2 remove   u32 id, u32 zero
//!   3 marks    u64 next document, u64 epoch, u64 sequence, u32 next segment, u32 zero
//! ```
//!
//! 1. An edit applies whole or not at all. `segment` adds a segment or replaces what is known of it.
//! 2. Edit numbers rise by one, so that a lost edit in the middle is seen. A file that takes the place of another goes
//!    on from its numbers.
//! 3. What an edit may say goes a little beyond what a store comes to (`Marks::leave_room`): such an edit is told from
//!    a torn one, and refused.
//! 4. A file that no edit names is never replayed. A log segment that was removed begins at or before `sequence`, so
//!    one that begins behind it was named by an edit that is lost.

use std::collections::BTreeMap;

use super::segment::SegmentKind;
use super::{Header, HeaderError, Malformed, crc, u32_at, u64_at};
use super::{NUMBER_LIMIT, NUMBERS_END, SEGMENT_ID_LIMIT, SEGMENT_IDS_END};
use crate::memory::{self, NoMemory};

/// Bytes before the first edit.
pub const HEADER_LEN: usize = 96;
/// Bytes of an edit before its changes.
pub const EDIT_HEADER_LEN: usize = 16;
/// Where an edit has the tag of its first change, which is not zero.
pub const FIRST_TAG_AT: usize = EDIT_HEADER_LEN;
const MAGIC: &[u8; 8] = b"STRATMAN";
/// Bytes of the longest change, that of a segment.
const LONGEST_CHANGE: usize = 56;

/// What the manifest knows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentMeta {
    /// Its id.
    pub id: u32,
    /// What its records are.
    pub kind: SegmentKind,
    /// The epoch it was written in.
    pub epoch: u64,
    /// Bytes that count, zero while it is the active one.
    pub length: u64,
    /// Offset of the footer record, zero for none.
    pub footer: u64,
    /// Lowest sequence number in it (`u64::MAX` when none).
    pub min_sequence: u64,
    /// Highest sequence number in it.
    pub max_sequence: u64,
}

/// High-water marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// No id from here on was handed out in a commit.
    pub next_document: u64,
    /// Raised by every recovery.
    pub epoch: u64,
    /// Sequence number of the newest commit when the edit was made.
    pub sequence: u64,
    /// No file with this id or a higher one was ever named.
    pub next_segment: u32,
}

impl Marks {
    /// Whether a store can go on from these marks, the number of its newest edit being this one, with at least so many
    /// epochs, edits and segments. None ever comes to others.
    pub fn leave_room(&self, edit: u64, room: u32) -> bool {
        let is_below = |number: u64| number < NUMBERS_END - u64::from(room);
        self.next_document <= NUMBERS_END
            && self.sequence < NUMBERS_END
            && self.next_segment <= SEGMENT_IDS_END - room
            && is_below(self.epoch)
            && is_below(edit)
    }
}

/// What an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds or redefines a segment.
    Segment(SegmentMeta),
    /// Drops a segment.
    Remove(u32),
    /// Sets the marks.
    Marks(Marks),
}

/// What all edits together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestState {
    /// The store.
    pub store: [u8; 16],
    /// The segments by id.
    pub segments: BTreeMap<u32, SegmentMeta>,
    /// The marks.
    pub marks: Marks,
}

impl ManifestState {
    /// Of a store without segments.
    pub fn empty(store: [u8; 16]) -> ManifestState {
        let marks = Marks { next_document: 1, epoch: 1, sequence: 0, next_segment: 1 };
        ManifestState { store, segments: BTreeMap::new(), marks }
    }

    /// Applies the changes of one edit.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Segment(meta) => {
                    self.segments.insert(meta.id, meta);
                }
                Change::Remove(id) => {
                    self.segments.remove(&id);
                }
                Change::Marks(marks) => self.marks = marks,
            }
        }
    }

    /// The changes that lead from nothing to this state.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let marks = std::iter::once(Change::Marks(self.marks));
        marks.chain(self.segments.values().copied().map(Change::Segment))
    }

    /// All of them at once, where there is memory for them.
    pub fn as_changes(&self) -> Vec<Change> {
        self.changes().collect()
    }
}

/// The file header.
pub fn encode_header(store: [u8; 16]) -> [u8; HEADER_LEN] {
    let mut header = Header::<HEADER_LEN>::new(MAGIC, super::VERSION);
    header.put(16, &store);
    header.seal()
}

/// Reads the file header: the store's UUID.
pub fn decode_header(bytes: &[u8]) -> Result<[u8; 16], HeaderError> {
    let header = Header::<HEADER_LEN>::open(bytes, MAGIC, super::VERSION)?;
    if header.u64(48) != 0 {
        return Err(HeaderError::Newer(format!("the store needs features {:#x}", header.u64(48))));
    }
    if header.u64(64) != 0 {
        return Err(HeaderError::Newer("the store is encrypted".to_string()));
    }
    Ok(header.uuid(16))
}

/// Adds an edit to some bytes.
///
/// # Errors
/// `NoMemory`; a part of it may have been added.
pub fn append_edit(
    bytes: &mut Vec<u8>,
    number: u64,
    changes: impl IntoIterator<Item = Change>,
) -> Result<(), NoMemory> {
    let start = bytes.len();
    memory::reserve(bytes, EDIT_HEADER_LEN)?;
    bytes.extend([0; EDIT_HEADER_LEN]);
    for change in changes {
        memory::reserve(bytes, LONGEST_CHANGE)?;
        let (tag, fields) = encode_change(&change);
        bytes.extend(tag.to_le_bytes());
        bytes.extend((fields.len() as u32).to_le_bytes());
        bytes.extend(fields);
    }
    let edit = &mut bytes[start..];
    let length = (edit.len() - EDIT_HEADER_LEN) as u32;
    edit[4..8].copy_from_slice(&length.to_le_bytes());
    edit[8..16].copy_from_slice(&number.to_le_bytes());
    let crc = crc(&edit[4..]);
    edit[0..4].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// One edit, where there is memory for it; no bytes where there is none.
pub fn encode_edit(number: u64, changes: &[Change]) -> Vec<u8> {
    let mut edit = Vec::new();
    let appended = append_edit(&mut edit, number, changes.iter().copied());
    if appended.is_ok() { edit } else { Vec::new() }
}

fn encode_change(change: &Change) -> (u32, Vec<u8>) {
    match change {
        Change::Segment(meta) => {
            let mut fields = Vec::with_capacity(48);
            fields.extend(meta.id.to_le_bytes());
            fields.extend((meta.kind as u32).to_le_bytes());
            for number in [meta.epoch, meta.length, meta.footer, meta.min_sequence, meta.max_sequence] {
                fields.extend(number.to_le_bytes());
            }
            (1, fields)
        }
        Change::Remove(id) => (2, u64::from(*id).to_le_bytes().to_vec()),
        Change::Marks(marks) => {
            let mut fields = Vec::with_capacity(32);
            fields.extend(marks.next_document.to_le_bytes());
            fields.extend(marks.epoch.to_le_bytes());
            fields.extend(marks.sequence.to_le_bytes());
            fields.extend(u64::from(marks.next_segment).to_le_bytes());
            (3, fields)
        }
    }
}

/// What stands at a place where an edit may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditAt {
    /// A whole edit: its number, its changes, its length in bytes.
    Edit(u64, Vec<Change>, usize),
    /// Nothing follows, or only zeros, which wait for the next edits.
    End,
    /// Bytes that are no edit.
    Damaged,
    /// An edit with a change that this version does not know.
    Newer(u32),
    /// An edit with more changes than there is memory for.
    NoMemory,
}

/// Number and length in bytes that an edit would have which starts with these bytes. Nothing of it is checked but that
/// the bytes are as many, and that a store can go on from the number.
pub fn edit_head(bytes: &[u8]) -> Option<(u64, usize)> {
    let head = bytes.get(..EDIT_HEADER_LEN)?;
    let length = EDIT_HEADER_LEN + u32_at(head, 4) as usize;
    let number = u64_at(head, 8);
    (length <= bytes.len() && (1..NUMBER_LIMIT).contains(&number)).then_some((number, length))
}

/// Reads the edit that starts with these bytes.
pub fn decode_edit(bytes: &[u8]) -> EditAt {
    if bytes.iter().all(|byte| *byte == 0) {
        return EditAt::End;
    }
    let Some((number, length)) = edit_head(bytes) else { return EditAt::Damaged };
    let edit = &bytes[..length];
    if length == EDIT_HEADER_LEN || crc(&edit[4..]) != u32_at(edit, 0) {
        return EditAt::Damaged;
    }
    match decode_changes(&edit[EDIT_HEADER_LEN..]) {
        Ok(Ok(changes)) => EditAt::Edit(number, changes, length),
        Ok(Err(tag)) => EditAt::Newer(tag),
        Err(Malformed::NO_MEMORY) => EditAt::NoMemory,
        Err(Malformed(_)) => EditAt::Damaged,
    }
}

/// The changes, or the first tag that is not known.
fn decode_changes(mut bytes: &[u8]) -> Result<Result<Vec<Change>, u32>, Malformed> {
    let cut = Malformed("a manifest edit's changes are cut off");
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        if bytes.len() < 8 {
            return Err(cut);
        }
        let (tag, length) = (u32_at(bytes, 0), u32_at(bytes, 4) as usize);
        let fields = bytes.get(8..8 + length).ok_or(cut)?;
        let change = match (tag, length) {
            (1, 48) => match SegmentKind::from_number(u32_at(fields, 4)) {
                Some(kind) => Change::Segment(decode_segment(fields, kind)),
                None => return Ok(Err(tag)),
            },
            (2, 8) => Change::Remove(u32_at(fields, 0)),
            (3, 32) => Change::Marks(Marks {
                next_document: u64_at(fields, 0),
                epoch: u64_at(fields, 8),
                sequence: u64_at(fields, 16),
                next_segment: u32_at(fields, 24),
            }),
            _ => return Ok(Err(tag)),
        };
        if !is_possible(&change) {
            return Err(Malformed("a manifest edit's numbers are impossible"));
        }
        memory::push(&mut changes, change)?;
        bytes = &bytes[8 + length..];
    }
    Ok(Ok(changes))
}

/// Whether the numbers in a change are such that arithmetic can go on from them.
fn is_possible(change: &Change) -> bool {
    match change {
        Change::Segment(meta) => {
            meta.id < SEGMENT_ID_LIMIT && meta.epoch < NUMBER_LIMIT && meta.max_sequence < NUMBER_LIMIT
        }
        Change::Remove(_) => true,
        Change::Marks(marks) => {
            marks.next_segment <= SEGMENT_ID_LIMIT
                && [marks.next_document, marks.epoch, marks.sequence].iter().all(|number| *number < NUMBER_LIMIT)
        }
    }
}

fn decode_segment(fields: &[u8], kind: SegmentKind) -> SegmentMeta {
    SegmentMeta {
        id: u32_at(fields, 0),
        kind,
        epoch: u64_at(fields, 8),
        length: u64_at(fields, 16),
        footer: u64_at(fields, 24),
        min_sequence: u64_at(fields, 32),
        max_sequence: u64_at(fields, 40),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::golden;

    fn changes() -> Vec<Change> {
        let meta = SegmentMeta {
            id: 3,
            kind: SegmentKind::Log,
            epoch: 2,
            length: 4096,
            footer: 4000,
            min_sequence: 5,
            max_sequence: 9,
        };
        let marks = Marks { next_document: 17, epoch: 2, sequence: 9, next_segment: 4 };
        vec![Change::Marks(marks), Change::Segment(meta), Change::Remove(2)]
    }

    #[test]
    fn edits_round_trip_and_every_flip_is_seen() {
        let edit = encode_edit(7, &changes());
        assert_eq!(decode_edit(&edit), EditAt::Edit(7, changes(), edit.len()));
        for at in 0..edit.len() {
            let mut damaged = edit.clone();
            damaged[at] ^= 0x04;
            assert!(!matches!(decode_edit(&damaged), EditAt::Edit(..)), "byte {at}");
            assert!(at == 0 || decode_edit(&edit[..at]) == EditAt::Damaged);
        }
        assert_eq!(decode_edit(&[0; 64]), EditAt::End, "zeros are no edit");
        assert_eq!(decode_edit(&[&[0; 64][..], &edit].concat()), EditAt::Damaged, "zeros where one was");
    }

    #[test]
    fn is_as_documented() {
        let meta = SegmentMeta {
            id: 1,
            kind: SegmentKind::Log,
            epoch: 1,
            length: 544,
            footer: 472,
            min_sequence: 1,
            max_sequence: 2,
        };
        let mut state = ManifestState::empty(golden::STORE);
        let marks = Marks { next_document: 3, epoch: 1, sequence: 2, next_segment: 2 };
        state.apply(&[Change::Marks(marks), Change::Segment(meta)]);
        golden::check("manifest-header", &encode_header(golden::STORE));
        golden::check("manifest-first-edit", &encode_edit(1, &state.as_changes()));

        let compacted =
            SegmentMeta { id: 2, kind: SegmentKind::Compacted, length: 304, footer: 240, max_sequence: 1, ..meta };
        let marks = Change::Marks(Marks { next_segment: 3, ..marks });
        golden::check("manifest-edit", &encode_edit(2, &[Change::Segment(compacted), Change::Remove(1), marks]));
    }

    #[test]
    fn a_state_is_rebuilt_from_its_changes() {
        let mut state = ManifestState::empty([7; 16]);
        state.apply(&changes());
        let mut copy = ManifestState::empty([7; 16]);
        copy.apply(&state.as_changes());
        assert_eq!(state, copy);
        assert_eq!(decode_header(&encode_header([7; 16])), Ok([7; 16]));
    }

    #[test]
    fn unknown_changes_are_from_a_newer_version() {
        let mut edit = encode_edit(1, &changes());
        edit[16] = 9;
        let crc = crc(&edit[4..]);
        edit[0..4].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode_edit(&edit), EditAt::Newer(9));
    }
    #[test]
    fn numbers_from_which_no_store_can_go_on_are_damage() {
        let decoded = |change: Change| decode_edit(&encode_edit(1, &[change]));
        let marks = Marks { next_document: 1, epoch: 1, sequence: 1, next_segment: 1 };
        let last = NUMBER_LIMIT - 1;
        let good = Marks { next_document: last, epoch: last, sequence: last, next_segment: SEGMENT_ID_LIMIT };
        assert!(matches!(decoded(Change::Marks(good)), EditAt::Edit(..)));
        for bad in [
            Marks { next_document: NUMBER_LIMIT, ..marks },
            Marks { epoch: NUMBER_LIMIT, ..marks },
            Marks { sequence: NUMBER_LIMIT, ..marks },
            Marks { next_segment: SEGMENT_ID_LIMIT + 1, ..marks },
        ] {
            assert_eq!(decoded(Change::Marks(bad)), EditAt::Damaged, "{bad:?}");
        }
        let kind = SegmentKind::Log;
        let meta = SegmentMeta { id: 1, kind, epoch: 1, length: 0, footer: 0, min_sequence: 1, max_sequence: 1 };
        let good = SegmentMeta { id: SEGMENT_ID_LIMIT - 1, epoch: last, max_sequence: last, ..meta };
        assert!(matches!(decoded(Change::Segment(good)), EditAt::Edit(..)));
        for bad in [
            SegmentMeta { id: SEGMENT_ID_LIMIT, ..meta },
            SegmentMeta { epoch: NUMBER_LIMIT, ..meta },
            SegmentMeta { max_sequence: NUMBER_LIMIT, ..meta },
        ] {
            assert_eq!(decoded(Change::Segment(bad)), EditAt::Damaged, "{bad:?}");
        }
    }

    #[test]
    fn marks_that_leave_no_room_are_no_store_s() {
        let (end, ids_end) = (NUMBERS_END, SEGMENT_IDS_END);
        let last = Marks { next_document: end, epoch: end - 1, sequence: end - 1, next_segment: ids_end };
        assert!(last.leave_room(end - 1, 0) && !last.leave_room(end, 0));
        for beyond in [
            Marks { next_document: end + 1, ..last },
            Marks { epoch: end, ..last },
            Marks { sequence: end, ..last },
            Marks { next_segment: ids_end + 1, ..last },
        ] {
            assert!(!beyond.leave_room(1, 0), "{beyond:?}");
        }
        let spare = Marks { epoch: end - 11, next_segment: ids_end - 10, ..last };
        assert!(spare.leave_room(end - 11, 10) && !spare.leave_room(end - 10, 10) && !spare.leave_room(1, 11));
        assert!(!Marks { next_segment: ids_end - 9, ..spare }.leave_room(1, 10));
    }

    #[test]
    fn a_change_without_fields_is_of_a_newer_version_and_one_without_its_length_is_damage() {
        assert_eq!(decode_changes(&[9, 0, 0, 0, 0, 0, 0, 0]), Ok(Err(9)));
        assert!(decode_changes(&[9, 0, 0, 0]).is_err());
    }
}

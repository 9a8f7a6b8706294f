//! Trees that compaction compressed: the payload of a tree's record under a codec. Layout: docs/format.md, "Compressed
//! tree".
//!
//! ```text
//!   head, plain | frames, u32   CRC of the table, u32 | {plain length, stored length, CRC stored, CRC plain}, u32 each
//!               | frame | frame | ...                                                        first nodes, then blob
//! ```
//!
//! 1. The head stays plain, so that columns, counts and absence cost no decompression, and a body is found without it.
//!    Nodes and blob are apart: neither pays for the other. On the workload "golden sets" that costs no bytes: zstd
//!    level 3 makes 0.42 of a tree either way (level 1: 0.44; level 6: 0.41 for three times the work), lz4 0.61.
//! 2. A frame holds at most `FRAME` plain bytes: one input of a large tree costs one frame or two, and whatever a
//!    record says, no more memory is asked for than that for each frame that its table has.
//! 3. Only stored bytes whose CRC holds reach a decompressor, and only with room for exactly what the table says. What
//!    comes out is verified too: a frame that gives another length or other bytes is damage.
//! 4. A frame that would not shrink is stored as it is, and a tree that would not is not compressed at all. The plain
//!    form of a frame is given up for nothing that does not decompress to it.

use std::cell::RefCell;
use std::ops::Range;

use zstd_safe::{CCtx, CParameter, DCtx};

use super::packed::HeadFields;
use super::record::RecordHeader;
use super::{Decoded, Malformed, crc, read_u32, split};
use crate::memory;
use crate::options::Compression;

/// Most plain bytes of one frame.
const FRAME: u64 = 256 << 10;
/// Bytes of the table before its entries.
const COUNT_LEN: u64 = 8;
const ENTRY_LEN: u64 = 16;
const ZSTD_LEVEL: i32 = 3;

/// Where a frame lies in the plain form and in the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    plain: u64,
    plain_len: u32,
    stored: u64,
    stored_len: u32,
    stored_crc: u32,
    plain_crc: u32,
}

/// The frames of one compressed tree, in order and without gaps.
#[derive(Debug, PartialEq, Eq)]
pub struct Frames {
    codec: Compression,
    frames: Vec<Frame>,
}

impl Frames {
    /// The frames of a whole payload.
    pub fn of_payload(header: &RecordHeader, payload: &[u8]) -> Decoded<Frames> {
        let head = HeadFields::parse(payload)?;
        let (_, rest) = split(payload, head.head_len())?;
        let (table, _) = split(rest, Frames::table_len(rest)?)?;
        Frames::parse(table, header, &head)
    }

    /// How long the table is that begins with these bytes; it may say that it is longer than what it lies in.
    pub fn table_len(start: &[u8]) -> Decoded<u64> {
        Ok(COUNT_LEN + u64::from(read_u32(start, 0)?) * ENTRY_LEN)
    }

    /// Reads a table, which lies behind the head. Verifies its CRC, and that the frames fit the record and the tree.
    pub fn parse(table: &[u8], header: &RecordHeader, head: &HeadFields) -> Decoded<Frames> {
        let (count, entries) = split(table, COUNT_LEN)?;
        if crc(entries) != read_u32(count, 4)? {
            return Err(Malformed("the checksum of a compressed tree's table does not match"));
        }
        let mut frames = memory::vec(entries.len() / ENTRY_LEN as usize)?;
        let (mut plain, mut stored) = (head.head_len(), head.head_len() + table.len() as u64);
        for entry in entries.chunks_exact(ENTRY_LEN as usize) {
            let (plain_len, stored_len) = (read_u32(entry, 0)?, read_u32(entry, 4)?);
            let (stored_crc, plain_crc) = (read_u32(entry, 8)?, read_u32(entry, 12)?);
            if plain_len == 0 || u64::from(plain_len) > FRAME || stored_len > plain_len {
                return Err(Malformed("a frame of a compressed tree has an impossible length"));
            }
            frames.push(Frame { plain, plain_len, stored, stored_len, stored_crc, plain_crc });
            plain += u64::from(plain_len);
            stored += u64::from(stored_len);
        }
        if plain != header.plain_len() || plain != head.total_len() || stored != u64::from(header.payload_len) {
            return Err(Malformed("the frames of a compressed tree do not make up the tree"));
        }
        Ok(Frames { codec: header.codec, frames })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.frames.len()
    }

    /// The frames that hold a range of the plain form.
    pub fn of(&self, range: Range<u64>) -> Range<usize> {
        let first = self.frames.partition_point(|frame| frame.plain + u64::from(frame.plain_len) <= range.start);
        let behind = self.frames.partition_point(|frame| frame.plain < range.end);
        first..behind.max(first)
    }

    /// Where a frame begins in the plain form, and its length there.
    pub fn plain(&self, frame: usize) -> (u64, u64) {
        let frame = &self.frames[frame];
        (frame.plain, frame.plain_len.into())
    }

    /// Where a frame begins in the payload, and its length there.
    pub fn stored(&self, frame: usize) -> (u64, u64) {
        let frame = &self.frames[frame];
        (frame.stored, frame.stored_len.into())
    }

    /// Decompresses a frame, whose stored bytes are given, into as many bytes as it has. Verifies both of its CRCs.
    pub fn open(&self, frame: usize, stored: &[u8], into: &mut [u8]) -> Decoded<()> {
        if crc(stored) != self.frames[frame].stored_crc {
            return Err(Malformed("the checksum of a compressed frame does not match"));
        }
        self.open_verified(frame, stored, into)
    }

    fn open_verified(&self, frame: usize, stored: &[u8], into: &mut [u8]) -> Decoded<()> {
        decompress(self.codec, stored, into)?;
        if crc(into) != self.frames[frame].plain_crc {
            return Err(Malformed("a compressed frame does not decompress to its content"));
        }
        Ok(())
    }

    /// Decompresses a whole payload, whose checksum was verified, into `RecordHeader::plain_len` bytes.
    pub fn open_all(&self, payload: &[u8], into: &mut [u8]) -> Decoded<()> {
        self.open_each(payload, into, |frame, stored, into| self.open_verified(frame, stored, into))
    }

    /// Copies the head of a whole payload, and has each frame opened where it goes.
    fn open_each(
        &self,
        payload: &[u8],
        into: &mut [u8],
        mut open: impl FnMut(usize, &[u8], &mut [u8]) -> Decoded<()>,
    ) -> Decoded<()> {
        let head = self.frames.first().map_or(into.len(), |frame| frame.plain as usize);
        into[..head].copy_from_slice(payload.get(..head).ok_or(super::CUT_SHORT)?);
        for (number, frame) in self.frames.iter().enumerate() {
            let (_, rest) = split(payload, frame.stored)?;
            let (stored, _) = split(rest, frame.stored_len.into())?;
            let (_, rest) = into.split_at_mut(frame.plain as usize);
            open(number, stored, &mut rest[..frame.plain_len as usize])?;
        }
        Ok(())
    }
}

/// The plain form of a tree's payload, whose checksum was verified.
pub fn plain(header: &RecordHeader, payload: &[u8]) -> Decoded<Vec<u8>> {
    let frames = Frames::of_payload(header, payload)?;
    let mut packed = memory::zeros(header.plain_len() as usize)?; // as much as the frames have
    frames.open_all(payload, &mut packed)?;
    Ok(packed)
}

/// What checks out of a damaged payload: zeros stand where a frame does not, only the payload's first bytes are given
/// where the table does not.
pub fn plain_in_part(header: &RecordHeader, payload: &[u8]) -> Decoded<Vec<u8>> {
    let frames = match Frames::of_payload(header, payload) {
        Err(Malformed::NO_MEMORY) => return Err(Malformed::NO_MEMORY),
        Err(_) => return Ok(memory::copy(payload)?),
        Ok(frames) => frames,
    };
    let mut packed = memory::zeros(header.plain_len() as usize)?;
    frames.open_each(payload, &mut packed, |frame, stored, into| match frames.open(frame, stored, into) {
        Err(error) if error != Malformed::NO_MEMORY => {
            into.fill(0);
            Ok(())
        }
        opened => opened,
    })?;
    Ok(packed)
}

/// Compresses trees, one after another.
#[derive(Default)]
pub struct Compressor {
    zstd: Option<CCtx<'static>>,
    /// What the last frame decompresses to.
    again: Vec<u8>,
}

impl Compressor {
    /// A packed tree as a payload under `codec`; `None` where it would not shrink.
    pub fn compress(&mut self, packed: &[u8], codec: Compression) -> Decoded<Option<Vec<u8>>> {
        if codec == Compression::None {
            return Ok(None);
        }
        let head = HeadFields::parse(packed)?;
        if head.total_len() != packed.len() as u64 {
            return Err(Malformed("a packed form has another length than its header says"));
        }
        let (head_len, total) = (head.head_len(), packed.len() as u64);
        let ends = chunks(head_len..head.nodes_end()).chain(chunks(head.nodes_end()..total));
        let mut table = Vec::new();
        let mut stored = Vec::new();
        for chunk in ends {
            let bytes = packed.get(chunk.start as usize..chunk.end as usize).ok_or(super::CUT_SHORT)?;
            let from = stored.len();
            self.append(bytes, codec, &mut stored)?;
            let coded = &stored[from..];
            for number in [bytes.len() as u32, coded.len() as u32, crc(coded), crc(bytes)] {
                table.extend(number.to_le_bytes());
            }
        }
        let length = head_len as usize + COUNT_LEN as usize + table.len() + stored.len();
        if length.next_multiple_of(8) >= packed.len() {
            return Ok(None);
        }
        let mut payload = memory::vec(length)?;
        payload.extend_from_slice(&packed[..head_len as usize]);
        payload.extend(((table.len() as u64 / ENTRY_LEN) as u32).to_le_bytes());
        payload.extend(crc(&table).to_le_bytes());
        payload.extend(table);
        payload.extend(stored);
        Ok(Some(payload))
    }

    /// Appends one frame.
    fn append(&mut self, bytes: &[u8], codec: Compression, out: &mut Vec<u8>) -> Decoded<()> {
        let from = out.len();
        let room = match codec {
            Compression::None => 0,
            Compression::Lz4 => lz4_flex::block::get_maximum_output_size(bytes.len()),
            Compression::Zstd => zstd_safe::compress_bound(bytes.len()),
        };
        memory::reserve(out, room.max(bytes.len()))?;
        out.resize(from + room, 0);
        // With so much room, neither has another reason to fail than memory of its own.
        let written = match codec {
            Compression::None => None,
            Compression::Lz4 => lz4_flex::block::compress_into(bytes, &mut out[from..]).ok(),
            Compression::Zstd => {
                Some(self.zstd()?.compress2(&mut out[from..], bytes).map_err(|_| Malformed::NO_MEMORY)?)
            }
        };
        if let Some(written) = written.filter(|written| *written < bytes.len()) {
            out.truncate(from + written);
            if self.gives_again(&out[from..], codec, bytes)? {
                return Ok(());
            }
        }
        out.truncate(from);
        out.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether these stored bytes decompress to these plain ones.
    fn gives_again(&mut self, stored: &[u8], codec: Compression, plain: &[u8]) -> Decoded<bool> {
        self.again.clear();
        memory::reserve(&mut self.again, plain.len())?;
        self.again.resize(plain.len(), 0);
        match decompress(codec, stored, &mut self.again) {
            Err(Malformed::NO_MEMORY) => Err(Malformed::NO_MEMORY),
            opened => Ok(opened.is_ok() && self.again == plain),
        }
    }

    fn zstd(&mut self) -> Decoded<&mut CCtx<'static>> {
        if self.zstd.is_none() {
            let mut made = CCtx::try_create().ok_or(Malformed::NO_MEMORY)?;
            // Lengths stand in the table, checksums too.
            for parameter in [CParameter::CompressionLevel(ZSTD_LEVEL), CParameter::ContentSizeFlag(false)] {
                made.set_parameter(parameter).map_err(|_| Malformed::NO_MEMORY)?;
            }
            self.zstd = Some(made);
        }
        self.zstd.as_mut().ok_or(Malformed::NO_MEMORY)
    }
}

/// A range in pieces of one frame each.
fn chunks(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let starts = (range.start..range.end).step_by(FRAME as usize);
    starts.map(move |start| start..range.end.min(start + FRAME))
}

thread_local! {
    /// A thread's decompressor, made when it first reads a tree under zstd: making one costs more than a small tree.
    static ZSTD: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// Decompresses Zstandard data with this decompressor, which is made where there is none; gives the length.
fn unzstd(own: &mut Option<DCtx<'static>>, stored: &[u8], into: &mut [u8]) -> Decoded<Option<usize>> {
    if own.is_none() {
        *own = DCtx::try_create();
    }
    let own = own.as_mut().ok_or(Malformed::NO_MEMORY)?;
    Ok(own.decompress(into, stored).ok())
}

fn decompress(codec: Compression, stored: &[u8], into: &mut [u8]) -> Decoded<()> {
    if stored.len() == into.len() {
        into.copy_from_slice(stored);
        return Ok(());
    }
    let length = match codec {
        Compression::None => None,
        Compression::Lz4 => lz4_flex::block::decompress_into(stored, into).ok(),
        // A thread that is ending has no decompressor of its own any more.
        Compression::Zstd => match ZSTD.try_with(RefCell::take) {
            Ok(mut own) => {
                let length = unzstd(&mut own, stored, into);
                ZSTD.set(own);
                length?
            }
            Err(_) => unzstd(&mut None, stored, into)?,
        },
    };
    let wrong = Malformed("a compressed frame does not decompress to its length");
    length.filter(|length| *length == into.len()).map(drop).ok_or(wrong)
}

#[cfg(test)]
mod tests;

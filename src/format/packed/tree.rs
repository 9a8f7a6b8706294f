//! Trees to their packed form and back.

use super::assembly::{Assembly, Mark, Part, seal};
use super::columns::{ColumnsRef, columns_len, encode_columns};
use super::header::{ENTRY_LEN, HEADER_LEN, Head, MAX_NEXT_INPUT_ID};
use super::{BlobState, Entry, OutputState, Span};
use crate::format::value::{decode_value, encode_value, encoded_len};
use crate::format::{Decoded, Malformed, crc, padded};
use crate::memory;
use crate::tree::{Columns, Input, Tree};

/// What a packed tree is made of, borrowed. Everything in it passed its `check`.
#[derive(Clone, Copy, Debug)]
pub struct TreeParts<'a> {
    /// The document's blob.
    pub blob: &'a [u8],
    /// The document's columns.
    pub columns: &'a Columns,
    /// The inputs in order. Their ids are not looked at.
    pub inputs: &'a [Input],
}

impl<'a> From<&'a Tree> for TreeParts<'a> {
    fn from(tree: &'a Tree) -> TreeParts<'a> {
        TreeParts { blob: &tree.blob, columns: &tree.columns, inputs: &tree.inputs }
    }
}

/// Packs a tree whose inputs get the ids `first_id`, `first_id + 1`, ...
///
/// The ids must not go beyond `u32::MAX`. With `external_blob` the header describes the blob and its bytes are left
/// out: they are a record of their own. The one error is [`Malformed::NO_MEMORY`].
pub fn encode_tree<'a>(tree: impl Into<TreeParts<'a>>, first_id: u64, external_blob: bool) -> Decoded<Vec<u8>> {
    let tree = tree.into();
    let next_input_id = first_id.saturating_add(tree.inputs.len() as u64);
    encode_with_ids(tree, |position| first_id.wrapping_add(position as u64) as u32, next_input_id, external_blob)
}

/// Packs a tree with the ids that `id_at` gives for each position, all of them different and below `next_input_id`.
pub fn encode_with_ids<'a>(
    tree: impl Into<TreeParts<'a>>,
    id_at: impl Fn(usize) -> u32,
    next_input_id: u64,
    external_blob: bool,
) -> Decoded<Vec<u8>> {
    let tree = tree.into();
    let count = tree.inputs.len();
    let permutation = permutation(count, &id_at)?;
    let capacity = tree_len(tree, external_blob) + padded(permutation.len() as u64 * 4);
    let mut packed = Assembly::new(false, count, permutation.len(), capacity)?;
    packed.extra(permutation.into_iter());
    packed.columns(|out| encode_columns(tree.columns, out));
    for (position, input) in tree.inputs.iter().enumerate() {
        let value = packed.part(|out| encode_value(&input.value, out));
        let output = match &input.output {
            Some(output) => packed.part(|out| encode_value(output, out)),
            None => Part::NONE,
        };
        let columns = packed.part(|out| encode_columns(&input.columns, out));
        packed.entry(id_at(position), value, output, columns, Mark::None);
    }
    match external_blob {
        true => packed.external_blob(tree.blob.len() as u64, crc(tree.blob)),
        false => packed.lent_blob(tree.blob)?,
    }
    Ok(packed.finish(next_input_id))
}

/// The length in bytes of a packed tree whose ids ascend.
pub fn tree_len<'a>(tree: impl Into<TreeParts<'a>>, external_blob: bool) -> u64 {
    let tree = tree.into();
    let inline_len = if external_blob { 0 } else { padded(tree.blob.len() as u64) };
    HEADER_LEN as u64
        + tree.inputs.len() as u64 * ENTRY_LEN
        + columns_len(tree.columns)
        + tree.inputs.iter().map(node_len).sum::<u64>()
        + inline_len
}

fn node_len(input: &Input) -> u64 {
    encoded_len(&input.value) + input.output.as_ref().map_or(0, encoded_len) + columns_len(&input.columns)
}

/// The positions by ascending id; empty where the ids ascend with the positions.
pub(super) fn permutation(count: usize, id_at: impl Fn(usize) -> u32) -> Decoded<Vec<u32>> {
    if (1..count).all(|position| id_at(position - 1) < id_at(position)) {
        return Ok(Vec::new());
    }
    let mut positions = memory::collect((0..count).map(|position| position as u32))?;
    positions.sort_unstable_by_key(|position| id_at(*position as usize));
    Ok(positions)
}

/// Gives the inputs of a packed tree the ids `first_id`, `first_id + 1`, ... in their order.
///
/// The tree must have passed [`check`](super::check()). Its length changes only where its ids did not ascend: then the
/// permutation goes. On an error the tree is as it was.
pub fn renumber(tree: &mut Vec<u8>, first_id: u64) -> Decoded<()> {
    let head = Head::parse(tree)?;
    let directory = head.directory()?;
    if head.is_delta() || head.total_len() != tree.len() as u64 {
        return Err(Malformed("not exactly one packed tree"));
    }
    let next_input_id = first_id.checked_add(u64::from(directory.len()));
    let next_input_id = next_input_id
        .filter(|next| first_id > 0 && *next <= MAX_NEXT_INPUT_ID)
        .ok_or(Malformed("the document has no ids left for this tree"))?;

    let mut header = *head.header();
    let extra = header.extra_len();
    let gone8 = (extra / 8) as u32;
    let directory_end = HEADER_LEN + header.directory_len() as usize;
    // What is subtracted lies before all of these, as the header's check and each entry's make sure.
    directory.iter().try_for_each(|entry| entry.map(drop))?;
    tree.drain(directory_end..directory_end + extra as usize);
    header.extra_count = 0;
    header.head_len8 -= gone8;
    header.total_len8 -= gone8;
    header.columns_off8 = header.columns_off8.saturating_sub(gone8); // 0 stands for none
    header.blob_off8 = header.blob_off8.saturating_sub(gone8);
    header.next_input_id = next_input_id;
    let entries: &mut [[u8; ENTRY_LEN as usize]] = tree[HEADER_LEN..directory_end].as_chunks_mut().0;
    for (entry, id) in entries.iter_mut().zip(first_id..) {
        let off8 = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]) - gone8;
        entry[..4].copy_from_slice(&(id as u32).to_le_bytes());
        entry[4..8].copy_from_slice(&off8.to_le_bytes());
    }
    seal(&mut header, tree);
    Ok(())
}

/// Makes sure that the document of a packed tree hands out no input id below `next_input_id`.
pub fn reserve_ids(tree: &mut [u8], next_input_id: u64) -> Decoded<()> {
    let mut header = *Head::parse(tree)?.header();
    if header.next_input_id < next_input_id {
        header.next_input_id = next_input_id;
        seal(&mut header, tree);
    }
    Ok(())
}

/// Decodes a packed tree, ids filled in, and verifies every checksum on the way.
///
/// `external` are the bytes of the blob where it is a record of its own; otherwise they are not looked at.
pub fn to_tree(bytes: &[u8], external: Option<&[u8]>) -> Decoded<Tree> {
    decode(Source { bytes, verify: true }, external)
}

/// Decodes a packed tree that holds its blob, and leaves out the checksums of nodes and blob: the caller verified the
/// whole of it, or was told not to.
pub fn to_tree_unverified(bytes: &[u8]) -> Decoded<Tree> {
    decode(Source { bytes, verify: false }, None)
}

/// A packed tree, and whether the bytes behind its spans are to be verified.
#[derive(Clone, Copy)]
struct Source<'a> {
    bytes: &'a [u8],
    verify: bool,
}

impl<'a> Source<'a> {
    fn part(self, span: Span) -> Decoded<&'a [u8]> {
        if self.verify { span.verified(self.bytes) } else { span.of(self.bytes) }
    }
}

fn decode(packed: Source<'_>, external: Option<&[u8]>) -> Decoded<Tree> {
    let head = Head::parse(packed.bytes)?;
    if head.is_delta() {
        return Err(Malformed("a delta, not a packed tree"));
    }
    let directory = head.directory_of_all()?;
    let mut inputs = memory::vec(directory.len() as usize)?;
    for entry in directory.iter() {
        inputs.push(decode_input(packed, &entry?)?);
    }
    Ok(Tree {
        blob: memory::copy(blob_bytes(packed, head.blob(), external)?)?,
        columns: head.columns()?.to_columns()?,
        inputs,
    })
}

fn decode_input(packed: Source<'_>, entry: &Entry) -> Decoded<Input> {
    let value = entry.value.ok_or(Malformed("an input has no value"))?;
    let output = match entry.output {
        OutputState::At(span) => Some(decode_value(packed.part(span)?)?),
        OutputState::Unchanged | OutputState::Removed => None,
    };
    let columns = match entry.columns {
        Some(span) => ColumnsRef::parse(packed.part(span)?)?.to_columns()?,
        None => Columns::new(),
    };
    Ok(Input { id: Some(entry.id), value: decode_value(packed.part(value)?)?, columns, output })
}

fn blob_bytes<'a>(packed: Source<'a>, state: BlobState, external: Option<&'a [u8]>) -> Decoded<&'a [u8]> {
    match (state, external) {
        (BlobState::Inline(span), _) => packed.part(span),
        (BlobState::External { length, crc: expected }, Some(blob)) => {
            if blob.len() as u64 != length || crc(blob) != expected {
                return Err(Malformed("the checksum or length of a blob does not match"));
            }
            Ok(blob)
        }
        (BlobState::External { .. }, None) => Err(Malformed("the blob of this tree lies elsewhere")),
        (BlobState::Unchanged, _) => Err(Malformed("a tree has no blob")),
    }
}

//! Folding: a tree with its deltas into one tree, and deltas into one delta.
//!
//! 1. Encoded values are copied with the checksums they have, neither decoded nor verified, so that damage stays as
//!    detectable as it was. Columns sections that are rebuilt are verified first.
//! 2. The result is what `encode_tree`, or one `DeltaBuilder` for everything, would have given.

use super::assembly::{Assembly, Mark, Part};
use super::columns::{ColumnsRef, overlay, overlay_len, without_removals, write_columns};
use super::header::HEADER_LEN;
use super::tree::permutation;
use super::{BlobState, Directory, Entry, Head, Layer, Node, OutputState, Span, Stack};
use crate::format::{Decoded, Malformed, padded};
use crate::ids::InputId;
use crate::memory;

/// What becomes of the blob in [`merge`].
#[derive(Clone, Copy, Debug)]
pub enum MergedBlob<'a> {
    /// As the newest layer says: inline bytes are copied, the description of an external blob is kept.
    Keep,
    /// Inline. These are the bytes of the blob that the newest layer describes; its checksum is kept with them.
    Inline(&'a [u8]),
}

/// Folds a packed tree and its deltas, the oldest first, into one packed tree with the same content.
pub fn merge(base: &[u8], deltas: &[&[u8]], blob: MergedBlob<'_>) -> Decoded<Vec<u8>> {
    let stack =
        Stack { base: whole(base)?, deltas: deltas.iter().map(|delta| whole(delta)).collect::<Decoded<Vec<_>>>()? };
    let sources = Sources { base, deltas };
    let layers = stack.layers()?;
    let order = layers.order()?;
    let columns = stack.encoded_columns()?;
    let blob = resolve_blob(&stack, sources, blob)?;
    let permutation = permutation(order.len(), |position| order[position].raw())?;

    // What the layers have before their blobs is at least what of it stays here.
    let layers_len: u64 = std::iter::once(&stack.base).chain(&stack.deltas).map(|head| head.header().nodes_end()).sum();
    let blob_len = padded(blob.inline.map_or(0, |bytes| bytes.len() as u64));
    let capacity = layers_len + padded(permutation.len() as u64 * 4) + blob_len;
    let mut packed = Assembly::new(false, order.len(), permutation.len(), capacity)?;
    packed.extra(permutation.into_iter());
    packed.expect_bytes(overlay_len(&columns))?;
    packed.columns(|out| write_columns(columns.into_iter(), out));
    for id in order {
        let node = layers.locate(id)?.ok_or(Malformed("an input of the chain is deleted"))?;
        copy_node(&mut packed, sources, id, &node)?;
    }
    match blob.inline {
        Some(bytes) => packed.inline_blob(bytes, blob.crc)?,
        None => packed.external_blob(blob.length, blob.crc),
    }
    Ok(packed.finish(stack.next_input_id()))
}

/// The head of a form that is there to its end: only then do the lengths in it bound what is made of it.
fn whole(bytes: &[u8]) -> Decoded<Head<'_>> {
    let head = Head::parse(bytes)?;
    if head.total_len() != bytes.len() as u64 {
        return Err(Malformed("not exactly one packed tree or delta"));
    }
    Ok(head)
}

/// The packed forms that spans of a stack's layers point into.
#[derive(Clone, Copy)]
struct Sources<'a> {
    base: &'a [u8],
    deltas: &'a [&'a [u8]],
}

impl<'a> Sources<'a> {
    fn layer(self, layer: Layer) -> Decoded<&'a [u8]> {
        let delta = layer.checked_sub(1).map(|index| self.deltas.get(index).copied());
        delta.unwrap_or(Some(self.base)).ok_or(Malformed("a stack has no such layer"))
    }
}

struct ResolvedBlob<'a> {
    inline: Option<&'a [u8]>,
    length: u64,
    crc: u32,
}

fn resolve_blob<'a>(stack: &Stack<'_>, sources: Sources<'a>, wish: MergedBlob<'a>) -> Decoded<ResolvedBlob<'a>> {
    let (layer, state) = stack.blob();
    let (inline, length, crc) = match state {
        BlobState::Unchanged => return Err(Malformed("a tree has no blob")),
        BlobState::External { length, crc } => (None, length, crc),
        BlobState::Inline(span) => (Some(span.of(sources.layer(layer)?)?), span.length, span.crc),
    };
    let inline = match wish {
        MergedBlob::Keep => inline,
        MergedBlob::Inline(bytes) if bytes.len() as u64 == length => Some(bytes),
        MergedBlob::Inline(_) => return Err(Malformed("a blob has not the length that its document says")),
    };
    Ok(ResolvedBlob { inline, length, crc })
}

fn copy_node(packed: &mut Assembly, sources: Sources<'_>, id: InputId, node: &Node) -> Decoded<()> {
    let (layer, span) = node.value;
    let value = packed.copied(span.of(sources.layer(layer)?)?, span.crc)?;
    let output = match node.output {
        Some((layer, span)) => packed.copied(span.of(sources.layer(layer)?)?, span.crc)?,
        None => Part::NONE,
    };
    let columns = match node.columns[..] {
        [] => Part::NONE,
        // A tree's section has no removals: it is what it will be.
        [(0, span)] => packed.copied(span.of(sources.base)?, span.crc)?,
        ref sections => {
            let sections = sections.iter().map(|(layer, span)| section(sources.layer(*layer)?, *span));
            let columns = without_removals(overlay(sections)?);
            packed.expect_bytes(overlay_len(&columns))?;
            packed.part(|out| write_columns(columns.into_iter(), out))
        }
    };
    packed.entry(id.raw(), value, output, columns, Mark::None);
    Ok(())
}

fn section(packed: &[u8], span: Span) -> Decoded<ColumnsRef<'_>> {
    ColumnsRef::parse(span.verified(packed)?)
}

/// Folds deltas that follow one another, the oldest first, into one delta with the same effect.
///
/// A deleted input keeps its entry, marked as deleted, also where it was inserted within; what else changed in it goes.
pub fn compose(deltas: &[&[u8]]) -> Decoded<Vec<u8>> {
    let heads = deltas.iter().map(|delta| whole(delta)).collect::<Decoded<Vec<_>>>()?;
    if heads.is_empty() || heads.iter().any(|head| !head.is_delta()) {
        return Err(Malformed("only deltas, at least one, can be folded into a delta"));
    }
    let directories = heads.iter().map(Head::directory_of_all).collect::<Decoded<Vec<_>>>()?;
    let mut ids = memory::try_collect(directories.iter().flat_map(Directory::ids))?;
    ids.sort_unstable();
    ids.dedup();
    let op_count = directories.iter().map(|directory| directory.order_ops().len()).sum();
    let columns = overlay(heads.iter().map(Head::columns))?;

    let capacity = HEADER_LEN as u64 + deltas.iter().map(|delta| delta.len() as u64).sum::<u64>();
    let mut packed = Assembly::new(true, ids.len(), op_count, capacity)?;
    let mut words = memory::vec(op_count * 3)?;
    for op in directories.iter().flat_map(Directory::order_ops) {
        words.extend(op?.words());
    }
    packed.extra(words.into_iter());
    packed.expect_bytes(overlay_len(&columns))?;
    packed.columns(|out| write_columns(columns.into_iter(), out));
    for id in ids {
        compose_input(&mut packed, deltas, &directories, id)?;
    }
    let newest_blob = heads.iter().zip(deltas).rev().find(|(head, _)| head.blob() != BlobState::Unchanged);
    match newest_blob.map(|(head, delta)| (head.blob(), delta)) {
        Some((BlobState::Inline(span), delta)) => packed.inline_blob(span.of(delta)?, span.crc)?,
        Some((BlobState::External { length, crc }, _)) => packed.external_blob(length, crc),
        Some((BlobState::Unchanged, _)) | None => {}
    }
    Ok(packed.finish(heads.iter().map(Head::next_input_id).max().unwrap_or(1)))
}

fn compose_input(packed: &mut Assembly, deltas: &[&[u8]], directories: &[Directory<'_>], id: InputId) -> Decoded<()> {
    let mut entries: Vec<(&[u8], Entry)> = Vec::with_capacity(deltas.len());
    for (delta, directory) in deltas.iter().zip(directories) {
        entries.extend(directory.find(id)?.map(|entry| (*delta, entry)));
    }
    if entries.iter().any(|(_, entry)| entry.deleted) {
        packed.entry(id.raw(), Part::NONE, Part::NONE, Part::NONE, Mark::Deleted);
        return Ok(());
    }
    let newest = || entries.iter().rev();
    let value = match newest().find_map(|(delta, entry)| Some((delta, entry.value?))) {
        Some((delta, span)) => packed.copied(span.of(delta)?, span.crc)?,
        None => Part::NONE,
    };
    let output = newest().find(|(_, entry)| entry.output != OutputState::Unchanged);
    let (output, mark) = match output.map(|(delta, entry)| (delta, entry.output)) {
        Some((delta, OutputState::At(span))) => (packed.copied(span.of(delta)?, span.crc)?, Mark::None),
        Some((_, OutputState::Removed)) => (Part::NONE, Mark::OutputRemoved),
        Some((_, OutputState::Unchanged)) | None => (Part::NONE, Mark::None),
    };
    let sections = entries.iter().filter_map(|(delta, entry)| Some((*delta, entry.columns?)));
    let columns = overlay(sections.map(|(delta, span)| section(delta, span)))?;
    packed.expect_bytes(overlay_len(&columns))?;
    let columns = packed.part(|out| write_columns(columns.into_iter(), out));
    packed.entry(id.raw(), value, output, columns, mark);
    Ok(())
}

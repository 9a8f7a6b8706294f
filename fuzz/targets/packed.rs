//! Packed trees and deltas: any bytes, as they are and behind matching checksums, alone and on top of one another.
//!
//! 1. Nothing panics, and `check` vouches for what it lets through: it can be decoded, folded and numbered anew.
//! 2. A tree that passes is canonical: folding nothing into it, or packing its content again, gives the same bytes.
//! 3. A tree that passes comes out of each codec as it went in; what is no compressed tree is refused, and of a damaged
//!    one no more comes out than it says.
//! 4. Folding deltas one by one, at once, or composed first, comes to the same.

#![no_main]

mod seal;
mod source;

use libfuzzer_sys::fuzz_target;
use source::Source;
use stratum::format::compressed::{Compressor, plain, plain_in_part};
use stratum::format::packed::{
    BlobState, ColumnsRef, Head, HeadFields, MergedBlob, Stack, check, compose, encode_tree, merge, renumber, to_tree,
};
use stratum::format::record::{RecordHeader, RecordKind};
use stratum::{Compression, InputId};

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let sealing = source.byte();
    let mut parts = Vec::new();
    for part in 0..3 {
        let length = if part == 2 { usize::MAX } else { usize::from(source.u16()) };
        let mut bytes = source.take(length).to_vec();
        if part == 2 && sealing & 8 != 0 {
            seal::compressed(&mut bytes);
        } else if sealing >> part & 1 == 1 {
            seal::packed(&mut bytes);
        }
        parts.push(bytes);
    }
    parts.iter().for_each(|part| alone(part));
    opened(&parts[2]);
    let (tree, first, second) = (&parts[0][..], &parts[1][..], &parts[2][..]);
    stacked(tree, &[first, second]);
    together(tree, first, second);
});

const CODECS: [Compression; 2] = [Compression::Lz4, Compression::Zstd];

/// Any bytes as a compressed tree.
fn opened(payload: &[u8]) {
    let Ok(head) = HeadFields::parse(payload) else { return };
    // More than that no input here can stand for without a table of that many frames.
    let Ok(coded_len) = u32::try_from(head.total_len()) else { return };
    for codec in CODECS {
        let header =
            RecordHeader { codec, coded_len, ..RecordHeader::new(RecordKind::Tree, 1, payload).expect("it is short") };
        let whole = plain(&header, payload);
        let part = plain_in_part(&header, payload).expect("there is memory for what frames hold");
        assert!(part.len() == payload.len() || part.len() == coded_len as usize);
        if let Ok(whole) = whole {
            assert_eq!(whole.len(), coded_len as usize);
        }
    }
}

/// Every function on one run of bytes.
fn alone(bytes: &[u8]) {
    let checked = check(bytes);
    let _ = (
        HeadFields::parse(bytes).map(|fields| fields.head_len()),
        ColumnsRef::parse(bytes).and_then(|columns| columns.to_columns()),
    );
    let decoded = to_tree(bytes, Some(b"elsewhere"));
    let mut renumbered = bytes.to_vec();
    let numbered = renumber(&mut renumbered, 5);
    let _ = compose(&[bytes]);
    let Ok(head) = Head::parse(bytes) else {
        assert!(checked.is_err());
        return;
    };
    walk(&head);
    if checked.is_err() {
        return;
    }
    if head.is_delta() {
        assert_eq!(compose(&[bytes]).as_deref(), Ok(bytes), "a delta by itself composes to itself");
        return;
    }
    assert_eq!(merge(bytes, &[], MergedBlob::Keep).as_deref(), Ok(bytes), "a tree has one form");
    for codec in CODECS {
        if let Some(payload) = Compressor::default().compress(bytes, codec).expect("a tree can be compressed") {
            assert!(payload.len() < bytes.len());
            let header = RecordHeader::new(RecordKind::Tree, 1, bytes).expect("it is short").recoded(&payload, codec);
            assert_eq!(plain(&header, &payload).as_deref(), Ok(bytes), "what is compressed comes back");
        }
    }
    if numbered.is_ok() {
        assert_eq!(check(&renumbered), Ok(()), "a tree numbered anew is a tree");
    }
    if let BlobState::Inline(_) = head.blob() {
        let mut tree = decoded.expect("a tree that was checked decodes");
        assert!(tree.columns.check().is_ok());
        if numbered.is_ok() {
            assert_eq!(encode_tree(&tree, 5, false).as_ref(), Ok(&renumbered), "equal content has equal bytes");
            let again = to_tree(&renumbered, None).expect("a tree that was checked decodes");
            tree.inputs.iter_mut().zip(&again.inputs).for_each(|(input, other)| input.id = other.id);
            assert_eq!(tree, again);
        }
    }
}

fn ids() -> impl Iterator<Item = InputId> {
    [1, 2, 3, 4, 7, 8, 9, u64::from(u32::MAX)].into_iter().filter_map(InputId::new)
}

fn walk(head: &Head<'_>) {
    let _ = (head.blob(), head.columns().map(|columns| columns.iter().count()));
    let Ok(directory) = head.directory() else { return };
    for position in (0..8).chain([u32::MAX]) {
        let _ = (directory.entry(position), directory.id(position));
    }
    let _ = (directory.iter().count(), directory.ids().count(), directory.order_ops().count());
    for id in ids() {
        let _ = (directory.find(id), directory.position(id));
    }
}

/// Reading through layers, whatever they are.
fn stacked(base: &[u8], deltas: &[&[u8]]) {
    let Ok(base) = Head::parse(base) else { return };
    let Ok(deltas) = deltas.iter().map(|delta| Head::parse(delta)).collect::<Result<Vec<_>, _>>() else { return };
    let stack = Stack { base, deltas };
    let _ = (stack.blob(), stack.next_input_id(), stack.columns(), stack.column("title"));
    let layers = stack.layers();
    if let Ok(layers) = &layers {
        for id in ids() {
            if let (Ok(one), Ok(other)) = (layers.locate(id), stack.locate(id)) {
                assert_eq!(one.map(|node| (node.value, node.output)), other.map(|node| (node.value, node.output)));
            }
        }
    }
    if let (Ok(order), Ok(other)) = (stack.order(), layers.and_then(|layers| layers.order())) {
        assert_eq!(order, other);
    }
}

/// Folding in every order.
fn together(tree: &[u8], first: &[u8], second: &[u8]) {
    let composed = compose(&[first, second]);
    let at_once = merge(tree, &[first, second], MergedBlob::Keep);
    let step = merge(tree, &[first], MergedBlob::Keep);
    let by_steps = step.and_then(|step| merge(&step, &[second], MergedBlob::Keep));
    let _ = merge(tree, &[first, second], MergedBlob::Inline(b"Hi"));
    if ![tree, first, second].iter().all(|part| check(part).is_ok()) {
        return;
    }
    // Deltas that do not follow one another come to nothing that means anything.
    if let (Ok(at_once), Ok(by_steps)) = (&at_once, &by_steps) {
        assert_eq!(at_once, by_steps, "folding at once and by steps");
        assert_eq!(check(at_once), Ok(()), "a folded tree is a tree");
        let composed = composed.expect("deltas that follow one another can be composed");
        assert_eq!(check(&composed), Ok(()), "a delta that is composed of deltas is one");
        let through = merge(tree, &[&composed], MergedBlob::Keep);
        assert_eq!(through.as_ref(), Ok(at_once), "folding deltas into one first");
    }
}

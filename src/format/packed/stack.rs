//! A document as it is now: a packed tree with the deltas that came after it.
//!
//! 1. Layer 0 is the base, layer 1 the oldest delta. The newest layer that says something of a thing decides.
//! 2. A deleted input stays deleted: ids are never used twice, so an older layer cannot bring it back.

use super::columns::{Overlay, overlay, without_removals};
use super::order::order;
use super::{BlobState, Directory, Head, OutputState, Span};
use crate::format::value::decode_value;
use crate::format::{Decoded, Malformed};
use crate::ids::InputId;
use crate::tree::Columns;

/// Which packed form of a [`Stack`]: 0 is the base, 1 the oldest delta.
pub type Layer = usize;

/// The heads of a base tree and of its deltas.
#[derive(Clone, Debug)]
pub struct Stack<'a> {
    /// A packed tree.
    pub base: Head<'a>,
    /// Packed deltas, the oldest first.
    pub deltas: Vec<Head<'a>>,
}

/// Where the parts of an input lie. The bytes at a span are the caller's to verify.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its value.
    pub value: (Layer, Span),
    /// Its output, if it has one.
    pub output: Option<(Layer, Span)>,
    /// Its columns: sections to lay one over the other, the oldest first.
    pub columns: Vec<(Layer, Span)>,
}

impl<'a> Stack<'a> {
    /// The order of inputs. An operation that names an input that is not there is malformed, and so is a directory with
    /// an input that is there twice, or with inputs that share bytes: who copies each of them takes no more memory than
    /// a multiple of what there is.
    pub fn order(&self) -> Decoded<Vec<InputId>> {
        self.layers()?.order()
    }

    /// Where an input's parts lie; `None` if it is not there or was deleted. For many inputs see [`Stack::layers`].
    pub fn locate(&self, id: InputId) -> Decoded<Option<Node>> {
        locate(self.directories(), id)
    }

    /// The directories, verified once for any number of look-ups.
    pub fn layers(&self) -> Decoded<Layers<'a>> {
        let directories = self.directories().map(|directory| Ok(directory?.1));
        let mut directories = directories.collect::<Decoded<Vec<_>>>()?;
        directories.reverse();
        Ok(Layers { directories })
    }

    /// A document column's encoded value.
    pub fn column(&self, name: &str) -> Decoded<Option<&'a [u8]>> {
        for (head, _) in self.newest_first() {
            if let Some(value) = head.columns()?.get(name)? {
                return Ok(value);
            }
        }
        Ok(None)
    }

    /// The document's columns, decoded.
    pub fn columns(&self) -> Decoded<Columns> {
        if self.deltas.is_empty() {
            return self.base.columns()?.to_columns();
        }
        let mut columns = Columns::new();
        for (name, value) in self.encoded_columns()? {
            if let Some(value) = value {
                columns.reserve(1)?;
                columns.set(name, decode_value(value)?);
            }
        }
        Ok(columns)
    }

    /// Where the blob is, and in which layer that is said: the newest that sets it.
    pub fn blob(&self) -> (Layer, BlobState) {
        let mut layers = self.newest_first().map(|(head, layer)| (layer, head.blob()));
        layers.find(|(_, blob)| *blob != BlobState::Unchanged).unwrap_or((0, self.base.blob()))
    }

    /// The lowest input id that the document has never handed out.
    pub fn next_input_id(&self) -> u64 {
        self.newest_first().map(|(head, _)| head.next_input_id()).max().unwrap_or(1)
    }

    /// The document's columns, encoded, without those that were removed.
    pub(super) fn encoded_columns(&self) -> Decoded<Overlay<'a>> {
        let heads = std::iter::once(&self.base).chain(&self.deltas);
        Ok(without_removals(overlay(heads.map(Head::columns))?))
    }

    fn newest_first(&self) -> impl Iterator<Item = (&Head<'a>, Layer)> {
        let deltas = self.deltas.iter().enumerate().rev().map(|(index, head)| (head, index + 1));
        deltas.chain(std::iter::once((&self.base, 0)))
    }

    /// The directories, the newest first, each verified as it comes.
    fn directories(&self) -> impl Iterator<Item = Decoded<(Layer, Directory<'a>)>> {
        self.newest_first().map(|(head, layer)| {
            if head.is_delta() != (layer > 0) {
                return Err(Malformed("a stack is one packed tree and deltas"));
            }
            Ok((layer, head.directory()?))
        })
    }
}

/// The verified directories of a [`Stack`].
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    /// The base's first; never empty.
    directories: Vec<Directory<'a>>,
}

impl Layers<'_> {
    /// See [`Stack::order`].
    pub fn order(&self) -> Decoded<Vec<InputId>> {
        self.directories.iter().try_for_each(Directory::check_bounds)?;
        let (base, deltas) = self.directories.split_first().ok_or(Malformed("a stack has no base"))?;
        order(*base, deltas)
    }

    /// See [`Stack::locate`].
    pub fn locate(&self, id: InputId) -> Decoded<Option<Node>> {
        locate(self.directories.iter().copied().enumerate().rev().map(Ok), id)
    }
}

/// Looks through the layers, the newest first.
fn locate<'a>(
    newest_first: impl Iterator<Item = Decoded<(Layer, Directory<'a>)>>,
    id: InputId,
) -> Decoded<Option<Node>> {
    let (mut value, mut output, mut columns) = (None, None, Vec::new());
    let mut touched = false;
    for directory in newest_first {
        let (layer, directory) = directory?;
        let Some(entry) = directory.find(id)? else { continue };
        if entry.deleted {
            return Ok(None);
        }
        touched = true;
        value = value.or(entry.value.map(|span| (layer, span)));
        output = output.or(match entry.output {
            OutputState::Unchanged => None,
            OutputState::Removed => Some(None),
            OutputState::At(span) => Some(Some((layer, span))),
        });
        columns.extend(entry.columns.map(|span| (layer, span)));
    }
    columns.reverse();
    match value {
        Some(value) => Ok(Some(Node { value, output: output.flatten(), columns })),
        None if touched => Err(Malformed("a delta changes an input that is not there")),
        None => Ok(None),
    }
}

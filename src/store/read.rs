//! Reading documents at one moment.
//!
//! 1. Columns cost no blob, one input not its tree: heads first, then the bodies that were asked for.
//! 2. What is there and does not check out is `Corruption`; what is not there is `NotFound`.

use crate::error::{Error, Missing, Result};
use crate::format::packed::{self, ColumnsRef, Head};
use crate::format::value::decode_value;
use crate::format::{Decoded, Malformed};
use crate::ids::{DocumentId, InputId};
use crate::index::State;
use crate::index::layers::Layers;
use crate::memory;
use crate::tree::{Columns, Input};
use crate::value::Value;

/// The layers of a document that must be there.
pub fn open(state: &State, document: DocumentId, verify: bool) -> Result<Layers<'_>> {
    let layers = Layers::open(state, document.get(), state.index.get(document.get())?, verify)?;
    layers.ok_or_else(|| Missing::Document(document).into())
}

/// A document's columns.
pub fn columns(layers: &Layers<'_>) -> Result<Columns> {
    let columns = layers.stack()?.columns();
    columns.map_err(|error| layers.malformed(error))
}

/// One column of a document.
pub fn column(layers: &Layers<'_>, document: DocumentId, name: &str) -> Result<Value> {
    let stack = layers.stack()?;
    let found = stack.column(name).map_err(|error| layers.malformed(error))?;
    let bytes = found.ok_or(Missing::Column(document))?;
    decode_value(bytes).map_err(|error| layers.malformed(error))
}

/// Where an input's parts are.
fn node(layers: &Layers<'_>, document: DocumentId, input: InputId) -> Result<packed::Node> {
    let node = layers.stack()?.locate(input).map_err(|error| layers.malformed(error))?;
    node.ok_or_else(|| Missing::Input(document, input).into())
}

/// An input's value.
pub fn input(layers: &Layers<'_>, document: DocumentId, input: InputId) -> Result<Value> {
    value(layers, node(layers, document, input)?.value)
}

/// An input's output.
pub fn output(layers: &Layers<'_>, document: DocumentId, input: InputId) -> Result<Value> {
    let output = node(layers, document, input)?.output;
    value(layers, output.ok_or(Missing::Output(document, input))?)
}

/// An input's columns.
pub fn input_columns(layers: &Layers<'_>, document: DocumentId, input: InputId) -> Result<Columns> {
    let node = node(layers, document, input)?;
    columns_of_node(layers, &node)
}

/// The columns of an input of a packed tree that is not stored yet.
pub fn input_columns_of_packed(tree: &[u8], input: InputId) -> Result<Columns> {
    let read = || -> Decoded<Columns> {
        let entry = Head::parse(tree)?.directory()?.find(input)?;
        match entry.and_then(|entry| entry.columns) {
            Some(span) => ColumnsRef::parse(span.verified(tree)?)?.to_columns(),
            None => Ok(Columns::new()),
        }
    };
    read().map_err(|error| error.into_error(|what| Error::InvalidArgument(what.to_string())))
}

/// Where the parts of inputs of the chain are, the first one's last.
pub fn locate_all(layers: &Layers<'_>, ids: &[InputId]) -> Result<Vec<(InputId, packed::Node)>> {
    let stack = layers.stack()?;
    let locate = || -> Decoded<Vec<(InputId, packed::Node)>> {
        let directories = stack.layers()?;
        let gone = Malformed("an input of the chain is deleted");
        memory::try_collect(ids.iter().rev().map(|id| Ok((*id, directories.locate(*id)?.ok_or(gone)?))))
    };
    locate().map_err(|error| layers.malformed(error))
}

/// An input with everything that hangs on it.
pub fn whole_input(layers: &Layers<'_>, id: InputId, node: &packed::Node) -> Result<Input> {
    Ok(Input {
        id: Some(id),
        value: value(layers, node.value)?,
        columns: columns_of_node(layers, node)?,
        output: node.output.map(|output| value(layers, output)).transpose()?,
    })
}

fn value(layers: &Layers<'_>, place: (usize, packed::Span)) -> Result<Value> {
    decode_value(&layers.body(place)?).map_err(|error| layers.malformed(error))
}

fn columns_of_node(layers: &Layers<'_>, node: &packed::Node) -> Result<Columns> {
    let mut columns = Columns::new();
    for place in &node.columns {
        let bytes = layers.body(*place)?;
        let changes = ColumnsRef::parse(&bytes).map_err(|error| layers.malformed(error))?;
        for change in changes.iter() {
            match change.map_err(|error| layers.malformed(error))? {
                (name, Some(value)) => {
                    columns.reserve(1)?;
                    columns.set(name, decode_value(value).map_err(|error| layers.malformed(error))?);
                }
                (name, None) => drop(columns.remove(name)),
            }
        }
    }
    Ok(columns)
}

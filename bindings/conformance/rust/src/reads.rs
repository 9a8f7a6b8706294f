//! Steps on views and cursors, and on what reads gave.
//!
//! 1. The iterators of the crate go on after their store was closed; the C API's cursors do not. Asking the store first
//!    makes the two alike.

use serde_json::Value as Json;
use stratum::{Db, DocumentId, Documents, Input, Inputs, PackedTree, Pinned, View};

use crate::packed;
use crate::runner::{Args, Made, Thing};
use crate::wire::{
    BUFFER_TOO_SMALL, Call, END, INVALID_ARGUMENT, Stop, broken, from_columns, from_input, from_tree, from_value, hex,
    list, number,
};

fn first(from: u64) -> DocumentId {
    DocumentId::new(from).unwrap_or(DocumentId::FIRST)
}

/// A read.
pub fn on_view(view: &View, db: &Db, op: &str, args: &Args<'_>) -> Call<Made> {
    Ok(match op {
        "view_sequence" => Made::value(number(view.sequence())),
        "view_document_count" => Made::value(number(view.document_count()?)),
        "view_exists" => Made::value(exists(view, args)?.into()),
        "view_input_count" => Made::value(number(view.input_count(args.document()?)?)),
        "view_blob" => {
            let blob = view.blob(args.document()?)?;
            Made { value: Some(hex(&blob)), ids: Vec::new(), thing: Some(Thing::Bytes(Box::new(blob))) }
        }
        "view_read_blob" => {
            let blob: Pinned = view.blob(args.document()?)?;
            if blob.len() > args.size("capacity")? {
                return Err(BUFFER_TOO_SMALL);
            }
            Made::value(hex(&blob))
        }
        "view_columns" => Made::value(from_columns(&view.columns(args.document()?)?)),
        "view_column" => Made::value(from_value(&view.column(args.document()?, args.text("name")?)?)),
        "view_input_ids" => Made::value(view.input_ids(args.document()?)?.iter().map(|id| number(id.get())).collect()),
        "view_inputs" => {
            let inputs = view.inputs(args.document()?)?.map(|input| Ok(from_input(&input?)));
            Made::value(inputs.collect::<Call<Json>>()?)
        }
        "view_input" => Made::value(from_value(&view.input(args.document()?, args.input("input")?)?)),
        "view_input_columns" => Made::value(from_columns(&view.input_columns(args.document()?, args.input("input")?)?)),
        "view_output" => Made::value(from_value(&view.output(args.document()?, args.input("input")?)?)),
        "view_tree" => {
            let tree = view.tree(args.document()?)?;
            Made { value: Some(from_tree(&tree)), ids: Vec::new(), thing: Some(Thing::Tree(tree)) }
        }
        "view_packed_tree" => {
            let packed = view.packed_tree(args.document()?)?;
            let value = Some(hex(packed.as_bytes()));
            Made { value, ids: Vec::new(), thing: Some(Thing::Bytes(Box::new(packed.as_bytes().to_vec()))) }
        }
        "view_packed_trees" => Made::value(hex(&packed_trees(view, args)?)),
        "view_documents" => {
            let documents = view.documents(first(args.id("from")?))?;
            Made::thing(Thing::Documents(db.clone(), Box::new(documents)))
        }
        "view_input_cursor" => Made::thing(Thing::Inputs(db.clone(), Box::new(view.inputs(args.document()?)?), None)),
        other => return broken(format!("{other:?} is no read")),
    })
}

fn exists(view: &View, args: &Args<'_>) -> Call<bool> {
    match DocumentId::new(args.id("document")?) {
        Some(document) => Ok(view.exists(document)?),
        None => Ok(view.document_count().map(|_| false)?),
    }
}

/// The trees as `stratum_view_packed_trees` lays them out.
fn packed_trees(view: &View, args: &Args<'_>) -> Call<Vec<u8>> {
    let ids = list(args.get("documents")?)?.iter().map(|id| args.resolve(id)).collect::<Call<Vec<u64>>>()?;
    let (mut rows, mut trees) = (ids.len().to_le_bytes().to_vec(), Vec::new());
    let rows_length = 8 + 24 * ids.len();
    for id in ids {
        let tree: Option<PackedTree> = match DocumentId::new(id).map(|document| view.packed_tree(document)) {
            Some(Err(error)) if !error.is_not_found() => return Err(error.into()),
            found => found.and_then(Result::ok),
        };
        let bytes = tree.as_ref().map_or(&[][..], PackedTree::as_bytes);
        let offset = if tree.is_some() { rows_length + trees.len() } else { 0 };
        for field in [id, offset as u64, bytes.len() as u64] {
            rows.extend_from_slice(&field.to_le_bytes());
        }
        trees.extend_from_slice(bytes);
    }
    rows.append(&mut trees);
    Ok(rows)
}

/// A call on a cursor, or on what was read.
pub fn on_kept(thing: &mut Thing, op: &str, args: &Args<'_>) -> Call<Made> {
    match (thing, op) {
        (Thing::Tree(tree), "tree_get") => Ok(Made::value(from_tree(tree))),
        (Thing::Bytes(bytes), "pinned_data") => Ok(Made::value(hex(bytes))),
        (Thing::Documents(db, documents), _) => {
            db.view()?;
            on_documents(documents, op, args)
        }
        (Thing::Inputs(db, inputs, pending), _) => {
            db.view()?;
            on_inputs(inputs, pending, op, args)
        }
        _ => broken("its handle does not take that"),
    }
}

fn on_documents(documents: &mut Documents, op: &str, args: &Args<'_>) -> Call<Made> {
    match op {
        "document_cursor_next" => documents.next().map(|id| Made::id(id.get())).ok_or(END),
        "document_cursor_fill" => {
            let capacity = args.size("capacity")?;
            if capacity == 0 {
                return Err(INVALID_ARGUMENT);
            }
            let ids: Vec<Json> = documents.take(capacity).map(|id| number(id.get())).collect();
            if ids.is_empty() { Err(END) } else { Ok(Made::value(ids.into())) }
        }
        "document_cursor_seek" => {
            documents.seek(first(args.id("from")?));
            Ok(Made::default())
        }
        other => broken(format!("{other:?} is nothing for a cursor over documents")),
    }
}

fn on_inputs(inputs: &mut Inputs, pending: &mut Option<Input>, op: &str, args: &Args<'_>) -> Call<Made> {
    let mut next = || match pending.take() {
        Some(input) => Ok(Some(input)),
        None => inputs.next().transpose().map_err(Stop::from),
    };
    match op {
        "input_cursor_next" => next()?.map(|input| Made::value(from_input(&input))).ok_or(END),
        "input_cursor_fill" => {
            let (capacity, mut filled) = (args.size("capacity")?, Vec::new());
            while let Some(input) = next()? {
                let row = packed::input_row(&input);
                if filled.len() + row.len() > capacity {
                    *pending = Some(input);
                    return if filled.is_empty() { Err(BUFFER_TOO_SMALL) } else { Ok(Made::value(hex(&filled))) };
                }
                filled.extend(row);
            }
            if filled.is_empty() { Err(END) } else { Ok(Made::value(hex(&filled))) }
        }
        other => broken(format!("{other:?} is nothing for a cursor over inputs")),
    }
}

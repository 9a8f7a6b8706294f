//! Calls that can never be right: each is refused with the error that its documentation names, and its batch is as it
//! was.

use std::sync::Arc;

use stratum::format::packed::DeltaBuilder;
use stratum::vfs::sim::SimDisk;
use stratum::{Batch, Columns, Db, DocumentId, Error, Input, InputId, Options, Result as StoreResult, Tree, Value};

use super::steps::MAX_RECORD;
use crate::model::{Checked, wrong};
use crate::runner::store_path;

/// Makes such a call; documents and inputs may be there or not.
pub(super) fn call(kind: u8, batch: &mut Batch, document: DocumentId) -> Checked {
    let before = (batch.len(), batch.bytes(), batch.is_empty());
    let refused = ask(kind, batch, document);
    let is_right = match &refused {
        Err(Error::TooLarge { .. }) => kind % 16 < 3,
        Err(Error::InvalidArgument(_)) => kind % 16 >= 3,
        _ => false,
    };
    if !is_right {
        return wrong(format!("bad call {}: {refused:?}", kind % 16));
    }
    if (batch.len(), batch.bytes(), batch.is_empty()) != before {
        return wrong(format!("bad call {} is in the batch", kind % 16));
    }
    Ok(())
}

fn ask(kind: u8, batch: &mut Batch, document: DocumentId) -> StoreResult<()> {
    let large = vec![7; MAX_RECORD as usize + 1];
    let nested = (0..=stratum::value::MAX_DEPTH).fold(Value::Null, |value, _| Value::List(vec![value]));
    let twice = Value::Map(vec![("k".to_string(), Value::Null), ("k".to_string(), Value::Null)]);
    let texts = Value::StringMap(vec![("k".to_string(), String::new()), ("k".to_string(), String::new())]);
    let long_name = "n".repeat(256);
    let input = InputId::FIRST;
    let tree = |columns: Columns, value: Value| Tree {
        blob: Vec::new(),
        columns,
        inputs: vec![Input::new(Value::Null, Some(value))],
    };
    match kind % 16 {
        0 => batch.set_blob(document, &large),
        1 => batch.append_input(document, &Value::Bytes(large)).map(|_| ()),
        2 => batch.put_tree(&tree(Columns::new(), Value::Bytes(large))).map(|_| ()),
        3 => batch.set_column(document, "", &Value::Null),
        4 => batch.set_column(document, &long_name, &Value::Null),
        5 => batch.set_column(document, "a", &nested),
        6 => batch.set_output(document, input, &twice),
        7 => batch.replace_input(document, input, &texts),
        8 => batch.append_input(document, &Value::Decimal("01".to_string())).map(|_| ()),
        9 => batch.remove_column(document, ""),
        10 => batch.remove_input_column(document, input, &long_name),
        11 => batch.put_packed(b"no packed tree").map(|_| ()),
        12 => {
            let mut delta = DeltaBuilder::default();
            delta.set_column("a", None);
            batch.put_packed(&delta.encode(1).unwrap()).map(|_| ())
        }
        13 => batch.put_tree(&tree(Columns::from([("", Value::Null)]), Value::Null)).map(|_| ()),
        14 => batch.put_tree(&tree(Columns::new(), nested)).map(|_| ()),
        _ => batch.create_document(b"", &Columns::from([(long_name, Value::Null)])).map(|_| ()),
    }
}

/// Opening what is open, or with options that make no sense.
pub(super) fn open(disk: &SimDisk, options: &Options) -> Checked {
    let open = |options: &Options| Db::open_on(Arc::new(disk.clone()), store_path(), options);
    let mut odd = options.clone();
    odd.segment_size = 255;
    let mut exclusive = options.clone();
    exclusive.exclusive = true;
    let refused = (open(options).err(), open(&odd).err(), open(&exclusive).err());
    match refused {
        (Some(Error::Locked(_)), Some(Error::InvalidArgument(_)), Some(Error::OpenRefused { .. })) => Ok(()),
        other => wrong(format!("opening what is open: {other:?}")),
    }
}

//! Every write, on a batch or as a call of its own.

use std::ptr;

use stratum::capi::apply::*;
use stratum::capi::batch::stratum_batch_create;
use stratum::capi::batch_writes::*;
use stratum::capi::db::stratum_db;
use stratum::capi::db_writes::*;
use stratum::capi::status::*;
use stratum::capi::tree::*;
use stratum::capi::value::{stratum_column, stratum_text, stratum_value_int64};
use stratum::{InputId, Tree};

use crate::machine::{Machine, Type};
use crate::shadow::Change;
use crate::source::Source;
use crate::values::{self, Memory, read_tree};

/// How many kinds of writes there are.
pub const WRITES: u8 = 18;

/// Calls a function on the batch or on the store: `both!(machine, on, batch function, db function, arguments...)`.
macro_rules! both {
    ($machine:ident, $on:ident, $batch:ident, $db:ident $(, $argument:expr)*) => {{
        // SAFETY: arguments lead to memory of this step, or are refused before they are followed.
        match $on {
            On::Batch(batch) => $machine.call(stringify!($batch), |error| unsafe {
                $batch(ptr::without_provenance_mut(batch) $(, $argument)*, error)
            }),
            On::Db(db) => $machine.call(stringify!($db), |error| unsafe {
                $db(ptr::without_provenance(db) $(, $argument)*, error)
            }),
        }
    }};
}

#[derive(Clone, Copy)]
enum On {
    Batch(usize),
    Db(usize),
}

/// A number that may be an id; more often than not a small one, so that calls meet.
pub fn id(source: &mut Source<'_>) -> u64 {
    match source.byte() {
        byte @ 0..200 => 1 + u64::from(byte % 4),
        250 => u64::MAX,
        251 => 1 << 63,
        252 => 1 << 32,
        byte => u64::from(byte % 7),
    }
}

/// Documents to begin with, and a batch, so that most calls find something.
pub fn begin(machine: &mut Machine, store: usize) {
    let mut good = Source::new(&[0; 2]);
    let (db, mut batch) = (machine.pick::<stratum_db>(Type::Db, &mut good), ptr::null_mut());
    let values = [1, 2, 3, 4].map(|number| stratum_value_int64(number));
    let name = stratum_text { data: c"a".as_ptr(), length: 1 };
    let column = stratum_column { name, value: values[0] };
    let input = |at: usize| stratum_input {
        id: 0,
        value: values[at],
        columns: &raw const column,
        column_count: at % 2,
        output: if at == 1 { ptr::null() } else { &raw const values[3] },
    };
    let inputs = [input(0), input(1), input(2)];
    let desc = stratum_tree_desc {
        struct_size: size_of::<stratum_tree_desc>(),
        blob: ptr::null(),
        blob_length: 0,
        columns: &raw const column,
        column_count: 1,
        inputs: inputs.as_ptr(),
        input_count: inputs.len(),
    };
    // SAFETY: everything leads to what is above, which outlives the calls.
    unsafe {
        for _ in 0..3 {
            let mut ids = stratum_tree_ids::default();
            assert_eq!(stratum_db_put_tree(db, &raw const desc, &raw mut ids, ptr::null_mut()), STRATUM_OK);
            let change = Change::Put(ids.document, numbered(read_tree(&desc), ids));
            machine.committed("stratum_db_put_tree", db.addr(), &change, STRATUM_OK);
        }
        assert_eq!(stratum_batch_create(db, &raw mut batch, ptr::null_mut()), STRATUM_OK);
    }
    let batch = machine.made(Type::Batch, batch);
    machine.store_of.insert(batch, store);
}

/// One write.
pub fn write(machine: &mut Machine, source: &mut Source<'_>) {
    let memory = &mut Memory::default();
    let on = match source.byte() % 2 {
        0 => On::Batch(machine.pick::<()>(Type::Batch, source).addr()),
        _ => On::Db(machine.pick::<()>(Type::Db, source).addr()),
    };
    let what = source.byte() % WRITES;
    let (change, status) = match what {
        0..=4 => whole(machine, source, memory, on, what),
        5..=9 => of_document(machine, source, memory, on, what),
        _ => of_input(machine, source, memory, on, what),
    };
    match on {
        On::Db(db) => machine.committed(&format!("write {what}"), db, &change, status),
        On::Batch(batch) if status == STRATUM_OK => machine.pending.entry(batch).or_default().push(change),
        // What was refused leaves nothing behind; of packed operations those before it stay.
        On::Batch(batch) if what == 4 => machine.pending.entry(batch).or_default().push(Change::Unknown),
        On::Batch(_) => {}
    }
}

fn numbered(mut tree: Tree, ids: stratum_tree_ids) -> Tree {
    tree.inputs.iter_mut().zip(ids.first_input..).for_each(|(input, id)| input.id = InputId::new(id));
    assert_eq!(tree.inputs.len() as u64, ids.input_count);
    tree
}

fn whole(m: &mut Machine, source: &mut Source<'_>, memory: &mut Memory, on: On, what: u8) -> (Change, i32) {
    let (mut ids, mut document) = (stratum_tree_ids::default(), id(source));
    match what {
        0 => {
            let (blob, (columns, count, good)) = (values::blob(source), values::columns(source, memory));
            let (data, length) = (blob.as_ptr().cast(), blob.len());
            let length = if source.byte() == 255 { values::absurd(source) } else { length };
            let place = &raw mut document;
            let status = both!(
                m,
                on,
                stratum_batch_create_document,
                stratum_db_create_document,
                data,
                length,
                columns,
                count,
                place
            );
            assert!(status != STRATUM_OK || (good.is_some() && length == blob.len()), "a wrong argument was taken");
            let tree = Tree { blob, columns: good.unwrap_or_default(), inputs: Vec::new() };
            (Change::Put(document, tree), status)
        }
        1 | 2 => {
            let (desc, good) = values::tree(source, memory);
            let (tree, place) = (&raw const desc, &raw mut ids);
            let status = match what {
                1 => both!(m, on, stratum_batch_put_tree, stratum_db_put_tree, tree, place),
                _ => both!(m, on, stratum_batch_replace_tree, stratum_db_replace_tree, document, tree, place),
            };
            assert!(status != STRATUM_OK || good.is_some(), "a wrong tree was taken");
            let tree = if status == STRATUM_OK { numbered(good.unwrap_or_default(), ids) } else { Tree::default() };
            let change = if what == 1 { Change::Put(ids.document, tree) } else { Change::Replace(document, tree) };
            (change, status)
        }
        3 => {
            let length = usize::from(source.byte());
            let bytes = source.take(length).to_vec();
            let (data, length, place) = (bytes.as_ptr().cast(), bytes.len(), &raw mut ids);
            let status = both!(m, on, stratum_batch_put_packed, stratum_db_put_packed, data, length, place);
            (Change::Unknown, status)
        }
        _ => {
            let rows = rows(source);
            let (mut made, mut applied) = ([0; 8], usize::MAX);
            let (data, length) = (rows.as_ptr().cast(), size_of_val(&rows[..]));
            let (place, room) = (made.as_mut_ptr(), [0, made.len()][usize::from(source.byte() % 2)]);
            let done = &raw mut applied;
            let status =
                both!(m, on, stratum_batch_apply_packed, stratum_db_apply_packed, data, length, place, room, done);
            (Change::Unknown, status)
        }
    }
}

/// Operations in one buffer: mostly well-formed, with values in their encoded form.
fn rows(source: &mut Source<'_>) -> Vec<u64> {
    let mut words = Vec::new();
    for _ in 0..source.byte() % 5 {
        let operation = u64::from(source.byte() % 19);
        let uses = |operations: &[u64]| operations.contains(&operation);
        let made = |source: &mut Source<'_>| match source.byte() {
            byte @ 200.. => 1 << 63 | u64::from(byte % 4),
            byte => u64::from(byte % 7),
        };
        let document = if uses(&[1, 2]) { 0 } else { made(source) };
        let input = if uses(&[10, 11, 12, 13, 14, 15, 16, 17]) { made(source) } else { 0 };
        let before = if uses(&[9, 10]) { made(source) } else { 0 };
        let name: &[u64] = if uses(&[5, 6, 12, 13]) { &[u64::from(b'a')] } else { &[] };
        let body: &[u64] = if uses(&[5, 8, 9, 11, 12, 15, 16]) { &[3, 77] } else { &[] };
        let spoilt = u64::from(source.byte() == 255) << (source.byte() % 64);
        let units = 6 + name.len() as u64 + body.len() as u64;
        words.extend([operation | units << 32, document, input, before, name.len() as u64, body.len() as u64 * 8]);
        words.extend(name.iter().chain(body));
        let at = words.len() - 1 - usize::from(source.byte()) % units as usize;
        words[at] ^= spoilt;
    }
    words
}

fn of_document(m: &mut Machine, source: &mut Source<'_>, memory: &mut Memory, on: On, what: u8) -> (Change, i32) {
    let document = id(source);
    match what {
        5 => {
            let blob = values::blob(source);
            let (data, length) = (blob.as_ptr().cast(), blob.len());
            let length = if source.byte() == 255 { values::absurd(source) } else { length };
            let status = both!(m, on, stratum_batch_set_blob, stratum_db_set_blob, document, data, length);
            assert!(status != STRATUM_OK || length == blob.len());
            (Change::Blob(document, blob), status)
        }
        6 => {
            let (name, (value, good)) = (values::name(source), values::value(source, memory, 0));
            let (data, length, value) = (name.as_ptr().cast(), name.len(), &raw const value);
            let status = both!(m, on, stratum_batch_set_column, stratum_db_set_column, document, data, length, value);
            (column(document, None, &name, good, status), status)
        }
        7 => {
            let name = values::name(source);
            let (data, length) = (name.as_ptr().cast(), name.len());
            let status = both!(m, on, stratum_batch_remove_column, stratum_db_remove_column, document, data, length);
            let name = String::from_utf8_lossy(&name).into_owned();
            (Change::Column(document, name, None), status)
        }
        8 => {
            let status = both!(m, on, stratum_batch_delete_document, stratum_db_delete_document, document);
            (Change::Delete(document), status)
        }
        _ => {
            let (value, good) = values::value(source, memory, 0);
            let (mut made, value) = (0, &raw const value);
            let place = &raw mut made;
            let status = both!(m, on, stratum_batch_append_input, stratum_db_append_input, document, value, place);
            (insert(document, made, 0, good, status), status)
        }
    }
}

fn column(document: u64, input: Option<u64>, name: &[u8], value: Option<stratum::Value>, status: i32) -> Change {
    let name = String::from_utf8_lossy(name).into_owned();
    assert!(status != STRATUM_OK || (value.is_some() && (1..=255).contains(&name.len())), "a wrong column was taken");
    let value = Some(value.unwrap_or(stratum::Value::Null));
    match input {
        None => Change::Column(document, name, value),
        Some(input) => Change::InputColumn(document, input, name, value),
    }
}

fn insert(document: u64, id: u64, before: u64, value: Option<stratum::Value>, status: i32) -> Change {
    assert!(status != STRATUM_OK || (value.is_some() && id != 0), "a wrong value was taken");
    Change::Insert { document, id, before, value: value.unwrap_or(stratum::Value::Null) }
}

fn of_input(m: &mut Machine, source: &mut Source<'_>, memory: &mut Memory, on: On, what: u8) -> (Change, i32) {
    let (document, input, before) = (id(source), id(source), id(source));
    let (raw, good) = if matches!(what, 10 | 12 | 13 | 16 | 17) {
        values::value(source, memory, 0)
    } else {
        (stratum::capi::value::stratum_value_null(), None)
    };
    let (value, taken) = (&raw const raw, good.clone().unwrap_or(stratum::Value::Null));
    let (change, status) = match what {
        10 => {
            let mut made = 0;
            let place = &raw mut made;
            let status =
                both!(m, on, stratum_batch_insert_input, stratum_db_insert_input, document, before, value, place);
            // To insert before nothing is no append.
            assert!(status != STRATUM_OK || before != 0);
            let change = insert(document, made, before, good.clone(), status);
            (if before == 0 { Change::Unknown } else { change }, status)
        }
        11 => {
            let status = both!(m, on, stratum_batch_move_input, stratum_db_move_input, document, input, before);
            (Change::Move { document, id: input, before }, status)
        }
        12 => {
            let status = both!(m, on, stratum_batch_replace_input, stratum_db_replace_input, document, input, value);
            (Change::Value(document, input, taken), status)
        }
        13 => {
            let name = values::name(source);
            let (data, length) = (name.as_ptr().cast(), name.len());
            let status = both!(
                m,
                on,
                stratum_batch_set_input_column,
                stratum_db_set_input_column,
                document,
                input,
                data,
                length,
                value
            );
            (column(document, Some(input), &name, good.clone(), status), status)
        }
        14 => {
            let name = values::name(source);
            let (data, length) = (name.as_ptr().cast(), name.len());
            let status = both!(
                m,
                on,
                stratum_batch_remove_input_column,
                stratum_db_remove_input_column,
                document,
                input,
                data,
                length
            );
            (Change::InputColumn(document, input, String::from_utf8_lossy(&name).into_owned(), None), status)
        }
        15 if source.byte() % 2 == 0 => {
            let status = both!(m, on, stratum_batch_delete_input, stratum_db_delete_input, document, input);
            (Change::DeleteInput(document, input), status)
        }
        15 => {
            let status = both!(m, on, stratum_batch_delete_output, stratum_db_delete_output, document, input);
            (Change::Output(document, input, None, true), status)
        }
        16 => {
            let status = both!(m, on, stratum_batch_set_output, stratum_db_set_output, document, input, value);
            (Change::Output(document, input, Some(taken), false), status)
        }
        _ => {
            let status = both!(m, on, stratum_batch_update_output, stratum_db_update_output, document, input, value);
            (Change::Output(document, input, Some(taken), true), status)
        }
    };
    let needs_value = matches!(what, 10 | 12 | 13 | 16 | 17);
    assert!(status != STRATUM_OK || !needs_value || good.is_some(), "a wrong value was taken");
    (change, status)
}

/// Packs a tree of the store into another, or into itself.
pub fn copy_packed(machine: &mut Machine, source: &mut Source<'_>, packed: &[u8]) {
    let on = match source.byte() % 2 {
        0 => On::Batch(machine.pick::<()>(Type::Batch, source).addr()),
        _ => On::Db(machine.pick::<()>(Type::Db, source).addr()),
    };
    let (mut ids, document) = (stratum_tree_ids::default(), id(source));
    let (data, length, place) = (packed.as_ptr().cast(), packed.len(), &raw mut ids);
    let status =
        both!(machine, on, stratum_batch_replace_packed, stratum_db_replace_packed, document, data, length, place);
    match on {
        On::Db(db) => machine.committed("stratum_db_replace_packed", db, &Change::Unknown, status),
        On::Batch(batch) if status == STRATUM_OK => machine.pending.entry(batch).or_default().push(Change::Unknown),
        On::Batch(_) => {}
    }
}

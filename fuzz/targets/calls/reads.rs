//! Every read, compared with the shadow of the view where there is one.

use std::ffi::c_void;
use std::ptr;

use stratum::capi::cursor::*;
use stratum::capi::pinned::*;
use stratum::capi::result::*;
use stratum::capi::status::*;
use stratum::capi::tree::*;
use stratum::capi::view::*;
use stratum::{Columns, Input, Tree};

use crate::machine::{Machine, Type};
use crate::shadow::Shadow;
use crate::source::Source;
use crate::values;
use crate::writes::{copy_packed, id};

/// How many kinds of reads there are.
pub const READS: u8 = 20;

/// What a view must show, where that is known.
fn shown<'a>(machine: &'a mut Machine, view: *const stratum_view) -> Option<&'a Shadow> {
    if machine.snapshots.contains_key(&view.addr()) {
        return machine.snapshots[&view.addr()].as_ref();
    }
    machine.shadow_of(view.addr()).map(|shadow| &*shadow)
}

/// Compares an answer: `wanted` is `None` where nothing is to be found.
fn compare<T: PartialEq + std::fmt::Debug>(what: &str, status: i32, read: Option<T>, wanted: Option<T>) {
    match status {
        STRATUM_OK => assert_eq!(read, wanted, "{what}"),
        STRATUM_NOT_FOUND => assert!(wanted.is_none(), "{what}: not found, and is {wanted:?}"),
        _ => {}
    }
}

/// One read.
pub fn read(machine: &mut Machine, source: &mut Source<'_>) {
    let view: *const stratum_view = machine.pick(Type::View, source);
    let (what, document, input) = (source.byte() % READS, id(source), id(source));
    let shown = shown(machine, view);
    let tree = shown.map(|shadow| shadow.get(&document).cloned());
    let documents = shown.map(|shadow| shadow.len() as u64);
    match what {
        0 | 1 => counts(machine, view, what, documents),
        2 | 3 => lookups(machine, view, what, document, tree),
        4 | 5 => blobs(machine, source, view, what, document, tree),
        6..=12 => results(machine, source, view, what, (document, input), tree),
        13 | 14 => whole(machine, source, view, what, document, tree),
        15 => {
            let mut cursor = ptr::null_mut();
            // SAFETY: handles are numbers, the variable is this function's own.
            let status = machine.call("stratum_view_documents", |error| unsafe {
                stratum_view_documents(view, document, &raw mut cursor, error)
            });
            if status == STRATUM_OK {
                machine.made(Type::Documents, cursor);
            }
        }
        16 => {
            let mut cursor = ptr::null_mut();
            // SAFETY: as above.
            let status = machine.call("stratum_view_input_cursor", |error| unsafe {
                stratum_view_input_cursor(view, document, &raw mut cursor, error)
            });
            if status == STRATUM_OK {
                machine.made(Type::Inputs, cursor);
            }
        }
        17 => document_cursor(machine, source),
        18 => input_cursor(machine, source),
        _ => held(machine, source),
    }
}

fn counts(m: &mut Machine, view: *const stratum_view, what: u8, documents: Option<u64>) {
    let mut count = u64::MAX;
    let place = &raw mut count;
    // SAFETY: handles are numbers, the variable is this function's own.
    unsafe {
        if what == 0 {
            m.call("stratum_view_sequence", |error| stratum_view_sequence(view, place, error));
            return;
        }
        let status = m.call("stratum_view_document_count", |error| stratum_view_document_count(view, place, error));
        if documents.is_some() {
            compare("the number of documents", status, Some(count), documents);
        }
    }
}

fn lookups(m: &mut Machine, view: *const stratum_view, what: u8, document: u64, tree: Known) {
    let (mut count, mut exists) = (u64::MAX, -1);
    // SAFETY: handles are numbers, the variables are this function's own.
    unsafe {
        if what == 2 {
            let status = m.call("stratum_view_input_count", |error| {
                stratum_view_input_count(view, document, &raw mut count, error)
            });
            if let Some(tree) = tree {
                compare("the number of inputs", status, Some(count), tree.map(|tree| tree.inputs.len() as u64));
            }
            return;
        }
        let status = m.call("stratum_view_exists", |error| stratum_view_exists(view, document, &raw mut exists, error));
        if let (STRATUM_OK, Some(tree)) = (status, tree) {
            assert_eq!(exists, i32::from(tree.is_some()));
        }
    }
}

/// A document where the view's contents are known, `None` in it where it is not there.
type Known = Option<Option<Tree>>;

fn blobs(m: &mut Machine, source: &mut Source<'_>, view: *const stratum_view, what: u8, document: u64, tree: Known) {
    let wanted = tree.map(|tree| tree.map(|tree| tree.blob));
    if what == 4 {
        let mut pinned = ptr::null_mut();
        // SAFETY: handles are numbers, the variable is this function's own.
        let status =
            m.call("stratum_view_blob", |error| unsafe { stratum_view_blob(view, document, &raw mut pinned, error) });
        if status == STRATUM_OK {
            m.made(Type::Pinned, pinned);
        }
        if let Some(wanted) = wanted {
            compare("a blob", status, bytes_of(pinned).map(<[u8]>::to_vec), wanted);
        }
        return;
    }
    let (mut buffer, mut length) = (vec![0; 4 * usize::from(source.byte())], usize::MAX);
    let (data, capacity) = (buffer.as_mut_ptr().cast::<c_void>(), buffer.len());
    // SAFETY: handles are numbers, the buffer has `capacity` bytes.
    let status = m.call("stratum_view_read_blob", |error| unsafe {
        stratum_view_read_blob(view, document, data, capacity, &raw mut length, error)
    });
    if let Some(wanted) = wanted {
        if status == STRATUM_BUFFER_TOO_SMALL {
            assert_eq!(wanted.map(|blob| blob.len()), Some(length));
            assert!(length > capacity);
        } else {
            compare("a copied blob", status, buffer.get(..length).map(<[u8]>::to_vec), wanted);
        }
    }
}

/// What a pinned handle lends, if it is open.
fn bytes_of<'a>(pinned: *const stratum_pinned) -> Option<&'a [u8]> {
    let (data, length) = (stratum_pinned_data(pinned), stratum_pinned_length(pinned));
    // SAFETY: lent until the handle is freed, which happens in a later step.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast(), length) })
}

fn results(
    m: &mut Machine,
    source: &mut Source<'_>,
    view: *const stratum_view,
    what: u8,
    (document, input): (u64, u64),
    tree: Known,
) {
    let (mut made, name) = (ptr::null_mut(), values::name(source));
    let (place, data, length) = (&raw mut made, name.as_ptr().cast(), name.len());
    // SAFETY: handles are numbers, the variables are this function's own.
    let status = unsafe {
        match what {
            6 => m.call("stratum_view_columns", |error| stratum_view_columns(view, document, place, error)),
            7 => m.call("stratum_view_column", |error| stratum_view_column(view, document, data, length, place, error)),
            8 => m.call("stratum_view_input_ids", |error| stratum_view_input_ids(view, document, place, error)),
            9 => m.call("stratum_view_inputs", |error| stratum_view_inputs(view, document, place, error)),
            10 => m.call("stratum_view_input", |error| stratum_view_input(view, document, input, place, error)),
            11 => m.call("stratum_view_input_columns", |error| {
                stratum_view_input_columns(view, document, input, place, error)
            }),
            _ => m.call("stratum_view_output", |error| stratum_view_output(view, document, input, place, error)),
        }
    };
    if status == STRATUM_OK {
        m.made(Type::Result, made);
    }
    let read = result_of(made);
    let Some(tree) = tree else { return };
    let node = tree
        .as_ref()
        .and_then(|tree| tree.inputs.iter().find(|other| other.id.is_some_and(|id| id.get() == input)).cloned());
    let wanted = match what {
        6 => tree.map(|tree| Held::Columns(tree.columns)),
        7 => {
            let name = String::from_utf8_lossy(&name).into_owned();
            tree.and_then(|tree| tree.columns.get(&name).cloned()).map(Held::Value)
        }
        8 => tree.map(|tree| Held::Ids(tree.inputs.iter().filter_map(|one| one.id).map(|id| id.get()).collect())),
        9 => tree.map(|tree| Held::Inputs(tree.inputs)),
        10 => node.map(|node| Held::Value(node.value)),
        11 => node.map(|node| Held::Columns(node.columns)),
        _ => node.and_then(|node| node.output).map(Held::Value),
    };
    compare("a result", status, read, wanted);
}

/// What a result holds.
#[derive(PartialEq, Debug)]
enum Held {
    Value(stratum::Value),
    Columns(Columns),
    Inputs(Vec<Input>),
    Ids(Vec<u64>),
}

/// Reads all that a result handle lends, whatever it is; `None` where it is not open.
fn result_of(result: *const stratum_result) -> Option<Held> {
    let mut count = usize::MAX;
    // SAFETY: what is lent stays so until the handle is freed, which happens in a later step.
    unsafe {
        let value = stratum_result_value(result);
        let columns = stratum_result_columns(result, &raw mut count);
        if !columns.is_null() {
            return Some(Held::Columns(values::read_columns(columns, count)));
        }
        let inputs = stratum_result_inputs(result, &raw mut count);
        if !inputs.is_null() {
            return Some(Held::Inputs(values::read_inputs(inputs, count)));
        }
        let ids = stratum_result_ids(result, &raw mut count);
        if !ids.is_null() {
            return Some(Held::Ids(std::slice::from_raw_parts(ids, count).to_vec()));
        }
        assert_eq!(count, 0);
        value.as_ref().map(|value| Held::Value(values::read(value)))
    }
}

fn whole(m: &mut Machine, source: &mut Source<'_>, view: *const stratum_view, what: u8, document: u64, tree: Known) {
    if what == 13 {
        let mut made = ptr::null_mut();
        // SAFETY: handles are numbers, the variable is this function's own; what is lent is read before it is freed.
        let (status, read) = unsafe {
            let status = m.call("stratum_view_tree", |error| stratum_view_tree(view, document, &raw mut made, error));
            (status, stratum_tree_get(made).as_ref().map(|desc| values::read_tree(desc)))
        };
        if status == STRATUM_OK {
            m.made(Type::Tree, made);
        }
        if let Some(wanted) = tree {
            compare("a tree", status, read, wanted);
        }
        return;
    }
    let mut made = ptr::null_mut();
    let documents = [document, id(source), id(source)];
    // SAFETY: handles are numbers, the variables are this function's own.
    let status = unsafe {
        match source.byte() % 2 {
            0 => m.call("stratum_view_packed_tree", |error| {
                stratum_view_packed_tree(view, document, &raw mut made, error)
            }),
            _ => {
                let count = usize::from(source.byte() % 4);
                let count = if source.byte() == 255 { values::absurd(source) } else { count };
                m.call("stratum_view_packed_trees", |error| {
                    stratum_view_packed_trees(view, documents.as_ptr(), count, &raw mut made, error)
                })
            }
        }
    };
    if status == STRATUM_OK {
        m.made(Type::Pinned, made);
        if source.byte() % 2 == 0
            && let Some(packed) = bytes_of(made)
        {
            copy_packed(m, source, packed);
        }
    }
}

fn document_cursor(m: &mut Machine, source: &mut Source<'_>) {
    let cursor: *mut stratum_document_cursor = m.pick(Type::Documents, source);
    let (mut ids, mut count, mut one) = ([0; 5], usize::MAX, 0);
    let (what, from) = (source.byte() % 3, id(source));
    // SAFETY: handles are numbers, the variables are this function's own and `ids` has room for as many as is said.
    unsafe {
        match what {
            0 => {
                m.call("stratum_document_cursor_next", |error| {
                    stratum_document_cursor_next(cursor, &raw mut one, error)
                });
            }
            1 => {
                let (place, room) = (ids.as_mut_ptr(), usize::from(source.byte()) % (ids.len() + 1));
                let status = m.call("stratum_document_cursor_fill", |error| {
                    stratum_document_cursor_fill(cursor, place, room, &raw mut count, error)
                });
                if status == STRATUM_OK {
                    assert!(count <= room && ids[..count].is_sorted_by(|a, b| a < b));
                }
            }
            _ => {
                m.call("stratum_document_cursor_seek", |error| stratum_document_cursor_seek(cursor, from, error));
            }
        }
    }
}

fn input_cursor(m: &mut Machine, source: &mut Source<'_>) {
    let cursor: *mut stratum_input_cursor = m.pick(Type::Inputs, source);
    if source.byte() % 2 == 0 {
        let mut input = ptr::null();
        // SAFETY: handles are numbers; the row is lent until the next call on its cursor.
        unsafe {
            let status =
                m.call("stratum_input_cursor_next", |error| stratum_input_cursor_next(cursor, &raw mut input, error));
            if status == STRATUM_OK {
                drop(values::read_input(&*input));
            }
        }
        return;
    }
    let mut buffer = vec![0_u64; usize::from(source.byte())];
    let (mut length, data, capacity) = (usize::MAX, buffer.as_mut_ptr().cast(), 8 * buffer.len());
    // SAFETY: handles are numbers, the buffer has `capacity` bytes.
    let status = m.call("stratum_input_cursor_fill", |error| unsafe {
        stratum_input_cursor_fill(cursor, data, capacity, &raw mut length, error)
    });
    match status {
        STRATUM_OK => assert!(length > 0 && length <= capacity),
        STRATUM_BUFFER_TOO_SMALL => assert!(length > capacity),
        _ => {}
    }
}

/// What handles lend: read again, long after it was made.
fn held(machine: &mut Machine, source: &mut Source<'_>) {
    drop(result_of(machine.pick(Type::Result, source)));
    // SAFETY: what an open tree handle lends is lent until it is freed.
    let tree =
        unsafe { stratum_tree_get(machine.pick(Type::Tree, source)).as_ref().map(|desc| values::read_tree(desc)) };
    let pinned = machine.pick(Type::Pinned, source);
    let sum = bytes_of(pinned).map_or(0, |bytes| bytes.iter().map(|byte| u64::from(*byte)).sum());
    assert!(stratum_pinned_is_borrowed(pinned) == 0 || sum < u64::MAX);
    drop(tree);
}

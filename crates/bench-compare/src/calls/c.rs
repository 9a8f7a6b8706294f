//! The same calls across the C ABI.
//!
//! 1. Functions are called through pointers that the compiler cannot see through, as in a shared library.

use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use golden_sets::c_form::Arena;
use stratum::Tree;
use stratum::capi::batch::{stratum_batch, stratum_batch_commit, stratum_batch_create, stratum_batch_free};
use stratum::capi::batch_writes::stratum_batch_set_blob;
use stratum::capi::db::{stratum_db, stratum_db_close, stratum_db_latest, stratum_db_open, stratum_db_snapshot};
use stratum::capi::db_writes::{
    stratum_db_append_input, stratum_db_delete_document, stratum_db_put_tree, stratum_db_set_blob,
    stratum_db_set_output,
};
use stratum::capi::options::{
    STRATUM_DURABILITY_OS, stratum_options, stratum_options_create, stratum_options_free,
    stratum_options_set_background, stratum_options_set_durability,
};
use stratum::capi::pinned::{stratum_pinned, stratum_pinned_data, stratum_pinned_free, stratum_pinned_length};
use stratum::capi::result::{stratum_result, stratum_result_columns, stratum_result_free, stratum_result_value};
use stratum::capi::status::STRATUM_OK;
use stratum::capi::tree::{stratum_tree, stratum_tree_free, stratum_tree_get, stratum_tree_ids};
use stratum::capi::value::{STRATUM_KIND_DOUBLE, STRATUM_KIND_INT64, stratum_value_int64};
use stratum::capi::view::{
    stratum_view, stratum_view_blob, stratum_view_column, stratum_view_columns, stratum_view_exists, stratum_view_free,
    stratum_view_input, stratum_view_output, stratum_view_packed_tree, stratum_view_read_blob, stratum_view_sequence,
    stratum_view_tree,
};

use super::{BLOB, COLUMN, Calls, ROOM};

struct C {
    db: *mut stratum_db,
    buffer: Vec<u8>,
    tree: Tree,
    put: Vec<u64>,
}

/// The type of an argument, whatever it is.
macro_rules! any {
    ($argument:expr) => {
        _
    };
}

/// Calls a function of the library.
macro_rules! call {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let function: unsafe extern "C" fn($(any!($argument)),*) -> _ = $function;
        // SAFETY: the arguments lead to live variables, buffers of the lengths that they say, and open handles.
        unsafe { black_box(function)($($argument),*) }
    }};
}

/// The same where it says how it went, an error's place for its last argument.
macro_rules! checked {
    ($function:ident($($argument:expr),* $(,)?)) => {
        assert_eq!(call!($function($($argument,)* ptr::null_mut())), STRATUM_OK, stringify!($function))
    };
}

/// Opens the store that `through_c` made there, with a tree to put.
pub fn open(dir: &Path, tree: Tree) -> Box<dyn Calls> {
    let path = dir.join("stratum");
    let path = path.as_os_str().as_bytes();
    let (mut db, mut options): (*mut stratum_db, *mut stratum_options) = (ptr::null_mut(), ptr::null_mut());
    checked!(stratum_options_create(&raw mut options));
    checked!(stratum_options_set_durability(options, STRATUM_DURABILITY_OS));
    checked!(stratum_options_set_background(options, 0));
    checked!(stratum_db_open(path.as_ptr().cast(), path.len(), options, &raw mut db));
    call!(stratum_options_free(&raw mut options));
    Box::new(C { db, buffer: vec![0; ROOM], tree, put: Vec::new() })
}

/// The fourth input of a tree, as good as any.
const INPUT: u64 = 4;

/// Bytes of a text, items of a list, pairs of a map; 0 of a number.
fn count(mut result: *mut stratum_result) -> u64 {
    let value = call!(stratum_result_value(result));
    // SAFETY: borrowed from the result, which is alive.
    let (kind, count) = unsafe { ((*value).kind, (*value).count as u64) };
    call!(stratum_result_free(&raw mut result));
    if kind == STRATUM_KIND_INT64 || kind == STRATUM_KIND_DOUBLE { 0 } else { count }
}

fn length(mut pinned: *mut stratum_pinned) -> u64 {
    black_box(call!(stratum_pinned_data(pinned)));
    let length = call!(stratum_pinned_length(pinned));
    call!(stratum_pinned_free(&raw mut pinned));
    length as u64
}

impl C {
    fn latest(&self) -> *const stratum_view {
        call!(stratum_db_latest(self.db))
    }
}

impl Calls for C {
    fn exists(&self, document: u64) -> u64 {
        let mut exists = 0;
        checked!(stratum_view_exists(self.latest(), document, &raw mut exists));
        exists as u64
    }

    fn blob(&self, document: u64) -> u64 {
        let mut pinned = ptr::null_mut();
        checked!(stratum_view_blob(self.latest(), document, &raw mut pinned));
        length(pinned)
    }

    fn read_blob(&mut self, document: u64) -> u64 {
        let (view, mut length) = (self.latest(), 0);
        checked!(stratum_view_read_blob(view, document, self.buffer.as_mut_ptr().cast(), ROOM, &raw mut length));
        length as u64
    }

    fn column(&self, document: u64) -> u64 {
        let mut result = ptr::null_mut();
        checked!(stratum_view_column(self.latest(), document, COLUMN.as_ptr().cast(), COLUMN.len(), &raw mut result));
        count(result)
    }

    fn columns(&self, document: u64) -> u64 {
        let (mut result, mut count) = (ptr::null_mut(), 0);
        checked!(stratum_view_columns(self.latest(), document, &raw mut result));
        black_box(call!(stratum_result_columns(result.cast_const(), &raw mut count)));
        call!(stratum_result_free(&raw mut result));
        count as u64
    }

    fn input(&self, document: u64) -> u64 {
        let mut result = ptr::null_mut();
        checked!(stratum_view_input(self.latest(), document, INPUT, &raw mut result));
        count(result)
    }

    fn output(&self, document: u64) -> u64 {
        let mut result = ptr::null_mut();
        checked!(stratum_view_output(self.latest(), document, INPUT, &raw mut result));
        count(result)
    }

    fn tree(&self, document: u64) -> u64 {
        let mut tree: *mut stratum_tree = ptr::null_mut();
        checked!(stratum_view_tree(self.latest(), document, &raw mut tree));
        let desc = call!(stratum_tree_get(tree));
        // SAFETY: borrowed from the tree, which is alive.
        let inputs = unsafe { (*desc).input_count };
        call!(stratum_tree_free(&raw mut tree));
        inputs as u64
    }

    fn packed_tree(&self, document: u64) -> u64 {
        let mut pinned = ptr::null_mut();
        checked!(stratum_view_packed_tree(self.latest(), document, &raw mut pinned));
        length(pinned)
    }

    fn snapshot(&self) -> u64 {
        let (mut view, mut sequence) = (ptr::null_mut(), 0);
        checked!(stratum_db_snapshot(self.db, &raw mut view));
        checked!(stratum_view_sequence(view, &raw mut sequence));
        call!(stratum_view_free(&raw mut view));
        sequence.min(1)
    }

    fn set_blob(&self, document: u64) -> u64 {
        checked!(stratum_db_set_blob(self.db, document, BLOB.as_ptr().cast(), BLOB.len()));
        1
    }

    fn append_input(&self, document: u64) -> u64 {
        let (value, mut input) = (stratum_value_int64(7), 0);
        checked!(stratum_db_append_input(self.db, document, &raw const value, &raw mut input));
        input
    }

    fn set_output(&self, document: u64) -> u64 {
        let value = stratum_value_int64(7);
        checked!(stratum_db_set_output(self.db, document, INPUT, &raw const value));
        1
    }

    fn put_tree(&mut self) -> u64 {
        let (arena, mut ids) = (Arena::new(&self.tree), stratum_tree_ids::default());
        checked!(stratum_db_put_tree(self.db, &raw const arena.desc, &raw mut ids));
        self.put.push(ids.document);
        ids.document
    }

    fn delete(&mut self) -> u64 {
        let document = self.put.pop().expect("as many were put");
        checked!(stratum_db_delete_document(self.db, document));
        document
    }

    fn empty_batch(&self) -> u64 {
        let mut batch: *mut stratum_batch = ptr::null_mut();
        checked!(stratum_batch_create(self.db, &raw mut batch));
        call!(stratum_batch_free(&raw mut batch));
        1
    }

    fn batch(&self, document: u64, changes: u64) -> u64 {
        let mut batch: *mut stratum_batch = ptr::null_mut();
        checked!(stratum_batch_create(self.db, &raw mut batch));
        for _ in 0..changes {
            checked!(stratum_batch_set_blob(batch, document, BLOB.as_ptr().cast(), BLOB.len()));
        }
        checked!(stratum_batch_commit(&raw mut batch, ptr::null(), ptr::null_mut()));
        1
    }

    fn close(mut self: Box<Self>) {
        checked!(stratum_db_close(&raw mut self.db));
    }
}

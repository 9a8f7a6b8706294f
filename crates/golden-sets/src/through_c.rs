//! Stratum through its C ABI, called as a C program would call it.
//!
//! 1. Descriptions of trees are made in the caller's memory before each put, as a C caller would have to.
//! 2. What is timed as "decoded" is the C form of a tree, every byte of it visited; it becomes a Rust tree only where
//!    it is compared.

use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use stratum::capi::batch::{stratum_batch, stratum_batch_commit, stratum_batch_create, stratum_commit_options};
use stratum::capi::batch_writes::{
    stratum_batch_append_input, stratum_batch_delete_document, stratum_batch_put_tree, stratum_batch_replace_tree,
    stratum_batch_set_blob,
};
use stratum::capi::cursor::{stratum_document_cursor_fill, stratum_document_cursor_free, stratum_view_documents};
use stratum::capi::db::{
    stratum_db, stratum_db_close, stratum_db_compact_now, stratum_db_flush, stratum_db_latest, stratum_db_open,
};
use stratum::capi::db_writes::stratum_db_delete_document;
use stratum::capi::options::{
    STRATUM_DURABILITY_ALWAYS, STRATUM_DURABILITY_OS, stratum_options_create, stratum_options_free,
    stratum_options_set_background,
};
use stratum::capi::pinned::{stratum_pinned, stratum_pinned_data, stratum_pinned_free, stratum_pinned_length};
use stratum::capi::result::{stratum_result, stratum_result_columns, stratum_result_free, stratum_result_value};
use stratum::capi::status::{STRATUM_END, STRATUM_NOT_FOUND, STRATUM_OK};
use stratum::capi::tree::{stratum_tree, stratum_tree_desc, stratum_tree_free, stratum_tree_get, stratum_tree_ids};
use stratum::capi::view::{
    stratum_view, stratum_view_blob, stratum_view_columns, stratum_view_input, stratum_view_packed_tree,
    stratum_view_tree,
};
use stratum::{Columns, Input, InputId, Tree, Value};

use crate::c_form::{self, Arena};
use crate::engine::{Engine, Kind, Sync};

/// Stratum through C, with default options.
pub const STRATUM_C: Kind = Kind { name: "Stratum (C)", open: |dir| Box::new(ThroughC::open(dir, true)) };

/// An open store.
pub struct ThroughC {
    db: *mut stratum_db,
}

// SAFETY: the handle is a number, and every function called here may be called on any thread.
unsafe impl Send for ThroughC {}
// SAFETY: as above.
unsafe impl std::marker::Sync for ThroughC {}

/// Makes a call and ends the run where it fails.
macro_rules! c {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the arguments lead to live variables and buffers of the lengths that they say.
        let status = unsafe { $function($($argument,)* ptr::null_mut()) };
        assert_eq!(status, STRATUM_OK, stringify!($function));
    }};
}

/// Makes a call that may find nothing, which it says.
macro_rules! found {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: as above.
        let status = unsafe { $function($($argument,)* ptr::null_mut()) };
        assert!([STRATUM_OK, STRATUM_NOT_FOUND].contains(&status), stringify!($function));
        status == STRATUM_OK
    }};
}

impl ThroughC {
    /// Opens the store in `dir`, and makes it if there is none, with or without a thread of its own.
    pub fn open(dir: &Path, background: bool) -> ThroughC {
        let path = dir.join("stratum");
        let path = path.as_os_str().as_bytes();
        let (mut db, mut options) = (ptr::null_mut(), ptr::null_mut());
        c!(stratum_options_create(&raw mut options));
        c!(stratum_options_set_background(options, background.into()));
        c!(stratum_db_open(path.as_ptr().cast(), path.len(), options, &raw mut db));
        // SAFETY: our own variable.
        unsafe { stratum_options_free(&raw mut options) };
        ThroughC { db }
    }

    fn latest(&self) -> *const stratum_view {
        stratum_db_latest(self.db)
    }

    fn write(&self, durability: i32, work: impl FnOnce(*mut stratum_batch)) {
        let mut batch = ptr::null_mut();
        c!(stratum_batch_create(self.db, &raw mut batch));
        work(batch);
        let options =
            stratum_commit_options { struct_size: size_of::<stratum_commit_options>(), durability, reserved: 0 };
        c!(stratum_batch_commit(&raw mut batch, &raw const options, ptr::null_mut()));
    }

    fn with_tree<T>(&self, document: u64, read: impl FnOnce(&stratum_tree_desc) -> T) -> T {
        let mut tree: *mut stratum_tree = ptr::null_mut();
        c!(stratum_view_tree(self.latest(), document, &raw mut tree));
        // SAFETY: borrowed from the tree, which lives until it is freed below.
        let result = read(unsafe { &*stratum_tree_get(tree) });
        // SAFETY: our own variable.
        unsafe { stratum_tree_free(&raw mut tree) };
        result
    }

    fn with_result<T>(mut result: *mut stratum_result, read: impl FnOnce(*const stratum_result) -> T) -> T {
        let read = read(result);
        // SAFETY: our own variable.
        unsafe { stratum_result_free(&raw mut result) };
        read
    }

    fn with_pinned(mut pinned: *mut stratum_pinned, read: &mut dyn FnMut(&[u8])) {
        let (data, length) = (stratum_pinned_data(pinned), stratum_pinned_length(pinned));
        // SAFETY: pinned bytes stay valid until they are freed below.
        read(unsafe { c_form::slice(data.cast(), length) });
        // SAFETY: our own variable.
        unsafe { stratum_pinned_free(&raw mut pinned) };
    }
}

impl Engine for ThroughC {
    fn close(mut self: Box<Self>) {
        c!(stratum_db_close(&raw mut self.db));
    }

    fn put(&self, trees: &[&Tree], sync: Sync) -> u64 {
        let mut first = 0;
        let durability = if sync == Sync::Now { STRATUM_DURABILITY_ALWAYS } else { STRATUM_DURABILITY_OS };
        self.write(durability, |batch| {
            for tree in trees {
                let arena = Arena::new(tree);
                let mut ids = stratum_tree_ids::default();
                c!(stratum_batch_put_tree(batch, &raw const arena.desc, &raw mut ids));
                if first == 0 {
                    first = ids.document;
                }
            }
        });
        first
    }

    fn replace(&self, document: u64, tree: &Tree) {
        let arena = Arena::new(tree);
        self.write(STRATUM_DURABILITY_ALWAYS, |batch| {
            c!(stratum_batch_replace_tree(batch, document, &raw const arena.desc, ptr::null_mut()));
        });
    }

    fn add_input(&self, document: u64, value: &Value) {
        self.write(STRATUM_DURABILITY_ALWAYS, |batch| {
            let mut texts = Vec::new();
            let value = c_form::value(value, &mut texts);
            c!(stratum_batch_append_input(batch, document, &raw const value, ptr::null_mut()));
        });
    }

    fn set_blob(&self, document: u64, blob: &[u8]) {
        self.write(STRATUM_DURABILITY_OS, |batch| {
            c!(stratum_batch_set_blob(batch, document, blob.as_ptr().cast(), blob.len()));
        });
    }

    fn delete(&self, document: u64) {
        self.write(STRATUM_DURABILITY_OS, |batch| c!(stratum_batch_delete_document(batch, document)));
    }

    fn remove(&self, document: u64) -> bool {
        found!(stratum_db_delete_document(self.db, document))
    }

    fn flush(&self) {
        c!(stratum_db_flush(self.db));
    }

    fn compact(&mut self) {
        c!(stratum_db_compact_now(self.db, None, ptr::null_mut()));
    }

    fn documents(&self) -> Vec<u64> {
        let (mut cursor, mut documents) = (ptr::null_mut(), Vec::new());
        c!(stratum_view_documents(self.latest(), 0, &raw mut cursor));
        loop {
            let (mut some, mut count) = ([0_u64; 1024], 0);
            // SAFETY: the buffer is as large as it says.
            let status = unsafe {
                let room = some.as_mut_ptr();
                stratum_document_cursor_fill(cursor, room, some.len(), &raw mut count, ptr::null_mut())
            };
            if status == STRATUM_END {
                break;
            }
            assert_eq!(status, STRATUM_OK, "the documents");
            documents.extend_from_slice(&some[..count]);
        }
        // SAFETY: our own variable.
        unsafe { stratum_document_cursor_free(&raw mut cursor) };
        documents
    }

    fn find_blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let mut pinned = ptr::null_mut();
        let is_there = found!(stratum_view_blob(self.latest(), document, &raw mut pinned));
        if is_there {
            ThroughC::with_pinned(pinned, read);
        }
        is_there
    }

    fn columns(&self, document: u64) -> Columns {
        let mut result = ptr::null_mut();
        c!(stratum_view_columns(self.latest(), document, &raw mut result));
        ThroughC::with_result(result, |result| {
            let mut count = 0;
            // SAFETY: borrowed from the result, which is alive.
            unsafe { c_form::columns_of(stratum_result_columns(result, &raw mut count), count) }
        })
    }

    fn input(&self, document: u64, position: u32) -> Value {
        let mut result = ptr::null_mut();
        c!(stratum_view_input(self.latest(), document, u64::from(position) + 1, &raw mut result));
        // SAFETY: borrowed from the result, which is alive.
        ThroughC::with_result(result, |result| unsafe { c_form::value_of(&*stratum_result_value(result)) })
    }

    fn tree(&self, document: u64) -> Tree {
        // SAFETY: all that the description leads to is borrowed from the tree, which is alive.
        self.with_tree(document, |desc| unsafe {
            let read = |input: &stratum::capi::tree::stratum_input| Input {
                id: InputId::new(input.id),
                value: c_form::value_of(&input.value),
                columns: c_form::columns_of(input.columns, input.column_count),
                output: input.output.as_ref().map(|output| c_form::value_of(output)),
            };
            Tree {
                blob: c_form::slice(desc.blob.cast(), desc.blob_length).to_vec(),
                columns: c_form::columns_of(desc.columns, desc.column_count),
                inputs: c_form::slice(desc.inputs, desc.input_count).iter().map(read).collect(),
            }
        })
    }

    fn visit_tree(&self, document: u64) {
        // SAFETY: as in `tree`.
        black_box(self.with_tree(document, |desc| unsafe { c_form::visit_tree(desc) }));
    }

    fn with_packed(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        let mut pinned = ptr::null_mut();
        c!(stratum_view_packed_tree(self.latest(), document, &raw mut pinned));
        ThroughC::with_pinned(pinned, read);
        true
    }

    fn hints(&self) -> &'static [&'static str] {
        &["stratum/CHECKPOINT"]
    }
}

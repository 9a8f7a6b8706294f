//! RocksDB through its C API, tuned: bloom filters, a block cache as large as the others', recycled logs, a
//! column family for each kind of row, deletes of ranges. With or without zstd.

use std::ffi::{CString, c_char, c_int};
use std::path::Path;
use std::ptr;
use std::slice;

use golden_sets::Sync;

use crate::rows::{Op, Part, Rows, node_key, position_of};

#[allow(non_camel_case_types)]
mod ffi {
    use std::ffi::{c_char, c_int};

    macro_rules! opaque {
        ($($name:ident)*) => { $(pub enum $name {})* };
    }
    opaque!(rocksdb_t rocksdb_options_t rocksdb_column_family_handle_t rocksdb_writeoptions_t rocksdb_readoptions_t);
    opaque!(rocksdb_writebatch_t rocksdb_iterator_t rocksdb_snapshot_t rocksdb_pinnableslice_t rocksdb_flushoptions_t);
    opaque!(rocksdb_block_based_table_options_t rocksdb_cache_t rocksdb_filterpolicy_t);

    // SAFETY: as rocksdb/c.h of version 7 declares them.
    #[link(name = "rocksdb")]
    unsafe extern "C" {
        pub fn rocksdb_options_create() -> *mut rocksdb_options_t;
        pub fn rocksdb_options_set_create_if_missing(options: *mut rocksdb_options_t, on: u8);
        pub fn rocksdb_options_set_create_missing_column_families(options: *mut rocksdb_options_t, on: u8);
        pub fn rocksdb_options_increase_parallelism(options: *mut rocksdb_options_t, threads: c_int);
        pub fn rocksdb_options_set_write_buffer_size(options: *mut rocksdb_options_t, size: usize);
        pub fn rocksdb_options_set_recycle_log_file_num(options: *mut rocksdb_options_t, count: usize);
        pub fn rocksdb_options_set_compression(options: *mut rocksdb_options_t, kind: c_int);
        pub fn rocksdb_options_set_block_based_table_factory(
            options: *mut rocksdb_options_t,
            table: *mut rocksdb_block_based_table_options_t,
        );
        pub fn rocksdb_block_based_options_create() -> *mut rocksdb_block_based_table_options_t;
        pub fn rocksdb_block_based_options_set_block_size(table: *mut rocksdb_block_based_table_options_t, size: usize);
        pub fn rocksdb_block_based_options_set_block_cache(
            table: *mut rocksdb_block_based_table_options_t,
            cache: *mut rocksdb_cache_t,
        );
        pub fn rocksdb_block_based_options_set_filter_policy(
            table: *mut rocksdb_block_based_table_options_t,
            policy: *mut rocksdb_filterpolicy_t,
        );
        pub fn rocksdb_cache_create_lru(capacity: usize) -> *mut rocksdb_cache_t;
        pub fn rocksdb_filterpolicy_create_bloom_full(bits: f64) -> *mut rocksdb_filterpolicy_t;
        pub fn rocksdb_open_column_families(
            options: *const rocksdb_options_t,
            name: *const c_char,
            count: c_int,
            names: *const *const c_char,
            family_options: *const *const rocksdb_options_t,
            families: *mut *mut rocksdb_column_family_handle_t,
            error: *mut *mut c_char,
        ) -> *mut rocksdb_t;
        pub fn rocksdb_column_family_handle_destroy(family: *mut rocksdb_column_family_handle_t);
        pub fn rocksdb_close(db: *mut rocksdb_t);
        pub fn rocksdb_writeoptions_create() -> *mut rocksdb_writeoptions_t;
        pub fn rocksdb_writeoptions_set_sync(options: *mut rocksdb_writeoptions_t, on: u8);
        pub fn rocksdb_readoptions_create() -> *mut rocksdb_readoptions_t;
        pub fn rocksdb_readoptions_destroy(options: *mut rocksdb_readoptions_t);
        pub fn rocksdb_readoptions_set_snapshot(
            options: *mut rocksdb_readoptions_t,
            snapshot: *const rocksdb_snapshot_t,
        );
        pub fn rocksdb_create_snapshot(db: *mut rocksdb_t) -> *const rocksdb_snapshot_t;
        pub fn rocksdb_release_snapshot(db: *mut rocksdb_t, snapshot: *const rocksdb_snapshot_t);
        pub fn rocksdb_writebatch_create() -> *mut rocksdb_writebatch_t;
        pub fn rocksdb_writebatch_destroy(batch: *mut rocksdb_writebatch_t);
        pub fn rocksdb_writebatch_put_cf(
            batch: *mut rocksdb_writebatch_t,
            family: *mut rocksdb_column_family_handle_t,
            key: *const c_char,
            key_length: usize,
            value: *const c_char,
            value_length: usize,
        );
        pub fn rocksdb_writebatch_delete_cf(
            batch: *mut rocksdb_writebatch_t,
            family: *mut rocksdb_column_family_handle_t,
            key: *const c_char,
            key_length: usize,
        );
        pub fn rocksdb_writebatch_delete_range_cf(
            batch: *mut rocksdb_writebatch_t,
            family: *mut rocksdb_column_family_handle_t,
            from: *const c_char,
            from_length: usize,
            to: *const c_char,
            to_length: usize,
        );
        pub fn rocksdb_write(
            db: *mut rocksdb_t,
            options: *const rocksdb_writeoptions_t,
            batch: *mut rocksdb_writebatch_t,
            error: *mut *mut c_char,
        );
        pub fn rocksdb_flush_wal(db: *mut rocksdb_t, sync: u8, error: *mut *mut c_char);
        pub fn rocksdb_flushoptions_create() -> *mut rocksdb_flushoptions_t;
        pub fn rocksdb_flush_cf(
            db: *mut rocksdb_t,
            options: *const rocksdb_flushoptions_t,
            family: *mut rocksdb_column_family_handle_t,
            error: *mut *mut c_char,
        );
        pub fn rocksdb_compact_range_cf(
            db: *mut rocksdb_t,
            family: *mut rocksdb_column_family_handle_t,
            from: *const c_char,
            from_length: usize,
            to: *const c_char,
            to_length: usize,
        );
        pub fn rocksdb_get_pinned_cf(
            db: *mut rocksdb_t,
            options: *const rocksdb_readoptions_t,
            family: *mut rocksdb_column_family_handle_t,
            key: *const c_char,
            key_length: usize,
            error: *mut *mut c_char,
        ) -> *mut rocksdb_pinnableslice_t;
        pub fn rocksdb_pinnableslice_value(pinned: *const rocksdb_pinnableslice_t, length: *mut usize)
        -> *const c_char;
        pub fn rocksdb_pinnableslice_destroy(pinned: *mut rocksdb_pinnableslice_t);
        pub fn rocksdb_create_iterator_cf(
            db: *mut rocksdb_t,
            options: *const rocksdb_readoptions_t,
            family: *mut rocksdb_column_family_handle_t,
        ) -> *mut rocksdb_iterator_t;
        pub fn rocksdb_iter_seek(iterator: *mut rocksdb_iterator_t, key: *const c_char, length: usize);
        pub fn rocksdb_iter_seek_for_prev(iterator: *mut rocksdb_iterator_t, key: *const c_char, length: usize);
        pub fn rocksdb_iter_valid(iterator: *const rocksdb_iterator_t) -> u8;
        pub fn rocksdb_iter_next(iterator: *mut rocksdb_iterator_t);
        pub fn rocksdb_iter_key(iterator: *const rocksdb_iterator_t, length: *mut usize) -> *const c_char;
        pub fn rocksdb_iter_value(iterator: *const rocksdb_iterator_t, length: *mut usize) -> *const c_char;
        pub fn rocksdb_iter_destroy(iterator: *mut rocksdb_iterator_t);
    }
}

const NO_COMPRESSION: c_int = 0;
const ZSTD: c_int = 7;
const FAMILIES: [&std::ffi::CStr; 4] = [c"default", c"blobs", c"columns", c"nodes"];

/// A store. The few option objects live as long as the process.
pub struct RocksDb<const COMPRESSED: bool> {
    db: *mut ffi::rocksdb_t,
    families: [*mut ffi::rocksdb_column_family_handle_t; 4],
    reading: *mut ffi::rocksdb_readoptions_t,
    durable: *mut ffi::rocksdb_writeoptions_t,
    lazy: *mut ffi::rocksdb_writeoptions_t,
}

// SAFETY: RocksDB's objects may be used by any number of threads.
unsafe impl<const COMPRESSED: bool> Send for RocksDb<COMPRESSED> {}
// SAFETY: as above.
unsafe impl<const COMPRESSED: bool> std::marker::Sync for RocksDb<COMPRESSED> {}

/// Makes a call, within an unsafe block, whose last argument is where an error goes; ends the run if there is one.
macro_rules! checked {
    ($function:ident($($argument:expr),*)) => {{
        let mut error: *mut c_char = ptr::null_mut();
        let result = ffi::$function($($argument,)* &raw mut error);
        assert!(error.is_null(), "{}", stringify!($function));
        result
    }};
}

fn chars(bytes: &[u8]) -> *const c_char {
    bytes.as_ptr().cast()
}

impl<const COMPRESSED: bool> RocksDb<COMPRESSED> {
    /// False where there is no such row.
    fn get(
        &self,
        options: *const ffi::rocksdb_readoptions_t,
        family: usize,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> bool {
        // SAFETY: the slice is alive until it is destroyed.
        unsafe {
            let family = self.families[family];
            let pinned = checked!(rocksdb_get_pinned_cf(self.db, options, family, chars(key), key.len()));
            if pinned.is_null() {
                return false;
            }
            let mut length = 0;
            let data = ffi::rocksdb_pinnableslice_value(pinned, &raw mut length);
            read(slice::from_raw_parts(data.cast(), length));
            ffi::rocksdb_pinnableslice_destroy(pinned);
            true
        }
    }

    /// Calls `each` with keys and values from `from` on, until it says no.
    fn scan(
        &self,
        options: *const ffi::rocksdb_readoptions_t,
        family: usize,
        from: &[u8],
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) {
        // SAFETY: the iterator is alive until it is destroyed, its key and value until it moves.
        unsafe {
            let iterator = ffi::rocksdb_create_iterator_cf(self.db, options, self.families[family]);
            ffi::rocksdb_iter_seek(iterator, chars(from), from.len());
            while ffi::rocksdb_iter_valid(iterator) != 0 {
                let (mut key_length, mut length) = (0, 0);
                let key = ffi::rocksdb_iter_key(iterator, &raw mut key_length);
                let value = ffi::rocksdb_iter_value(iterator, &raw mut length);
                let key = slice::from_raw_parts(key.cast(), key_length);
                if !each(key, slice::from_raw_parts(value.cast(), length)) {
                    break;
                }
                ffi::rocksdb_iter_next(iterator);
            }
            ffi::rocksdb_iter_destroy(iterator);
        }
    }

    fn next_position(&self, document: u64) -> u32 {
        let last = node_key(document, u32::MAX);
        // SAFETY: as in `scan`.
        unsafe {
            let iterator = ffi::rocksdb_create_iterator_cf(self.db, self.reading, self.families[3]);
            ffi::rocksdb_iter_seek_for_prev(iterator, chars(&last), last.len());
            let mut next = 0;
            if ffi::rocksdb_iter_valid(iterator) != 0 {
                let mut length = 0;
                let key = ffi::rocksdb_iter_key(iterator, &raw mut length);
                let key = slice::from_raw_parts(key.cast::<u8>(), length);
                if key.starts_with(&document.to_be_bytes()) {
                    next = position_of(key) + 1;
                }
            }
            ffi::rocksdb_iter_destroy(iterator);
            next
        }
    }
}

impl<const COMPRESSED: bool> Rows for RocksDb<COMPRESSED> {
    fn open(dir: &Path) -> Self {
        let path = CString::new(dir.join("rocksdb").to_str().expect("UTF-8")).expect("no NUL");
        // SAFETY: each object is made here and given to one that keeps it.
        unsafe {
            let options = ffi::rocksdb_options_create();
            ffi::rocksdb_options_set_create_if_missing(options, 1);
            ffi::rocksdb_options_set_create_missing_column_families(options, 1);
            ffi::rocksdb_options_increase_parallelism(options, 2);
            ffi::rocksdb_options_set_write_buffer_size(options, 64 << 20);
            ffi::rocksdb_options_set_recycle_log_file_num(options, 4);
            ffi::rocksdb_options_set_compression(options, if COMPRESSED { ZSTD } else { NO_COMPRESSION });
            let table = ffi::rocksdb_block_based_options_create();
            ffi::rocksdb_block_based_options_set_block_size(table, 16 << 10);
            ffi::rocksdb_block_based_options_set_block_cache(table, ffi::rocksdb_cache_create_lru(1 << 30));
            let bloom = ffi::rocksdb_filterpolicy_create_bloom_full(10.0);
            ffi::rocksdb_block_based_options_set_filter_policy(table, bloom);
            ffi::rocksdb_options_set_block_based_table_factory(options, table);
            let (names, each) = (FAMILIES.map(std::ffi::CStr::as_ptr), [options.cast_const(); 4]);
            let mut families = [ptr::null_mut(); 4];
            let db = checked!(rocksdb_open_column_families(
                options,
                path.as_ptr(),
                4,
                names.as_ptr(),
                each.as_ptr(),
                families.as_mut_ptr()
            ));
            let durable = ffi::rocksdb_writeoptions_create();
            ffi::rocksdb_writeoptions_set_sync(durable, 1);
            let (lazy, reading) = (ffi::rocksdb_writeoptions_create(), ffi::rocksdb_readoptions_create());
            RocksDb { db, families, reading, durable, lazy }
        }
    }

    fn close(self) {
        self.flush();
        // SAFETY: nothing uses them from here on.
        unsafe {
            self.families.iter().for_each(|family| ffi::rocksdb_column_family_handle_destroy(*family));
            ffi::rocksdb_close(self.db);
        }
    }

    fn write(&self, ops: Vec<Op>, sync: Sync) {
        // SAFETY: open handles, keys and values of the lengths that are passed.
        unsafe {
            let batch = ffi::rocksdb_writebatch_create();
            let put = |family: usize, key: &[u8], value: &[u8]| {
                let family = self.families[family];
                ffi::rocksdb_writebatch_put_cf(batch, family, chars(key), key.len(), chars(value), value.len());
            };
            for op in ops {
                match op {
                    Op::Blob(id, blob) => put(1, &id.to_be_bytes(), &blob),
                    Op::Columns(id, row) => put(2, &id.to_be_bytes(), &row),
                    Op::Node(id, position, row) => put(3, &node_key(id, position), &row),
                    Op::Append(id, row) => put(3, &node_key(id, self.next_position(id)), &row),
                    Op::Delete(id) => {
                        let key = id.to_be_bytes();
                        ffi::rocksdb_writebatch_delete_cf(batch, self.families[1], chars(&key), 8);
                        ffi::rocksdb_writebatch_delete_cf(batch, self.families[2], chars(&key), 8);
                        let (from, to) = (node_key(id, 0), node_key(id, u32::MAX));
                        let nodes = self.families[3];
                        ffi::rocksdb_writebatch_delete_range_cf(batch, nodes, chars(&from), 12, chars(&to), 12);
                    }
                }
            }
            let options = if sync == Sync::Now { self.durable } else { self.lazy };
            checked!(rocksdb_write(self.db, options, batch));
            ffi::rocksdb_writebatch_destroy(batch);
        }
    }

    fn flush(&self) {
        // SAFETY: the store is open.
        unsafe { checked!(rocksdb_flush_wal(self.db, 1)) };
    }

    fn compact(&mut self) {
        // SAFETY: open handles; NULL stands for everything.
        unsafe {
            let options = ffi::rocksdb_flushoptions_create();
            for family in self.families {
                checked!(rocksdb_flush_cf(self.db, options, family));
                ffi::rocksdb_compact_range_cf(self.db, family, ptr::null(), 0, ptr::null(), 0);
            }
        }
    }

    fn documents(&self) -> Vec<u64> {
        let mut documents = Vec::new();
        self.scan(self.reading, 2, &[], &mut |key, _| {
            documents.push(u64::from_be_bytes(key.try_into().expect("eight bytes")));
            true
        });
        documents
    }

    fn blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        self.get(self.reading, 1, &document.to_be_bytes(), read)
    }

    fn columns(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        self.get(self.reading, 2, &document.to_be_bytes(), read)
    }

    fn node(&self, document: u64, position: u32, read: &mut dyn FnMut(&[u8])) {
        let is_there = self.get(self.reading, 3, &node_key(document, position), read);
        assert!(is_there, "the input is there");
    }

    fn parts(&self, document: u64, read: &mut dyn FnMut(Part<'_>)) {
        let prefix = document.to_be_bytes();
        // SAFETY: made here, released below.
        let (snapshot, options) = unsafe { (ffi::rocksdb_create_snapshot(self.db), ffi::rocksdb_readoptions_create()) };
        // SAFETY: as above.
        unsafe { ffi::rocksdb_readoptions_set_snapshot(options, snapshot) };
        let is_there = self.get(options, 2, &prefix, &mut |row| read(Part::Columns(row)))
            && self.get(options, 1, &prefix, &mut |blob| read(Part::Blob(blob)));
        assert!(is_there, "the document is there");
        self.scan(options, 3, &prefix, &mut |key, row| {
            let is_ours = key.starts_with(&prefix);
            if is_ours {
                read(Part::Node(position_of(key), row));
            }
            is_ours
        });
        // SAFETY: as above.
        unsafe {
            ffi::rocksdb_readoptions_destroy(options);
            ffi::rocksdb_release_snapshot(self.db, snapshot);
        }
    }
}

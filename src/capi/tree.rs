//! Whole trees as C sees them: one struct both ways, and the handle that owns a tree that was read.

#![allow(unsafe_code)] // the C boundary

use std::ffi::c_void;

use super::arguments;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::packed_out::PackedView;
use super::status::Call;
use super::value::{stratum_column, stratum_value};
use super::value_in::Budget;
use crate::format::Malformed;
use crate::memory;
use crate::{Columns, DocumentId, Error, Input, PackedTree, Tree, TreeIds, View};

/// One input with what hangs on it, both ways.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_input {
    /// Its id in what is read; ignored in what is written.
    pub id: u64,
    /// Its value.
    pub value: stratum_value,
    /// Its columns; may be NULL where column_count is 0. In what is read they are sorted by the bytes of their names.
    pub columns: *const stratum_column,
    /// How many columns.
    pub column_count: usize,
    /// Its output, NULL for none.
    pub output: *const stratum_value,
}

/// A document with its columns, and its inputs and outputs in order, both ways.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct stratum_tree_desc {
    /// sizeof(stratum_tree_desc), as the caller was compiled; in what is read: as the library was.
    pub struct_size: usize,
    /// The blob; may be NULL where blob_length is 0.
    pub blob: *const c_void,
    /// Bytes of the blob.
    pub blob_length: usize,
    /// The document's columns; may be NULL where column_count is 0. In what is read they are sorted by the bytes of
    /// their names.
    pub columns: *const stratum_column,
    /// How many columns.
    pub column_count: usize,
    /// The inputs in their order; may be NULL where input_count is 0.
    pub inputs: *const stratum_input,
    /// How many inputs.
    pub input_count: usize,
}

/// The ids that a tree got: its inputs are first_input, first_input + 1, ... in their order.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct stratum_tree_ids {
    /// The document.
    pub document: u64,
    /// The first input, 0 where the tree has none.
    pub first_input: u64,
    /// How many inputs.
    pub input_count: u64,
}

impl From<TreeIds> for stratum_tree_ids {
    fn from(ids: TreeIds) -> stratum_tree_ids {
        stratum_tree_ids {
            document: ids.document.get(),
            first_input: ids.first_input.map_or(0, |id| id.get()),
            input_count: u64::from(ids.inputs),
        }
    }
}

/// A tree that was read: owns all that its stratum_tree_desc leads to.
pub struct stratum_tree(());

/// What a tree handle holds: the tree in its packed form, and C's view of that.
pub(super) struct HeldTree {
    view: PackedView,
    _packed: PackedTree,
}

impl Handle for stratum_tree {
    const KIND: Kind = Kind::Tree;
    type Object = HeldTree;
}

impl HeldTree {
    /// Reads a whole document.
    pub(super) fn read(view: &View, document: DocumentId) -> Call<HeldTree> {
        let packed = view.packed_tree(document)?;
        match PackedView::new(packed.as_bytes()) {
            // The packed bytes stay where they are when the tree that holds them moves.
            Ok(view) => Ok(HeldTree { view, _packed: packed }),
            Err(Malformed::NO_MEMORY) => Err(Error::NoMemory.into()),
            // Its checksum holds, and it is no tree: reading it piece by piece tells where that lies.
            Err(Malformed(what)) => match view.tree(document) {
                Err(error) => Err(error.into()),
                Ok(_) => Err(Error::InvalidArgument(format!("the packed tree cannot be shown: {what}")).into()),
            },
        }
    }
}

/// What the tree holds: a borrowed struct, valid with all it leads to until the tree is freed. NULL where `tree` is
/// not an open tree handle. It may be passed to a put or replace of any store as it is.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_tree_get(tree: *const stratum_tree) -> *const stratum_tree_desc {
    guard::peek(std::ptr::null(), || Ok(&raw const handles::enter(tree)?.view.desc.0))
}

/// Frees the tree and sets `*tree` to NULL; everything borrowed from it ends. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread, when nobody uses what was borrowed any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_tree_free(tree: *mut *mut stratum_tree) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(tree) }
}

/// The column of that name among `columns`, which are those of a tree, an input or a result (sorted by name).
/// Borrowed like the columns; NULL where there is none, or an argument is NULL.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_columns_find(
    columns: *const stratum_column,
    column_count: usize,
    name: *const std::ffi::c_char,
    name_length: usize,
) -> *const stratum_value {
    guard::peek(std::ptr::null(), || {
        // SAFETY: the caller's arrays, as the header's conventions demand.
        let (columns, name) = unsafe {
            (arguments::items("columns", columns, column_count)?, arguments::bytes("name", name.cast(), name_length)?)
        };
        for column in columns {
            // SAFETY: as above; each column's name is part of the array that the caller vouches for.
            let other = unsafe { arguments::bytes("name", column.name.data.cast(), column.name.length)? };
            if other == name {
                return Ok(&raw const column.value);
            }
        }
        Ok(std::ptr::null())
    })
}

/// Copies a tree out of the caller's memory.
///
/// # Safety
/// All pointers lead to what the struct says, for the duration of the call.
pub(super) unsafe fn read_tree(desc: *const stratum_tree_desc, budget: &mut Budget) -> Call<Tree> {
    // SAFETY: the caller's promise.
    unsafe {
        let desc: stratum_tree_desc = arguments::sized_struct("tree", desc)?;
        budget.record("tree", desc.blob_length)?;
        let blob = memory::copy(arguments::bytes("tree.blob", desc.blob, desc.blob_length)?)?;
        let columns = budget.columns(desc.columns, desc.column_count)?;
        let items = arguments::items("tree.inputs", desc.inputs, desc.input_count)?;
        let mut inputs = memory::vec(items.len())?;
        for item in items {
            inputs.push(read_input(item, budget)?);
        }
        Ok(Tree { blob, columns, inputs })
    }
}

/// # Safety
/// As `read_tree`.
unsafe fn read_input(item: &stratum_input, budget: &mut Budget) -> Call<Input> {
    // SAFETY: the caller's promise.
    unsafe {
        let value = budget.value(&item.value)?;
        let columns: Columns = budget.columns(item.columns, item.column_count)?;
        let output = arguments::optional("output", item.output)?.map(|output| budget.value(output)).transpose()?;
        Ok(Input { id: None, value, columns, output })
    }
}

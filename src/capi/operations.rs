//! Each write once: a closure that reads its arguments out of the caller's memory and runs on a batch.
//! `batch_writes` and `db_writes` are the C functions over these.
//!
//! # Safety
//! Every function here is unsafe for one reason: the pointers that it takes must lead to what the C function's comment
//! says until its closure has run.
#![allow(clippy::missing_safety_doc)] // said once, above
#![allow(unsafe_code)] // the C boundary

use std::ffi::{c_char, c_void};

use super::arguments::{self, document, input, input_or_none};
use super::db::Store;
use super::status::Call;
use super::tree::{read_tree, stratum_tree_desc, stratum_tree_ids};
use super::value::{stratum_column, stratum_value};
use super::value_in::Budget;
use crate::Batch;

fn budget(store: &Store) -> Budget {
    Budget::new(store.max_record_bytes, store.max_batch_bytes)
}

pub(super) unsafe fn create_document(
    blob: *const c_void,
    blob_length: usize,
    columns: *const stratum_column,
    column_count: usize,
) -> impl FnOnce(&mut Batch, &Store) -> Call<u64> {
    move |batch, store| {
        let mut budget = budget(store);
        budget.record("blob", blob_length)?;
        // SAFETY: the promise of the head.
        let (blob, columns) =
            unsafe { (arguments::bytes("blob", blob, blob_length)?, budget.columns(columns, column_count)?) };
        Ok(batch.create_document(blob, &columns)?.get())
    }
}

pub(super) unsafe fn put_tree(
    tree: *const stratum_tree_desc,
) -> impl FnOnce(&mut Batch, &Store) -> Call<stratum_tree_ids> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let tree = unsafe { read_tree(tree, &mut budget(store))? };
        Ok(batch.put_tree(&tree)?.into())
    }
}

pub(super) unsafe fn replace_tree(
    id: u64,
    tree: *const stratum_tree_desc,
) -> impl FnOnce(&mut Batch, &Store) -> Call<stratum_tree_ids> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let tree = unsafe { read_tree(tree, &mut budget(store))? };
        Ok(batch.replace_tree(document(id)?, &tree)?.into())
    }
}

pub(super) unsafe fn put_packed(
    packed: *const c_void,
    length: usize,
) -> impl FnOnce(&mut Batch, &Store) -> Call<stratum_tree_ids> {
    move |batch, _| {
        // SAFETY: the promise of the head.
        let packed = unsafe { arguments::bytes("packed", packed, length)? };
        Ok(batch.put_packed(packed)?.into())
    }
}

pub(super) unsafe fn replace_packed(
    id: u64,
    packed: *const c_void,
    length: usize,
) -> impl FnOnce(&mut Batch, &Store) -> Call<stratum_tree_ids> {
    move |batch, _| {
        // SAFETY: the promise of the head.
        let packed = unsafe { arguments::bytes("packed", packed, length)? };
        Ok(batch.replace_packed(document(id)?, packed)?.into())
    }
}

pub(super) unsafe fn set_blob(
    id: u64,
    blob: *const c_void,
    length: usize,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, store| {
        budget(store).record("blob", length)?;
        // SAFETY: the promise of the head.
        let blob = unsafe { arguments::bytes("blob", blob, length)? };
        Ok(batch.set_blob(document(id)?, blob)?)
    }
}

pub(super) unsafe fn set_column(
    id: u64,
    name: *const c_char,
    name_length: usize,
    value: *const stratum_value,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let (name, value) =
            unsafe { (arguments::own_name("name", name, name_length)?, budget(store).value_at(value)?) };
        Ok(batch.set_column(document(id)?, &name, &value)?)
    }
}

pub(super) unsafe fn remove_column(
    id: u64,
    name: *const c_char,
    name_length: usize,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, _| {
        // SAFETY: the promise of the head.
        let name = unsafe { arguments::own_name("name", name, name_length)? };
        Ok(batch.remove_column(document(id)?, &name)?)
    }
}

pub(super) fn delete_document(id: u64) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, _| Ok(batch.delete_document(document(id)?)?)
}

pub(super) unsafe fn append_input(
    id: u64,
    value: *const stratum_value,
) -> impl FnOnce(&mut Batch, &Store) -> Call<u64> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let value = unsafe { budget(store).value_at(value)? };
        Ok(batch.append_input(document(id)?, &value)?.get())
    }
}

pub(super) unsafe fn insert_input(
    id: u64,
    before: u64,
    value: *const stratum_value,
) -> impl FnOnce(&mut Batch, &Store) -> Call<u64> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let value = unsafe { budget(store).value_at(value)? };
        Ok(batch.insert_input(document(id)?, input(before)?, &value)?.get())
    }
}

pub(super) fn move_input(id: u64, moved: u64, before: u64) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, _| Ok(batch.move_input(document(id)?, input(moved)?, input_or_none(before)?)?)
}

pub(super) unsafe fn replace_input(
    id: u64,
    replaced: u64,
    value: *const stratum_value,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let value = unsafe { budget(store).value_at(value)? };
        Ok(batch.replace_input(document(id)?, input(replaced)?, &value)?)
    }
}

pub(super) unsafe fn set_input_column(
    id: u64,
    of: u64,
    name: *const c_char,
    name_length: usize,
    value: *const stratum_value,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let (name, value) =
            unsafe { (arguments::own_name("name", name, name_length)?, budget(store).value_at(value)?) };
        Ok(batch.set_input_column(document(id)?, input(of)?, &name, &value)?)
    }
}

pub(super) unsafe fn remove_input_column(
    id: u64,
    of: u64,
    name: *const c_char,
    name_length: usize,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, _| {
        // SAFETY: the promise of the head.
        let name = unsafe { arguments::own_name("name", name, name_length)? };
        Ok(batch.remove_input_column(document(id)?, input(of)?, &name)?)
    }
}

pub(super) fn delete_input(id: u64, deleted: u64) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, _| Ok(batch.delete_input(document(id)?, input(deleted)?)?)
}

pub(super) unsafe fn set_output(
    id: u64,
    of: u64,
    value: *const stratum_value,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let value = unsafe { budget(store).value_at(value)? };
        Ok(batch.set_output(document(id)?, input(of)?, &value)?)
    }
}

pub(super) unsafe fn update_output(
    id: u64,
    of: u64,
    value: *const stratum_value,
) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, store| {
        // SAFETY: the promise of the head.
        let value = unsafe { budget(store).value_at(value)? };
        Ok(batch.update_output(document(id)?, input(of)?, &value)?)
    }
}

pub(super) fn delete_output(id: u64, of: u64) -> impl FnOnce(&mut Batch, &Store) -> Call<()> {
    move |batch, _| Ok(batch.delete_output(document(id)?, input(of)?)?)
}

//! Pinned bytes: what the store lends, or copied where it could not lend.

#![allow(unsafe_code)] // the C boundary

use std::ffi::c_void;
use std::ptr;

use super::arguments;
use super::guard;
use super::handles::{self, Handle, Kind};
use super::status::{Call, Failure, STRATUM_TOO_LARGE};
use super::value_out::lasting;
use crate::memory;
use crate::{DocumentId, Error, PackedTree, Pinned, View};

/// Bytes that stay valid until they are freed, also after the document was deleted or the store closed.
pub struct stratum_pinned(());

/// What a pinned handle holds.
pub(super) enum PinnedObject {
    Blob(Pinned),
    Tree(PackedTree),
    /// 8-aligned.
    Many(Vec<u64>),
}

impl Handle for stratum_pinned {
    const KIND: Kind = Kind::Pinned;
    type Object = PinnedObject;
}

impl PinnedObject {
    fn bytes(&self) -> &[u8] {
        match self {
            PinnedObject::Blob(blob) => blob,
            PinnedObject::Tree(tree) => tree.as_bytes(),
            PinnedObject::Many(words) => bytemuck::cast_slice(words),
        }
    }
}

/// The bytes, borrowed, 8-aligned where they are packed trees; not NULL where there are none. NULL where `pinned` is
/// not an open handle.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_pinned_data(pinned: *const stratum_pinned) -> *const c_void {
    guard::peek(ptr::null(), || Ok(lasting(handles::enter(pinned)?.bytes()).cast()))
}

/// How many bytes; 0 where `pinned` is not an open handle.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_pinned_length(pinned: *const stratum_pinned) -> usize {
    guard::peek(0, || Ok(handles::enter(pinned)?.bytes().len()))
}

/// 1 where the bytes are the store's own (a mapped log file), 0 where they are a copy or `pinned` is not an open
/// handle.
///
/// Thread safety: any thread.
#[unsafe(no_mangle)]
pub extern "C" fn stratum_pinned_is_borrowed(pinned: *const stratum_pinned) -> i32 {
    guard::peek(0, || {
        Ok(i32::from(match &*handles::enter(pinned)? {
            PinnedObject::Blob(blob) => blob.is_pinned(),
            PinnedObject::Tree(tree) => tree.is_pinned(),
            PinnedObject::Many(_) => false,
        }))
    })
}

/// Frees the bytes and sets `*pinned` to NULL. A NULL is no error.
/// Errors: STRATUM_CLOSED (freed already), STRATUM_INVALID_HANDLE.
///
/// Thread safety: any thread, when nobody uses the bytes any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stratum_pinned_free(pinned: *mut *mut stratum_pinned) -> i32 {
    // SAFETY: the caller's pointer to its own variable, as the header's conventions demand.
    unsafe { guard::free(pinned) }
}

/// Many packed trees in one buffer: the layout is in the comment of `stratum_view_packed_trees`.
pub(super) fn pack_many(view: &View, documents: &[u64]) -> Call<Vec<u64>> {
    // The rows alone may be too much: that is known before there is memory for them.
    check_length(8 + 24 * documents.len() as u64)?;
    let mut words = memory::zeros::<u64>(1 + 3 * documents.len())?;
    words[0] = (documents.len() as u64).to_le();
    for (row, id) in documents.iter().enumerate() {
        let start = words.len() as u64 * 8;
        let tree = match DocumentId::new(*id).map(|document| view.packed_tree(document)) {
            Some(Ok(tree)) => Some(tree),
            None | Some(Err(Error::NotFound(_))) => None,
            Some(Err(error)) => return Err(error.into()),
        };
        let bytes = tree.as_ref().map_or(&[][..], PackedTree::as_bytes);
        check_length(start + bytes.len() as u64)?;
        let at = words.len();
        memory::reserve(&mut words, bytes.len().div_ceil(8))?;
        words.resize(at + bytes.len().div_ceil(8), 0);
        bytemuck::cast_slice_mut::<u64, u8>(&mut words[at..])[..bytes.len()].copy_from_slice(bytes);
        let place = if tree.is_some() { start } else { 0 };
        words[1 + 3 * row..][..3].copy_from_slice(&[id.to_le(), place.to_le(), (bytes.len() as u64).to_le()]);
    }
    Ok(words)
}

/// Whether so many bytes may be given at once.
fn check_length(length: u64) -> Call<()> {
    if length > arguments::MAX_BYTES {
        let text = format!("these trees take more than {} bytes; ask for fewer at once", arguments::MAX_BYTES);
        return Err(Failure::Refused(STRATUM_TOO_LARGE, text.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::sim::SimDisk;
    use crate::{Db, Options};

    /// The most memory that this process ever had, in bytes.
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    #[test]
    fn more_rows_than_may_be_given_cost_no_memory() {
        let options = Options { background: false, ..Options::default() };
        let disk = std::sync::Arc::new(SimDisk::new(1));
        let db = Db::open_on(disk, std::path::Path::new("/store"), &options).unwrap();
        let view = db.view().unwrap();
        // Zeros that nobody looks at take up address space and nothing else.
        let ids = vec![0; (arguments::MAX_BYTES / 24) as usize + 1];
        let before = peak();
        let refused = pack_many(&view, &ids).err().map(|failure| failure.code());
        assert_eq!(refused, Some(STRATUM_TOO_LARGE));
        assert!(peak() < before + (1 << 30), "{} bytes, and {before} before", peak());
    }
}

//! The names of a store's files. No other file spells them.

use std::path::{Path, PathBuf};

/// Held with flock by the one process that writes.
pub const LOCK: &str = "LOCK";
/// The truth about which segments exist.
pub const MANIFEST: &str = "MANIFEST";
/// A manifest being rewritten; it counts only once it is renamed.
pub const MANIFEST_NEW: &str = "MANIFEST.new";
/// The newest index checkpoint.
pub const CHECKPOINT: &str = "CHECKPOINT";
/// A checkpoint being written; it counts only once it is renamed.
pub const CHECKPOINT_NEW: &str = "CHECKPOINT.new";
/// Reserved blocks without records: a log segment for deletes on a full disk.
pub const SPARE_LOG: &str = "SPARE.log";
/// Reserved blocks without records: an output segment for compaction on a full disk.
pub const SPARE_COMPACTION: &str = "SPARE.compaction";
/// In a directory into which a repair did not finish, and which is no store.
pub const REPAIR_UNFINISHED: &str = "REPAIR.unfinished";

/// `segment-0000002a.strat` for segment 42.
pub fn segment(id: u32) -> String {
    format!("segment-{id:08x}.strat")
}

/// The id in a segment's file name.
pub fn segment_id(name: &Path) -> Option<u32> {
    let digits = name.to_str()?.strip_prefix("segment-")?.strip_suffix(".strat")?;
    let id = u32::from_str_radix(digits, 16).ok()?;
    (segment(id) == format!("segment-{digits}.strat")).then_some(id)
}

/// Whether a file of this name may stand in a directory that holds no store yet: what is left of a
/// creation that a crash cut short.
pub fn precedes_a_store(name: &Path) -> bool {
    [LOCK, MANIFEST_NEW].iter().any(|own| Path::new(own) == name)
}

/// The segment's path in the store's directory.
pub fn segment_path(dir: &Path, id: u32) -> PathBuf {
    dir.join(segment(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_names_go_both_ways() {
        for id in [0, 1, 42, u32::MAX] {
            assert_eq!(segment_id(Path::new(&segment(id))), Some(id));
        }
        for other in
            ["MANIFEST", "segment-1.strat", "segment-0000002A.strat", "segment-.strat", "segment-+000002a.strat"]
        {
            assert_eq!(segment_id(Path::new(other)), None, "{other}");
        }
    }
}

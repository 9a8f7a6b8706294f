//! What the system knows of this process and of files.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Advice, fadvise};

/// Bytes of this process's memory that no file backs.
pub fn anonymous_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line RssAnon");
    let kilobytes = line.trim().strip_suffix(" kB").expect("kilobytes");
    kilobytes.parse::<u64>().expect("a number") << 10
}

/// Takes a directory's files out of the page cache. They are on disk, and nobody has them open.
pub fn evict(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("listing") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            evict(&path);
            continue;
        }
        let file = File::open(path).expect("opening");
        file.sync_all().expect("syncing"); // dirty pages stay in the cache
        fadvise(&file, 0, None, Advice::DontNeed).expect("the advice");
    }
}

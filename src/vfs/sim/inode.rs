//! One file: what a process reads of it, what is durable, and what lies between.
//!
//! 1. `volatile` is `durable` with every pending change applied, in order, and with whatever failed syncs dropped and
//!    the disk lost: those bytes are in `volatile` alone. Of what a failed sync evicted only the length is left there,
//!    for as long as the file is open, or longer.
//! 2. Contents are shared between a disk and its images until one of them writes.

use std::sync::Arc;

use super::Survival;
use super::rng::Rng;

/// A change that a sync would make durable.
#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Arc<[u8]> },
    Truncate { length: usize },
}

#[derive(Clone, Default)]
pub(super) struct Inode {
    volatile: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    pending: Vec<Change>,
    /// Bytes from the start of the file that have room on the disk.
    pub(super) allocated: u64,
    /// Names that a process sees it under.
    pub(super) names: u32,
    /// Open handles.
    pub(super) handles: u32,
    /// Once nobody has it open, its length is read from the disk again.
    forgets_length: bool,
}

impl Inode {
    /// A file of which everything is durable.
    pub(super) fn settled(contents: Arc<Vec<u8>>) -> Inode {
        let allocated = contents.len() as u64;
        Inode { volatile: contents.clone(), durable: contents, allocated, ..Inode::default() }
    }

    /// An empty file of one name.
    pub(super) fn new() -> Inode {
        Inode { names: 1, ..Inode::default() }
    }

    /// Replaces everything about the contents, durably.
    pub(super) fn settle_as(&mut self, contents: Arc<Vec<u8>>) {
        *self = Inode { names: self.names, handles: self.handles, ..Inode::settled(contents) };
    }

    pub(super) fn contents(&self) -> &Arc<Vec<u8>> {
        &self.volatile
    }

    /// Copies what there is from `offset` on; gives back how many bytes.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.volatile.get(offset..)).unwrap_or(&[]);
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        count
    }

    /// Writes; what the disk loses, reads see and nothing makes durable.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8], is_lost: bool) {
        let change = Change::Write { offset, bytes: Arc::from(bytes) };
        if is_lost {
            change.apply(Arc::make_mut(&mut self.volatile));
        } else {
            self.change(change);
        }
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.change(Change::Truncate { length });
    }

    fn change(&mut self, change: Change) {
        change.apply(Arc::make_mut(&mut self.volatile));
        self.pending.push(change);
    }

    /// Everything pending becomes durable.
    pub(super) fn sync(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        for change in self.pending.drain(..) {
            change.apply(durable);
        }
    }

    /// A sync failed: nothing of what was pending becomes durable any more, or with `part` whatever chance saves.
    pub(super) fn fail_sync(&mut self, part: Option<&mut Rng>) {
        if let Some(rng) = part {
            self.durable = self.survivor(rng, Survival::Mixed, &[]);
        }
        self.pending.clear();
    }

    /// A sync failed, and the pages that it could not write are gone: what is durable is read again. The length is the
    /// kernel's own, and stays.
    pub(super) fn evict(&mut self, rng: &mut Rng) {
        self.pending.clear();
        let length = self.volatile.len();
        self.volatile = self.durable.clone();
        Arc::make_mut(&mut self.volatile).resize(length, 0);
        self.forgets_length |= rng.chance(0.5);
    }

    /// That many handles are closed.
    pub(super) fn let_go(&mut self, handles: u32) {
        self.handles = self.handles.saturating_sub(handles);
        if self.handles == 0 && std::mem::take(&mut self.forgets_length) {
            let contents = Arc::make_mut(&mut self.volatile);
            contents.clone_from(&self.durable);
            self.pending.iter().for_each(|change| change.apply(contents));
        }
    }

    /// The contents as a power loss may leave them. Where the length came without the bytes, `stale` may lie: what
    /// some file that is gone had at that place, and zeros behind its end.
    pub(super) fn survivor(&self, rng: &mut Rng, survival: Survival, stale: &[u8]) -> Arc<Vec<u8>> {
        let count = self.pending.len();
        if count == 0 || survival == Survival::Nothing {
            return self.durable.clone();
        }
        let mut contents = self.durable.to_vec();
        match if survival == Survival::Everything { 1 } else { rng.below(8) } {
            0 => return self.durable.clone(),
            1 => self.pending.iter().for_each(|change| change.apply(&mut contents)),
            2 | 3 => self.keep_prefix(&mut contents, rng),
            4 => {
                // The length is journaled, the bytes never came: zeros, or stale bytes, from some write on.
                let first_lost = rng.index(count);
                let journaled = first_lost + 1 + rng.index(count - first_lost);
                self.settle(
                    &mut contents,
                    stale,
                    journaled,
                    |at, _, length| if at < first_lost { vec![(0, length)] } else { vec![] },
                );
            }
            5 => {
                let journaled = rng.index(count + 1);
                self.settle(&mut contents, stale, journaled, |_, _, length| torn_at_a_byte(rng, length));
            }
            _ => {
                let sector = if rng.chance(0.5) { 512 } else { 4096 };
                let kept = [0.2, 0.5, 0.8][rng.index(3)];
                let journaled = if rng.chance(0.5) { count } else { rng.index(count + 1) };
                self.settle(&mut contents, stale, journaled, |_, offset, length| {
                    torn_at_sectors(rng, sector, kept, offset, length)
                });
            }
        }
        Arc::new(contents)
    }

    /// Keeps some first changes, and of the one after them a first part if it is a write.
    fn keep_prefix(&self, contents: &mut Vec<u8>, rng: &mut Rng) {
        let kept = rng.index(self.pending.len() + 1);
        self.pending.iter().take(kept).for_each(|change| change.apply(contents));
        if let Some(Change::Write { offset, bytes }) = self.pending.get(kept) {
            let cut = rng.index(bytes.len() + 1);
            Change::Write { offset: *offset, bytes: Arc::from(&bytes[..cut]) }.apply(contents);
        }
    }

    /// Lets the length follow the first `journaled` changes, and of each write those ranges of its bytes land that
    /// `landing(which change, its offset, its length)` names.
    fn settle(
        &self,
        contents: &mut Vec<u8>,
        stale: &[u8],
        journaled: usize,
        mut landing: impl FnMut(usize, usize, usize) -> Vec<(usize, usize)>,
    ) {
        for (at, change) in self.pending.iter().enumerate() {
            match change {
                Change::Truncate { length } if at < journaled => contents.resize(*length, 0),
                // What was written after a lost truncation went to blocks that the file does not have.
                Change::Truncate { .. } => return,
                Change::Write { offset, bytes } => {
                    if at < journaled && contents.len() < offset + bytes.len() {
                        let old = stale.get(contents.len()..).unwrap_or(&[]);
                        contents.extend(&old[..old.len().min(offset + bytes.len() - contents.len())]);
                        contents.resize(offset + bytes.len(), 0);
                    }
                    for (from, to) in landing(at, *offset, bytes.len()) {
                        // Past the journaled length the bytes may be on the disk, but not in the file.
                        let to = to.min(contents.len().saturating_sub(*offset));
                        if from < to {
                            contents[offset + from..offset + to].copy_from_slice(&bytes[from..to]);
                        }
                    }
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if !bytes.is_empty() && contents.len() < end {
                    contents.resize(end, 0);
                }
                if let Some(target) = contents.get_mut(*offset..end) {
                    target.copy_from_slice(bytes);
                }
            }
            Change::Truncate { length } => contents.resize(*length, 0),
        }
    }
}

/// Nothing, all, the part before some byte, or the part after it.
fn torn_at_a_byte(rng: &mut Rng, length: usize) -> Vec<(usize, usize)> {
    let cut = rng.index(length + 1);
    match rng.below(4) {
        0 => vec![],
        1 => vec![(0, length)],
        2 => vec![(0, cut)],
        _ => vec![(cut, length)],
    }
}

/// Each sector of the file that the write touches by itself.
fn torn_at_sectors(rng: &mut Rng, sector: usize, kept: f64, offset: usize, length: usize) -> Vec<(usize, usize)> {
    let mut landed = Vec::new();
    let mut from = 0;
    while from < length {
        let to = length.min(from + sector - (offset + from) % sector);
        if rng.chance(kept) {
            landed.push((from, to));
        }
        from = to;
    }
    landed
}

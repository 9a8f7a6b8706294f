//! The whole disk behind its lock: every call of the trait as one method, with its count, fault and effect.
//!
//! 1. Each call passes `begin` first: it counts, crashes, or fails there.
//! 2. `used` is the sum of `allocated` over the files that have a visible name or an open handle.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Survival;
use super::fault::{Errno, Faults, Op, Verdict};
use super::inode::Inode;
use super::names::Names;
use super::rng::Rng;

/// The longest file; what a test asks for beyond it is a mistake or hostile.
const MAX_LENGTH: u64 = 1 << 31;
/// Files that are gone and whose bytes may still lie in the blocks of others.
const MOST_STALE: usize = 8;

pub(super) struct State {
    names: Names,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    locks: BTreeSet<u64>,
    seed: u64,
    rng: Rng,
    pub(super) ops: u64,
    pub(super) reads: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) crashed: bool,
    pub(super) faults: Faults,
    pub(super) chaos: f64,
    pub(super) capacity: Option<u64>,
    pub(super) used: u64,
    pub(super) mapping: bool,
    /// What the blocks of files that are gone still hold, the newest last.
    stale: Vec<Arc<Vec<u8>>>,
    /// Where recording: the disk as it was before each mutating call, from the one numbered `first` on.
    moments: Option<Moments>,
}

#[derive(Default)]
struct Moments {
    first: u64,
    states: Vec<State>,
}

/// The error of a struck call that had its effect; `Ok` for any other.
type Late = io::Result<()>;

/// What a call that makes something durable does.
enum Promise {
    Kept,
    /// It says that it did, and did not.
    Broken,
    /// It fails, and what it did until then it did.
    Late(io::Error),
    /// It fails, and what it was about is forgotten.
    Evicted(io::Error),
}

/// How much of a read or write happens.
struct Transfer {
    bytes: usize,
    /// The disk takes the bytes and will not have them.
    is_lost: bool,
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl State {
    pub(super) fn new(seed: u64) -> State {
        State {
            names: Names::new(),
            inodes: BTreeMap::new(),
            next_inode: 1,
            locks: BTreeSet::new(),
            seed,
            rng: Rng::new(seed),
            ops: 0,
            reads: 0,
            crash_at: None,
            crashed: false,
            faults: Faults::default(),
            chaos: 0.0,
            capacity: None,
            used: 0,
            mapping: false,
            stale: Vec::new(),
            moments: None,
        }
    }

    /// Sixteen bytes that depend on the seed alone, so that a store's bytes do.
    pub(super) fn unique_id(&self) -> [u8; 16] {
        let mut rng = Rng::new(self.seed ^ 0x5354_5241_5455_4d00);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
        id[8..].copy_from_slice(&rng.next_u64().to_le_bytes());
        id
    }

    pub(super) fn record(&mut self) {
        self.moments = Some(Moments { first: self.ops, states: Vec::new() });
    }

    /// The disk as it was when that many mutating calls had been made.
    pub(super) fn moment(&self, op: u64) -> Option<State> {
        let moments = self.moments.as_ref()?;
        let at = usize::try_from(op.checked_sub(moments.first)?).ok()?;
        if op == self.ops { Some(self.frozen()) } else { moments.states.get(at).map(State::frozen) }
    }

    /// This moment, without those before it, on which no call comes through.
    fn frozen(&self) -> State {
        // Field by field, since a clone of the whole would copy every earlier moment first.
        State {
            names: self.names.clone(),
            inodes: self.inodes.clone(),
            locks: self.locks.clone(),
            rng: self.rng.clone(),
            faults: self.faults.clone(),
            stale: self.stale.clone(),
            crashed: true,
            moments: None,
            ..*self
        }
    }

    /// Whether the process still lives; after a crash no call comes through.
    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the simulated machine has lost power")) } else { Ok(()) }
    }

    fn count(&mut self, op: Op) -> io::Result<()> {
        self.alive()?;
        if !op.is_mutating() {
            self.reads += 1;
            return Ok(());
        }
        if self.crash_at.is_some_and(|at| self.ops >= at) {
            self.crashed = true;
            return self.alive();
        }
        if self.moments.is_some() {
            let before = self.frozen();
            self.moments.get_or_insert_default().states.push(before);
        }
        self.ops += 1;
        Ok(())
    }

    /// Counts a call that moves no bytes, and fails it where a fault says so.
    fn begin(&mut self, op: Op) -> io::Result<Late> {
        self.count(op)?;
        match self.faults.judge(op, 0) {
            Verdict::Go | Verdict::Short | Verdict::Lose => Ok(Ok(())),
            Verdict::FailAfter(error) => Ok(Err(error.into())),
            Verdict::Fail(error) | Verdict::Evict(error) => Err(error.into()),
        }
    }

    /// Counts a sync of a file or directory, and fails it where a fault says so.
    fn begin_promise(&mut self, op: Op) -> io::Result<Promise> {
        self.count(op)?;
        match self.faults.judge(op, 0) {
            Verdict::Go | Verdict::Short => Ok(Promise::Kept),
            Verdict::Lose => Ok(Promise::Broken),
            Verdict::FailAfter(error) => Ok(Promise::Late(error.into())),
            Verdict::Evict(error) => Ok(Promise::Evicted(error.into())),
            Verdict::Fail(error) => Err(error.into()),
        }
    }

    /// Counts a read or write; says how much of it may happen.
    fn begin_transfer(&mut self, op: Op, bytes: usize) -> io::Result<Transfer> {
        self.count(op)?;
        let mut transfer = Transfer { bytes, is_lost: false };
        match self.faults.judge(op, bytes) {
            Verdict::Go if self.chaos > 0.0 && self.rng.chance(self.chaos) => {
                if bytes < 2 || self.rng.chance(0.5) {
                    return Err(Errno::Eintr.into());
                }
                transfer.bytes = 1 + self.rng.index(bytes - 1);
            }
            Verdict::Go => {}
            Verdict::Lose => transfer.is_lost = true,
            Verdict::Short => transfer.bytes = 1 + self.rng.index(bytes - 1),
            Verdict::FailAfter(error) | Verdict::Fail(error) | Verdict::Evict(error) => return Err(error.into()),
        }
        Ok(transfer)
    }

    fn inode(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or_else(|| errno(libc::EBADF))
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(inode) => Ok(inode),
            None if self.names.is_directory(path) => Err(errno(libc::EISDIR)),
            None => Err(errno(libc::ENOENT)),
        }
    }

    /// Refuses a name that is taken, or whose directory is not there.
    fn check_new(&self, path: &Path) -> io::Result<()> {
        if self.names.get(path).is_some() || self.names.is_directory(path) {
            return Err(errno(libc::EEXIST));
        }
        self.check_parent(path)
    }

    fn check_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if self.names.is_directory(parent) => Ok(()),
            Some(parent) if self.names.get(parent).is_some() => Err(errno(libc::ENOTDIR)),
            _ => Err(errno(libc::ENOENT)),
        }
    }

    fn new_file(&mut self, path: &Path) -> u64 {
        let number = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(number, Inode::new());
        self.names.add(path, number);
        number
    }

    /// A visible name of the file is gone.
    fn forget_name(&mut self, number: u64) {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.names = inode.names.saturating_sub(1);
        }
        self.release(number);
    }

    /// Gives up the space of a file that nobody can reach any more, and the file itself once no image can show it.
    fn release(&mut self, number: u64) {
        let Some(inode) = self.inodes.get_mut(&number) else { return };
        if inode.names > 0 || inode.handles > 0 {
            return;
        }
        self.used -= inode.allocated;
        inode.allocated = 0;
        self.sweep();
    }

    fn sweep(&mut self) {
        let reachable = self.names.reachable();
        let State { inodes, stale, .. } = self;
        inodes.retain(|number, inode| {
            let is_there = inode.handles > 0 || reachable.contains(number);
            if !is_there && !inode.contents().is_empty() {
                stale.push(Arc::clone(inode.contents()));
            }
            is_there
        });
        stale.drain(..stale.len().saturating_sub(MOST_STALE));
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        self.alive()?;
        if self.names.is_directory(path) {
            return Ok(());
        }
        if self.names.get(path).is_some() {
            return Err(errno(libc::ENOTDIR));
        }
        if let Some(parent) = path.parent() {
            self.create_dir_all(parent)?;
        }
        let late = self.begin(Op::CreateDir)?;
        self.names.add_directory(path);
        late
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        let late = self.begin(Op::Create)?;
        self.check_new(path)?;
        let number = self.new_file(path);
        late?;
        self.inode(number)?.handles = 1;
        Ok(number)
    }

    pub(super) fn open(&mut self, path: &Path) -> io::Result<u64> {
        self.begin(Op::Open)??;
        let number = self.find(path)?;
        self.inode(number)?.handles += 1;
        Ok(number)
    }

    pub(super) fn close(&mut self, number: u64) {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.let_go(1);
            if inode.names == 0 {
                self.release(number);
            }
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let late = self.begin(Op::Rename)?;
        let number = self.find(from)?;
        self.check_parent(to)?;
        if self.names.is_directory(to) {
            return Err(errno(libc::EISDIR));
        }
        let replaced = self.names.get(to);
        if replaced == Some(number) {
            return late; // two names of one file: rename(2) does nothing
        }
        self.names.rename(from, to, number);
        if let Some(replaced) = replaced {
            self.forget_name(replaced);
        }
        late
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let late = self.begin(Op::Link)?;
        let number = self.find(from)?;
        self.check_new(to)?;
        self.names.add(to, number);
        self.inode(number)?.names += 1;
        late
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        let late = self.begin(Op::Unlink)?;
        let number = self.find(path)?;
        self.names.remove(path);
        self.forget_name(number);
        late
    }

    /// The names in an order of chance, since a real directory promises none.
    pub(super) fn list(&mut self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.begin(Op::List)??;
        if !self.names.is_directory(dir) {
            return Err(errno(if self.names.get(dir).is_some() { libc::ENOTDIR } else { libc::ENOENT }));
        }
        let mut names = self.names.list(dir);
        for end in (1..names.len()).rev() {
            names.swap(end, self.rng.index(end + 1));
        }
        Ok(names)
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let promise = self.begin_promise(Op::SyncDir)?;
        if !self.names.is_directory(dir) {
            return Err(errno(if self.names.get(dir).is_some() { libc::ENOTDIR } else { libc::ENOENT }));
        }
        match &promise {
            Promise::Broken => return Ok(()),
            Promise::Evicted(_) => self.names.forget(dir),
            Promise::Kept | Promise::Late(_) => self.names.sync(dir),
        }
        self.sweep();
        if let Promise::Late(error) | Promise::Evicted(error) = promise { Err(error) } else { Ok(()) }
    }

    pub(super) fn lock(&mut self, path: &Path) -> io::Result<Option<u64>> {
        let late = self.begin(Op::Lock)?;
        let number = match self.names.get(path) {
            Some(number) => number,
            None => {
                self.check_new(path)?;
                self.new_file(path)
            }
        };
        late?;
        if !self.locks.insert(number) {
            return Ok(None);
        }
        self.inode(number)?.handles += 1;
        Ok(Some(number))
    }

    /// One reader at a time is enough here: what is simulated is that a writer and a reader keep each other out.
    pub(super) fn lock_for_reading(&mut self, path: &Path) -> io::Result<Option<u64>> {
        let number = self.open(path)?;
        if !self.locks.insert(number) {
            self.close(number);
            return Ok(None);
        }
        Ok(Some(number))
    }

    pub(super) fn unlock(&mut self, number: u64) {
        self.locks.remove(&number);
        self.close(number);
    }

    pub(super) fn write(&mut self, number: u64, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let Transfer { bytes: mut count, is_lost } = self.begin_transfer(Op::Write, bytes.len())?;
        if count == 0 {
            return Ok(0);
        }
        if offset.checked_add(count as u64).is_none_or(|end| end > MAX_LENGTH) {
            return Err(errno(libc::EFBIG));
        }
        let allocated = self.inode(number)?.allocated;
        let reachable = allocated.saturating_add(self.room());
        if offset + count as u64 > allocated.max(reachable) {
            count = reachable.saturating_sub(offset) as usize;
            if count == 0 {
                return Err(Errno::Enospc.into());
            }
        }
        self.allocate(number, offset + count as u64)?;
        self.inode(number)?.write(offset as usize, &bytes[..count], is_lost);
        Ok(count)
    }

    fn room(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used))
    }

    /// Takes the room for a file's first `length` bytes, as far as it does not have it.
    fn allocate(&mut self, number: u64, length: u64) -> io::Result<()> {
        let inode = self.inode(number)?;
        let more = length.saturating_sub(inode.allocated);
        inode.allocated += more;
        self.used += more;
        Ok(())
    }

    pub(super) fn read(&mut self, number: u64, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let transfer = self.begin_transfer(Op::Read, into.len())?;
        Ok(self.inode(number)?.read(offset, &mut into[..transfer.bytes]))
    }

    pub(super) fn length(&mut self, number: u64) -> io::Result<u64> {
        self.begin(Op::Length)??;
        Ok(self.inode(number)?.contents().len() as u64)
    }

    /// Frees what lies beyond the new length, preallocated or not; growing takes no room until it is written.
    pub(super) fn truncate(&mut self, number: u64, length: u64) -> io::Result<()> {
        let late = self.begin(Op::Truncate)?;
        if length > MAX_LENGTH {
            return Err(errno(libc::EFBIG));
        }
        let inode = self.inode(number)?;
        inode.truncate(length as usize);
        let freed = inode.allocated.saturating_sub(length);
        inode.allocated -= freed;
        self.used -= freed;
        late
    }

    pub(super) fn preallocate(&mut self, number: u64, length: u64) -> io::Result<()> {
        let late = self.begin(Op::Preallocate)?;
        if length > MAX_LENGTH {
            return Err(errno(libc::EFBIG));
        }
        let more = length.saturating_sub(self.inode(number)?.allocated);
        if more > self.room() {
            return Err(Errno::Enospc.into());
        }
        self.allocate(number, length)?;
        late
    }

    pub(super) fn sync(&mut self, number: u64) -> io::Result<()> {
        let promise = self.begin_promise(Op::Sync);
        self.alive()?;
        let State { rng, inodes, .. } = self;
        let inode = inodes.get_mut(&number).ok_or_else(|| errno(libc::EBADF))?;
        match promise {
            Ok(Promise::Broken) => Ok(()),
            Ok(Promise::Kept) => {
                inode.sync();
                Ok(())
            }
            Ok(Promise::Late(error)) => {
                inode.fail_sync(Some(rng));
                Err(error)
            }
            Ok(Promise::Evicted(error)) => {
                inode.evict(rng);
                Err(error)
            }
            Err(error) => {
                inode.fail_sync(None);
                Err(error)
            }
        }
    }

    /// A copy of the first `length` bytes, where mappings are allowed and the file has them.
    pub(super) fn map(&mut self, number: u64, length: u64) -> io::Result<Vec<u8>> {
        self.begin(Op::Map)??;
        let contents = self.inode(number)?.contents().clone();
        let mapped = usize::try_from(length).ok().and_then(|length| contents.get(..length));
        match mapped {
            Some(bytes) if self.mapping => Ok(bytes.to_vec()),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn files(&self, dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let within = |path: &PathBuf| path.strip_prefix(dir).ok().map(Path::to_path_buf);
        self.names
            .iter()
            .filter_map(|(path, number)| Some((within(path)?, self.inodes.get(&number)?.contents().to_vec())))
            .collect()
    }

    /// A number for what a process sees: equal disks have the same, others hardly ever.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (path, number) in self.names.iter() {
            path.hash(&mut hasher);
            self.inodes.get(&number).map(|inode| inode.contents()).hash(&mut hasher);
        }
        hasher.finish()
    }

    pub(super) fn plant(&mut self, path: &Path, bytes: &[u8]) {
        let contents = Arc::new(bytes.to_vec());
        let number = match self.names.get(path) {
            Some(number) => number,
            None => self.new_file(path),
        };
        self.names.add_durably(path, number);
        if let Some(inode) = self.inodes.get_mut(&number) {
            self.used = self.used - inode.allocated + contents.len() as u64;
            inode.settle_as(contents);
        }
    }

    /// The disk after a power loss now: of what is pending, as much as `survival` says.
    pub(super) fn image(&self, seed: u64, survival: Survival) -> State {
        let mut rng = Rng::new(self.seed ^ seed.rotate_left(32) ^ 0x1d0c_0ffe_e5ee_d000);
        let names = self.names.survivors(&mut rng, survival);
        let mut state = State {
            next_inode: self.next_inode,
            mapping: self.mapping,
            stale: self.stale.clone(),
            ..State::new(rng.next_u64())
        };
        // A file with several names is one file, so it is settled once.
        for number in names.reachable() {
            if let Some(inode) = self.inodes.get(&number) {
                let stale = if rng.chance(0.5) { self.stale.get(rng.index(self.stale.len())) } else { None };
                let stale = stale.map_or(&[][..], |bytes| bytes);
                state.inodes.insert(number, Inode::settled(inode.survivor(&mut rng, survival, stale)));
            }
        }
        state.names = names;
        state.recount();
        state
    }

    /// The disk as the next process finds it, the power still on.
    pub(super) fn restart(&self) -> State {
        let mut state = State {
            names: self.names.clone(),
            inodes: self.inodes.clone(),
            next_inode: self.next_inode,
            mapping: self.mapping,
            stale: self.stale.clone(),
            ..State::new(self.rng.clone().next_u64())
        };
        state.inodes.values_mut().for_each(|inode| inode.let_go(u32::MAX));
        state.sweep();
        state.recount();
        state
    }

    /// Counts the visible names of each file, and the room taken, afresh.
    fn recount(&mut self) {
        for inode in self.inodes.values_mut() {
            inode.names = 0;
        }
        for (_, number) in self.names.iter() {
            if let Some(inode) = self.inodes.get_mut(&number) {
                inode.names += 1;
            }
        }
        for inode in self.inodes.values_mut().filter(|inode| inode.names == 0) {
            inode.allocated = 0;
        }
        self.used = self.inodes.values().map(|inode| inode.allocated).sum();
    }
}

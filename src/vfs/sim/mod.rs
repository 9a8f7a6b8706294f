//! A simulated disk: in memory, deterministic, and as unkind as a real one may be.
//!
//! It keeps what a process sees (the page cache) apart from what a power loss would leave, for each file and for
//! the names, and makes from the difference any number of disks as they may look afterwards. The model, after
//! what ext4 and xfs promise and nothing more:
//!
//! 1. A file's contents and length are durable after its `sync`, and so is nothing else: not its name.
//! 2. A name (made, removed, renamed) is durable after `sync_dir` of its directory, and so is nothing else: a
//!    synced file whose name is lost is gone, a durable name of a file never synced shows an empty file, or any
//!    part of it. `create_dir_all` alone makes durable what it does, by the trait's contract.
//! 3. Writes not yet synced survive in any combination: none, all, a prefix, a subset; whole, cut at a byte or at
//!    512 or 4096 byte sectors; the length without the bytes (zeros, or what a file that is gone had at that place);
//!    old bytes where new ones had overwritten them. Bytes of files that are still there never appear. A later write
//!    does not become visible beyond a truncation that was lost, since both go through the same journal.
//! 4. Name changes not yet synced survive in any combination in which no change of a name comes without the
//!    earlier ones of that name; a rename is one change. Those of different names may be reordered or lost.
//! 5. A failed `sync` drops what was pending from what can become durable: the bytes go on being read (the cache
//!    calls them clean), a later sync succeeds and does not save them. With `short`, a random part is saved. Where
//!    the fault says `evicted` the cache drops them: reads give what is durable, zeros up to the length, which the
//!    kernel keeps at least until nobody has the file open.
//! 6. A failed `sync_dir` leaves the changes pending: a file system that loses its journal stops altogether, so
//!    there is no later success that could lie. Where the fault says `evicted` there is: the names are seen, and a
//!    later `sync_dir` does not save them.
//! 7. A name that is removed leaves the file readable through open handles, and its space taken until they close.
//! 8. With a capacity, bytes that a file never had need room; overwriting does not, nor does writing what was
//!    preallocated. A write that has room for its first part only is short.
//! 9. A lock is held once, by whoever took it; a power loss or a restart leaves none.
//! 10. Each mutating call is one numbered operation. From the one given to `crash_at` on, every call fails and
//!     nothing changes any more: what `image` shows then is what that moment left.
//!     `moment` gives the same for an operation that is past.
//! 11. It lies where a fault says so (`Fault::lost`), and only there.
//! 12. The same seed and the same calls give the same disk, the same chaos and the same images.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(not(shuttle))]
use parking_lot::Mutex;

use self::file::{SimFile, SimLock};
use self::state::State;
use super::{File, FileLock, FileSystem, OpenMode};
#[cfg(shuttle)]
use crate::sync::Mutex; // so that schedules switch threads at each call of the disk

mod fault;
mod file;
mod inode;
mod names;
mod rng;
mod state;
#[cfg(test)]
mod tests;

pub use fault::{Errno, Fault, Op};
pub use rng::Rng;

/// How much of what is pending a crash image keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Survival {
    Nothing,
    Everything,
    Mixed,
}

/// A simulated disk. Clones are handles to the same disk; all calls may be made from any thread.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk: a root directory and nothing else. `seed` decides everything that is left to chance.
    pub fn new(seed: u64) -> SimDisk {
        SimDisk::of(State::new(seed))
    }

    fn of(state: State) -> SimDisk {
        SimDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// How many mutating calls were made so far.
    pub fn ops(&self) -> u64 {
        self.state.lock().ops
    }

    /// How many reading calls (open, read, map, list) were made so far.
    pub fn reads(&self) -> u64 {
        self.state.lock().reads
    }

    /// Lets the first `op` mutating calls of this disk's life happen, and nothing after them.
    pub fn crash_at(&self, op: u64) {
        self.state.lock().crash_at = Some(op);
    }

    /// Whether the moment given to `crash_at` has come.
    pub fn has_crashed(&self) -> bool {
        self.state.lock().crashed
    }

    /// Keeps every moment from now on, for `moment`.
    pub fn record(&self) {
        self.state.lock().record();
    }

    /// The disk as it was when that many mutating calls had been made: just what `crash_at` leaves of the same
    /// calls, without making them again. `None` where that was not recorded.
    pub fn moment(&self, op: u64) -> Option<SimDisk> {
        self.state.lock().moment(op).map(SimDisk::of)
    }

    /// Arms a fault; several may be armed at a time.
    pub fn inject(&self, fault: Fault) {
        self.state.lock().faults.arm(fault);
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// The calls that failed, or were made short, through armed faults so far.
    pub fn faults_struck(&self) -> Vec<Op> {
        self.state.lock().faults.struck().to_vec()
    }

    /// With this probability each read or write is interrupted (EINTR) or short.
    pub fn set_chaos(&self, probability: f64) {
        self.state.lock().chaos = probability;
    }

    /// Bounds the bytes that files may take, `None` for no bound. What is there already stays, also where it is more.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    /// The bytes that files take, preallocated and unlinked but open ones included.
    pub fn used(&self) -> u64 {
        self.state.lock().used
    }

    /// Makes `File::map` answer, with a copy of what the file holds; only for lengths that the file has.
    pub fn allow_map(&self) {
        self.state.lock().mapping = true;
    }

    /// A disk as this one may look after losing power now. Of any eight seeds in a row one keeps nothing that was
    /// pending and one keeps all of it; the others choose at random, file by file and name by name.
    pub fn image(&self, seed: u64) -> SimDisk {
        let survival = match seed % 8 {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            _ => Survival::Mixed,
        };
        SimDisk::of(self.state.lock().image(seed, survival))
    }

    /// `count` images, of the seeds from `seed` on.
    pub fn crash_images(&self, seed: u64, count: u64) -> Vec<SimDisk> {
        (0..count).map(|step| self.image(seed.wrapping_add(step))).collect()
    }

    /// This disk as the next process finds it when this one is killed and the machine goes on: nothing that was
    /// written is lost, nothing becomes durable by it; handles, locks, faults and bounds are gone.
    pub fn restart(&self) -> SimDisk {
        SimDisk::of(self.state.lock().restart())
    }

    /// Every file under `dir` as a process sees it, by its path below `dir`.
    pub fn files(&self, dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        self.state.lock().files(&names::normal(dir))
    }

    /// A number for what a process sees on this disk, names and contents: the same for disks that hold the same, and
    /// as good as never for others.
    pub fn fingerprint(&self) -> u64 {
        self.state.lock().fingerprint()
    }

    /// Replaces a file's contents behind everyone's back, durably, and makes the file where there is none:
    /// for tests that damage a store.
    pub fn plant(&self, path: &Path, bytes: &[u8]) {
        self.state.lock().plant(&names::normal(path), bytes);
    }

    fn handle(&self, inode: u64, mode: OpenMode) -> Arc<dyn File> {
        Arc::new(SimFile::new(self.state.clone(), inode, mode))
    }
}

impl FileSystem for SimDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.state.lock().create_dir_all(&names::normal(path))
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(names::normal(path))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let inode = self.state.lock().create(&names::normal(path))?;
        Ok(self.handle(inode, OpenMode::ReadWrite))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let inode = self.state.lock().open(&names::normal(path))?;
        Ok(self.handle(inode, mode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state.lock().rename(&names::normal(from), &names::normal(to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state.lock().link(&names::normal(from), &names::normal(to))
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.state.lock().unlink(&names::normal(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.state.lock().list(&names::normal(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state.lock().sync_dir(&names::normal(dir))
    }

    fn unique_id(&self) -> io::Result<[u8; 16]> {
        Ok(self.state.lock().unique_id())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        let taken = self.state.lock().lock(&names::normal(path))?;
        Ok(taken.map(|inode| Box::new(SimLock::new(self.state.clone(), inode)) as Box<dyn FileLock>))
    }

    fn lock_for_reading(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        let taken = self.state.lock().lock_for_reading(&names::normal(path))?;
        Ok(taken.map(|inode| Box::new(SimLock::new(self.state.clone(), inode)) as Box<dyn FileLock>))
    }
}

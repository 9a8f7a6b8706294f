//! A simulated disk whose syncs can be held up, so that commits gather behind one and form a group.
//!
//! 1. `group` holds up a sync of any file, `beside` any call that changes something; what is done meanwhile queues up
//!    behind it, or does not.
//! 2. `panic_in_write` makes the next write panic, as a bug beneath a commit would; `panic_on`, the next write or sync
//!    on one of the store's own threads.
//! 3. `before_lock` has something done between what `open` finds and its lock, as another process might.
//! 4. Everything else goes straight to the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use stratum::vfs::sim::SimDisk;
use stratum::vfs::{File, FileLock, FileSystem, Mapping, OpenMode};
use stratum::{Db, Options, Result};

use crate::runner::store_path;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// That many syncs pass first.
    Armed(u64),
    Held,
}

type Work = Box<dyn FnOnce() + Send>;

/// A simulated disk with a gate before its syncs.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) disk: SimDisk,
    state: Arc<(Mutex<State>, Condvar)>,
    /// Not only syncs wait before the gate.
    holds_all: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
    at_lock: Arc<Mutex<Option<Work>>>,
    panics_on: Arc<Mutex<Option<&'static str>>>,
}

/// What was done while some work was held up.
pub(crate) struct Beside<T> {
    pub(crate) said: T,
    /// There was such a call to hold up.
    pub(crate) was_held: bool,
    /// It did not wait for the work.
    pub(crate) was_done: bool,
}

impl Gate {
    pub(crate) fn new(seed: u64) -> Gate {
        let disk = SimDisk::new(seed);
        disk.allow_map();
        let state = Arc::new((Mutex::new(State::Open), Condvar::new()));
        let holds_all = Arc::default();
        Gate { disk, state, holds_all, panics: Arc::default(), at_lock: Arc::default(), panics_on: Arc::default() }
    }

    pub(crate) fn open(&self, options: &Options) -> Result<Db> {
        Db::open_on(Arc::new(self.clone()), store_path(), options)
    }

    pub(crate) fn panic_in_write(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    pub(crate) fn before_lock(&self, work: impl FnOnce() + Send + 'static) {
        *self.at_lock.lock() = Some(Box::new(work));
    }

    pub(crate) fn panic_on(&self, thread: &'static str) {
        *self.panics_on.lock() = Some(thread);
    }

    fn panic_if_it_is_to(&self) {
        let thread = std::thread::current();
        let mut panics_on = self.panics_on.lock();
        if panics_on.is_some() && *panics_on == thread.name() {
            *panics_on = None;
            drop(panics_on);
            panic!("a panic on purpose");
        }
    }

    /// Runs `first`, whose sync is held up; meanwhile each of `others`, on threads of their own, which get behind it
    /// in that order; then `before` they go on. Gives back what the others said.
    pub(crate) fn group<'a, T: Send>(
        &self,
        first: impl FnOnce() + Send,
        others: Vec<Box<dyn FnOnce() -> T + Send + 'a>>,
        before: impl FnOnce(),
    ) -> Vec<T> {
        self.group_at(0, first, others, before)
    }

    /// The same, where `passing` syncs go through before one is held up; none is where there are no more of them.
    pub(crate) fn group_at<'a, T: Send>(
        &self,
        passing: u64,
        first: impl FnOnce() + Send,
        others: Vec<Box<dyn FnOnce() -> T + Send + 'a>>,
        before: impl FnOnce(),
    ) -> Vec<T> {
        *self.state.0.lock() = State::Armed(passing);
        std::thread::scope(|scope| {
            let first = scope.spawn(move || {
                first();
                self.give_up_waiting();
            });
            self.wait_until(State::Held);
            let others: Vec<_> = others
                .into_iter()
                .map(|other| {
                    let (begun, wait) = mpsc::channel();
                    let thread = scope.spawn(move || {
                        // Its folder in /proc, by the numbers of process and thread.
                        begun.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
                        other()
                    });
                    if !is_in_line(&thread, &wait) {
                        // Or the panic would wait for the threads that are held up here.
                        self.release();
                        panic!("a commit behind a sync that is held up neither waits nor ends");
                    }
                    thread
                })
                .collect();
            before();
            self.release();
            first.join().expect("the first commit");
            others.into_iter().map(|other| other.join().expect("another commit")).collect()
        })
    }

    /// Runs `work`, of which the call that changes the disk behind `passing` others is held up, and meanwhile `other`,
    /// until that is done or waits for `work`.
    pub(crate) fn beside<T: Send>(
        &self,
        passing: u64,
        work: impl FnOnce() + Send,
        other: impl FnOnce() -> T + Send,
    ) -> Beside<T> {
        let (is_work_done, is_other_done) = (AtomicBool::new(false), AtomicBool::new(false));
        let work = || {
            work();
            is_work_done.store(true, Ordering::SeqCst);
        };
        let other: Box<dyn FnOnce() -> T + Send + '_> = Box::new(|| {
            let said = other();
            is_other_done.store(true, Ordering::SeqCst);
            said
        });
        let (mut was_held, mut was_done) = (false, false);
        let before = || {
            was_held = !is_work_done.load(Ordering::SeqCst);
            was_done = is_other_done.load(Ordering::SeqCst);
        };
        self.holds_all.store(true, Ordering::SeqCst);
        let mut said = self.group_at(passing, work, vec![other], before);
        self.holds_all.store(false, Ordering::SeqCst);
        Beside { said: said.pop().expect("one other"), was_held, was_done }
    }

    fn release(&self) {
        *self.state.0.lock() = State::Open;
        self.state.1.notify_all();
    }

    fn wait_until(&self, wanted: State) {
        let mut state = self.state.0.lock();
        while *state != wanted {
            self.state.1.wait(&mut state);
        }
    }

    /// There will be no sync to hold up.
    fn give_up_waiting(&self) {
        let mut state = self.state.0.lock();
        if matches!(*state, State::Armed(_)) {
            *state = State::Held;
            self.state.1.notify_all();
        }
    }

    fn pass(&self) {
        let mut state = self.state.0.lock();
        match *state {
            State::Armed(0) => {
                *state = State::Held;
                self.state.1.notify_all();
                while *state == State::Held {
                    self.state.1.wait(&mut state);
                }
            }
            State::Armed(passing) => *state = State::Armed(passing - 1),
            State::Open | State::Held => {}
        }
    }

    /// A call that changes something, and is no sync of a file.
    fn pass_if_all(&self) {
        if self.holds_all.load(Ordering::SeqCst) {
            self.pass();
        }
    }

    fn gated(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(GatedFile { gate: self.clone(), file })
    }
}

/// Waits until a thread, which tells of its folder in /proc when it begins, sleeps as one does that waits for others,
/// or has ended. One that has no turn on a busy machine does not sleep, nor does one that waits for memory or a disk.
fn is_in_line<T>(thread: &ScopedJoinHandle<T>, begun: &mpsc::Receiver<PathBuf>) -> bool {
    let patience = Duration::from_secs(60);
    let Ok(folder) = begun.recv_timeout(patience) else { return false };
    let stat = Path::new("/proc").join(folder).join("stat");
    let asked = Instant::now();
    let mut asleep = 0;
    // A lock that is held for a moment only is not what it waits for.
    while asleep < 3 && !thread.is_finished() {
        if asked.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
        // The name, in brackets, may hold anything; the state follows it. What has ended has no file.
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        let sleeps = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'));
        asleep = if sleeps { asleep + 1 } else { 0 };
    }
    true
}

impl FileSystem for Gate {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.resolve(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.pass_if_all();
        self.disk.create(path).map(|file| self.gated(file))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        FileSystem::open(&self.disk, path, mode).map(|file| self.gated(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass_if_all();
        self.disk.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass_if_all();
        self.disk.link(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.pass_if_all();
        self.disk.unlink(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.pass_if_all();
        self.disk.sync_dir(dir)
    }

    fn unique_id(&self) -> io::Result<[u8; 16]> {
        self.disk.unique_id()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        let work = self.at_lock.lock().take();
        work.into_iter().for_each(|work| work());
        self.disk.lock(path)
    }

    fn lock_for_reading(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.disk.lock_for_reading(path)
    }
}

struct GatedFile {
    gate: Gate,
    file: Arc<dyn File>,
}

impl File for GatedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.gate.pass_if_all();
        let written = self.file.write_at(offset, bytes);
        self.gate.panic_if_it_is_to();
        assert!(!self.gate.panics.swap(false, Ordering::SeqCst), "a panic on purpose");
        written
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, into)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.gate.pass_if_all();
        self.file.truncate(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.gate.pass_if_all();
        self.file.preallocate(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.gate.pass();
        self.gate.panic_if_it_is_to();
        self.file.sync()
    }

    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>> {
        self.file.map(length)
    }
}

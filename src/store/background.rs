//! The store's own threads: one for compaction and checkpoints, one for interval syncs.
//!
//! 1. They do nothing that the store's callers could not do themselves (`maintenance`), one step at a time.
//! 2. A step that fails is counted and tried again when there is new work; the store goes on. A panic is such a failure
//!    and ends no thread: what must not be left half done poisons the store where it is cut short (`Unfinished`).
//! 3. A sync that a panic cut short poisons the store: it is not known what is on disk, and nobody who left that to the
//!    interval would hear of it otherwise.
//! 4. They start when the first batch is begun: before, there is nothing for them to do, and who only reads needs none.
//! 5. A sync is due an interval after the first commit that waits for it, whatever compaction is at meanwhile.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::core::Core;
use super::counters;
use crate::error::{Error, Result};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex, worker};

/// How the store's threads are told that there is work, and tell that they got on.
#[derive(Default)]
pub struct Signal {
    state: Mutex<SignalState>,
    work: Condvar,
    unsynced: Condvar,
    progress: Condvar,
    end: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// All of them were started.
    started: AtomicBool,
}

#[derive(Default)]
struct SignalState {
    /// How often somebody said that there may be something to compact, or a checkpoint to write.
    asked: u64,
    /// How many of these the thread has looked at, and found nothing left to do.
    answered: u64,
    /// How often some work was done.
    steps: u64,
    /// A commit is to be synced within the interval.
    unsynced: bool,
    stop: bool,
}

impl Signal {
    /// There may be work. Gives back a number, which is answered when it was looked for and done.
    pub fn raise(&self) -> u64 {
        let mut state = self.state.lock();
        state.asked += 1;
        self.work.notify_one();
        state.asked
    }

    /// A commit is to be synced within the interval.
    pub fn sync_soon(&self) {
        let mut state = self.state.lock();
        if !state.unsynced {
            state.unsynced = true;
            self.unsynced.notify_one();
        }
    }

    /// Some work is done: those who are paced may look again.
    pub fn got_on(&self) {
        self.state.lock().steps += 1;
        self.progress.notify_all();
    }

    /// Holds the caller back while `is_over`, and while there is work that may help; says whether it did.
    pub fn pace(&self, is_over: impl Fn() -> bool) -> bool {
        let asked = self.raise();
        let mut waited = false;
        loop {
            // Read first: what is done after the look below ends the wait.
            let steps = self.state.lock().steps;
            if !is_over() || !self.wait_for_step(steps, asked) {
                return waited;
            }
            waited = true;
        }
    }

    /// Waits for more work to be done than `steps`; false where all that was `asked` for is.
    fn wait_for_step(&self, steps: u64, asked: u64) -> bool {
        let mut state = self.state.lock();
        if state.answered >= asked || state.stop {
            return false;
        }
        while state.steps == steps && state.answered < asked && !state.stop {
            self.progress.wait(&mut state);
        }
        true
    }

    /// Waits for work, and says how often it was asked for; `None` when the thread is to end.
    fn wait_for_work(&self) -> Option<u64> {
        let mut state = self.state.lock();
        while state.asked == state.answered && !state.stop {
            self.work.wait(&mut state);
        }
        (!state.stop).then_some(state.asked)
    }

    /// Work was looked for, and done, after it was asked for so often.
    fn answer(&self, asked: u64) {
        self.state.lock().answered = asked;
        self.progress.notify_all();
    }

    /// Waits for a commit that is to be synced, and then for the interval to pass; false when the thread is to end.
    fn wait_for_interval(&self, interval: Duration) -> bool {
        let mut state = self.state.lock();
        while !state.unsynced && !state.stop {
            self.unsynced.wait(&mut state);
        }
        if !state.stop {
            // Nobody notifies while `unsynced` is set, but `stop`.
            self.unsynced.wait_for(&mut state, interval);
        }
        state.unsynced = false;
        !state.stop
    }

    /// Waits for `time` to pass; false when the store is to be closed, at once.
    pub fn pause(&self, time: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.stop {
            // Nobody notifies but `stop`.
            self.end.wait_for(&mut state, time);
        }
        !state.stop
    }

    /// Ends the threads and waits for them.
    pub fn stop(&self) {
        self.state.lock().stop = true;
        self.work.notify_all();
        self.unsynced.notify_all();
        self.progress.notify_all();
        self.end.notify_all();
        // Whoever starts threads from here on sees the mark, and starts none.
        let threads = std::mem::take(&mut *self.threads.lock());
        // It may be one of them that lets go of the store last. No other thread is asked for its id: see `caller`.
        let own = worker::is_own().then(|| thread::current().id());
        for thread in threads {
            if Some(thread.thread().id()) != own {
                // A panic in it has been told by the panic hook; there is nothing more to learn.
                let _ = thread.join();
            }
        }
    }

    /// Lets go of the threads, which do not exist in a fork.
    pub fn forget_threads(&self) {
        if let Some(mut threads) = self.threads.try_lock() {
            threads.drain(..).for_each(std::mem::forget);
        }
    }
}

/// A thread of the store: its name, and what it does.
type Worker = (&'static str, fn(&Weak<Core>));

const WORKERS: [Worker; 2] = [(worker::MAINTENANCE, maintain), (worker::SYNCS, sync)];

/// Starts the store's threads, unless that is done.
pub fn start(core: &Arc<Core>) -> Result<()> {
    let signal = &core.signal;
    if signal.started.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mut threads = signal.threads.lock();
    if signal.state.lock().stop {
        return Ok(());
    }
    for (name, run) in &WORKERS[threads.len()..] {
        let weak = Arc::downgrade(core);
        let thread = thread::Builder::new().name(name.to_string()).spawn(move || {
            worker::begin();
            run(&weak);
        });
        threads.push(thread.map_err(|error| Error::io("starting a thread for", core.dir.path(), error))?);
    }
    signal.started.store(true, Ordering::Relaxed);
    Ok(())
}

/// Compaction and checkpoints.
fn maintain(core: &Weak<Core>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        let Some(asked) = core.signal.wait_for_work() else { return };
        core.count_failure(caught(|| core.maintain_all()));
        core.signal.answer(asked);
    }
}

/// Work that a panic cut short. The panic hook has told of it.
struct CutShort;

/// Runs some work, and comes back in any case.
fn caught<T>(work: impl FnOnce() -> T) -> std::result::Result<T, CutShort> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        std::mem::forget(payload); // its drop is foreign code, which might panic again
        CutShort
    })
}

/// Interval syncs, which must not wait for compaction.
fn sync(core: &Weak<Core>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        if !core.signal.wait_for_interval(core.options.sync_interval) {
            return;
        }
        let synced = caught(|| {
            let flushed = core.flush();
            // A commit that asked for this came before what poisoned the store.
            if core.is_poisoned() {
                core.flush_poisoned();
            }
            flushed
        });
        if synced.is_err() {
            core.poison("a sync of the log was cut short by a panic");
        }
        core.count_failure(synced);
    }
}

impl Core {
    /// Background work until there is none left.
    fn maintain_all(&self) -> Result<()> {
        while !self.is_closed() && self.maintain()? {}
        Ok(())
    }

    fn count_failure(&self, done: std::result::Result<Result<()>, CutShort>) {
        let failed = match done {
            // A close that comes in between is none.
            Ok(done) => done.is_err() && !self.is_closed(),
            Err(CutShort) => true,
        };
        if failed {
            counters::add(&self.counters.background_failures, 1);
        }
    }
}

/// Interleavings of committers that are paced, the store's thread and its end (.ci/models).
#[cfg(test)]
#[cfg(loom)]
mod models {
    use super::*;
    use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// A store that is over its ceiling until `steps` steps of work are done.
    struct Ceiling {
        signal: Signal,
        over: AtomicBool,
        steps: AtomicUsize,
    }

    impl Ceiling {
        /// What the store's thread does: `maintain`, with steps that cannot fail but panic where `panics` says so.
        fn work(&self, panics: bool) {
            while let Some(asked) = self.signal.wait_for_work() {
                let done = caught(|| self.step(panics));
                assert_eq!(done.is_err(), panics);
                self.signal.answer(asked);
            }
        }

        fn step(&self, panics: bool) {
            while self.steps.load(Ordering::Relaxed) > 0 {
                if panics {
                    panic::resume_unwind(Box::new("on purpose"));
                }
                if self.steps.fetch_sub(1, Ordering::Relaxed) == 1 {
                    self.over.store(false, Ordering::Relaxed);
                }
                self.signal.got_on();
            }
        }

        fn pace(&self) {
            self.signal.pace(|| self.over.load(Ordering::Relaxed));
        }
    }

    /// `steps` of work for `paced` committers; `enough` where the work brings the store below its ceiling.
    fn run(paced: usize, steps: usize, enough: bool, panics: bool) {
        let mut builder = loom::model::Builder::new();
        // All interleavings of two threads, those with few preemptions of three.
        builder.preemption_bound = (paced > 1).then_some(2);
        builder.check(move || {
            let steps = AtomicUsize::new(if enough { steps } else { 0 });
            let ceiling = Arc::new(Ceiling { signal: Signal::default(), over: AtomicBool::new(true), steps });
            let (worker, others) = (Arc::clone(&ceiling), Arc::clone(&ceiling));
            let worker = thread::spawn(move || worker.work(panics));
            let others = (paced > 1).then(|| thread::spawn(move || others.pace()));
            ceiling.pace();
            others.map(|other| other.join().unwrap());
            ceiling.signal.stop();
            worker.join().unwrap();
        });
    }

    #[test]
    fn paced_commits_go_on_when_the_store_has_shrunk() {
        run(1, 2, true, false);
    }

    #[test]
    fn two_paced_commits_both_go_on() {
        run(2, 1, true, false);
    }

    #[test]
    fn paced_commits_go_on_when_nothing_more_can_be_done() {
        run(2, 0, false, false);
    }

    #[test]
    fn paced_commits_go_on_when_the_work_panics() {
        run(1, 1, true, true);
    }

    /// An end that comes at any time frees those who are paced, and the threads.
    #[test]
    fn an_end_frees_everybody() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let signal = Arc::new(Signal::default());
            let (paced, sync) = (Arc::clone(&signal), Arc::clone(&signal));
            let paced = thread::spawn(move || paced.pace(|| true));
            let sync = thread::spawn(move || while sync.wait_for_interval(Duration::ZERO) {});
            signal.sync_soon();
            signal.stop();
            paced.join().unwrap();
            sync.join().unwrap();
        });
    }
}

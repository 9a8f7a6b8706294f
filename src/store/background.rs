//! The store's own thread: compaction, checkpoints, interval syncs.
//!
//! 1. It does nothing that the store's callers could not do themselves (`maintenance`), one step at a time.
//! 2. A step that fails is counted and tried again when there is new work; the store goes on.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::core::Core;
use super::counters;
use crate::error::{Error, Result};

/// How the store's thread is told that there is work, and tells that it got on.
#[derive(Default)]
pub struct Signal {
    state: Mutex<SignalState>,
    work: Condvar,
    progress: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct SignalState {
    /// How often somebody said that there may be something to compact, or a checkpoint to write.
    asked: u64,
    /// How many of these the thread has looked at, and found nothing left to do.
    answered: u64,
    /// A commit is to be synced within the interval.
    unsynced: bool,
    stop: bool,
}

/// Why the store's thread woke up.
enum Woken {
    Work(u64),
    Interval,
    Stop,
}

impl Signal {
    /// There may be work. Gives back a number for `is_answered`.
    pub fn raise(&self) -> u64 {
        let mut state = self.state.lock();
        state.asked += 1;
        self.work.notify_one();
        state.asked
    }

    /// Whether the thread has looked for work since `raise` gave this number, and done all there was.
    pub fn is_answered(&self, number: u64) -> bool {
        self.state.lock().answered >= number
    }

    /// A commit is to be synced within the interval.
    pub fn sync_soon(&self) {
        let mut state = self.state.lock();
        if !state.unsynced {
            state.unsynced = true;
            self.work.notify_one();
        }
    }

    /// Those who are paced may look again.
    pub fn got_on(&self) {
        self.progress.notify_all();
    }

    /// Waits a moment, or until the store's thread got on.
    pub fn wait_for_progress(&self) {
        self.progress.wait_for(&mut self.state.lock(), Duration::from_millis(20));
    }

    /// Waits for work, or for the interval to pass if there is something to sync.
    fn wait_for_work(&self, interval: Duration) -> Woken {
        let mut state = self.state.lock();
        loop {
            if state.stop {
                return Woken::Stop;
            }
            if state.asked > state.answered {
                return Woken::Work(state.asked);
            }
            if !state.unsynced {
                self.work.wait(&mut state);
            } else if self.work.wait_for(&mut state, interval).timed_out() {
                return Woken::Interval;
            }
        }
    }

    /// Work was looked for, and done, after it was asked for so often.
    fn answer(&self, asked: u64) {
        self.state.lock().answered = asked;
        self.progress.notify_all();
    }

    /// Whether there is something to sync; from here on there is not.
    fn take_unsynced(&self) -> bool {
        std::mem::take(&mut self.state.lock().unsynced)
    }

    /// Ends the thread and waits for it.
    pub fn stop(&self) {
        self.state.lock().stop = true;
        self.work.notify_all();
        self.progress.notify_all();
        if let Some(thread) = self.thread.lock().take()
            && thread.thread().id() != std::thread::current().id()
        {
            // It ends by itself; a panic in it was counted where it happened.
            let _ = thread.join();
        }
    }

    /// Lets go of the thread, which does not exist in a fork.
    pub fn forget_thread(&self) {
        if let Some(thread) = self.thread.try_lock().and_then(|mut thread| thread.take()) {
            std::mem::forget(thread);
        }
    }
}

/// Starts the store's thread.
pub fn start(core: &Arc<Core>) -> Result<()> {
    let weak = Arc::downgrade(core);
    let thread = std::thread::Builder::new().name("stratum".to_string()).spawn(move || run(&weak));
    let thread = thread.map_err(|error| Error::io("starting a thread for", core.dir.path(), error))?;
    *core.signal.thread.lock() = Some(thread);
    Ok(())
}

fn run(core: &Weak<Core>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        let woken = core.signal.wait_for_work(core.options.sync_interval);
        let done = match woken {
            Woken::Stop => return,
            Woken::Work(asked) => {
                let done = core.maintain_all();
                core.signal.answer(asked);
                done
            }
            Woken::Interval => Ok(()),
        };
        // Work may have taken longer than the interval, so whatever waits for a sync gets it now.
        let synced = if core.signal.take_unsynced() { core.flush() } else { Ok(()) };
        let failures = [done, synced].iter().filter(|result| result.is_err()).count();
        counters::add(&core.counters.background_failures, failures as u64);
    }
}

impl Core {
    /// Background work until there is none left.
    fn maintain_all(&self) -> Result<()> {
        while !self.is_closed() && self.maintain()? {
            self.signal.got_on();
        }
        Ok(())
    }
}

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
use crate::options::Durability;

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
    pending: bool,
    stop: bool,
}

impl Signal {
    /// There may be work.
    pub fn raise(&self) {
        self.state.lock().pending = true;
        self.work.notify_one();
    }

    /// Those who are paced may look again.
    pub fn got_on(&self) {
        self.progress.notify_all();
    }

    /// Waits a moment, or until the store's thread got on.
    pub fn wait_for_progress(&self) {
        self.progress.wait_for(&mut self.state.lock(), Duration::from_millis(20));
    }

    /// Waits for work; false when the thread is to end.
    fn wait_for_work(&self, at_most: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        if !state.pending && !state.stop {
            match at_most {
                Some(time) => drop(self.work.wait_for(&mut state, time)),
                None => self.work.wait(&mut state),
            }
        }
        state.pending = false;
        !state.stop
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
    let interval = (core.options.durability == Durability::Interval).then_some(core.options.sync_interval);
    let weak = Arc::downgrade(core);
    let thread = std::thread::Builder::new().name("stratum".to_string()).spawn(move || run(&weak, interval));
    let thread = thread.map_err(|error| Error::io("starting a thread for", core.dir.path(), error))?;
    *core.signal.thread.lock() = Some(thread);
    Ok(())
}

fn run(core: &Weak<Core>, interval: Option<Duration>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        if !core.signal.wait_for_work(interval) {
            return;
        }
        if interval.is_some() && core.flush().is_err() {
            counters::add(&core.counters.background_failures, 1);
        }
        while !core.is_closed() {
            match core.maintain() {
                Ok(true) => core.signal.got_on(),
                Ok(false) => break,
                Err(_) => {
                    counters::add(&core.counters.background_failures, 1);
                    break;
                }
            }
        }
        core.signal.got_on();
    }
}

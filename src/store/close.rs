//! Closing: everything is made durable, and what the store held is given back, whoever forgot a handle of it.
//!
//! 1. From `begin_close` on calls are refused. Those that are under way end first where they hold `maintenance` or
//!    `writer`; the others find out.
//! 2. What is left of a closed store is no moment of it. Nobody takes it for one: with a lock held, a store that is
//!    open is so until the lock is free; without, whoever took something looks afterwards whether the store is still
//!    open (`newest`, `View::at`, `Db::stats`); and who looked before he had the lock sees `Writer::ended`.
//! 3. What was read out of the store stays with whoever has it: pinned bytes, cursors, views that are no snapshots.

use super::core::{Core, Maintenance};
use crate::error::{Error, Result};
use crate::index::State;
use crate::log::writer::ActiveSegment;

impl Core {
    /// Makes everything durable and lets go of the directory. Another call waits until that is done, and says the same.
    pub fn close(&self) -> Result<()> {
        if self.is_forked() {
            self.signal.forget_threads();
            return Ok(());
        }
        // Also while another thread closes: that one waits for the callback that this may be called from.
        self.check_not_reporting()?;
        let mut ended = self.ended.lock();
        if let Some(closed) = &*ended {
            return closed.as_ref().map_err(Error::again).copied();
        }
        // What the others are told if this is cut short by a panic.
        *ended = Some(Err(Error::Poisoned("closing was cut short by a panic".to_string())));
        let closed = self.close_once();
        *ended = Some(closed.as_ref().map_err(Error::again).copied());
        closed
    }

    fn close_once(&self) -> Result<()> {
        self.begin_close();
        self.signal.stop();
        let mut maintenance = self.maintenance()?;
        let closed = if self.is_poisoned() {
            self.flush_poisoned();
            Err(Error::Poisoned("closing could not make the last commits durable".to_string()))
        } else {
            self.close_files(&mut maintenance)
        };
        self.give_back();
        *self.lock.lock() = None;
        closed
    }

    /// Gives back what handles that are still there would keep: descriptors, mappings, the index.
    fn give_back(&self) {
        let mut writer = self.writer.lock();
        writer.ended = true;
        // Another thread may be in the midst of a flush.
        writer.active.take().iter().for_each(ActiveSegment::end_syncs);
        writer.manifest.let_go();
        writer.buffer = Vec::new();
        self.publish(State::default());
        // After that: a snapshot that nobody takes back here is none of a moment that was.
        self.retained.let_go();
        self.dir.let_go();
    }

    fn close_files(&self, maintenance: &mut Maintenance) -> Result<()> {
        self.seal_active()?;
        self.writer.lock().manifest.give_back();
        // An open gains from a checkpoint where it has something to replay, or to make durable.
        if self.published().sequence == 0 { Ok(()) } else { self.write_checkpoint_if_room(maintenance) }
    }
}

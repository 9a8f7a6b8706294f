//! Making durable what was committed without waiting for it.
//!
//! 1. Commits go on meanwhile: the writer's lock is held to note the moment and to note that it is on disk, not for the
//!    sync. Durable commits wait for it, in `log::sync`: one syncs at a time.
//! 2. After a failure the store is poisoned, as by any failed sync.
//! 3. A store that something else has poisoned, a panic or a failed sync of another file, still has a sound log. What
//!    was committed there without waiting is made durable all the same, and nobody is told that it is.

use std::sync::Arc;

use super::core::{Core, Writer};
use super::counters;
use super::moment::Moment;
use crate::error::Result;
use crate::log::writer::ActiveSegment;
use crate::sync::Guard;

impl Core {
    /// Makes everything committed so far durable.
    pub fn flush(&self) -> Result<()> {
        self.check_not_forked()?;
        self.check_writable()?;
        self.on_disk(|_, _| ()).map(|_| ())
    }

    /// Makes durable what the log of a poisoned store holds, as far as that goes: it has taken its last commit, and
    /// whoever asks is told that the store is poisoned. `LogSync` knows of a sync of it that failed, and tries none.
    pub fn flush_poisoned(&self) {
        let unsynced = self.writer.lock().active.as_ref().and_then(ActiveSegment::unsynced_at_last);
        if let Some(Ok(true)) = unsynced.map(|unsynced| unsynced.sync()) {
            counters::add(&self.counters.syncs, 1);
        }
    }

    /// The newest moment, once it is on disk, and what `note` says at that moment, with the writer's lock held.
    pub fn on_disk<T>(&self, note: impl FnOnce(&Writer, &Moment) -> T) -> Result<(Guard<Arc<Moment>>, T)> {
        let (state, noted, unsynced) = {
            let mut writer = self.writer.lock();
            writer.check_not_ended()?;
            if self.is_poisoned() {
                self.check_writable()?;
            }
            let state = self.published();
            let noted = note(&writer, &state);
            let unsynced = writer.active.as_mut().and_then(|active| active.unsynced());
            (state, noted, unsynced)
        };
        if let Some(unsynced) = &unsynced {
            let synced = unsynced.sync().map_err(|error| self.fail(error))?;
            counters::add(&self.counters.syncs, synced.into());
        }
        let mut writer = self.writer.lock();
        if let (Some(unsynced), Some(active)) = (&unsynced, &mut writer.active) {
            active.note_synced(unsynced);
        }
        writer.durable_sequence = writer.durable_sequence.max(state.sequence);
        Ok((state, noted))
    }
}

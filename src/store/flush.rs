//! Making durable what was committed without waiting for it.
//!
//! 1. Commits go on meanwhile: the writer's lock is held to note the moment and to note that it is on disk, not for the
//!    sync. Durable commits wait for it, in `log::sync`: one syncs at a time.
//! 2. After a failure the store is poisoned, as by any failed sync.

use std::sync::Arc;

use super::core::{Core, Writer};
use super::counters;
use super::moment::Moment;
use crate::error::Result;
use crate::sync::Guard;

impl Core {
    /// Makes everything committed so far durable.
    pub fn flush(&self) -> Result<()> {
        self.check_not_forked()?;
        self.check_writable()?;
        self.on_disk(|_, _| ()).map(|_| ())
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

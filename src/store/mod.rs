//! The facade: what a program does with a store. Everything below it is joined here, and nowhere else.

mod background;
mod batch;
mod close;
mod commit;
mod core;
mod counters;
mod flush;
mod fold;
mod input_ids;
mod maintenance;
#[cfg(test)]
#[cfg(loom)]
mod models;
mod moment;
mod queue;
mod read;
mod retained;
mod stats;
#[cfg(test)]
mod tests;
mod throttle;
mod verify;
mod view;

use std::path::Path;
use std::sync::Arc;

use self::core::Core;
use crate::error::Result;
use crate::options::Options;
use crate::recovery;
use crate::vfs::FileSystem;
use crate::vfs::os::OsFileSystem;

pub use batch::Batch;
pub use maintenance::Progress;
pub use stats::Stats;
pub use verify::VerifyReport;
pub use view::{Documents, Inputs, PackedTree, Pinned, View};

/// An open store.
///
/// Cheap to clone; all calls may be made from any thread. The store is closed by [`Db::close`], or when the last clone
/// is dropped; views, batches and cursors do not keep it open. One process has a store open at a time.
///
/// ```
/// use stratum::{Columns, Db, Options, Value};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let sum = db.write(|batch| {
///     let columns = Columns::from([("name", Value::String("Sum".into()))]);
///     let document = batch.create_document(b"Add two numbers.", &columns)?;
///     let input = batch.append_input(document, &Value::Int64List(vec![2, 3]))?;
///     batch.set_output(document, input, &Value::Int64(5))?;
///     Ok(document)
/// })?;
/// let tree = db.view()?.tree(sum)?;
/// assert_eq!(tree.inputs[0].output, Some(Value::Int64(5)));
/// db.close()?;
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone)]
pub struct Db {
    handle: Arc<Handle>,
}

/// Closes the store when the last `Db` is gone.
struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // There is nobody to tell: whoever wants to know calls `close`. What was promised is on disk already.
        let _ = self.core.close();
    }
}

impl Db {
    /// Opens the store in the directory `path`, creating it if there is none.
    ///
    /// # Errors
    /// `Locked` when it is open elsewhere; `NotAStore`, `NewerFormat` or `Corruption` for what it must not touch;
    /// `OpenRefused` against `create` or `exclusive`; `InvalidArgument` for options that make no sense; `Io`,
    /// `NoSpace`.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Db> {
        Db::open_on(Arc::new(OsFileSystem), path.as_ref(), options)
    }

    /// Opens a store on a file system of the caller's choice: the simulated disk, in tests.
    ///
    /// # Errors
    /// As for [`Db::open`].
    pub fn open_on(fs: Arc<dyn FileSystem>, path: &Path, options: &Options) -> Result<Db> {
        options.check()?;
        let opened = recovery::open(fs, path, options)?;
        let core = Arc::new(Core::new(opened, options.clone()));
        Ok(Db { handle: Arc::new(Handle { core }) })
    }

    fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }

    /// The newest moment. A view stays at its moment for as long as it lives.
    ///
    /// # Errors
    /// `Closed`, `Forked`.
    pub fn view(&self) -> Result<View> {
        View::latest(self.core())
    }

    /// A view that is counted in the stats, and that `max_retained_bytes` may give up (`SnapshotTooOld`).
    ///
    /// # Errors
    /// `Closed`, `Forked`.
    pub fn snapshot(&self) -> Result<View> {
        View::snapshot(self.core())
    }

    /// An empty batch. The first one starts the store's threads (`Options::background`).
    ///
    /// # Errors
    /// `Closed`, `Forked`, `Poisoned`; `Io` where there can be no more threads.
    pub fn batch(&self) -> Result<Batch> {
        self.core().check_writable()?;
        if self.core().options.background {
            background::start(self.core())?;
        }
        Ok(Batch::new(Arc::clone(self.core())))
    }

    /// Runs `work` on a batch and commits it; nothing is written where `work` fails.
    ///
    /// # Errors
    /// What `work` gives back, and as for [`Batch::commit`].
    pub fn write<T>(&self, work: impl FnOnce(&mut Batch) -> Result<T>) -> Result<T> {
        let mut batch = self.batch()?;
        let result = work(&mut batch)?;
        batch.commit()?;
        Ok(result)
    }

    /// Makes everything committed so far durable.
    ///
    /// # Errors
    /// `CommitUnknown` if the sync fails, which poisons the store; `Poisoned`, `Closed`, `Forked`.
    pub fn flush(&self) -> Result<()> {
        self.core().flush()
    }

    /// Compacts until no garbage is left that can go; blocks. `progress` is called between steps, on this thread, and
    /// ends the work by returning false; what is done stays done. It may read and write, but `compact_now`, `maintain`,
    /// `checkpoint`, `verify` and `close` refuse to be called from within it (`InvalidArgument`).
    ///
    /// # Errors
    /// `Corruption` where a segment is damaged (nothing is lost by it), `NoSpace`, `Io`, `Poisoned`, `Closed`,
    /// `Forked`.
    pub fn compact_now(&self, progress: &mut dyn FnMut(Progress) -> bool) -> Result<()> {
        self.core().compact_now(progress)
    }

    /// Does one step of the work that the store's thread does on its own (`Options::background`): a compaction of a few
    /// segments, or a checkpoint. False when there was nothing to compact.
    ///
    /// # Errors
    /// As for [`Db::compact_now`].
    pub fn maintain(&self) -> Result<bool> {
        self.core().maintain()
    }

    /// Writes an index checkpoint now, so that the next open has nothing to replay.
    ///
    /// # Errors
    /// `NoSpace`, `Io`, `CommitUnknown`, `Poisoned`, `Closed`, `Forked`.
    pub fn checkpoint(&self) -> Result<()> {
        self.core().checkpoint()
    }

    /// Figures about the store.
    ///
    /// # Errors
    /// `Closed`, `Forked`.
    pub fn stats(&self) -> Result<Stats> {
        self.core().check_not_forked()?;
        let stats = self.core().stats();
        // Last: of what a close took away meanwhile there are no figures.
        self.core().check_open()?;
        Ok(stats)
    }

    /// Reads and checks everything: each record, each document, and the index against the log. Compaction waits.
    ///
    /// # Errors
    /// `Io`, `Closed`, `Forked`. Damage is no error but in the report.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.core().verify()
    }

    /// Makes everything durable and closes. Later calls on any clone, view or batch say `Closed`; a second close, also
    /// one that comes while the first is at work, waits for it and gives the same answer.
    ///
    /// Gives back what the store held, also where clones, snapshots and batches are still there. Until they are
    /// dropped, pinned bytes and packed trees keep the mapping of their log file; views that are no snapshots,
    /// [`Documents`] and [`Inputs`] also the index of their moment and, in `pread`, a descriptor for each of its log
    /// files. Of log files that were replaced, that takes up disk space; `max_retained_bytes` does not bound it.
    ///
    /// # Errors
    /// `CommitUnknown` or `Poisoned` when the last commits may not be on disk; the store is closed all the same.
    /// `InvalidArgument` from within the callback of [`Db::compact_now`]; the store stays open.
    pub fn close(&self) -> Result<()> {
        self.core().close()
    }
}

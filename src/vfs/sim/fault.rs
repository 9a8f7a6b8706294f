//! Faults: which call fails, how, and how often.
//!
//! 1. A fault counts the calls of its kinds from the moment it is armed; the `nth` (from zero) is struck.
//! 2. `short` gives the struck call part of its effect. A read or write of several bytes transfers some of them
//!    and succeeds, and the *next* call of the kinds fails, which is how a kernel reports it. Any other call has
//!    its effect (a sync: for a random part) and fails all the same.
//! 3. A fault strikes as many calls of its kinds in a row as `times` says: one, some, or (sticky) all from then on.
//! 4. A `lost` call is one that the disk lies about: a write that reads see and that no sync makes durable, a sync or
//!    a sync of a directory that does nothing and says that it is done. Of other calls there is nothing to lose; they
//!    happen.
//! 5. A struck call that is `evicted` fails, and the kernel forgets what was pending, as it may: after a failed sync
//!    reads see what is durable again, zeros where nothing is; after a failed sync of a directory its names are seen as
//!    before, and no later sync makes them durable. Of other calls there is nothing to forget; they fail.

use std::io;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is the trait's call of that name
pub enum Op {
    CreateDir,
    Create,
    Write,
    Truncate,
    Preallocate,
    Sync,
    Rename,
    Link,
    Unlink,
    SyncDir,
    Lock,
    Open,
    Read,
    Map,
    List,
    Length,
}

impl Op {
    /// The calls that change something, and that `SimDisk::ops` counts.
    pub const MUTATING: &'static [Op] = &[
        Op::CreateDir,
        Op::Create,
        Op::Write,
        Op::Truncate,
        Op::Preallocate,
        Op::Sync,
        Op::Rename,
        Op::Link,
        Op::Unlink,
        Op::SyncDir,
        Op::Lock,
    ];
    /// The calls that change nothing, and that `SimDisk::reads` counts.
    pub const READING: &'static [Op] = &[Op::Open, Op::Read, Op::Map, Op::List, Op::Length];

    pub(super) fn is_mutating(self) -> bool {
        Op::MUTATING.contains(&self)
    }

    fn is_transfer(self) -> bool {
        matches!(self, Op::Read | Op::Write)
    }
}

/// What a struck call reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// Input/output error.
    Eio,
    /// No space left on device.
    Enospc,
    /// Interrupted system call.
    Eintr,
    /// No such file: it is made right after it was looked for.
    Enoent,
    /// The process may open no more files.
    Emfile,
    /// There is no memory for it.
    Enomem,
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(match errno {
            Errno::Eio => libc::EIO,
            Errno::Emfile => libc::EMFILE,
            Errno::Enomem => libc::ENOMEM,
            Errno::Enospc => libc::ENOSPC,
            Errno::Eintr => libc::EINTR,
            Errno::Enoent => libc::ENOENT,
        })
    }
}

/// A failure to come.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The kinds of calls that it counts and strikes.
    pub on: Vec<Op>,
    /// Which of them, from zero.
    pub nth: u64,
    /// What the call reports.
    pub error: Errno,
    /// Whether the call has part of its effect before.
    pub short: bool,
    /// How many calls of the kinds it strikes, one after the other.
    pub times: u64,
    /// Whether the call says that it is done instead, and the disk loses it.
    pub lost: bool,
    /// Whether what was pending is forgotten, by reads too.
    pub evicted: bool,
}

impl Fault {
    /// The `nth` call (from zero) of these kinds fails once, without effect.
    pub fn new(on: &[Op], nth: u64, error: Errno) -> Fault {
        Fault { on: on.to_vec(), nth, error, short: false, times: 1, lost: false, evicted: false }
    }

    /// This fault, with part of the call's effect.
    pub fn short(self) -> Fault {
        Fault { short: true, ..self }
    }

    /// This fault, again and again from then on.
    pub fn sticky(self) -> Fault {
        self.times(u64::MAX)
    }

    /// This fault, that many times in a row.
    pub fn times(self, times: u64) -> Fault {
        Fault { times, ..self }
    }

    /// A lie instead of an error: the call succeeds, and what it was to make durable never is.
    pub fn lost(self) -> Fault {
        Fault { lost: true, ..self }
    }

    /// This fault, and the kernel drops the pages that could not be written.
    pub fn evicted(self) -> Fault {
        Fault { evicted: true, ..self }
    }
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It happens.
    Go,
    /// It transfers some of its bytes and succeeds.
    Short,
    /// It fails without effect.
    Fail(Errno),
    /// It fails after its effect, or part of it.
    FailAfter(Errno),
    /// It fails without effect, and what was pending is forgotten.
    Evict(Errno),
    /// It succeeds, and the disk loses it.
    Lose,
}

/// The armed faults of a disk.
#[derive(Clone, Default)]
pub(super) struct Faults {
    armed: Vec<Armed>,
    struck: Vec<Op>,
}

#[derive(Clone)]
struct Armed {
    fault: Fault,
    seen: u64,
    /// The short transfer was made, the error is still to come.
    owes_error: bool,
}

impl Faults {
    pub(super) fn arm(&mut self, fault: Fault) {
        self.armed.push(Armed { fault, seen: 0, owes_error: false });
    }

    pub(super) fn clear(&mut self) {
        self.armed.clear();
    }

    pub(super) fn struck(&self) -> &[Op] {
        &self.struck
    }

    /// Judges one call that moves `bytes` bytes (zero for a call that moves none).
    pub(super) fn judge(&mut self, op: Op, bytes: usize) -> Verdict {
        let mut verdict = Verdict::Go;
        self.armed.retain_mut(|armed| {
            if verdict != Verdict::Go || !armed.fault.on.contains(&op) {
                return true;
            }
            verdict = armed.judge(op, bytes);
            let strikes = armed.seen.saturating_sub(armed.fault.nth);
            armed.owes_error || strikes < armed.fault.times
        });
        if verdict != Verdict::Go {
            self.struck.push(op);
        }
        verdict
    }
}

impl Armed {
    fn judge(&mut self, op: Op, bytes: usize) -> Verdict {
        if self.owes_error {
            self.owes_error = false;
            return Verdict::Fail(self.fault.error);
        }
        let at = self.seen;
        self.seen += 1;
        if at < self.fault.nth {
            return Verdict::Go;
        }
        if self.fault.lost {
            return Verdict::Lose;
        }
        if self.fault.evicted {
            return Verdict::Evict(self.fault.error);
        }
        if self.fault.short && at == self.fault.nth {
            if !op.is_transfer() {
                return Verdict::FailAfter(self.fault.error);
            }
            if bytes > 1 {
                self.owes_error = true;
                return Verdict::Short;
            }
        }
        Verdict::Fail(self.fault.error)
    }
}

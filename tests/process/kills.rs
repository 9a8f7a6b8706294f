//! kill -9 at random moments, over and over on the same store, also while it is being opened.
//!
//! 1. A worker goes on where the one before it was killed; only every few lives the store is opened by this process, so
//!    that a worker's own recovery meets what a kill left, and is killed itself.
//! 2. Each opening, the workers' too, is compared with the journal (`journal::Oracle`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use stratum::vfs::sim::Rng;
use stratum::{Db, Error, Tree};

use crate::journal::{Moment, Oracle, Record, digest, parse};
use crate::worker::{Job, MAKER};
use crate::{RANDOM, folder, seed};

/// Lives between two looks at the store.
const LIVES: u64 = 4;

/// A store with its history.
pub(crate) struct Subject {
    pub(crate) folder: PathBuf,
    pub(crate) oracle: Oracle,
    digest: fn(&Tree) -> u64,
    /// Bytes of the journal that were gone through.
    followed: usize,
}

impl Subject {
    pub(crate) fn new(folder: &Path, digest: fn(&Tree) -> u64) -> Subject {
        std::fs::create_dir_all(folder).unwrap();
        Subject { folder: folder.to_path_buf(), oracle: Oracle::default(), digest, followed: 0 }
    }

    /// The records since the last call; the oracle has gone through them.
    pub(crate) fn follow(&mut self) -> Result<Vec<Record>, String> {
        // Where the first life ended before its first word there is no journal yet.
        let bytes = std::fs::read(self.folder.join("journal")).unwrap_or_default();
        let records = parse(&String::from_utf8_lossy(&bytes[self.followed..]));
        self.followed = bytes.len();
        self.oracle.follow(&records).map(|()| records)
    }

    /// Opens the store here, and checks all of it. What is refused for want of room is tried once more after
    /// `make_room`, which says whether it made any.
    pub(crate) fn check(&mut self, job: &Job, make_room: &mut dyn FnMut() -> bool) -> Result<(), String> {
        let db = match Db::open(&job.store, &job.options()) {
            Err(Error::NoSpace { .. }) if make_room() => Db::open(&job.store, &job.options()),
            opened => opened,
        };
        let db = db.map_err(|error| error.to_string())?;
        let moment = Moment::read(&db, self.digest).map_err(|error| error.to_string())?;
        self.oracle.opened(&moment)?;
        let report = db.verify().map_err(|error| error.to_string())?;
        if !report.damage.is_empty() {
            return Err(format!("{:?}", report.damage));
        }
        db.close().map_err(|error| error.to_string())
    }

    /// As `check`, and fails with everything that is needed to look into it.
    pub(crate) fn must_be_right(&mut self, job: &Job) -> Vec<Record> {
        self.must_be_right_with_room(job, &mut || false)
    }

    /// As `must_be_right`, on a disk that may have been left full.
    pub(crate) fn must_be_right_with_room(&mut self, job: &Job, make_room: &mut dyn FnMut() -> bool) -> Vec<Record> {
        let outcome = self.follow().and_then(|records| self.check(job, make_room).map(|()| records));
        outcome.unwrap_or_else(|what| {
            let kept = std::env::temp_dir().join(format!("stratum-process-{}-{}", std::process::id(), job.seed));
            let copied = std::process::Command::new("cp").arg("-r").arg(&self.folder).arg(&kept).status();
            panic!("{what}\n{job:?}\nthe store and its journal are kept in {} ({copied:?})", kept.display())
        })
    }
}

/// How a life ended.
#[derive(Default, Debug)]
pub(crate) struct Ends {
    pub(crate) kills: u64,
    before_opening: u64,
    while_opening: u64,
    at_work: u64,
}

impl Ends {
    /// Sorts the lives of a journal by how far they came.
    pub(crate) fn count(&mut self, records: &[Record], kills: u64) {
        let lives = records.iter().filter(|record| **record == Record::Life).count() as u64;
        let opened = records.iter().filter(|record| matches!(record, Record::Opened(_))).count() as u64;
        self.kills += kills;
        self.before_opening += kills - lives;
        self.while_opening += lives - opened;
        self.at_work += opened;
    }
}

/// Lets a worker live for a while: a moment after it begins to open, or some time at work.
pub(crate) fn live(mut worker: crate::child::Running, journal: &Path, rng: &mut Rng) {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let before = length(journal);
    worker.go();
    while length(journal) == before && worker.is_running() {
        std::thread::sleep(Duration::from_micros(200));
    }
    let most = if rng.chance(0.4) { 12_000 } else { 300_000 };
    std::thread::sleep(Duration::from_micros(rng.below(most)));
    if !worker.is_running() {
        let told = std::fs::read(journal).unwrap_or_default();
        let told = parse(&String::from_utf8_lossy(&told));
        if let Some(Record::Refused(_, status) | Record::Ack(MAKER, _, status)) = told.last()
            && status == "NO_SPACE"
        {
            return; // on a full disk it may not even open, or begin
        }
        panic!("the worker ended by itself: {:?}\n{}", told.last(), worker.said());
    }
    worker.kill();
}

#[test]
fn a_store_survives_kills_at_random_moments() {
    let (mut ends, mut rng) = (Ends::default(), Rng::new(seed()));
    let mut acknowledged = 0;
    // Several stores one after the other, so that creating one is killed, too.
    for store in 0.. {
        let folder = folder(store);
        let mut subject = Subject::new(folder.path(), digest);
        for round in 0..10 {
            let mut job = Job::new(&subject.folder, seed() + store * 1000);
            for life in 0..LIVES {
                job.seed = seed() + store * 1000 + round * 10 + life;
                live(job.start(), &job.journal, &mut rng);
            }
            ends.count(&subject.must_be_right(&job), LIVES);
        }
        acknowledged += subject.oracle.acknowledged;
        println!(
            "{ends:?}, {} openings compared, {} commits found and {} lost of those nobody was told of",
            subject.oracle.openings, subject.oracle.found, subject.oracle.lost
        );
        if ends.kills >= RANDOM.count() {
            break;
        }
    }
    println!("{} kills, {acknowledged} acknowledged commits, none lost", ends.kills);
    assert!(ends.kills >= RANDOM.count() && ends.while_opening > 0 && ends.at_work > 0, "{ends:?}");
    assert!(acknowledged > ends.kills, "hardly anything was committed: {acknowledged}");
}

#[test]
fn a_worker_that_answers_before_it_commits_is_found_out() {
    // In memory, if there is such a place: on a slow disk a life may end before it has told a lie.
    let folder = folder(1);
    let mut rng = Rng::new(seed());
    for life in 0..40 {
        let mut subject = Subject::new(&folder.path().join(format!("{life}")), digest);
        let job = Job { lies: true, ..Job::new(&subject.folder, seed() + life) };
        live(job.start(), &job.journal, &mut rng);
        if let Err(what) = subject.follow().and_then(|_| subject.check(&job, &mut || false)) {
            assert!(what.contains("expected"), "found out by something else: {what}");
            return;
        }
    }
    panic!("a liar was not found out in 40 lives");
}

//! Zeros ahead of the log: where commits are small and each waits for its sync, they go into blocks that are written
//! already. Such a sync moves data alone; one of a growing file moves the file's length and the map of its blocks too,
//! and takes nearly twice as long. Databases that recycle their log files have it for the same reason.
//!
//! 1. Nothing depends on the zeros: they lie behind the end of the log, where recovery expects anything, and least of
//!    all can zeros be taken for a record. They can complete one whose last bytes are zeros and were not written, as
//!    can what a refused commit left: who writes there asks `may_reach_behind`. That zeros could not be written fails
//!    no commit; the file then grows.
//! 2. The sync that needs them makes them durable with what it syncs anyway.
//! 3. Large commits and those that wait for nothing get none: a sync of much data is not shorter for it.
//! 4. At most as many bytes as the log has already, or 64 KiB: a small store stays small. `seal` cuts off what is left.

use crate::vfs::File;

/// A sync of more bytes than this is no small one.
const SMALL: u64 = 64 << 10;
/// So many small syncs in a row and more will come.
const IN_A_ROW: u32 = 2;
/// For about so many syncs zeros are written at once. More would be more commits a second, and a slower one each time:
/// with 50, 99 % of the durable commits of one thread are within six times the median; with 12 within five.
const SYNCS: u64 = 12;
/// The least and the most that is written at once.
const PIECE: (u64, u64) = (64 << 10, 512 << 10);

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// How far a log is written, zeros included.
pub struct Ahead {
    until: u64,
    small_syncs: u32,
    given_up: bool,
    /// The file may have blocks or bytes behind the end of the log.
    has_more: bool,
    /// It has the blocks of a reserve, which it keeps until the segment ends.
    reserved: bool,
}

impl Ahead {
    /// For a new file in which `until` bytes are written. With `reserved` it has blocks already, and gets no others.
    pub fn new(until: u64, reserved: bool) -> Ahead {
        Ahead { until, small_syncs: 0, given_up: reserved, has_more: reserved, reserved }
    }

    /// Comes before a sync of what lies between `durable` and `end`: writes zeros for those that follow, if there is
    /// reason to. The file is never longer than `capacity`.
    pub fn prepare(&mut self, file: &dyn File, durable: u64, end: u64, capacity: u64) {
        self.small_syncs = if end - durable <= SMALL { self.small_syncs.saturating_add(1) } else { 0 };
        self.until = self.until.max(end);
        if self.until > end || self.small_syncs < IN_A_ROW || self.given_up {
            return;
        }
        let piece = (SYNCS * (end - durable)).min(end).clamp(PIECE.0, PIECE.1);
        let until = (end + piece).min(capacity);
        while self.until < until && !self.given_up {
            self.has_more = true;
            let zeros = &ZEROS[..(until - self.until).min(ZEROS.len() as u64) as usize];
            match file.write_all_at(self.until, zeros) {
                Ok(()) => self.until += zeros.len() as u64,
                // What is wrong with the file the sync will tell; with a full disk nothing is, but that its last room
                // is for others.
                Err(_) => {
                    self.given_up = true;
                    self.cut(file, end);
                }
            }
        }
    }

    /// Whether there may be something behind `end`, where the log ends: zeros, or what does not count.
    pub fn may_reach_behind(&self, end: u64) -> bool {
        self.has_more && (self.until > end || self.given_up)
    }

    /// Something lies behind `end` that does not count, nobody knows how far, and stays.
    pub fn leave(&mut self) {
        self.has_more = true;
        self.given_up = true;
    }

    /// Takes away what was written behind `end` and does not count: it takes room that nobody counts, and could stand
    /// in for what a later write leaves out. The blocks of a reserve stay.
    pub fn void(&mut self, file: &dyn File, end: u64) {
        self.has_more = true;
        if !self.reserved {
            self.cut(file, end);
        }
        // Where it stays, nobody knows how far it reaches.
        self.given_up |= self.has_more;
    }

    /// Gives back all blocks behind `end`. Where they stay, they do no harm but to take room.
    pub fn cut(&mut self, file: &dyn File, end: u64) {
        if self.has_more && file.truncate(end).is_ok() {
            self.until = end;
            self.has_more = false;
            self.reserved = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::vfs::FileSystem;
    use crate::vfs::sim::{Errno, Fault, Op, SimDisk};

    const CAPACITY: u64 = 1 << 20;

    #[test]
    fn small_syncs_find_zeros_and_large_ones_leave_none() {
        let disk = SimDisk::new(1);
        let file = disk.create(Path::new("/log")).unwrap();
        let mut ahead = Ahead::new(128, false);
        let mut grew = 0;
        let mut end = 128;
        for _ in 0..200 {
            file.write_all_at(end, &[1; 5000]).unwrap();
            end += 5000;
            let length = file.len().unwrap();
            ahead.prepare(&*file, end - 5000, end, CAPACITY);
            grew += u32::from(length == end);
        }
        assert_eq!(grew, 16, "commits that made the file grow, of 200");
        assert!(file.len().unwrap() <= CAPACITY);
        ahead.cut(&*file, end);
        assert_eq!(file.len().unwrap(), end);

        let file = disk.create(Path::new("/large")).unwrap();
        let mut ahead = Ahead::new(0, false);
        for turn in 0..5 {
            file.write_all_at(turn * 100_000, &[1; 100_000]).unwrap();
            ahead.prepare(&*file, turn * 100_000, (turn + 1) * 100_000, CAPACITY);
        }
        assert_eq!(file.len().unwrap(), 500_000);
    }

    /// The larger the commits, the more zeros: else each of them, or each third, would make the file grow.
    #[test]
    fn zeros_are_for_a_dozen_syncs_of_any_size() {
        for size in [5000, 20_000, 40_000] {
            let file = SimDisk::new(1).create(Path::new("/log")).unwrap();
            let (mut ahead, mut end, mut grew) = (Ahead::new(0, false), 1 << 20, 0);
            for _ in 0..120 {
                let length = file.len().unwrap();
                file.write_all_at(end, &vec![1; size]).unwrap();
                end += size as u64;
                ahead.prepare(&*file, end - size as u64, end, 1 << 30);
                grew += u32::from(file.len().unwrap() > length);
            }
            assert!((9..=13).contains(&grew), "{grew} of 120 commits of {size} bytes made the file grow");
        }
    }

    /// Where it is told of zeros that there are not, a commit takes two writes instead of one.
    #[test]
    fn zeros_that_were_used_up_or_cut_off_lie_nowhere() {
        let file = SimDisk::new(1).create(Path::new("/log")).unwrap();
        let mut ahead = Ahead::new(0, false);
        assert!(!ahead.may_reach_behind(0), "none are written yet");
        for end in [1000, 2000] {
            file.write_all_at(end - 1000, &[1; 1000]).unwrap();
            ahead.prepare(&*file, end - 1000, end, CAPACITY);
        }
        let until = file.len().unwrap();
        assert!(ahead.may_reach_behind(until - 1) && !ahead.may_reach_behind(until), "used up");
        ahead.cut(&*file, 3000);
        assert!(!ahead.may_reach_behind(3000), "cut off");
        let mut reserved = Ahead::new(0, true);
        assert!(reserved.may_reach_behind(0), "nobody knows what is in reserved blocks");
        reserved.cut(&*file, 1000);
        assert!(!reserved.may_reach_behind(1000), "given back");
    }

    #[test]
    fn a_full_disk_ends_it_and_gets_its_last_room_back() {
        let disk = SimDisk::new(1);
        let file = disk.create(Path::new("/log")).unwrap();
        let mut ahead = Ahead::new(0, false);
        file.write_all_at(0, &[1; 1000]).unwrap();
        ahead.prepare(&*file, 0, 500, CAPACITY);
        disk.inject(Fault::new(&[Op::Write], 0, Errno::Enospc));
        let used = disk.used();
        ahead.prepare(&*file, 500, 1000, CAPACITY);
        assert_eq!((file.len().unwrap(), disk.used()), (1000, used));
        // There is room again; it is not tried again in this file.
        ahead.prepare(&*file, 1000, 1000, CAPACITY);
        assert_eq!(file.len().unwrap(), 1000);
    }
}

//! The limit on what compaction writes in a second (`Options::compaction_bytes_per_second`): a token bucket.
//!
//! 1. Bytes are paid for before they are written, a piece at a time. From any moment on, no more is granted than the
//!    limit has in the time that passed, and in `CREDIT`, and one piece.
//! 2. What is granted follows from the times that the bucket is given; it looks at no clock.
//! 3. A job sleeps with no lock but `maintenance`: commits and reads go on. `Signal::stop` wakes it, and it fails with
//!    `Closed`, as a job that cannot write fails.

use std::time::Duration;

use super::core::Core;
use super::counters;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::sync::clock::Clock;

/// Time that a bucket makes up for: what reading, syncing and waking up late took off the rate.
const CREDIT: Duration = Duration::from_millis(100);
/// A piece is what the limit has in this part of a second, but no less and no more than that.
const PIECES_IN_A_SECOND: u64 = 10;
const LEAST_PIECE: u64 = 4 << 10;
const LARGEST_PIECE: u64 = 1 << 20;

/// Grants bytes at a rate.
struct Bucket {
    per_second: u64,
    /// When all that was granted so far is paid for.
    paid: Duration,
}

impl Bucket {
    /// Grants some of the `wanted` bytes, at least one, and says after which wait. The last grant was waited for.
    fn grant(&mut self, wanted: u64, now: Duration) -> (u64, Duration) {
        let piece = (self.per_second / PIECES_IN_A_SECOND).clamp(LEAST_PIECE, LARGEST_PIECE);
        let granted = wanted.min(piece);
        // Rounded up: a limit is kept, also over many small pieces.
        let cost = Duration::from_nanos((granted * 1_000_000_000).div_ceil(self.per_second));
        self.paid = self.paid.max(now.saturating_sub(CREDIT)).saturating_add(cost);
        (granted, self.paid.saturating_sub(now))
    }
}

/// The store's limit.
pub struct Throttle {
    /// `None` where there is no limit.
    bucket: Option<Mutex<Bucket>>,
    clock: Clock,
}

impl Throttle {
    /// No more than `per_second` bytes; 0 for no limit.
    pub fn new(per_second: u64) -> Throttle {
        let bucket = (per_second > 0).then(|| Mutex::new(Bucket { per_second, paid: Duration::ZERO }));
        Throttle { bucket, clock: Clock::new() }
    }
}

impl Core {
    /// How many of the `wanted` bytes compaction may write now. Sleeps until it may.
    pub fn grant(&self, wanted: u64) -> Result<u64> {
        let Throttle { bucket: Some(bucket), clock } = &self.throttle else { return Ok(wanted) };
        let began = clock.now();
        let (granted, wait) = bucket.lock().grant(wanted, began);
        if !wait.is_zero() {
            let goes_on = self.signal.pause(wait);
            let slept = clock.now().saturating_sub(began);
            counters::add(&self.counters.compaction_throttled_us, slept.as_micros() as u64);
            if !goes_on {
                return Err(Error::Closed);
            }
        }
        Ok(granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn bucket(per_second: u64) -> Bucket {
        Bucket { per_second, paid: Duration::ZERO }
    }

    /// Writes `bytes`, each piece taking `work`; gives back when the last of them was granted.
    fn write(bucket: &mut Bucket, bytes: u64, mut now: Duration, work: Duration) -> Duration {
        let mut left = bytes;
        loop {
            let (granted, wait) = bucket.grant(left, now);
            left -= granted;
            now += wait;
            if left == 0 {
                return now;
            }
            now += work;
        }
    }

    #[test]
    fn a_piece_is_a_tenth_of_a_second_within_bounds() {
        for (per_second, piece) in [(1, 4096), (40_960, 4096), (1_000_000, 100_000), (u64::MAX, 1 << 20)] {
            assert_eq!(bucket(per_second).grant(u64::MAX, Duration::ZERO).0, piece);
            assert_eq!(bucket(per_second).grant(7, Duration::ZERO).0, 7);
        }
    }

    #[test]
    fn each_piece_is_paid_for_before_it_is_written() {
        let mut bucket = bucket(1_000_000);
        assert_eq!(bucket.grant(50_000, Duration::ZERO), (50_000, 50 * MILLISECOND));
        assert_eq!(bucket.grant(400_000, 50 * MILLISECOND), (100_000, 100 * MILLISECOND));
        assert_eq!(bucket.grant(300_000, 150 * MILLISECOND), (100_000, 100 * MILLISECOND));
    }

    #[test]
    fn the_rate_is_exact_whatever_a_piece_takes_that_the_credit_covers() {
        for work in [0, 1, 60, 99, 100] {
            let end = write(&mut bucket(1_000_000), 10_000_000, Duration::ZERO, work * MILLISECOND);
            assert_eq!(end, Duration::from_secs(10), "{work} ms");
        }
        let end = write(&mut bucket(1_000_000), 10_000_000, Duration::ZERO, 150 * MILLISECOND);
        assert_eq!(end, 100 * MILLISECOND + 99 * 150 * MILLISECOND, "what is slower than the limit never waits");
    }

    #[test]
    fn idle_time_is_worth_a_tenth_of_a_second_and_no_more() {
        let mut bucket = bucket(1_000_000);
        let began = Duration::from_secs(3600);
        assert_eq!(bucket.grant(100_000, began), (100_000, Duration::ZERO));
        assert_eq!(write(&mut bucket, 1_000_000, began, Duration::ZERO), began + Duration::from_secs(1));
    }

    #[test]
    fn a_late_waking_is_made_up_for() {
        let mut bucket = bucket(1_000_000);
        bucket.grant(100_000, Duration::ZERO);
        assert_eq!(bucket.grant(100_000, 130 * MILLISECOND), (100_000, 70 * MILLISECOND));
    }

    #[test]
    fn any_limit_can_be_kept() {
        let (granted, wait) = bucket(1).grant(1 << 31, Duration::MAX);
        assert_eq!((granted, wait), (4096, Duration::ZERO), "at the end of time");
        assert_eq!(bucket(1).grant(4096, Duration::ZERO), (4096, Duration::from_secs(4096)));
        let (granted, wait) = bucket(u64::MAX).grant(1 << 31, Duration::ZERO);
        assert_eq!((granted, wait), (1 << 20, Duration::from_nanos(1)), "rounded up");
    }
}

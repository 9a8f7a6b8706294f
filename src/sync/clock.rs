//! The one clock. It says how long something may wait, and decides nothing that a caller or the disk could see.
//!
//! Under the model checkers it stands still: what depended on it could not be run again.

use std::time::Duration;
#[cfg(not(any(loom, shuttle)))]
use std::time::Instant;

/// Time since the clock was made.
pub struct Clock {
    #[cfg(not(any(loom, shuttle)))]
    began: Instant,
}

impl Clock {
    #[cfg(not(any(loom, shuttle)))]
    pub fn new() -> Clock {
        Clock { began: Instant::now() }
    }

    #[cfg(not(any(loom, shuttle)))]
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    #[cfg(any(loom, shuttle))]
    pub fn new() -> Clock {
        Clock {}
    }

    #[cfg(any(loom, shuttle))]
    pub fn now(&self) -> Duration {
        Duration::ZERO
    }
}

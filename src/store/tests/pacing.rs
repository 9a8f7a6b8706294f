//! How those are held back who are paced: until the next step of work, and not on the way to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::store::background::Signal;

/// As at a ceiling that one step of much work brings the store below.
#[test]
fn who_is_paced_looks_again_when_something_was_done_and_not_before() {
    let (signal, over) = (Signal::default(), AtomicBool::new(true));
    let (looks, look) = mpsc::channel();
    let paced = || {
        signal.pace(|| {
            let is_over = over.load(Ordering::SeqCst);
            looks.send(is_over).unwrap();
            is_over
        })
    };
    std::thread::scope(|scope| {
        let paced = scope.spawn(paced);
        assert!(look.recv().unwrap());
        let early = look.recv_timeout(Duration::from_millis(50));
        over.store(false, Ordering::SeqCst);
        signal.got_on();
        let again = look.recv_timeout(Duration::from_secs(60));
        // Whatever it waits for, or the test would wait for it.
        signal.stop();
        assert!(paced.join().unwrap(), "it was held back");
        assert_eq!((early, again), (Err(mpsc::RecvTimeoutError::Timeout), Ok(false)));
    });
}

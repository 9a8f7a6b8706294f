//! Group commit: threads that commit at the same time share one write and one sync.
//!
//! ```text
//!   submit --> waiting --(nobody leads)--> leads: takes all that wait, works for them, hands out results --> done
//!                  |                                                                                          ^
//!                  '-----(somebody leads)--> sleeps until its result is there, or until it is its turn to lead '
//! ```
//!
//! 1. At most one thread leads; what it took is worked on in the order of submission.
//! 2. Every submission gets exactly one result, or `None` if its leader died in a panic.
//! 3. A leader works for what had come when it began, so nobody leads for longer than one round.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::sync::{Condvar, Mutex};

/// A queue whose submitters take turns in working for all.
pub struct GroupQueue<T, R> {
    state: Mutex<QueueState<T, R>>,
    turned: Condvar,
}

struct QueueState<T, R> {
    waiting: VecDeque<(u64, T)>,
    results: FxHashMap<u64, Option<R>>,
    leading: bool,
    next_ticket: u64,
}

impl<T, R> Default for GroupQueue<T, R> {
    fn default() -> Self {
        let state =
            QueueState { waiting: VecDeque::new(), results: FxHashMap::default(), leading: false, next_ticket: 0 };
        GroupQueue { state: Mutex::new(state), turned: Condvar::new() }
    }
}

/// Gives up the lead when its holder is done, also in a panic: those it took are told.
struct Lead<'a, T, R> {
    queue: &'a GroupQueue<T, R>,
    tickets: Vec<u64>,
    results: Vec<R>,
    /// Its holder's ticket, for as long as that may die and never come for its result.
    own: Option<u64>,
}

impl<T, R> Drop for Lead<'_, T, R> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        let mut results = self.results.drain(..);
        for ticket in self.tickets.drain(..) {
            state.results.insert(ticket, results.next());
        }
        self.own.take().map(|own| state.results.remove(&own));
        state.leading = false;
        self.queue.turned.notify_all();
    }
}

impl<T, R> GroupQueue<T, R> {
    /// Adds `item`, waits for its result, and meanwhile works for others if it is this thread's turn. `work` gives one
    /// result per item, in order.
    pub fn submit(&self, item: T, work: impl FnOnce(Vec<T>) -> Vec<R>) -> Option<R> {
        let mut state = self.state.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push_back((ticket, item));
        loop {
            if let Some(result) = state.results.remove(&ticket) {
                return result;
            }
            if !state.leading {
                break;
            }
            self.turned.wait(&mut state);
        }
        state.leading = true;
        let (tickets, items) = state.waiting.drain(..).unzip();
        drop(state);
        let mut lead = Lead { queue: self, tickets, results: Vec::new(), own: Some(ticket) };
        lead.results = work(items);
        lead.own = None;
        drop(lead);
        self.state.lock().results.remove(&ticket).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_submission_gets_its_own_result() {
        let queue = GroupQueue::<usize, usize>::default();
        let leaders = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (queue, leaders) = (&queue, &leaders);
                scope.spawn(move || {
                    for round in 0..500 {
                        let item = thread * 1000 + round;
                        let result = queue.submit(item, |items| {
                            assert_eq!(leaders.fetch_add(1, Ordering::SeqCst), 0, "one leader at a time");
                            let results = items.iter().map(|item| item * 2).collect();
                            leaders.fetch_sub(1, Ordering::SeqCst);
                            results
                        });
                        assert_eq!(result, Some(item * 2));
                    }
                });
            }
        });
    }

    #[test]
    fn a_leader_that_panics_leaves_nobody_waiting() {
        let queue = GroupQueue::<u32, u32>::default();
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.submit(1, |_| panic!("on purpose"))));
        assert!(died.is_err());
        assert!(queue.state.lock().results.is_empty(), "a result that nobody will ever come for");
        assert_eq!(queue.submit(2, |items| items), Some(2));
    }
}

/// Every interleaving of a few submitters: `RUSTFLAGS="--cfg loom" cargo test --lib models` (.ci/models).
#[cfg(test)]
#[cfg(loom)]
mod models {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::Arc;

    use super::*;
    use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use crate::sync::thread;

    /// A queue, and what its leaders see of one another.
    #[derive(Default)]
    struct Seen {
        queue: GroupQueue<usize, usize>,
        leading: AtomicBool,
        worked: AtomicUsize,
        panics: bool,
    }

    impl Seen {
        /// Submits `item` as commits do; the result must be its own.
        fn submit(&self, item: usize) {
            let died = catch_unwind(AssertUnwindSafe(|| {
                let result = self.queue.submit(item, |items| self.lead(&items));
                assert!(result == Some(item * 2) || (result.is_none() && self.panics), "{result:?} for {item}");
            }));
            assert!(died.is_ok() || self.panics, "{died:?}");
        }

        fn lead(&self, items: &[usize]) -> Vec<usize> {
            assert!(!self.leading.swap(true, Ordering::Relaxed), "two lead");
            self.worked.fetch_add(items.len(), Ordering::Relaxed);
            self.leading.store(false, Ordering::Relaxed);
            if self.panics && items.contains(&1) {
                resume_unwind(Box::new("on purpose"));
            }
            items.iter().map(|item| item * 2).collect()
        }
    }

    fn run(panics: bool, submitters: usize, rounds: usize) {
        loom::model(move || {
            let seen = Arc::new(Seen { panics, ..Seen::default() });
            let submit = move |seen: &Seen, number: usize| {
                (0..rounds).for_each(|round| seen.submit(number + round * submitters));
            };
            let others: Vec<_> = (1..submitters)
                .map(|number| {
                    let seen = Arc::clone(&seen);
                    thread::spawn(move || submit(&seen, number))
                })
                .collect();
            submit(&seen, 0);
            others.into_iter().for_each(|other| other.join().unwrap());
            // Nothing is left, and each was worked on once.
            let state = seen.queue.state.lock();
            assert!(state.waiting.is_empty() && state.results.is_empty() && !state.leading);
            assert_eq!(seen.worked.load(Ordering::Relaxed), submitters * rounds);
        });
    }

    #[test]
    fn three_submitters_get_their_own_results() {
        run(false, 3, 1);
    }

    #[test]
    fn two_submitters_take_turns_twice() {
        run(false, 2, 2);
    }

    #[test]
    fn a_leader_that_panics_leaves_nobody_waiting() {
        run(true, 3, 1);
    }
}

//! Which thread is calling.
//!
//! 1. The standard library tells that of no thread whose own data it has torn down, and panics when it is asked. A host
//!    may call all the same from there: its destructors of thread-specific data run in rounds, some of them later.
//! 2. What this tells holds while the thread lives: one that begins after its end may be told as the same.

/// A thread. Two that live at the same time are two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller(usize);

impl Caller {
    /// What is no thread's number.
    pub const NOBODY: usize = 0;

    /// The thread that calls.
    #[cfg(not(any(loom, shuttle)))]
    #[inline]
    pub fn this() -> Caller {
        thread_local! {
            /// Has a place in each thread, and no destructor after which it could not be asked for.
            static PLACE: u8 = const { 0 };
        }
        PLACE.with(|place| Caller(std::ptr::from_ref(place).addr()))
    }

    /// In a model all threads may be one of the system's.
    #[cfg(any(loom, shuttle))]
    pub fn this() -> Caller {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        super::thread::current().id().hash(&mut hasher);
        Caller((hasher.finish() as usize).max(1))
    }

    /// A number that no other thread has meanwhile; never `NOBODY`.
    #[inline]
    pub fn number(self) -> usize {
        self.0
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_told_from_every_other_that_lives() {
        let own = Caller::this();
        assert_eq!(own, Caller::this());
        assert_ne!(own.number(), Caller::NOBODY);
        std::thread::scope(|scope| scope.spawn(|| assert_ne!(own, Caller::this())).join().unwrap());
        assert_eq!(own, Caller::this());
    }
}

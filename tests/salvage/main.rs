//! Repairing damaged stores: nothing that the damage did not touch is lost, nothing wrong is given out, everything that
//! is missing or older is named, and the damaged store stays as it is.
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_CASES` | random stores with random damage | 300 |
//! | `STRATUM_SEED` | one of them instead of many | none |

mod by_hand;
mod cases;
mod disks;
mod every_byte;
mod headers;
mod hostile;
mod judge;
mod parts;
mod random;
mod stores;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

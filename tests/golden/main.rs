//! The golden stores: directories as version 1 of the format leaves them, what they hold, and what damage does to them.
//!
//! One binary, since each costs a link step. tests/golden/v1/README.md says what the stores are and when they may be
//! written anew.
//!
//! | variable | what it does | default |
//! |---|---|---|
//! | `STRATUM_GOLDEN_WRITE` | `v1`: writes the stores of that version anew (`make golden`) | checks them only |
//! | `STRATUM_SEED` | which store is grown by chance, to be damaged too | 1 |
//! | `STRATUM_ROT_BYTES` | how many bytes it has | 6000 |

mod anatomy;
mod census;
mod dump;
mod make;
mod open;
mod rot;
mod store;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

//! The golden stores: directories as version 1 of the format leaves them, what they hold, and what damage does to them.
//!
//! One binary, since each costs a link step. tests/golden/v1/README.md says what the stores are and when they may be
//! written anew.
//!
//! | variable | what it does | default |
//! |---|---|---|
//! | `STRATUM_GOLDEN_WRITE` | `v1`: writes the stores of that version anew (`make golden`) | checks them only |

mod anatomy;
mod census;
mod dump;
mod make;
mod open;
mod rot;
mod store;

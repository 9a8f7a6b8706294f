//! What the tests of these modules share.

pub mod made;

//! The programs under examples/, on the packages of the project and on real ones.
//!
//! 1. What a program stores, prints or writes is compared with what these tests read from the same files on their own.
//! 2. A tool that is missing fails the tests that need it, with the name of its Debian package; nothing is skipped.
//! 3. Third-party data stands beside the project, in ../shared/data, or where STRATUM_SHARED_DATA says. Where there is
//!    none the tests say so on stderr, and run on what the project has itself.

mod broken;
mod data;
mod import;
mod json_schema;
mod judge;
mod life;
mod package;
mod program;
mod repair;

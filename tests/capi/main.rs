//! The C ABI, as C and C++ programs meet it: the header, the exported symbols, the whole API in programs that are
//! linked statically and dynamically and run under sanitizers and valgrind, and what `make install` puts on a machine.
//!
//! 1. A tool that is missing fails the test that needs it, with the name of its Debian package; nothing is skipped but
//!    clang, which is tried where it is installed.
//! 2. The libraries are those that cargo built for this very test run.

mod header;
mod install;
mod programs;
mod readme;
mod support;
mod symbols;

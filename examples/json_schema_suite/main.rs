//! Puts the JSON Schema Test Suite into a store, closes it, opens it again, and compares all of it with the JSON.
//!
//!     cargo run --example json_schema_suite -- STORE SUITE_DIR
//!
//! SUITE_DIR is a checkout of github.com/json-schema-org/JSON-Schema-Test-Suite; STORE must not be there yet.

mod json;
mod suite;

use std::path::Path;
use std::process::ExitCode;

use stratum::{Db, Options};
use suite::Failure;

fn run(store: &Path, suite: &Path) -> Result<(), Failure> {
    let mut options = Options::default();
    options.exclusive = true;
    let db = Db::open(store, &options)?;
    let imported = suite::import(&db, suite)?;
    db.close()?;
    println!("imported: {} files, {} test groups, {} tests", imported.files, imported.groups, imported.tests);

    options.exclusive = false;
    options.create = false;
    let db = Db::open(store, &options)?;
    let compared = suite::compare(&db.view()?, suite)?;
    let stats = db.stats()?;
    db.close()?;
    println!("read back: {} test groups, {} tests, all equal to the suite", compared.groups, compared.tests);
    println!("on disk: {} bytes in {} segments, {} of them live", stats.total_bytes, stats.segments, stats.live_bytes);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [store, suite] = arguments.as_slice() else {
        eprintln!("usage: json_schema_suite STORE SUITE_DIR");
        return ExitCode::from(2);
    };
    match run(Path::new(store), Path::new(suite)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("json_schema_suite: {failure}");
            ExitCode::FAILURE
        }
    }
}

//! What stratum.h says that each function may answer.
//!
//! 1. Read out of the header itself, so that a status which no comment names is found, and a comment that is changed
//!    changes the oracle.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CStr;
use std::sync::LazyLock;

use stratum::capi::status::*;

/// What any function may answer by the header's conventions. `STRATUM_PANIC` is in none: it is a bug.
const ALWAYS: [i32; 5] =
    [STRATUM_OK, STRATUM_INVALID_ARGUMENT, STRATUM_INVALID_HANDLE, STRATUM_CLOSED, STRATUM_TOO_LARGE];

type Functions = HashMap<&'static str, &'static str>;

static ANSWERS: LazyLock<HashMap<&'static str, BTreeSet<i32>>> = LazyLock::new(|| {
    let functions = functions(include_str!("../../../include/stratum.h"));
    assert!(functions.len() > 90, "the header was not understood");
    let answers = |name: &&'static str| (*name, answers(&functions, name, 0));
    functions.keys().map(answers).collect()
});

/// The comment of each function, as far as it is about errors.
fn functions(header: &'static str) -> Functions {
    let parts = header.split("/**").filter_map(|part| part.split_once("*/"));
    let described = parts.filter_map(|(comment, rest)| {
        let declaration = rest.split(';').next()?;
        let name = declaration.split('(').next()?.rsplit([' ', '*']).next()?;
        let errors = comment.split_once("Errors:").map_or("", |(_, errors)| errors);
        let errors = errors.split("Thread safety:").next()?;
        (declaration.contains('(') && name.starts_with("stratum_")).then_some((name, errors))
    });
    described.collect()
}

fn answers(functions: &Functions, name: &str, depth: usize) -> BTreeSet<i32> {
    let mut found: BTreeSet<i32> = ALWAYS.into();
    let Some(errors) = functions.get(name).filter(|_| depth < 4) else { return found };
    for word in errors.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
        found.extend(code_of(word));
        if word.starts_with("stratum_") {
            found.extend(answers(functions, word, depth + 1));
        }
    }
    if errors.contains("those of the operations") {
        let batch = functions.keys().filter(|other| other.starts_with("stratum_batch_") && **other != name);
        batch.for_each(|other| found.extend(answers(functions, other, depth + 1)));
    }
    found
}

/// The number of a status by its name.
fn code_of(name: &str) -> Option<i32> {
    (0..STRATUM_PANIC).find(|code| name_of(*code) == name)
}

/// The name of a status.
pub fn name_of(status: i32) -> String {
    // SAFETY: never NULL, static and NUL-terminated, as the header says.
    unsafe { CStr::from_ptr(stratum_status_name(status)) }.to_string_lossy().into_owned()
}

/// Ends the run where a function answers what its comment does not say.
pub fn check(function: &str, status: i32, text: &str) {
    let answers = ANSWERS.get(function).unwrap_or_else(|| panic!("{function} is not in the header"));
    assert!(answers.contains(&status), "{function} answers {}, which it does not say: {text}", name_of(status));
}

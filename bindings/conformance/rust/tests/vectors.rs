//! Every vector holds for the reference, and an expectation that does not is noticed.

use std::path::{Path, PathBuf};

use stratum_conformance::compare::{difference, dump_all, reference, seeded, stores};
use stratum_conformance::runner::run_file;
use stratum_conformance::script::File;

fn vectors() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn the_reference_does_what_the_vectors_expect() {
    let work = tempfile::tempdir().unwrap();
    let lines = reference(work.path(), &vectors()).unwrap();
    assert!(lines.len() > 300, "{} lines", lines.len());
}

#[test]
fn every_step_of_a_vector_expects_something() {
    for path in vectors() {
        let file = File::read(&path).unwrap();
        for script in &file.scripts {
            let bare = script.steps.iter().position(|step| step.expect.is_none());
            assert_eq!(bare, None, "{}: {}", path.display(), script.name);
        }
    }
}

#[test]
fn an_expectation_that_is_not_met_fails() {
    let open = r#"{"op": "db_open", "args": {"path": "store"}, "save_as": "db", "expect": "STRATUM_OK"}"#;
    let outcome = |expect: &str| {
        let create = format!(r#"{{"op": "db_create_document", "on": "db", "expect": {expect}}}"#);
        let text = format!(r#"{{"about": "", "scripts": [{{"name": "s", "steps": [{open}, {create}]}}]}}"#);
        let work = tempfile::tempdir().unwrap();
        run_file(&File::parse(&text).unwrap(), work.path(), 0, true)
    };
    assert_eq!(outcome(r#"{"value": "1"}"#).unwrap().len(), 3);
    assert!(outcome(r#"{"value": "2"}"#).unwrap_err().contains("expected \"2\""));
    assert!(outcome(r#""STRATUM_NOT_FOUND""#).unwrap_err().contains("expected STRATUM_NOT_FOUND"));
    assert!(outcome("7").unwrap_err().contains("neither"));
}

#[test]
fn a_misspelled_field_is_refused() {
    let text = r#"{"about": "", "scripts": [{"name": "s", "steps": [{"op": "db_open", "expects": "STRATUM_OK"}]}]}"#;
    assert!(File::parse(text).is_err_and(|what| what.contains("expects")));
}

#[test]
fn random_scripts_run_twice_come_to_the_same() {
    let random = seeded(1..=20, 150);
    assert_eq!(File::parse(&random.to_text()).unwrap().to_text(), random.to_text());
    let work = tempfile::tempdir().unwrap();
    let runs = ["a", "b"].map(|name| {
        let work = work.path().join(name);
        let lines = run_file(&random, &work, 0, false).unwrap();
        (lines, dump_all(&stores(&work, random.scripts.len())))
    });
    assert_eq!(difference(&runs[0].0, &runs[1].0), None);
    assert_eq!(difference(&runs[0].1, &runs[1].1), None);
    // Scripts that only ever fail would show nothing.
    let answered = |status: &str| runs[0].0.iter().filter(|line| line.contains(status)).count();
    assert!(answered("STRATUM_OK") > 1000 && answered("STRATUM_NOT_FOUND") > 100, "{}", answered("STRATUM_NOT_FOUND"));
    assert!(answered("STRATUM_CLOSED") > 20 && answered("STRATUM_INVALID_ARGUMENT") > 10);
}

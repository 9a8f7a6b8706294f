//! `judge`: verdicts, and what is said about the first difference.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::data::{files, name, packages, project, write};
use crate::import::import;
use crate::package::tests;
use crate::program::Program::Plain;
use crate::program::Run;

fn judge(store: &Path, package: &str, outputs: &Path, options: &[&str]) -> Run {
    let words = ["judge", store.to_str().unwrap(), package, outputs.to_str().unwrap()];
    Plain.run(words.iter().chain(options))
}

/// How many lines begin with this word.
fn count(run: &Run, word: &str) -> usize {
    run.out.lines().filter(|line| line.starts_with(word)).count()
}

#[test]
fn the_answers_of_a_package_are_right() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let packages = packages();
    import(&store, &packages);
    for package in &packages {
        let tests = tests(package);
        let outputs = tests.iter().filter(|test| test.output.is_some()).count();
        for options in [&[][..], &["--exact"]] {
            let run = judge(&store, name(package), &package.join("data"), options).with_status(0);
            assert_eq!(count(&run, "ok"), outputs, "{}", run.out);
            assert_eq!(count(&run, "skipped"), tests.len() - outputs, "{}", run.out);
            assert!(run.out.contains(&format!("{outputs} identical")), "{}", run.out);
        }
    }
}

#[test]
fn one_changed_answer_is_found() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let packages = packages();
    import(&store, &packages);
    for package in &packages {
        for test in tests(package).iter().filter(|test| test.output.is_some()) {
            let copies = files(&package.join("data"));
            let outputs = tempdir().unwrap();
            let outputs = outputs.path();
            write(outputs, copies.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
            let place = format!("{}/{}", test.group, test.name);
            let mut changed = test.output.clone().unwrap();
            changed.extend_from_slice(b"\nextra");
            // `.out` goes before `.ans`.
            write(outputs, [(format!("{place}.out").as_str(), changed.as_slice())]);
            let run = judge(&store, name(package), outputs, &[]).with_status(1);
            assert_eq!(count(&run, "WRONG"), 1, "{}", run.out);
            assert!(run.out.contains(&format!("WRONG     {place}: line ")), "{}", run.out);
        }
    }
}

#[test]
fn the_candidates_of_the_demo_get_their_verdicts() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let own = ["counterfeit", "lanterns", "mirror", "rainfall"];
    import(&store, &own.map(|name| project("examples/packages").join(name)));
    let candidates = project("examples/candidates");
    for (package, wrong) in own.into_iter().zip([1, 4, 2, 1]) {
        let run = judge(&store, package, &candidates.join("right").join(package), &[]).with_status(0);
        assert_eq!(count(&run, "WRONG"), 0, "{}", run.out);
        let run = judge(&store, package, &candidates.join("wrong").join(package), &[]).with_status(1);
        assert_eq!(count(&run, "WRONG"), wrong, "{}", run.out);
    }
    let run = judge(&store, "rainfall", &candidates.join("right/rainfall"), &["--exact"]).with_status(1);
    assert!(run.out.contains("sample/1: line 1, column 4 (line 1 of what is expected): bytes differ"), "{}", run.out);
    judge(&store, "rainfall", &candidates.join("wrong/rainfall"), &["--float-tolerance", "0.1"]).with_status(0);
    judge(&store, "rainfall", &candidates.join("right/rainfall"), &["--tokens"]).with_status(1);
}

/// Validator arguments, what is expected, what was put out, and whether and where it is wrong.
type Rule = (&'static str, &'static [u8], &'static [u8], Option<&'static str>);

/// The rules of the default validator, each from both sides.
const RULES: [Rule; 36] = [
    ("", b"a b\n", b"a b\n", None),
    ("", b"a b\n", b"\n A\tb", None),
    ("", b"a b\n", b"a", Some("line 1, column 2, token 2 (line 1 of what is expected): the output ends too early")),
    (
        "",
        b"a\n",
        b"a\nb\n",
        Some("line 2, column 1, token 2 (line 2 of what is expected): the output goes on after its end"),
    ),
    ("", b"a\n\nb", b"a c", Some("line 1, column 3, token 2 (line 3 of what is expected): tokens differ")),
    ("", b"ab", b"a b", Some("line 1, column 1, token 1")),
    ("", b"Hello", b"", Some("line 1, column 1, token 1 (line 1 of what is expected): the output ends too early")),
    ("", b"", b" \n ", None),
    ("", b"", b"x", Some("the output goes on")),
    ("", b"1", b"1.0", Some("tokens differ")),
    ("", b"a\x00b", b"A\x00B", None),
    ("", b"a\x00b", b"a\x00c", Some("tokens differ")),
    ("", b"\xff\xfe", b"\xff\xfd", Some("tokens differ")),
    ("case_sensitive", b"Yes", b"Yes\n", None),
    ("case_sensitive", b"Yes", b"yes", Some("tokens differ")),
    ("space_change_sensitive", b"hello\nworld", b"HELLO\nworld", None),
    (
        "space_change_sensitive",
        b"hello\nworld",
        b"hello\n world",
        Some("line 2, column 1, token 2 (line 2 of what is expected): white space differs"),
    ),
    ("space_change_sensitive", b"hello\n world", b"hello\nworld", Some("line 2, column 1, token 2")),
    ("space_change_sensitive", b"a\n", b"a", Some("white space differs")),
    ("space_change_sensitive", b"a", b"a\n", Some("white space differs")),
    ("float_tolerance 0.5", b"1", b"1.1", None),
    ("float_tolerance 0.5", b"1", b"2e0", Some("the number is too far off")),
    ("float_tolerance 1e-4", b"0.0314", b"3.14000000e-2", None),
    ("float_tolerance 1e-6", b"x 1", b"X 1.0000001", None),
    ("float_tolerance 0.5", b"1", b"one", Some("a number was expected")),
    ("float_tolerance 0.5", b"1", b"1.4x", Some("a number was expected")),
    ("float_tolerance 0.5", b"1", b"inf", Some("a number was expected")),
    ("float_tolerance 0.5", b"1", b"nan", Some("a number was expected")),
    ("float_tolerance 0.5", b"inf", b"0", Some("tokens differ")),
    ("float_tolerance 0.5", b"inf", b"INF", None),
    ("float_relative_tolerance 0.01", b"0", b"1", Some("too far off")),
    ("float_relative_tolerance 0.01", b"1000", b"1009", None),
    ("float_absolute_tolerance 0.01", b"1000", b"1009", Some("too far off")),
    ("float_absolute_tolerance 0.01 float_relative_tolerance 0.01", b"0 1000", b"0.01 1009", None),
    ("float_tolerance 0", b"1", b"1.0", None),
    ("unknown_to_us float_tolerance 0.5", b"1", b"1.2", None),
];

#[test]
fn outputs_are_compared_as_the_default_validator_does() {
    let folder = tempdir().unwrap();
    let [store, package, outputs] = ["store", "rules", "outputs"].map(|name| folder.path().join(name));
    write(&package, [("problem.yaml", &b"name: Rules\n"[..]), ("statement/problem.en.md", b"")]);
    for (at, (arguments, expected, got, _)) in RULES.iter().enumerate() {
        let list = arguments.split_whitespace().collect::<Vec<_>>().join(", ");
        let [input, answer, yaml] = ["in", "ans", "yaml"].map(|end| format!("data/secret/{at:02}.{end}"));
        let yaml_text = format!("output_validator_args: [{list}]\n");
        write(
            &package,
            [(input.as_str(), &b""[..]), (answer.as_str(), expected), (yaml.as_str(), yaml_text.as_bytes())],
        );
        write(&outputs, [(format!("secret/{at:02}.out").as_str(), *got)]);
    }
    import(&store, &[package]);
    let run = judge(&store, "rules", &outputs, &[]).with_status(1);
    for (at, rule) in RULES.iter().enumerate() {
        let place = format!(" secret/{at:02}: ");
        let line = run.out.lines().find(|line| line.contains(&place)).unwrap_or_else(|| panic!("{place}: {}", run.out));
        match rule.3 {
            None => assert!(line.starts_with("ok "), "{rule:?}: {line}"),
            Some(said) => assert!(line.starts_with("WRONG ") && line.contains(said), "{rule:?}: {line}"),
        }
    }
}

#[test]
fn groups_hand_their_validator_arguments_down() {
    let folder = tempdir().unwrap();
    let [store, package, outputs] = ["store", "groups", "outputs"].map(|name| folder.path().join(name));
    write(
        &package,
        [
            ("problem.yaml", &b"name: Groups\nvalidator_flags: case_sensitive\n"[..]),
            ("problem_statement/problem.tex", b"The language may be left out."),
            ("data/secret/testdata.yaml", b"output_validator_flags: float_tolerance 0.5\n"),
            ("data/secret/exact/testdata.yaml", b"output_validator_flags: ''\n"),
            ("data/secret/plain/testdata.yaml", b"range: 0 1\n"),
        ],
    );
    for group in ["exact", "plain"] {
        let [input, answer] = ["in", "ans"].map(|end| format!("data/secret/{group}/1.{end}"));
        write(&package, [(input.as_str(), &b""[..]), (answer.as_str(), b"a 1")]);
        write(&outputs, [(format!("secret/{group}/1.out").as_str(), &b"a 1.2"[..])]);
    }
    import(&store, &[package]);
    let run = judge(&store, "groups", &outputs, &[]).with_status(1);
    assert!(run.out.contains("ok        secret/plain/1: "), "{}", run.out);
    assert!(run.out.contains("WRONG     secret/exact/1: line 1, column 3"), "{}", run.out);
    write(&outputs, [("secret/plain/1.out", &b"A 1"[..]), ("secret/exact/1.out", b"a 1")]);
    let run = judge(&store, "groups", &outputs, &[]).with_status(1);
    assert!(run.out.contains("WRONG     secret/plain/1: line 1, column 1"), "{}", run.out);
    assert!(run.out.contains("ok        secret/exact/1: "), "{}", run.out);
}

#[test]
fn a_missing_output_is_wrong() {
    let folder = tempdir().unwrap();
    let [store, outputs] = ["store", "outputs"].map(|name| folder.path().join(name));
    fs::create_dir(&outputs).unwrap();
    import(&store, &[project("examples/packages/mirror")]);
    let run = judge(&store, "mirror", &outputs, &[]).with_status(1);
    assert_eq!(count(&run, "WRONG"), 7, "{}", run.out);
    assert!(run.out.contains(&format!("sample/1: there is no {}/sample/1.out", outputs.display())), "{}", run.out);
}

//! `import`, `list`, `show` and `export`: what is in the packages is in the store, and comes back.

use std::fs;
use std::path::{Path, PathBuf};

use stratum::{Db, DocumentId, Options, Tree, Value};
use tempfile::tempdir;

use crate::data::{files, name, packages, project, shared, write};
use crate::package::{compare, tests, text};
use crate::program::Program::Plain;

/// Every tree of a store that is there, with its id.
pub fn trees(store: &Path) -> Vec<(u64, Tree)> {
    let mut options = Options::default();
    options.create = false;
    let db = Db::open(store, &options).unwrap();
    let view = db.view().unwrap();
    let trees = view.documents(DocumentId::FIRST).unwrap().map(|id| (id.get(), view.tree(id).unwrap()));
    let trees: Vec<_> = trees.collect();
    assert_eq!(trees.len() as u64, view.document_count().unwrap());
    assert!(db.verify().unwrap().damage.is_empty());
    db.close().unwrap();
    trees
}

/// Imports packages into a store; gives what the program wrote.
pub fn import(store: &Path, packages: &[PathBuf]) -> String {
    let words = [Path::new("import"), store].into_iter().chain(packages.iter().map(PathBuf::as_path));
    Plain.run(words).done()
}

fn strings(items: &[&str]) -> Value {
    Value::StringList(items.iter().map(|item| item.to_string()).collect())
}

fn string(text: &str) -> Value {
    Value::String(text.to_string())
}

fn string_map(pairs: &[(&str, &str)]) -> Value {
    Value::StringMap(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
}

#[test]
fn every_package_is_stored_as_it_is_on_disk() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let packages = packages();
    import(&store, &packages);
    let trees = trees(&store);
    assert_eq!(trees.len(), packages.len());
    for ((_, tree), package) in trees.iter().zip(&packages) {
        compare(tree, package);
    }
}

#[test]
fn importing_again_replaces_under_the_same_id() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let packages = packages();
    import(&store, &packages);
    let before = trees(&store);
    let mut backwards = packages.clone();
    backwards.reverse();
    let said = import(&store, &backwards);
    assert_eq!(said.matches("replaced").count(), packages.len(), "{said}");
    let after = trees(&store);
    assert_eq!(before.len(), after.len());
    for ((id, tree), (new_id, new_tree)) in before.iter().zip(&after) {
        assert_eq!(id, new_id);
        assert_eq!((&tree.blob, &tree.columns), (&new_tree.blob, &new_tree.columns));
        for (input, new_input) in tree.inputs.iter().zip(&new_tree.inputs) {
            assert!(new_input.id > input.id, "input ids are never used again");
            assert_eq!((&input.value, &input.output), (&new_input.value, &new_input.output));
        }
    }
}

#[test]
fn a_changed_package_replaces_all_of_the_old_one() {
    let folder = tempdir().unwrap();
    let (store, package) = (folder.path().join("store"), folder.path().join("echo"));
    let common = [("problem.yaml", &b"name: Echo\nlicense: cc0\n"[..]), ("statement/problem.en.md", b"Echo.")];
    write(&package, common);
    write(
        &package,
        [
            ("data/secret/1.in", &b"1"[..]),
            ("data/secret/1.ans", b"1"),
            ("data/secret/2.in", b"2"),
            ("data/secret/2.ans", b"2"),
        ],
    );
    import(&store, std::slice::from_ref(&package));
    for file in ["1.in", "1.ans"] {
        fs::remove_file(package.join("data/secret").join(file)).unwrap();
    }
    write(&package, [("problem.yaml", &b"name: Echoes\n"[..]), ("data/secret/2.ans", b"two")]);
    import(&store, std::slice::from_ref(&package));
    let trees = trees(&store);
    assert_eq!(trees.len(), 1);
    assert_eq!(trees[0].0, 1);
    compare(&trees[0].1, &package);
    assert_eq!(trees[0].1.columns.get("license"), None);
    assert_eq!(text(&trees[0].1.columns, "name"), "Echoes");
}

#[test]
fn a_renamed_package_is_known_by_its_uuid() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let [lanterns, renamed, other] = ["lanterns", "lampions", "mirror"].map(|name| folder.path().join(name));
    for (path, bytes) in files(&project("examples/packages/lanterns")) {
        write(&lanterns, [(path.as_str(), bytes.as_slice())]);
    }
    for (path, bytes) in files(&project("examples/packages/mirror")) {
        write(&other, [(path.as_str(), bytes.as_slice())]);
    }
    import(&store, &[lanterns.clone(), other.clone()]);
    fs::rename(&lanterns, &renamed).unwrap();
    let said = import(&store, std::slice::from_ref(&renamed));
    assert!(said.contains("lampions: document 1 replaced"), "{said}");
    let before = trees(&store);
    assert_eq!(
        before.iter().map(|(_, tree)| text(&tree.columns, "package")).collect::<Vec<_>>(),
        ["lampions", "mirror"]
    );
    // One package's name with another one's uuid: neither may be overwritten.
    fs::remove_dir_all(&other).unwrap();
    fs::rename(&renamed, &other).unwrap();
    let refused = Plain.run([Path::new("import"), &store, &other]).with_status(1);
    assert!(refused.err.contains("document 2 has its name, but document 1 has its uuid"), "{}", refused.err);
    assert_eq!(trees(&store), before);
}

#[test]
fn problem_yaml_becomes_typed_columns() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    import(&store, &["lanterns", "mirror", "rainfall"].map(|name| project("examples/packages").join(name)));
    let trees = trees(&store);
    let [lanterns, mirror, rainfall] = [0, 1, 2].map(|at| &trees[at].1.columns);
    let authors = ("authors".to_string(), strings(&["The Stratum authors"]));
    let translators = ("translators".to_string(), string_map(&[("fr", "The Stratum authors")]));
    for (columns, name, value) in [
        (lanterns, "name", string_map(&[("en", "Lantern Festival"), ("fr", "La fête des lanternes")])),
        (lanterns, "source", string_map(&[("name", "Stratum examples"), ("url", "https://example.org/festival")])),
        (lanterns, "credits", Value::Map(vec![authors, translators])),
        (lanterns, "keywords", strings(&["simulation", "ranges"])),
        (lanterns, "limits.time_limit", Value::Double(1.5)),
        (lanterns, "limits.time_multipliers.ac_to_time_limit", Value::Double(2.0)),
        (lanterns, "limits.memory", Value::Int64(512)),
        (lanterns, "statement.languages", strings(&["en", "fr"])),
        (mirror, "version", string("1.10")),
        (mirror, "type", strings(&["scoring"])),
        (mirror, "allow_file_writing", Value::Bool(false)),
        (mirror, "limits.time_limit", Value::Double(1.0)),
        (
            mirror,
            "constants",
            Value::Map(vec![
                ("max_length".into(), Value::Int64(1000)),
                ("share_of_letters".into(), Value::Double(0.75)),
                ("alphabet".into(), string("any byte")),
            ]),
        ),
        (rainfall, "name", string("Rain Gauges")),
        (rainfall, "limits.time_multiplier", Value::Double(2.5)),
        (rainfall, "validator_flags", string("float_tolerance 1e-6")),
        (rainfall, "statement.file", string("problem_statement/problem.en.tex")),
    ] {
        assert_eq!(columns.get(name), Some(&value), "{name}");
    }
    assert_eq!(lanterns.get("limits"), None);
}

#[test]
fn every_kind_of_yaml_value_keeps_its_type() {
    let folder = tempdir().unwrap();
    let (store, package) = (folder.path().join("store"), folder.path().join("2048"));
    let yaml = b"name: 2048\nkeywords: [1.10, yes]\nconstants: {small: -7, hex: 0x1F, plus: +3, point: .5,
  large: 9223372036854775807, larger: 9223372036854775808, huge: 1e999, word: 1e, quoted: '5', none: ~,
  sure: on, inf: -.inf, ints: [1, 2], doubles: [1.0, 2.5], mixed: [1, 1.0, &a {k: v}, *a], empty: [], void: {}}\n";
    write(
        &package,
        [
            ("problem.yaml", &yaml[..]),
            ("statement/problem.sv.md", b"Swedish."),
            ("statement/problem.de.tex", b"German, TeX."),
            ("statement/problem.de.md", b"German."),
            ("data/secret/a.in", b""),
            ("data/secret/a.ans", b"\xff"),
        ],
    );
    import(&store, &[package]);
    let trees = trees(&store);
    let tree = &trees[0].1;
    assert_eq!(tree.columns.get("name"), Some(&string("2048")));
    assert_eq!(tree.columns.get("keywords"), Some(&strings(&["1.10", "yes"])));
    assert_eq!(tree.columns.get("statement.languages"), Some(&strings(&["de", "sv"])));
    assert_eq!(tree.blob, b"German.");
    assert_eq!(tree.inputs[0].value, string(""));
    assert_eq!(tree.inputs[0].output, Some(Value::Bytes(vec![0xff])));
    let Some(Value::Map(constants)) = tree.columns.get("constants") else { panic!("{:?}", tree.columns) };
    let wanted = [
        ("small", Value::Int64(-7)),
        ("hex", Value::Int64(31)),
        ("plus", Value::Int64(3)),
        ("point", Value::Double(0.5)),
        ("large", Value::Int64(i64::MAX)),
        ("larger", Value::Decimal("9223372036854775808".into())),
        ("huge", Value::Decimal("1e999".into())),
        ("word", string("1e")),
        ("quoted", string("5")),
        ("none", Value::Null),
        ("sure", Value::Bool(true)),
        ("inf", Value::Double(f64::NEG_INFINITY)),
        ("ints", Value::Int64List(vec![1, 2])),
        ("doubles", Value::DoubleList(vec![1.0, 2.5])),
        (
            "mixed",
            Value::List(vec![
                Value::Int64(1),
                Value::Double(1.0),
                string_map(&[("k", "v")]),
                string_map(&[("k", "v")]),
            ]),
        ),
        ("empty", Value::List(vec![])),
        ("void", Value::Map(vec![])),
    ];
    for (found, (key, value)) in constants.iter().zip(&wanted) {
        assert_eq!((found.0.as_str(), &found.1), (*key, value));
    }
    assert_eq!(constants.len(), wanted.len());
}

#[test]
fn real_packages_keep_what_they_are_known_for() {
    let Some(real) = shared("icpc-packages") else { return };
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    import(&store, &["different", "guess", "hello", "oddecho"].map(|name| real.join(name)));
    let trees = trees(&store);
    let [different, guess, hello, oddecho] = [0, 1, 2, 3].map(|at| &trees[at].1);
    assert_eq!(different.columns.get("limits.time_safety_margin"), Some(&Value::Int64(4)));
    assert_eq!(different.columns.get("validation"), Some(&string("custom")));
    let description = different.inputs[1].columns.get("description");
    assert_eq!(description, Some(&string("A bunch of handwritten cases.\n")));
    assert_eq!(guess.columns.get("name"), Some(&string_map(&[("en", "Guess the Number"), ("sv", "Gissa talet")])));
    assert_eq!(guess.columns.get("limits.time_multipliers.time_limit_to_tle"), Some(&Value::Int64(4)));
    let dialogues = guess.inputs.iter().take_while(|input| text(&input.columns, "kind") == "interaction");
    assert_eq!(dialogues.map(|input| &input.output).collect::<Vec<_>>(), [&None, &None]);
    assert_eq!(hello.inputs[0].value, string(""));
    assert_eq!(hello.inputs[0].output, Some(string("Hello World!\n")));
    assert_eq!(hello.columns.get("limits.memory"), Some(&Value::Int64(512)));
    let order = oddecho.inputs.iter().map(|input| text(&input.columns, "name")).collect::<Vec<_>>();
    assert_eq!(order.join(" "), "1 2 1 2 3 01 02 03 04 05 06 07 08 09 1 10 2 3");
}

#[test]
fn list_and_show_print_what_is_there() {
    let folder = tempdir().unwrap();
    let store = folder.path().join("store");
    let packages = packages();
    import(&store, &packages);
    let list = Plain.run([Path::new("list"), &store]).done();
    assert_eq!(list.lines().count(), packages.len() + 1, "{list}");
    for (at, package) in packages.iter().enumerate() {
        let row: Vec<&str> = list.lines().nth(at + 1).unwrap().split_whitespace().collect();
        let (id, tests) = ((at + 1).to_string(), tests(package));
        assert_eq!(row[..3], [&id, name(package), &tests.len().to_string()], "{list}");
        let show = Plain.run(["show", store.to_str().unwrap(), name(package)]).done();
        assert_eq!(show, Plain.run(["show", store.to_str().unwrap(), &id]).done());
        assert!(show.starts_with(&format!("document {id}: {} -- ", name(package))), "{show}");
        let mut rest = show.as_str();
        for test in &tests {
            let place = format!(" {}/{}", test.group, test.name);
            let found = rest.find(&place).unwrap_or_else(|| panic!("{place} is not there, or not in order:\n{show}"));
            rest = &rest[found + place.len()..];
            let sizes = rest.lines().skip(1).take(2).collect::<Vec<_>>().join("\n");
            assert!(sizes.contains(&format!(", {} byte", test.input.len())), "{place}: {sizes}");
            let output = test.output.as_ref().map_or("none".to_string(), |output| format!(", {} byte", output.len()));
            assert!(sizes.contains(&output), "{place}: {sizes}");
            if let Some(description) = &test.description {
                let line = rest.lines().next().unwrap();
                assert!(line.ends_with(String::from_utf8_lossy(description).trim_end()), "{place}: {line}");
            }
        }
    }
}

#[test]
fn nothing_that_a_terminal_would_act_on_is_printed() {
    let folder = tempdir().unwrap();
    let (store, package) = (folder.path().join("store"), folder.path().join("escape"));
    let files: [(&str, &[u8]); 5] = [
        ("problem.yaml", b"name: \"a\\e[2Jb\\N\"\n"),
        ("statement/problem.en.md", b"\x1b]0;title\x07 \xc2\x9b text \xff\n"),
        ("data/secret/a.in", b"\x1b[31mred\n"),
        ("data/secret/a.ans", b"\xc2\x9b31m\n"),
        ("data/secret/a.desc", b"line\r\x08over"),
    ];
    write(&package, files);
    import(&store, &[package]);
    for command in ["list", "show"] {
        let words = [command, store.to_str().unwrap(), "escape"];
        let said = Plain.run(&words[..if command == "list" { 2 } else { 3 }]).done();
        assert!(said.chars().all(|c| !c.is_control() || c == '\n'), "{said:?}");
    }
}

#[test]
fn an_exported_package_is_the_one_that_was_imported() {
    let folder = tempdir().unwrap();
    let [store, again, out] = ["store", "again", "out"].map(|name| folder.path().join(name));
    let packages = packages();
    import(&store, &packages);
    let exported: Vec<PathBuf> = packages.iter().map(|package| out.join(name(package))).collect();
    for (package, copy) in packages.iter().zip(&exported) {
        Plain.run([Path::new("export"), &store, Path::new(name(package)), copy]).done();
        let copied = files(copy);
        let original = files(package);
        assert!(copied.iter().all(|file| original.contains(file)), "{}: a file that differs", package.display());
        let data = |files: &[(String, Vec<u8>)]| {
            files.iter().filter(|(path, _)| path.starts_with("data/") || path == "problem.yaml").count()
        };
        assert_eq!(data(&copied), data(&original), "{}: files are missing", package.display());
    }
    import(&again, &exported);
    for ((_, tree), (_, copy)) in trees(&store).iter().zip(&trees(&again)) {
        let mut tree = tree.clone();
        // Statements in other languages are listed, but not kept.
        tree.columns.set("statement.languages", strings(&["en"]));
        assert_eq!(&tree, copy);
    }
}

//! Documents put together from layers whose parts are damaged one by one.

use super::*;
use crate::format::packed::{DeltaBuilder, HEADER_LEN, encode_with_ids};
use crate::format::value::encode_value;

fn id(id: u64) -> InputId {
    InputId::new(id).unwrap()
}

fn encoded(number: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_value(&Value::Int64(number), &mut bytes);
    bytes
}

fn found(kind: RecordKind, first_sequence: u64, sequence: u64) -> Found {
    Found::expected(kind, first_sequence, sequence)
}

/// A tree with the inputs 1, 2 and 3, whose values are ten times their ids; the first has an output and a column.
fn tree(change: impl FnOnce(&mut Tree)) -> Tree {
    let mut inputs: Vec<Input> = (1..=3).map(|at| Input::new(Value::Int64(10 * at), None)).collect();
    inputs[0].output = Some(Value::Int64(11));
    inputs[0].columns.set("a", Value::Int64(12));
    let mut tree = Tree { blob: b"blob".to_vec(), columns: Columns::from([("c", Value::Int64(1))]), inputs };
    change(&mut tree);
    tree
}

fn tree_at(sequence: u64, change: impl FnOnce(&mut Tree)) -> Layer {
    let bytes = encode_with_ids(&tree(change), |at| at as u32 + 1, 4, false).unwrap();
    Layer { found: found(RecordKind::Tree, sequence, sequence), bytes }
}

fn delta(change: impl FnOnce(&mut DeltaBuilder)) -> Vec<u8> {
    let mut delta = DeltaBuilder::default();
    change(&mut delta);
    delta.encode(50).unwrap()
}

fn delta_at(sequence: u64, change: impl FnOnce(&mut DeltaBuilder)) -> Layer {
    Layer { found: found(RecordKind::Delta, sequence, sequence), bytes: delta(change) }
}

fn without_head(mut layer: Layer) -> Layer {
    layer.bytes[0] ^= 1;
    layer
}

fn without_directory(mut layer: Layer) -> Layer {
    layer.bytes[HEADER_LEN] ^= 1;
    layer
}

fn without(mut layer: Layer, part: impl FnOnce(&Head<'_>, &dyn Fn(u64) -> Entry) -> Span) -> Layer {
    let head = Head::parse(&layer.bytes).unwrap();
    let directory = head.directory().unwrap();
    let span = part(&head, &|number| directory.find(id(number)).unwrap().unwrap());
    layer.bytes[span.offset as usize + span.length as usize - 1] ^= 1;
    layer
}

fn without_value(layer: Layer, number: u64) -> Layer {
    without(layer, |_, entry| entry(number).value.unwrap())
}

fn without_output(layer: Layer, number: u64) -> Layer {
    let span = |entry: Entry| match entry.output {
        OutputState::At(span) => span,
        state => panic!("{state:?}"),
    };
    without(layer, |_, entry| span(entry(number)))
}

fn without_input_columns(layer: Layer, number: u64) -> Layer {
    without(layer, |_, entry| entry(number).columns.unwrap())
}

fn without_blob(layer: Layer) -> Layer {
    without(layer, |head, _| match head.blob() {
        BlobState::Inline(span) => span,
        state => panic!("{state:?}"),
    })
}

fn mended(layers: &[Layer], lost: Option<u64>) -> Mended {
    mend(7, layers, &[], lost).unwrap()
}

fn said(mended: &Mended) -> Vec<(FindingKind, Option<u64>)> {
    assert!(mended.findings.iter().all(|finding| finding.document.map(|id| id.get()) == Some(7)));
    mended.findings.iter().map(|finding| (finding.kind, finding.input.map(InputId::get))).collect()
}

fn ids(mended: &Mended) -> Vec<u64> {
    mended.ids.iter().map(|id| id.get()).collect()
}

fn number(value: Option<&Value>) -> Option<i64> {
    match value {
        Some(Value::Int64(number)) => Some(*number),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_checks_out_is_put_together_and_nothing_said() {
    let layers = [
        tree_at(1, |_| ()),
        delta_at(2, |delta| {
            delta.insert(id(4), Some(id(2)), encoded(40));
            delta.move_(id(1), None);
            delta.set_output(id(2), Some(encoded(21)));
            delta.set_input_column(id(1), "b", Some(encoded(13)));
            delta.set_column("d", Some(encoded(2)));
        }),
        delta_at(3, |delta| {
            delta.set_output(id(1), None);
            delta.set_value(id(1), encoded(99));
            delta.delete(id(3));
        }),
    ];
    let mended = mended(&layers, None);
    assert_eq!((said(&mended), ids(&mended)), (vec![], vec![4, 2, 1]));
    let values: Vec<_> = mended.tree.inputs.iter().map(|input| number(Some(&input.value))).collect();
    assert_eq!(values, [Some(40), Some(20), Some(99)]);
    let outputs: Vec<_> = mended.tree.inputs.iter().map(|input| number(input.output.as_ref())).collect();
    assert_eq!(outputs, [None, Some(21), None]);
    assert_eq!(mended.tree.inputs[2].columns, Columns::from([("a", Value::Int64(12)), ("b", Value::Int64(13))]));
    assert_eq!(mended.tree.columns, Columns::from([("c", Value::Int64(1)), ("d", Value::Int64(2))]));
    assert!(matches!(mended.blob, Blob::Inline(0, _)) && mended.is_anything);
    assert_eq!(mended.next_input_id, 50);
}

#[test]
fn any_part_alone_is_something() {
    let bare = tree_at(1, |tree| *tree = Tree::default());
    let with_blob = tree_at(1, |tree| *tree = Tree { blob: b"blob".to_vec(), ..Tree::default() });
    let alone = [
        without_blob(with_blob),
        delta_at(2, |delta| delta.insert(id(4), None, encoded(40))),
        delta_at(2, |delta| delta.set_column("d", Some(encoded(2)))),
        delta_at(2, |delta| delta.set_blob(b"blob".to_vec())),
        bare,
    ];
    for (at, layer) in alone.into_iter().enumerate() {
        assert!(mended(&[layer], None).is_anything, "{at}");
    }
    let nothing = delta_at(2, |delta| delta.set_output(id(4), Some(encoded(1))));
    assert!(!mended(&[nothing], None).is_anything);
    assert!(!mended(&[without_head(tree_at(1, |_| ()))], None).is_anything);
}

#[test]
fn the_next_input_has_an_id_above_all_that_are_kept() {
    let mut hostile = DeltaBuilder::default();
    hostile.insert(id(5), None, encoded(50));
    let bytes = hostile.encode(2).unwrap();
    let layers = [tree_at(1, |_| ()), Layer { found: found(RecordKind::Delta, 2, 2), bytes }];
    let mended = mended(&layers, None);
    assert_eq!((ids(&mended), mended.next_input_id), (vec![1, 2, 3, 5], 6));
}

/// Compaction puts deltas together, and may leave the old ones behind.
#[test]
fn changes_that_a_later_record_repeats_are_made_once() {
    let parts = [
        delta_at(2, |delta| delta.insert(id(4), Some(id(1)), encoded(40))),
        delta_at(3, |delta| delta.move_(id(2), None)),
    ];
    let bytes = crate::format::packed::compose(&[&parts[0].bytes, &parts[1].bytes]).unwrap();
    let all = || Layer { found: found(RecordKind::Delta, 2, 3), bytes: bytes.clone() };
    let [one, two] = parts;
    let layers = [tree_at(1, |_| ()), one, two, all()];
    let whole = mended(&layers, None);
    assert_eq!((said(&whole), ids(&whole)), (vec![], vec![4, 1, 3, 2]));
    let [tree, one, two, all] = layers;
    let layers = [tree, one, two, without_directory(all)];
    let mended = mended(&layers, None);
    assert_eq!((said(&mended), ids(&mended)), (vec![(FindingKind::InputsOlder, None)], vec![4, 1, 3, 2]));
}

#[test]
fn of_two_copies_of_a_change_one_is_enough() {
    let change = || delta_at(2, |delta| delta.insert(id(4), None, encoded(40)));
    for copies in [[change(), change()], [without_directory(change()), change()]] {
        let [one, two] = copies;
        let mended = mended(&[tree_at(1, |_| ()), one, two], None);
        assert_eq!((said(&mended), ids(&mended)), (vec![], vec![1, 2, 3, 4]));
    }
    let layers = [tree_at(2, |_| ()), without_directory(tree_at(2, |_| ()))];
    assert_eq!(said(&mended(&layers, None)), [], "nor does a copy of a tree matter that is damaged");
}

#[test]
fn inputs_are_older_where_a_later_change_is_lost() {
    let older = [(FindingKind::InputsOlder, None)];
    for (lost, expected) in [(None, &[][..]), (Some(4), &[]), (Some(5), &[]), (Some(6), &older), (Some(9), &older)] {
        assert_eq!(said(&mended(&[tree_at(5, |_| ())], lost)), expected, "{lost:?}");
    }
    let move_at = |sequence| delta_at(sequence, |delta| delta.move_(id(1), None));
    let after = [tree_at(5, |_| ()), move_at(7)];
    assert_eq!(said(&mended(&after, Some(6))), older, "what is found later does not make up for it");
    let after = [tree_at(5, |_| ()), without_directory(move_at(6)), move_at(7)];
    assert_eq!(said(&mended(&after, None)), older);
    assert_eq!(said(&mended(&[tree_at(5, |_| ()), move_at(6), move_at(7)], None)), []);
    let missing = [tree_at(5, |_| ()), delta_at(6, |delta| delta.move_(id(9), None)), move_at(7)];
    assert_eq!(
        said(&mended(&missing, None)),
        [(FindingKind::InputsOlder, None), (FindingKind::InputLost, Some(9))][..1]
    );
    let without_tree = [delta_at(6, |delta| delta.insert(id(4), None, encoded(40)))];
    let expected = [(FindingKind::InputsOlder, None), (FindingKind::ColumnsLost, None), (FindingKind::BlobLost, None)];
    let mended = mended(&without_tree, None);
    assert_eq!(ids(&mended), [4]);
    assert_eq!(said(&mended)[0], expected[0]);
    assert_eq!(said(&mended).last(), Some(&expected[2]));
}

#[test]
fn an_input_of_which_only_changes_are_left_is_named_once() {
    let output = |sequence, number| delta_at(sequence, |delta| delta.set_output(id(number), Some(encoded(1))));
    let lost = |number| vec![(FindingKind::InputLost, Some(number))];
    assert_eq!(said(&mended(&[tree_at(5, |_| ()), output(6, 9), output(7, 9)], None)), lost(9));
    assert_eq!(said(&mended(&[output(4, 9), tree_at(5, |_| ())], None)), [], "the tree says that it is gone");
    assert_eq!(said(&mended(&[output(5, 9), tree_at(5, |_| ())], None)), [], "and so if it repeats the change");
    let deleted = [tree_at(5, |_| ()), output(6, 2), delta_at(7, |delta| delta.delete(id(2)))];
    let mended = mended(&deleted, None);
    assert_eq!((said(&mended), ids(&mended)), (vec![], vec![1, 3]), "it was deleted");
}

#[test]
fn a_value_that_is_damaged_is_an_older_one_or_the_input_is_lost() {
    let value = |sequence| delta_at(sequence, |delta| delta.set_value(id(1), encoded(100 + sequence as i64)));
    let now = |layers: &[Layer]| {
        let mended = mended(layers, None);
        (number(mended.tree.inputs.first().map(|input| &input.value)), said(&mended))
    };
    let older = vec![(FindingKind::InputOlder, Some(1))];
    assert_eq!(now(&[tree_at(1, |_| ()), value(2), without_value(value(3), 1)]), (Some(102), older));
    assert_eq!(now(&[tree_at(1, |_| ()), without_value(value(2), 1), value(3)]), (Some(103), vec![]));
    let twice = [tree_at(1, |_| ()), value(2), without_value(value(2), 1)];
    assert_eq!(now(&twice), (Some(102), vec![]), "the same change once more");
    let lost = vec![(FindingKind::InputLost, Some(1))];
    assert_eq!(now(&[without_value(tree_at(1, |_| ()), 1)]), (Some(20), lost), "the second input is the first now");
}

#[test]
fn an_output_that_is_damaged_is_an_older_one_or_lost() {
    let output = |sequence| delta_at(sequence, |delta| delta.set_output(id(1), Some(encoded(100 + sequence as i64))));
    let now = |layers: &[Layer]| {
        let mended = mended(layers, None);
        (number(mended.tree.inputs[0].output.as_ref()), said(&mended))
    };
    let bare = |sequence| tree_at(sequence, |tree| tree.inputs[0].output = None);
    let older = vec![(FindingKind::OutputOlder, Some(1))];
    assert_eq!(now(&[tree_at(1, |_| ()), without_output(output(2), 1)]), (Some(11), older));
    let lost = vec![(FindingKind::OutputLost, Some(1))];
    assert_eq!(now(&[bare(1), without_output(output(2), 1)]), (None, lost));
    assert_eq!(now(&[bare(1), without_output(output(2), 1), output(3)]), (Some(103), vec![]));
    assert_eq!(
        now(&[without_output(tree_at(1, |_| ()), 1), bare(2)]),
        (None, vec![]),
        "a tree says that there is none"
    );
    assert_eq!(now(&[tree_at(1, |_| ()), bare(2)]), (None, vec![]));
    assert_eq!(now(&[tree_at(1, |_| ()), delta_at(2, |delta| delta.set_value(id(1), encoded(5)))]), (Some(11), vec![]));
}

#[test]
fn columns_of_an_input_that_are_damaged_stay_named_until_a_tree_has_them_all() {
    let column = |sequence, name: &str| {
        delta_at(sequence, |delta| delta.set_input_column(id(1), name, Some(encoded(100 + sequence as i64))))
    };
    let now = |layers: &[Layer]| {
        let mended = mended(layers, None);
        let columns = mended.tree.inputs[0].columns.iter();
        let columns: Vec<_> = columns.map(|(name, value)| format!("{name}={}", number(Some(value)).unwrap())).collect();
        (columns.join(" "), said(&mended))
    };
    let all = |text: &str| (text.to_string(), vec![]);
    let older = |text: &str| (text.to_string(), vec![(FindingKind::InputColumnsOlder, Some(1))]);
    let damaged = || [tree_at(1, |_| ()), without_input_columns(column(2, "a"), 1)];
    assert_eq!(now(&[tree_at(1, |_| ()), column(2, "b")]), all("a=12 b=102"));
    assert_eq!(now(&damaged()), older("a=12"));
    let [one, two] = damaged();
    assert_eq!(now(&[one, two, column(3, "b")]), older("a=12 b=103"));
    let [one, two] = damaged();
    assert_eq!(now(&[one, two, tree_at(3, |_| ())]), all("a=12"));
    let [one, two] = damaged();
    let bare = tree_at(3, |tree| tree.inputs[0].columns = Columns::new());
    assert_eq!(now(&[one, two, bare]), all(""));
    let value = delta_at(2, |delta| delta.set_value(id(1), encoded(5)));
    assert_eq!(now(&[tree_at(1, |_| ()), value]), all("a=12"), "a change of something else leaves them");
}

#[test]
fn columns_of_the_document_that_are_damaged_are_older_or_lost() {
    let set = |sequence| delta_at(sequence, |delta| delta.set_column("d", Some(encoded(sequence as i64))));
    let now = |layers: &[Layer]| {
        let mended = mended(layers, None);
        let kinds = said(&mended).into_iter().map(|(kind, _)| kind);
        let is_column = |kind: &FindingKind| matches!(kind, FindingKind::ColumnsLost | FindingKind::ColumnsOlder);
        (mended.tree.columns.len(), kinds.filter(is_column).collect::<Vec<_>>())
    };
    assert_eq!(now(&[tree_at(1, |_| ()), set(2)]), (2, vec![]));
    assert_eq!(now(&[tree_at(1, |_| ()), without_head(set(2))]), (1, vec![FindingKind::ColumnsOlder]));
    assert_eq!(now(&[tree_at(1, |_| ()), set(2), without_head(set(2))]), (2, vec![]), "the same change once more");
    let mut cut = tree_at(1, |_| ());
    let columns_at = cut.bytes.windows(1).position(|byte| byte == b"c").unwrap();
    cut.bytes[columns_at] ^= 2;
    assert_eq!(now(std::slice::from_ref(&cut)), (0, vec![FindingKind::ColumnsLost]));
    assert_eq!(now(&[cut, tree_at(2, |_| ())]), (1, vec![]), "a later tree has them all");
}

#[test]
fn a_blob_is_the_newest_that_checks_out() {
    let record = |crc, payload_len| BlobRecord { found: Found { payload_len, ..found(RecordKind::Blob, 2, 2) }, crc };
    let external = |sequence| delta_at(sequence, |delta| delta.set_blob_external(100, 77));
    let layers = [tree_at(1, |_| ()), external(2)];
    let right = record(77, 100);
    let with = |blobs: &[BlobRecord]| {
        let mended = mend(7, &layers, blobs, None).unwrap();
        (mended.blob, said(&mended))
    };
    assert_eq!(with(&[record(78, 100), record(77, 101), right]), (Blob::Record(right.found), vec![]));
    let (blob, findings) = with(&[record(78, 100), record(77, 101)]);
    assert!(matches!(blob, Blob::Inline(0, _)), "{blob:?}");
    assert_eq!(findings, [(FindingKind::BlobOlder, None)]);
    let inline = |sequence| delta_at(sequence, |delta| delta.set_blob(b"new".to_vec()));
    let mended = mend(7, &[tree_at(1, |_| ()), without_blob(inline(2)), inline(3)], &[], None).unwrap();
    assert!(matches!(mended.blob, Blob::Inline(2, _)) && mended.findings.is_empty(), "{:?}", mended.blob);
    let lost = mend(7, &[without_blob(tree_at(1, |_| ()))], &[], None).unwrap();
    assert_eq!((lost.blob, said(&lost)), (Blob::Lost, vec![(FindingKind::BlobLost, None)]));
}

#[test]
fn a_document_is_in_part_only_where_something_of_it_is_gone() {
    let of = |kinds: &[FindingKind]| {
        let findings: Vec<Finding> = kinds.iter().map(|kind| Finding::of_document(*kind, 7, "")).collect();
        verdict(&findings)
    };
    use FindingKind::*;
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[InputsOlder, OutputOlder, BlobOlder, ColumnsOlder, InputOlder]), Some(DocumentOlder));
    for lost in [BlobLost, ColumnsLost, InputLost, OutputLost] {
        assert_eq!(of(&[InputsOlder, lost]), Some(DocumentInPart), "{lost:?}");
    }
}

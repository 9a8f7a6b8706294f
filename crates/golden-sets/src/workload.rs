//! The workload "golden sets": documents as online judges and evaluation sets keep them, about 11 KB a tree.
//!
//! 1. The same number of trees gives the same trees, in every run and on every machine.
//! 2. Beyond `DISTINCT` trees they repeat, so that a large store needs no memory for what it is compared with.
//! 3. Blobs never exceed 64 KiB, so that both sides keep them within their trees.

use std::f64::consts::TAU;

use stratum::vfs::sim::Rng;
use stratum::{Columns, Input, Tree, Value};

/// Inputs of each tree, each with one output.
pub const INPUTS: u32 = 10;

const DISTINCT: usize = 20_000;
/// The spread of the blobs' logarithms: with it a tree takes about 11 KB.
const BLOB_SIGMA: f64 = 1.0;
/// Bytes of text that all blobs are cut from.
const TEXT: usize = 1 << 20;

const WORDS: [&str; 24] = [
    "given",
    "an",
    "array",
    "of",
    "integers",
    "find",
    "the",
    "longest",
    "subsequence",
    "whose",
    "sum",
    "is",
    "at",
    "most",
    "print",
    "one",
    "line",
    "for",
    "each",
    "query",
    "output",
    "must",
    "be",
    "exact",
];

/// How large things are; the kinds of values are the same.
struct Shape {
    blob_median: f64,
    blob_least: usize,
    blob_most: usize,
    string_least: usize,
    string_most: usize,
    list_most: u64,
}

/// About 11 KB a tree.
const GOLDEN: Shape = Shape {
    blob_median: 4096.0,
    blob_least: 256,
    blob_most: 64 << 10,
    string_least: 16,
    string_most: 512,
    list_most: 64,
};

/// Below 1 KB a tree.
const SMALL: Shape =
    Shape { blob_median: 96.0, blob_least: 16, blob_most: 1024, string_least: 4, string_most: 32, list_most: 8 };

/// The trees, and what else the phases write.
pub struct Workload {
    trees: Vec<Tree>,
    text: String,
    shape: &'static Shape,
    /// How many documents a store of this workload has.
    pub documents: u64,
}

impl Workload {
    /// The trees of a store of so many documents.
    pub fn new(documents: u64) -> Workload {
        Workload::of(&GOLDEN, documents, |tree| tree)
    }

    /// The same with small trees, so that very many of them fit on a disk.
    pub fn small(documents: u64) -> Workload {
        Workload::of(&SMALL, documents, |tree| tree)
    }

    /// The small trees without their inputs. These never are in memory all together: what is free when a store is
    /// opened would hide what it takes.
    pub fn bare(documents: u64) -> Workload {
        Workload::of(&SMALL, documents, |tree| Tree { inputs: Vec::new(), ..tree })
    }

    fn of(shape: &'static Shape, documents: u64, keep: impl Fn(Tree) -> Tree) -> Workload {
        let mut rng = Rng::new(1);
        let text = html(&mut rng);
        let count = (documents as usize).min(DISTINCT);
        let trees = (0..count).map(|number| keep(tree(&mut rng, &text, shape, number))).collect();
        Workload { trees, text, shape, documents }
    }

    /// The tree of the document with this id.
    pub fn tree(&self, document: u64) -> &Tree {
        let at = document.wrapping_sub(1) as usize % self.trees.len();
        &self.trees[at]
    }

    /// The trees of `count` documents from this id on.
    pub fn trees(&self, from: u64, count: u64) -> Vec<&Tree> {
        (from..from + count).map(|document| self.tree(document)).collect()
    }

    /// A new blob.
    pub fn blob(&self, rng: &mut Rng) -> &[u8] {
        blob(rng, &self.text, self.shape)
    }

    /// Bytes that the documents' contents take in themselves: what any store has to keep.
    pub fn logical_bytes(&self, from: u64, count: u64) -> u64 {
        (from..from + count).map(|document| logical_size(self.tree(document))).sum()
    }
}

/// One of the first `documents` documents, chosen at random.
pub fn any_document(rng: &mut Rng, documents: u64) -> u64 {
    1 + rng.below(documents)
}

/// Words in paragraphs and lists.
fn html(rng: &mut Rng) -> String {
    let mut text = String::with_capacity(TEXT + 64);
    while text.len() < TEXT {
        let (open, close) = [("<p>", "</p>\n"), ("<li>", "</li>\n"), ("<pre>", "</pre>\n")][rng.index(3)];
        text.push_str(open);
        for _ in 0..8 + rng.index(40) {
            text.push_str(WORDS[rng.index(WORDS.len())]);
            text.push(' ');
        }
        text.push_str(&rng.below(1_000_000).to_string());
        text.push_str(close);
    }
    text
}

fn tree(rng: &mut Rng, text: &str, shape: &Shape, number: usize) -> Tree {
    let columns = [
        ("name", format!("problem-{number}")),
        ("source", format!("Regional contest {}", 1990 + rng.below(40))),
        ("license", "cc by-sa".to_string()),
        ("difficulty", ["easy", "medium", "hard"][rng.index(3)].to_string()),
    ];
    Tree {
        blob: blob(rng, text, shape).to_vec(),
        columns: columns.into_iter().map(|(name, value)| (name, Value::String(value))).collect::<Columns>(),
        inputs: (0..INPUTS).map(|_| Input::new(value(rng, text, shape), Some(value(rng, text, shape)))).collect(),
    }
}

/// A cut of the text; lengths are lognormal.
fn blob<'a>(rng: &mut Rng, text: &'a str, shape: &Shape) -> &'a [u8] {
    // Box and Muller: two even numbers give a normal one.
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    let normal = radius * (TAU * unit(rng)).cos();
    let length = (shape.blob_median * (BLOB_SIGMA * normal).exp()) as usize;
    cut(rng, text, length.clamp(shape.blob_least, shape.blob_most)).as_bytes()
}

/// An even number from 0 to 1, 1 excluded.
fn unit(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Somewhere in the text, which is ASCII.
fn cut<'a>(rng: &mut Rng, text: &'a str, length: usize) -> &'a str {
    let start = rng.index(text.len() - length);
    &text[start..start + length]
}

/// A value of an input or an output.
fn value(rng: &mut Rng, text: &str, shape: &Shape) -> Value {
    match rng.below(100) {
        0..40 => Value::Int64List(
            (0..4 + rng.below(shape.list_most - 3)).map(|_| rng.next_u64().cast_signed() >> 32).collect(),
        ),
        40..70 => {
            let length = shape.string_least + rng.index(shape.string_most - shape.string_least + 1);
            Value::String(cut(rng, text, length).to_string())
        }
        70..80 => Value::Int64(rng.next_u64().cast_signed()),
        80..85 => Value::Double(unit(rng) * 1e6),
        85..95 => Value::StringMap((0..4).map(|at| (format!("key-{at}"), words(rng, text))).collect()),
        _ => Value::StringList((0..4).map(|_| words(rng, text)).collect()),
    }
}

fn words(rng: &mut Rng, text: &str) -> String {
    let length = 4 + rng.index(28);
    cut(rng, text, length).to_string()
}

/// Bytes of a tree's contents in themselves.
pub fn logical_size(tree: &Tree) -> u64 {
    let columns: usize = tree.columns.iter().map(|(name, value)| name.len() + value_size(value)).sum();
    let inputs: usize =
        tree.inputs.iter().map(|input| value_size(&input.value) + input.output.as_ref().map_or(0, value_size)).sum();
    (tree.blob.len() + columns + inputs) as u64
}

fn value_size(value: &Value) -> usize {
    match value {
        Value::Int64List(items) => items.len() * 8,
        Value::String(text) => text.len(),
        Value::StringMap(pairs) => pairs.iter().map(|(key, value)| key.len() + value.len()).sum(),
        Value::StringList(items) => items.iter().map(String::len).sum(),
        _ => 8,
    }
}

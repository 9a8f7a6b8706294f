//! Contents made from a number: every kind of value, small mostly, of every size class at times.
//!
//! 1. The same number makes the same content, and small numbers make small ones, so that a failing list of
//!    operations shrinks.

use stratum::vfs::sim::Rng;
use stratum::{Columns, Input, Tree, Value};

/// Names that columns have; few, so that they meet.
pub(crate) const COLUMN_NAMES: [&str; 5] = ["a", "limit", "name", "ünïcode", "z"];

/// The name that `seed` stands for; at times the longest there can be.
pub(crate) fn column_name(seed: u32) -> String {
    match seed % 16 {
        15 => "n".repeat(255),
        other => COLUMN_NAMES[other as usize % COLUMN_NAMES.len()].to_string(),
    }
}

/// A value of any kind.
pub(crate) fn value(seed: u32) -> Value {
    any_value(&mut Rng::new(u64::from(seed)), 0, seed % 13)
}

fn any_value(rng: &mut Rng, depth: u32, kind: u32) -> Value {
    let count = |rng: &mut Rng| if rng.chance(0.04) { 40 + rng.index(60) } else { rng.index(4) };
    match kind {
        0 => Value::Null,
        1 => Value::Bool(rng.chance(0.5)),
        2 => Value::Int64(int(rng)),
        3 => Value::Double(double(rng)),
        4 => Value::Decimal(
            ["0", "-1e400", "98249283749234923498293171823948729348710298301928331"][rng.index(3)].into(),
        ),
        5 => Value::String(text(rng)),
        6 => Value::Bytes(bytes(rng)),
        7 => Value::Int64List((0..count(rng)).map(|_| int(rng)).collect()),
        8 => Value::DoubleList((0..count(rng)).map(|_| double(rng)).collect()),
        9 => Value::StringList((0..count(rng)).map(|_| text(rng)).collect()),
        10 => Value::StringMap((0..count(rng)).map(|at| (format!("k{at}"), text(rng))).collect()),
        11 => Value::List(nested(rng, depth)),
        _ => Value::Map(nested(rng, depth).into_iter().enumerate().map(|(at, v)| (format!("{at}"), v)).collect()),
    }
}

fn nested(rng: &mut Rng, depth: u32) -> Vec<Value> {
    let count = if depth > 3 { 0 } else { rng.index(4) };
    (0..count)
        .map(|_| (rng.below(13)) as u32)
        .collect::<Vec<_>>()
        .into_iter()
        .map(|kind| any_value(rng, depth + 1, kind))
        .collect()
}

fn int(rng: &mut Rng) -> i64 {
    [0, 1, -1, i64::MAX, i64::MIN, rng.next_u64() as i64][rng.index(6)]
}

fn double(rng: &mut Rng) -> f64 {
    let odd = [0.0, -0.0, f64::INFINITY, f64::NAN, f64::from_bits(0x7ff4_0000_dead_beef), f64::MIN_POSITIVE];
    if rng.chance(0.5) { odd[rng.index(odd.len())] } else { f64::from_bits(rng.next_u64()) }
}

fn text(rng: &mut Rng) -> String {
    let length = if rng.chance(0.04) { 300 } else { rng.index(12) };
    (0..length).map(|_| ['a', 'b', 'é', '水', '\0', '"'][rng.index(6)]).collect()
}

fn bytes(rng: &mut Rng) -> Vec<u8> {
    let length = if rng.chance(0.06) { 200 + rng.index(900) } else { rng.index(24) };
    (0..length).map(|_| rng.next_u64() as u8).collect()
}

/// A document's blob: one in sixteen larger than a small segment, one in 128 large enough to be a record of its own.
pub(crate) fn blob(seed: u32) -> Vec<u8> {
    let mut rng = Rng::new(u64::from(seed));
    let length = match seed % 128 {
        127 => (64 << 10) + rng.index(4 << 10),
        other if other % 16 == 15 => 300 + rng.index(2000),
        _ => rng.index(40),
    };
    // Of every other one a codec makes something shorter.
    let period = if seed % 2 == 1 { 9 } else { length.max(1) };
    let bytes: Vec<u8> = (0..period).map(|_| rng.next_u64() as u8).collect();
    bytes.into_iter().cycle().take(length).collect()
}

/// Up to three columns.
pub(crate) fn columns(seed: u32) -> Columns {
    let mut rng = Rng::new(u64::from(seed) << 1);
    (0..seed % 4).map(|_| (column_name(rng.next_u64() as u32), value(rng.next_u64() as u32))).collect()
}

/// A whole tree of up to five inputs, at times forty.
pub(crate) fn tree(seed: u32) -> Tree {
    let mut rng = Rng::new(u64::from(seed) << 2);
    let count = if seed % 40 == 39 { 40 } else { seed % 6 };
    let inputs = (0..count)
        .map(|_| Input {
            id: None,
            value: value(rng.next_u64() as u32),
            columns: if rng.chance(0.3) { columns(rng.next_u64() as u32) } else { Columns::new() },
            output: rng.chance(0.6).then(|| value(rng.next_u64() as u32)),
        })
        .collect();
    Tree { blob: blob(rng.next_u64() as u32), columns: columns(rng.next_u64() as u32), inputs }
}

//! Writes the seeds in data/ anew: `cargo run --example seeds`, after a change to the format.
//!
//! 1. Seeds come from the golden vectors of docs/format.md and from the stores that the target `store` damages, so they
//!    are what the code of this version writes.

use std::collections::BTreeMap;
use std::path::Path;

use stratum::format::record::{FRAME_LEN, HEADER_LEN, RecordHeader, RecordKind};
use stratum::format::segment::{self, SegmentHeader};
use stratum::vfs::sim::Rng;

#[allow(dead_code)] // the target compares what it reads with the history; here the files will do
#[path = "../targets/golden.rs"]
mod golden;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = vectors(&std::fs::read_to_string(root.join("../docs/format.md"))?);
    let all = [
        ("record", records()),
        ("packed", packed(&vectors)),
        ("value", values(&vectors)),
        ("store", stores()),
        ("ops", operations()),
        ("calls", calls()),
    ];
    for (target, seeds) in all {
        let folder = root.join("data").join(target);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}

type Seeds = BTreeMap<String, Vec<u8>>;

/// The blocks of docs/format.md that begin with "```hex NAME".
fn vectors(text: &str) -> Seeds {
    let mut vectors = Seeds::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("```hex ") else { continue };
        let body = lines.by_ref().take_while(|line| *line != "```");
        let words = body.flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
        let bytes = words.map(|word| u8::from_str_radix(word, 16).unwrap_or_else(|_| panic!("{name}: {word}")));
        vectors.insert(name.to_string(), bytes.collect());
    }
    vectors
}

fn after(choice: u8, bytes: &[u8]) -> Vec<u8> {
    [&[choice][..], bytes].concat()
}

/// The choices are those of the target's `match`.
fn records() -> Seeds {
    let mut seeds = Seeds::new();
    let store = golden::all().swap_remove(0);
    for (name, bytes) in &store.files {
        match name.to_string_lossy().as_ref() {
            "MANIFEST" => {
                seeds.insert("manifest-header".into(), after(4, &bytes[..96]));
                seeds.insert("manifest-edits".into(), after(3, &bytes[96..]));
            }
            "CHECKPOINT" => drop(seeds.insert("checkpoint".into(), after(5, bytes))),
            name if name.ends_with(".strat") => segment_seeds(bytes, &mut seeds),
            _ => {}
        }
    }
    seeds.insert("name".into(), after(2, b"segment-0000002a.strat"));
    seeds
}

fn segment_seeds(bytes: &[u8], seeds: &mut Seeds) {
    let header = SegmentHeader::decode(bytes).expect("a good segment");
    seeds.insert("segment-header".into(), after(1, &bytes[..segment::HEADER_LEN as usize]));
    let mut at = segment::HEADER_LEN;
    while let Ok(record) = RecordHeader::decode(&bytes[at as usize..], header.salt(), at) {
        let start = (at + HEADER_LEN) as usize;
        let payload = &bytes[start..start + record.payload_len as usize];
        let kind = format!("{:?}", record.kind).to_lowercase();
        seeds.insert(format!("header-{kind}"), after(0, &bytes[at as usize..start]));
        match record.kind {
            RecordKind::Frame => drop(seeds.insert("frame".into(), after(2, &payload[..FRAME_LEN]))),
            RecordKind::Footer => drop(seeds.insert("footer".into(), after(2, payload))),
            _ => {}
        }
        at += record.record_len();
        if at as usize >= bytes.len() {
            return;
        }
    }
}

fn packed(vectors: &Seeds) -> Seeds {
    let parts = |sealing: u8, parts: [&[u8]; 3]| {
        let mut bytes = vec![sealing];
        for part in &parts[..2] {
            bytes.extend((part.len() as u16).to_le_bytes());
            bytes.extend(*part);
        }
        bytes.extend(parts[2]);
        bytes
    };
    let (tree, delta) = (&vectors["packed-tree"][..], &vectors["packed-delta"][..]);
    let merged = &vectors["packed-tree-merged"][..];
    Seeds::from([
        ("tree".into(), parts(0, [tree, &[], &[]])),
        ("tree-sealed".into(), parts(7, [tree, &[], &[]])),
        ("delta".into(), parts(0, [tree, delta, &[]])),
        ("delta-sealed".into(), parts(7, [tree, delta, delta])),
        ("merged-sealed".into(), parts(7, [merged, tree, delta])),
        ("compressed".into(), parts(0, [tree, delta, &vectors["compressed-tree"]])),
        ("compressed-sealed".into(), parts(8, [tree, delta, &vectors["compressed-tree"]])),
    ])
}

fn values(vectors: &Seeds) -> Seeds {
    let encoded = vectors.iter().filter(|(name, _)| name.starts_with("value-"));
    let mut seeds: Seeds = encoded.map(|(name, bytes)| (name.clone(), after(0, bytes))).collect();
    let columns = &vectors["packed-tree"][18 * 8..23 * 8];
    seeds.insert("columns".into(), after(0, columns));
    for kind in 0..13 {
        seeds.insert(format!("made-{kind}"), [&[1, kind, 3][..], b"\x045e40\x02abc\x01x\x03def\x05hello"].concat());
    }
    seeds
}

fn stores() -> Seeds {
    let mut seeds = Seeds::new();
    for choice in [0, 1, 2, 3, 4, 8, 9, 10, 11, 16, 17, 24, 25, 29_u8] {
        seeds.insert(format!("whole-{choice}"), vec![choice]);
        for what in 0..8_u8 {
            let change = [what | 0x20, what, 120, 0, 1, 2, 3, 4, 5, 6, 7, 8];
            seeds.insert(format!("change-{choice}-{what}"), after(choice, &change));
        }
    }
    seeds
}

fn operations() -> Seeds {
    let mut rng = Rng::new(11);
    let seed = |number| {
        let length = 60 + rng.index(240);
        (format!("work-{number}"), (0..length).map(|_| rng.next_u64() as u8).collect())
    };
    (0..16).map(seed).collect()
}

/// As for `ops`, longer: a call takes about ten bytes.
fn calls() -> Seeds {
    let mut rng = Rng::new(12);
    let seed = |number| {
        let length = 300 + rng.index(500);
        (format!("work-{number}"), (0..length).map(|_| rng.next_u64() as u8).collect())
    };
    (0..24).map(seed).collect()
}

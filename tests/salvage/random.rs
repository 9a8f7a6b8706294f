//! Random stores with random damage: several places, several kinds, all at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stratum::vfs::sim::Rng;

use crate::judge::judge;
use crate::parts::{documents, records};
use crate::setting;
use crate::stores::{Files, Store, random};

/// Damages a file somewhere; says which documents that may cost.
fn damage(store: &Store, files: &mut Files, rng: &mut Rng) -> BTreeSet<u64> {
    let names: Vec<PathBuf> = files.keys().cloned().collect();
    let name = &names[rng.index(names.len())];
    let places = records(&store.files, name);
    let bytes = files.get_mut(name).unwrap();
    if bytes.is_empty() {
        return BTreeSet::new();
    }
    let start = rng.index(bytes.len());
    let end = (start + 1 + rng.below(300) as usize).min(bytes.len());
    let range = match rng.below(6) {
        0 | 1 => {
            bytes[start] ^= 1 << rng.below(8);
            start..start + 1
        }
        2 => {
            bytes[start..end].fill(0);
            start..end
        }
        3 => {
            bytes[start..end].iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
            start..end
        }
        4 => {
            bytes.truncate(start);
            start..usize::MAX
        }
        _ => {
            files.remove(name);
            0..usize::MAX
        }
    };
    documents(&places, range)
}

fn one(seed: u64) -> bool {
    let mut rng = Rng::new(seed);
    let store = random(rng.next_u64());
    let (report, saved) = judge(&store, &store.files, &|_| true);
    assert!(saved == store.now && report.is_lossless(), "{report}");
    let mut files = store.files.clone();
    let mut touched = BTreeSet::new();
    for _ in 0..1 + rng.below(4) {
        if !files.is_empty() {
            touched.extend(damage(&store, &mut files, &mut rng));
        }
    }
    // A segment that has lost its header in a store that has lost its manifest may be known by nothing.
    let is_anonymous = |name: &PathBuf| {
        let is_segment = name.to_string_lossy().starts_with("segment-");
        is_segment && files.get(name).is_some_and(|bytes| bytes.get(..96) != store.files[name].get(..96))
    };
    if files.get(Path::new("MANIFEST")) != store.files.get(Path::new("MANIFEST")) {
        for name in store.files.keys().filter(|name| is_anonymous(name)) {
            touched.extend(documents(&records(&store.files, name), 0..usize::MAX));
        }
    }
    let is_left = files.keys().any(|name| name.to_string_lossy().starts_with("segment-"));
    if is_left || files.contains_key(Path::new("MANIFEST")) {
        judge(&store, &files, &|id| !touched.contains(&id));
    }
    is_left
}

#[test]
fn random_damage_costs_what_it_touches_and_is_named() {
    if std::env::var("STRATUM_SEED").is_ok() {
        one(setting("STRATUM_SEED", 0));
        return;
    }
    let mut judged = 0;
    for seed in 1..=setting("STRATUM_CASES", 300) {
        let outcome = std::panic::catch_unwind(|| one(seed));
        let test = "random::random_damage_costs_what_it_touches_and_is_named";
        let again = || panic!("again:\n  STRATUM_SEED={seed} cargo test --test salvage {test}");
        judged += u64::from(outcome.unwrap_or_else(|_| again()));
    }
    assert!(judged > 0);
}

//! Stores of any size, made by chance: what the recipes do not think of.

use stratum::{Batch, Compression, DocumentId, Durability, InputId, Result, Tree};

use super::Maker;
use super::recipes::{int, noise, text, tree};
use crate::store::{Golden, files_of};
use stratum::vfs::sim::Rng;

/// A store of about that many bytes, another for each seed: commits that are synced or not, over segments, checkpoints,
/// compactions, a kill and a recovery.
pub(crate) fn grown(seed: u64, bytes: usize) -> Golden {
    let mut rng = Rng::new(seed);
    let mut maker = Maker::new(seed, (bytes as u64 / (4 + rng.below(12))).max(1000));
    maker.options.compression = [Compression::None, Compression::Lz4, Compression::Zstd][rng.index(3)];
    maker.close_and_reopen();
    // Without the zeros that are written ahead.
    let length = |maker: &Maker| -> usize {
        let files = files_of(&maker.disk).into_values();
        files.map(|bytes| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)).sum()
    };
    while length(&maker) < bytes {
        match rng.below(40) {
            0 => maker.db.checkpoint().expect("a checkpoint"),
            1 => maker.db.compact_now(&mut |_| true).expect("a compaction"),
            2 => maker.kill_and_reopen(),
            3 => maker.close_and_reopen(),
            4..8 => drop(maker.db.maintain().expect("maintenance")),
            _ => {
                let durability = [Durability::Always, Durability::Os][rng.index(2)];
                let documents = maker.db.view().and_then(|view| Ok(view.documents(DocumentId::FIRST)?.collect()));
                let documents: Vec<DocumentId> = documents.expect("the store is open");
                maker.commit_with(durability, |batch| {
                    (0..=rng.below(3)).try_for_each(|_| change(batch, &documents, bytes, &mut rng))
                });
            }
        }
    }
    let name = format!("grown to {bytes} from {seed}");
    if rng.chance(0.3) { maker.closed(&name) } else { maker.killed(&name) }
}

/// One change, of one of these documents where it needs one. What it is about may be gone already.
fn change(batch: &mut Batch, documents: &[DocumentId], bytes: usize, rng: &mut Rng) -> Result<()> {
    let (number, id) = (rng.below(256) as u8, InputId::new(1 + rng.below(4)).expect("above zero"));
    let blob = noise(rng.below(bytes as u64 / 20) as u32);
    let Some(document) = documents.get(rng.index(documents.len())).copied() else {
        return batch.put_tree(&tree(number, 3)).map(drop);
    };
    let changed = match rng.below(12) {
        0..4 => batch.put_tree(&tree(number, number % 8)).map(drop),
        4 => batch.put_tree(&Tree { blob, ..tree(number, 2) }).map(drop),
        5 => batch.set_blob(document, &blob),
        6 => batch.set_column(document, "limit", &text("another")),
        7 => batch.append_input(document, &int(number.into())).map(drop),
        8 => batch.insert_input(document, id, &text("between")).map(drop),
        9 => batch.set_output(document, id, &int(number.into())),
        10 => batch.delete_input(document, id),
        _ => batch.delete_document(document),
    };
    match changed {
        Err(stratum::Error::NotFound(_)) => Ok(()),
        changed => changed,
    }
}

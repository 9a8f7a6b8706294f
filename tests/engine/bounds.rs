//! What the store does by itself: space stays below its ceiling, and interval commits reach the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stratum::vfs::sim::{Rng, SimDisk};
use stratum::{Columns, Db, DocumentId, Durability, Error, Options, Result, Tree, Value};

const SEGMENT: u64 = 64 << 10;

fn open(disk: &SimDisk, options: &Options) -> Db {
    Db::open_on(Arc::new(disk.clone()), Path::new("/store"), options).unwrap()
}

fn tree(content: u8) -> Tree {
    let columns = Columns::from([("name", Value::Int64(content.into()))]);
    let inputs = (0..4).map(|at| stratum::Input::new(Value::Bytes(vec![at; 100]), Some(Value::Int64(5)))).collect();
    Tree { blob: vec![content; 700], columns, inputs }
}

/// A commit that makes garbage of one kind or another, and keeps the live data about the same size.
fn churn(db: &Db, documents: &mut [DocumentId], rng: &mut Rng) -> Result<()> {
    let at = rng.index(documents.len());
    let content = rng.next_u64() as u8;
    match rng.below(8) {
        0 => {
            documents[at] = db
                .write(|batch| {
                    batch.delete_document(documents[at])?;
                    batch.put_tree(&tree(content))
                })?
                .document;
        }
        1 => drop(db.write(|batch| batch.replace_tree(documents[at], &tree(content)))?),
        2 => db.write(|batch| batch.set_column(documents[at], "name", &Value::Int64(content.into())))?,
        3 => {
            let input = db.view()?.input_ids(documents[at])?[0];
            db.write(|batch| batch.replace_input(documents[at], input, &Value::Bytes(vec![content; 300])))?;
        }
        _ => db.write(|batch| batch.set_blob(documents[at], &[content; 700]))?,
    }
    Ok(())
}

/// Bytes that a store of just these documents takes: what it holds after a full compaction.
fn least(disk: &SimDisk, options: &Options) -> u64 {
    let copy = open(&disk.restart(), options);
    copy.compact_now(&mut |_| true).unwrap();
    copy.stats().unwrap().total_bytes
}

fn options() -> Options {
    let mut options = Options::default();
    options.durability = Durability::Os;
    options.segment_size = SEGMENT;
    options.checkpoint_bytes = SEGMENT;
    options
}

#[test]
fn space_stays_below_the_ceiling_when_maintenance_keeps_up() {
    let mut options = options();
    options.background = false;
    let disk = SimDisk::new(1);
    let db = open(&disk, &options);
    let mut rng = Rng::new(1);
    let mut documents: Vec<DocumentId> =
        (0..400).map(|_| db.write(|batch| batch.put_tree(&tree(0))).unwrap().document).collect();
    for step in 0..6000 {
        churn(&db, &mut documents, &mut rng).unwrap();
        while db.maintain().unwrap() {}
        if step % 1000 == 999 {
            db.flush().unwrap();
            let (total, least) = (db.stats().unwrap().total_bytes, least(&disk, &options));
            assert!(total <= least * 3 / 2 + 2 * SEGMENT, "step {step}: {total} bytes for {least}");
        }
    }
    assert!(db.stats().unwrap().compactions > 10);
    assert_eq!(db.verify().unwrap().damage, []);
}

#[test]
fn writers_are_paced_rather_than_let_over_the_ceiling() {
    pace(&options());
}

/// The slower compaction is, the longer they wait; the ceiling stays where it is.
#[test]
fn writers_are_paced_by_a_throttled_compaction_too() {
    let mut options = options();
    options.compaction_bytes_per_second = 1 << 20;
    let db = pace(&options);
    let stats = db.stats().unwrap();
    assert!(stats.paced_commits > 0 && stats.compaction_throttled_us > 0, "{stats:?}");
}

/// Fills a store faster than compaction gets on, and sees that it stays below its ceiling.
fn pace(options: &Options) -> Db {
    let disk = SimDisk::new(2);
    let db = open(&disk, options);
    let mut rng = Rng::new(2);
    let mut documents: Vec<DocumentId> =
        (0..400).map(|_| db.write(|batch| batch.put_tree(&tree(0))).unwrap().document).collect();
    let mut most = 0;
    for _ in 0..6000 {
        churn(&db, &mut documents, &mut rng).unwrap();
        let stats = db.stats().unwrap();
        let ceiling = stats.live_bytes * 3 / 2 + 2 * SEGMENT;
        most = most.max(stats.total_bytes.saturating_sub(ceiling));
    }
    assert_eq!(most, 0, "bytes over the ceiling");
    db
}

#[test]
fn interval_commits_are_synced_without_being_asked() {
    for (store, commit) in [(Durability::Interval, None), (Durability::Always, Some(Durability::Interval))] {
        let mut options = Options::default();
        options.durability = store;
        options.sync_interval = Duration::from_millis(5);
        let disk = SimDisk::new(3);
        let db = open(&disk, &options);
        let mut batch = db.batch().unwrap();
        let document = batch.create_document(b"soon", &Columns::new()).unwrap();
        batch.commit_with(commit.unwrap_or(store)).unwrap();
        assert!(db.view().unwrap().exists(document).unwrap(), "visible at once");
        let synced = (0..24_000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            let stats = db.stats().unwrap();
            stats.durable_sequence == stats.sequence
        });
        assert!(synced, "{store:?}");
        let after_power_loss = open(&disk.image(0), &Options::default());
        assert!(after_power_loss.view().unwrap().exists(document).unwrap());
    }
}

/// On a disk that was filled again and again, with many segments, of which only few fit into the reserve.
#[test]
fn a_full_disk_is_compacted_through_the_reserve_again_and_again() {
    let disk = SimDisk::new(5);
    let mut options = Options::default();
    options.background = false;
    options.segment_size = 16 << 10;
    let open = || Db::open_on(Arc::new(disk.clone()), Path::new("/store"), &options).unwrap();
    disk.set_capacity(Some(512 << 10));
    for round in 0..4 {
        let db = open();
        let mut documents: Vec<_> = db.view().unwrap().documents(DocumentId::FIRST).unwrap().collect();
        let refused = loop {
            match db.write(|batch| batch.create_document(&[round; 1000], &Columns::new())) {
                Ok(document) => documents.push(document),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Error::NoSpace { .. }), "{refused:?}");
        let mut every_other = documents.iter().skip(round.into()).step_by(2);
        db.write(|batch| every_other.try_for_each(|document| batch.delete_document(*document))).unwrap();
        let full = db.stats().unwrap().total_bytes;
        db.compact_now(&mut |_| true).unwrap();
        let compacted = db.stats().unwrap().total_bytes;
        assert!(compacted < full * 2 / 3, "round {round}: {full} bytes, then {compacted}");
        for _ in 0..20 {
            db.write(|batch| batch.create_document(&[round; 1000], &Columns::new())).unwrap();
        }
        assert_eq!(db.verify().unwrap().damage, []);
        db.close().unwrap();
    }
}

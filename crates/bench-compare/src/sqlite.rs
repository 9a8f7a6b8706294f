//! SQLite, tuned: write-ahead log, mapped file, large cache, cached statements, a connection per reading thread.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

use golden_sets::Sync;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::rows::{Op, Part, Rows};

/// A store.
pub struct Sqlite {
    path: PathBuf,
    /// Made by the first write: who only reads opens one connection, not two.
    writer: OnceLock<Mutex<Connection>>,
    /// Tells the stores of a process apart, for the connections of its threads.
    number: u64,
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static READER: RefCell<Option<(u64, Connection)>> = const { RefCell::new(None) };
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, columns BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS blobs (id INTEGER PRIMARY KEY, blob BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS nodes (document INTEGER NOT NULL, position INTEGER NOT NULL, node BLOB NOT NULL,
        PRIMARY KEY (document, position)) STRICT, WITHOUT ROWID;";

fn tune(connection: &Connection) {
    connection
        .execute_batch(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA mmap_size = 34359738368;
             PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000;
             PRAGMA busy_timeout = 60000;",
        )
        .expect("the pragmas");
    connection.set_prepared_statement_cache_capacity(32);
}

fn writer(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("opening");
    tune(&connection);
    connection.execute_batch(TABLES).expect("the tables");
    connection
}

impl Sqlite {
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.get_or_init(|| writer(&self.path).into()).lock().expect("no thread panicked")
    }

    fn reading<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        READER.with_borrow_mut(|reader| {
            if reader.as_ref().is_none_or(|(number, _)| *number != self.number) {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags).expect("a reader");
                tune(&connection);
                *reader = Some((self.number, connection));
            }
            let (_, connection) = reader.as_ref().expect("it was just made");
            read(connection).expect("reading")
        })
    }

    fn one(&self, sql: &str, key: impl rusqlite::Params, read: &mut dyn FnMut(&[u8])) -> bool {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row(key, |row| {
                read(row.get_ref(0)?.as_blob()?);
                Ok(())
            });
            found.optional()
        })
        .is_some()
    }
}

impl Rows for Sqlite {
    fn open(dir: &Path) -> Sqlite {
        let path = dir.join("sqlite");
        let is_new = !path.exists();
        let sqlite = Sqlite { path, writer: OnceLock::new(), number: NUMBERS.fetch_add(1, Ordering::Relaxed) };
        if is_new {
            drop(sqlite.writer()); // readers want the tables
        }
        sqlite
    }

    fn close(self) {
        READER.take();
        self.flush();
        let writer = self.writer.into_inner().expect("the flush made it");
        writer.into_inner().expect("no thread panicked").close().expect("closing");
    }

    fn write(&self, ops: Vec<Op>, sync: Sync) {
        let mut writer = self.writer();
        let synchronous = if sync == Sync::Now { 2 } else { 1 };
        writer.pragma_update(None, "synchronous", synchronous).expect("the pragma");
        let transaction =
            writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).expect("a transaction");
        for op in ops {
            let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
                transaction.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).expect(sql);
            };
            match op {
                Op::Blob(id, blob) => run("INSERT OR REPLACE INTO blobs VALUES (?, ?)", params![id as i64, blob]),
                Op::Columns(id, row) => run("INSERT OR REPLACE INTO documents VALUES (?, ?)", params![id as i64, row]),
                Op::Node(id, position, row) => {
                    run("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)", params![id as i64, position, row]);
                }
                Op::Append(id, row) => run(
                    "INSERT INTO nodes SELECT ?1, coalesce(max(position) + 1, 0), ?2 FROM nodes WHERE document = ?1",
                    params![id as i64, row],
                ),
                Op::Delete(id) => {
                    run("DELETE FROM nodes WHERE document = ?", params![id as i64]);
                    run("DELETE FROM blobs WHERE id = ?", params![id as i64]);
                    run("DELETE FROM documents WHERE id = ?", params![id as i64]);
                }
            }
        }
        transaction.commit().expect("the commit");
    }

    fn flush(&self) {
        let checkpoint = self.writer().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        checkpoint.expect("the checkpoint");
    }

    fn compact(&mut self) {
        self.writer().execute_batch("VACUUM").expect("the vacuum");
        self.flush();
    }

    fn documents(&self) -> Vec<u64> {
        self.reading(|connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM documents ORDER BY id")?;
            statement.query_map([], |row| row.get::<_, i64>(0).map(|id| id as u64))?.collect()
        })
    }

    fn blob(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        self.one("SELECT blob FROM blobs WHERE id = ?", [document as i64], read)
    }

    fn columns(&self, document: u64, read: &mut dyn FnMut(&[u8])) -> bool {
        self.one("SELECT columns FROM documents WHERE id = ?", [document as i64], read)
    }

    fn node(&self, document: u64, position: u32, read: &mut dyn FnMut(&[u8])) {
        let key = params![document as i64, position];
        let is_there = self.one("SELECT node FROM nodes WHERE document = ? AND position = ?", key, read);
        assert!(is_there, "the input is there");
    }

    /// One statement is one moment, and cheaper than a transaction around three.
    fn parts(&self, document: u64, read: &mut dyn FnMut(Part<'_>)) {
        let sql = "SELECT -2, blob FROM blobs WHERE id = ?1 UNION ALL SELECT -1, columns FROM documents WHERE id = ?1
                   UNION ALL SELECT position, node FROM nodes WHERE document = ?1 ORDER BY 1";
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([document as i64])?;
            while let Some(row) = rows.next()? {
                let bytes = row.get_ref(1)?.as_blob()?;
                match row.get::<_, i64>(0)? {
                    -2 => read(Part::Blob(bytes)),
                    -1 => read(Part::Columns(bytes)),
                    position => read(Part::Node(position as u32, bytes)),
                }
            }
            Ok(())
        });
    }
}

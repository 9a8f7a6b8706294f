package stratum

// #cgo noescape shim_db_open
// #cgo nocallback shim_db_open
// #cgo nocallback shim_db_close
// #cgo nocallback shim_db_snapshot
// #cgo nocallback shim_db_flush
// #cgo nocallback shim_db_checkpoint
// #cgo nocallback shim_batch_create
// #include "shim.h"
import "C"

import (
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
)

// DocumentID names a document in its store. Ids are never 0 and never given twice.
type DocumentID uint64

// InputID names an input in its document. Ids are never 0 and never given twice in a document.
type InputID uint64

// DB is an open store. Any number of goroutines may use it at once. Its writes are one commit each; Update makes many
// writes one commit.
type DB struct {
	writer
	latest  View
	path    string
	closed  atomic.Bool
	cleanup runtime.Cleanup

	mutex   sync.Mutex    // of the next; held across no call
	closing chan struct{} // of the goroutine that closes: ends when it has; nil where none does
}

// Open opens the store in the directory path, and creates it where there is none. A nil options stands for the
// defaults. A store is open at most once: the second opener, in this process or another, gets ErrLocked at once.
func Open(path string, options *Options) (*DB, error) {
	chosen, err := options.make()
	if err != nil {
		return nil, err
	}
	name, length := textOf(path)
	opened := C.shim_db_open(name, length, chosen)
	if chosen != 0 {
		C.shim_options_free(chosen)
	}
	if opened.status != C.STRATUM_OK {
		return nil, failure(opened.status, opened.error)
	}
	db := &DB{writer: writer{db: C.uintptr_t(opened.a)}, path: path}
	db.latest = View{handle: C.uintptr_t(opened.b), db: db}
	db.cleanup = runtime.AddCleanup(db, closeForgotten, forgotten{db.writer.db, path})
	return db, nil
}

type forgotten struct {
	db   C.uintptr_t
	path string
}

// closeForgotten closes a store that nobody can close any more. It runs on the collector's goroutine, which must not
// wait for a disk.
func closeForgotten(f forgotten) {
	go func() {
		slog.Warn("stratum: a store was never closed; closing it now", "path", f.path)
		if closed := C.shim_db_close(f.db); closed.status != C.STRATUM_OK {
			slog.Error("stratum: closing a forgotten store", "path", f.path, "error", failure(closed.status, closed.error))
		}
	}()
}

// Path is what the store was opened with.
func (db *DB) Path() string { return db.path }

// Close makes everything durable and closes the store. Calls that are under way finish; views, cursors and batches of
// the store answer ErrClosed from then on. A second Close is no error. From inside a callback of the store it is
// ErrBusy, and the store stays open.
func (db *DB) Close() error {
	if db.closed.Load() {
		return nil
	}
	// Before it waits for anything: closing waits for the callback.
	if err := checkNotInCallback(db.writer.db); err != nil {
		return err
	}
	db.mutex.Lock()
	other := db.closing
	if other == nil {
		db.closing = make(chan struct{})
	}
	db.mutex.Unlock()
	if other != nil {
		<-other
		return nil
	}
	closed := C.shim_db_close(db.writer.db)
	db.closed.Store(true)
	db.cleanup.Stop()
	close(db.closing)
	runtime.KeepAlive(db)
	return failure(closed.status, closed.error)
}

// Latest is the view that always shows the newest commit: each read through it sees a moment of its own. It belongs to
// the store and need not be closed.
func (db *DB) Latest() *View { return &db.latest }

// Snapshot makes a view of one moment of the whole store, unchanged by later writes. It costs microseconds; while it is
// open it keeps what it shows on disk. Close it.
func (db *DB) Snapshot() (*View, error) {
	made := C.shim_db_snapshot(db.writer.db)
	runtime.KeepAlive(db)
	if made.status != C.STRATUM_OK {
		return nil, failure(made.status, made.error)
	}
	view := &View{handle: C.uintptr_t(made.a), db: db, owned: true}
	view.cleanup = runtime.AddCleanup(view, func(handle C.uintptr_t) { C.shim_view_free(handle) }, view.handle)
	return view, nil
}

// View runs work on a snapshot, and closes it afterwards.
func (db *DB) View(work func(*View) error) error {
	view, err := db.Snapshot()
	if err != nil {
		return err
	}
	defer view.Close()
	return work(view)
}

// Update runs work on a batch and commits it. Where work gives an error or panics nothing is written.
func (db *DB) Update(work func(*Batch) error) error {
	batch, err := db.Batch()
	if err != nil {
		return err
	}
	defer batch.Close()
	if err := work(batch); err != nil {
		return err
	}
	_, err = batch.Commit(DurabilityDefault)
	return err
}

// Batch makes an empty batch. Commit it, or Close it to abandon it. Most programs use Update.
func (db *DB) Batch() (*Batch, error) {
	made := C.shim_batch_create(db.writer.db)
	runtime.KeepAlive(db)
	if made.status != C.STRATUM_OK {
		return nil, failure(made.status, made.error)
	}
	batch := &Batch{writer: writer{batch: C.uintptr_t(made.a)}, db: db}
	batch.cleanup = runtime.AddCleanup(batch, func(handle C.uintptr_t) { C.shim_batch_free(handle) }, batch.writer.batch)
	return batch, nil
}

// Flush makes everything that was committed so far durable, whatever durability it was committed with.
func (db *DB) Flush() error {
	if err := checkNotInCallback(db.writer.db); err != nil {
		return err
	}
	done := C.shim_db_flush(db.writer.db)
	runtime.KeepAlive(db)
	return failure(done.status, done.error)
}

// Checkpoint writes an index checkpoint now, so that the next open need not read the log before it.
func (db *DB) Checkpoint() error {
	if err := checkNotInCallback(db.writer.db); err != nil {
		return err
	}
	done := C.shim_db_checkpoint(db.writer.db)
	runtime.KeepAlive(db)
	return failure(done.status, done.error)
}

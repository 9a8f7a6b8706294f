package stratum_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	stratum "stratum.dev/go"
)

func TestAfterClose(t *testing.T) {
	db := ok(stratum.Open(filepath.Join(t.TempDir(), "store"), nil))(t)
	stored := &stratum.Tree{Blob: []byte("blob"), Inputs: []stratum.Input{{Value: 1}, {Value: 2}}}
	document := ok(db.PutTree(stored))(t).Document
	view := ok(db.Snapshot())(t)
	batch := ok(db.Batch())(t)
	documents := ok(view.DocumentCursor(0))(t)
	inputs := ok(view.InputCursor(document))(t)
	ok(inputs.Next())(t)
	tree := ok(view.Tree(document))(t)
	latest := db.Latest()
	check(t, db.Close())
	check(t, db.Close())

	for name, call := range map[string]func() error{
		"create":       func() error { _, err := db.CreateDocument(nil); return err },
		"append":       func() error { _, err := db.AppendInput(document, "x"); return err },
		"put tree":     func() error { _, err := db.PutTree(tree); return err },
		"update":       func() error { return db.Update(func(*stratum.Batch) error { return nil }) },
		"view":         func() error { return db.View(func(*stratum.View) error { return nil }) },
		"flush":        db.Flush,
		"checkpoint":   db.Checkpoint,
		"compact":      func() error { return db.CompactNow(nil) },
		"stats":        func() error { _, err := db.Stats(); return err },
		"verify":       func() error { _, err := db.Verify(); return err },
		"latest":       func() error { _, err := latest.Blob(document); return err },
		"new latest":   func() error { _, err := db.Latest().Blob(document); return err },
		"snapshot":     func() error { _, err := view.Tree(document); return err },
		"value":        func() error { _, err := view.Input(document, 1); return err },
		"trees":        func() error { return ends(view.Trees(0)) },
		"documents":    func() error { return ends(view.Documents(0)) },
		"each input":   func() error { return ends(view.EachInput(document)) },
		"pin":          func() error { _, err := view.PinBlob(document); return err },
		"batch":        func() error { _, err := batch.CreateDocument(nil); return err },
		"batch size":   func() error { _, _, err := batch.Size(); return err },
		"clear":        batch.Clear,
		"commit":       func() error { _, err := batch.Commit(stratum.DurabilityDefault); return err },
		"next":         func() error { _, err := documents.Next(); return err },
		"seek":         func() error { return documents.Seek(0) },
		"next input":   func() error { _, err := inputs.Next(); return err },
		"fill inputs":  func() error { _, err := inputs.Fill(make([]byte, 1000)); return err },
		"input cursor": func() error { _, err := view.InputCursor(document); return err },
	} {
		if err := call(); !errors.Is(err, stratum.ErrClosed) {
			t.Errorf("%s after the store was closed: %v", name, err)
		}
	}
	for range 2 {
		for _, closer := range []io.Closer{view, batch, documents, inputs, db, latest} {
			check(t, closer.Close())
		}
	}
	equal(t, "blob", string(tree.Blob))
}

// ends is the error that a walk ends with.
func ends[T any](walk func(func(T, error) bool)) error {
	for _, err := range walk {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestWhatWasClosedOrCommittedIsClosed(t *testing.T) {
	db := open(t, nil)
	batch := ok(db.Batch())(t)
	document := ok(batch.CreateDocument(nil))(t)
	ok(batch.Commit(stratum.DurabilityOS))(t)
	_, err := batch.CreateDocument(nil)
	is(t, err, stratum.ErrClosed)
	_, err = batch.Commit(stratum.DurabilityDefault)
	is(t, err, stratum.ErrClosed)
	check(t, batch.Close())
	view := ok(db.Snapshot())(t)
	check(t, view.Close())
	_, err = view.Exists(document)
	is(t, err, stratum.ErrClosed)
	abandoned := ok(db.Batch())(t)
	ok(abandoned.CreateDocument(nil))(t)
	check(t, abandoned.Clear())
	check(t, abandoned.Close())
	is(t, abandoned.Clear(), stratum.ErrClosed)
	equal(t, uint64(1), ok(db.Latest().DocumentCount())(t))
}

// eventually waits for what the collector and its cleanups bring about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 3000 {
		if is() {
			return
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("never: ", what)
}

// logged collects what is logged while a test runs.
type logged struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logged) WithGroup(string) slog.Handler            { return l }
func (l *logged) Handle(_ context.Context, record slog.Record) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.text.WriteString(record.Message + "\n")
	record.Attrs(func(a slog.Attr) bool { l.text.WriteString(a.String() + "\n"); return true })
	return nil
}

func (l *logged) has(text string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Contains(l.text.String(), text)
}

func logging(t *testing.T) *logged {
	old := slog.Default()
	log := &logged{}
	slog.SetDefault(slog.New(log))
	t.Cleanup(func() { slog.SetDefault(old) })
	return log
}

func TestWhatWasForgottenIsReleased(t *testing.T) {
	log := logging(t)
	path := filepath.Join(t.TempDir(), "store")
	func() {
		db := ok(stratum.Open(path, nil))(t)
		document := ok(db.CreateDocument([]byte("x")))(t)
		for range 10 {
			view := ok(db.Snapshot())(t)
			ok(view.DocumentCursor(0))(t)
			ok(view.InputCursor(document))(t)
			ok(db.Batch())(t)
		}
		eventually(t, "no snapshots", func() bool { return ok(db.Stats())(t).Snapshots == 0 })
		ok(db.Latest().PinBlob(document))(t)
		eventually(t, "a warning of pinned bytes", func() bool { return log.has("Pinned was never closed") })
	}()
	eventually(t, "a warning of the store", func() bool { return log.has("path=" + path) })
	eventually(t, "the store is closed", func() bool {
		db, err := stratum.Open(path, nil)
		if errors.Is(err, stratum.ErrLocked) {
			return false
		}
		check(t, err)
		check(t, db.Close())
		return true
	})
}

func TestChildrenKeepTheirStoreFromBeingForgotten(t *testing.T) {
	log := logging(t)
	path := filepath.Join(t.TempDir(), "store")
	view, document := func() (*stratum.View, stratum.DocumentID) {
		db := ok(stratum.Open(path, nil))(t)
		return db.Latest(), ok(db.CreateDocument([]byte("kept")))(t)
	}()
	for range 20 {
		runtime.GC()
		equal(t, "kept", string(ok(view.Blob(document))(t)))
	}
	equal(t, false, log.has(path))
	runtime.KeepAlive(view)
}

func TestCollectionDuringCalls(t *testing.T) {
	db := open(t, &stratum.Options{Durability: stratum.DurabilityOS})
	blob := bytes.Repeat([]byte("collected "), 500)
	inputs := []stratum.Input{{Value: blob, Output: string(blob), HasOutput: true}}
	document := ok(db.PutTree(&stratum.Tree{Blob: blob, Inputs: inputs}))(t).Document
	stop := make(chan struct{})
	var collector sync.WaitGroup
	collector.Add(1)
	go func() {
		defer collector.Done()
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range 60 {
		// Each of these is garbage as soon as its last call has begun.
		equal(t, blob, ok(ok(db.Snapshot())(t).Blob(document))(t))
		equal(t, blob, ok(ok(db.Snapshot())(t).Tree(document))(t).Inputs[0].Value)
		equal(t, string(blob), ok(ok(db.Snapshot())(t).Output(document, 1))(t))
		ok(ok(ok(db.Snapshot())(t).DocumentCursor(0))(t).Next())(t)
		input, _ := ok(ok(ok(db.Snapshot())(t).InputCursor(document))(t).Next())(t).Value().Bytes()
		equal(t, blob, input)
		ok(ok(db.Batch())(t).Commit(stratum.DurabilityDefault))(t)
		check(t, db.SetOutput(document, 1, string(blob)))
	}
	close(stop)
	collector.Wait()
}

// The values of a tree share their memory: each must keep what it needs, and be no other's.
func TestValuesOfATreeOutliveIt(t *testing.T) {
	db := open(t, nil)
	tree := &stratum.Tree{}
	var wanted []any
	for at := range 300 {
		number := int64(at)
		ways := []any{fmt.Sprint("text ", at), number, -number, number << 40, float64(at) / 3, "", nil, math.Copysign(0, -1),
			stratum.List{number, "in a list", 0.5}, stratum.Map{{Key: "number", Value: number}}}
		value, output := ways[at%len(ways)], ways[(at+at/len(ways))%len(ways)]
		tree.Inputs = append(tree.Inputs, stratum.Input{Value: value, Output: output, HasOutput: true,
			Columns: stratum.Columns{{Name: "a", Value: number}, {Name: "b", Value: fmt.Sprint(at)}}})
		wanted = append(wanted, value, output, number, fmt.Sprint(at))
	}
	document := ok(db.PutTree(tree))(t).Document
	var kept []any
	for range 20 {
		read := ok(db.Latest().Tree(document))(t)
		kept = kept[:0]
		for at := range read.Inputs {
			input := &read.Inputs[at]
			kept = append(kept, input.Value, input.Output, input.Columns[0].Value, input.Columns[1].Value)
			// What a value is replaced by is in nobody else's place.
			input.Value, input.Output = "replaced", int64(-1)
		}
		runtime.GC()
	}
	equal(t, wanted, kept)
}

func descriptors(t *testing.T) int { return len(ok(os.ReadDir("/proc/self/fd"))(t)) }

func resident(t *testing.T) int {
	var pages, all int
	ok(fmt.Sscan(string(ok(os.ReadFile("/proc/self/statm"))(t)), &all, &pages))(t)
	return pages * os.Getpagesize()
}

func TestAThousandCyclesLeakNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	cycle := func() {
		db := ok(stratum.Open(path, &stratum.Options{Durability: stratum.DurabilityOS}))(t)
		document := ok(db.CreateDocument(make([]byte, 1000)))(t)
		view := ok(db.Snapshot())(t)
		ok(view.Tree(document))(t)
		pinned := ok(view.PinBlob(document))(t)
		batch := ok(db.Batch())(t)
		check(t, batch.DeleteDocument(document))
		ok(batch.Commit(stratum.DurabilityDefault))(t)
		_, err := db.Latest().Blob(document)
		is(t, err, stratum.ErrNotFound)
		is(t, db.SetColumn(document, "\xff", nil), stratum.ErrInvalidArgument)
		check(t, db.Close())
		check(t, view.Close())
		check(t, pinned.Close())
	}
	for range 200 {
		cycle()
	}
	runtime.GC()
	files, memory := descriptors(t), resident(t)
	for range 1000 {
		cycle()
	}
	runtime.GC()
	if now := descriptors(t); now > files+2 {
		t.Fatalf("%d descriptors became %d", files, now)
	}
	// A leak of a store is some 100 KiB each time.
	if now := resident(t); now > memory+32<<20 {
		t.Fatalf("%d bytes of memory became %d", memory, now)
	}
}

func TestGoroutinesHammerOneStore(t *testing.T) {
	db := open(t, &stratum.Options{Durability: stratum.DurabilityOS, SegmentSize: 1 << 20})
	shared := ok(db.PutTree(&stratum.Tree{Blob: []byte("shared"), Inputs: []stratum.Input{{Value: int64(0)}}}))(t).Document
	view := ok(db.Snapshot())(t)
	defer view.Close()
	var group sync.WaitGroup
	var written atomic.Int64
	for worker := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for turn := range 200 {
				columns := stratum.Columns{{Name: "turn", Value: turn}}
				tree := &stratum.Tree{Blob: bytes.Repeat([]byte{byte(worker)}, turn*10), Columns: columns}
				ids := ok(db.PutTree(tree))(t)
				got := ok(db.Latest().Tree(ids.Document))(t)
				equal(t, len(tree.Blob), len(got.Blob))
				check(t, db.Update(func(b *stratum.Batch) error {
					input := ok(b.AppendInput(ids.Document, "input"))(t)
					return b.SetOutput(ids.Document, input, turn)
				}))
				check(t, db.ReplaceInput(shared, 1, turn))
				equal(t, int64(0), ok(view.Input(shared, 1))(t))
				if turn%2 == 0 {
					check(t, db.DeleteDocument(ids.Document))
				} else {
					written.Add(1)
				}
				for range db.Latest().Documents(0) {
					break
				}
			}
		}()
	}
	group.Add(1)
	go func() {
		defer group.Done()
		for range 5 {
			check(t, db.CompactNow(func(stratum.Progress) bool { return true }))
			check(t, db.Checkpoint())
		}
	}()
	group.Wait()
	equal(t, uint64(written.Load()+1), ok(db.Latest().DocumentCount())(t))
	equal(t, 0, len(ok(db.Verify())(t).Damage))
}

func TestCloseDuringCalls(t *testing.T) {
	for range 20 {
		db := ok(stratum.Open(filepath.Join(t.TempDir(), "store"), &stratum.Options{Durability: stratum.DurabilityOS}))(t)
		document := ok(db.CreateDocument([]byte("x")))(t)
		var group sync.WaitGroup
		for range 4 {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					if _, err := db.Latest().Blob(document); err != nil {
						is(t, err, stratum.ErrClosed)
						return
					}
					if err := db.SetBlob(document, []byte("y")); err != nil {
						is(t, err, stratum.ErrClosed)
						return
					}
				}
			}()
		}
		for range 2 {
			group.Add(1)
			go func() {
				defer group.Done()
				check(t, db.Close())
			}()
		}
		group.Wait()
	}
}

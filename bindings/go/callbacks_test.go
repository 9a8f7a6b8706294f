package stratum_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	stratum "stratum.dev/go"
)

// garbage makes a store with something to compact, and one document that stays.
func garbage(t testing.TB) (*stratum.DB, stratum.DocumentID) {
	db := open(t, &stratum.Options{NoBackground: true, Durability: stratum.DurabilityOS})
	stays := ok(db.CreateDocument([]byte("stays")))(t)
	for range 20 {
		check(t, db.DeleteDocument(ok(db.CreateDocument([]byte("goes")))(t)))
	}
	return db, stays
}

// soon waits for what must not take long, and fails where it does.
func soon(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("never: ", what)
		panic("stuck: " + what) // a cleanup that closes the store would wait too
	}
}

// refused makes sure of what is not allowed in a callback of db, and of what is.
func refused(t testing.TB, db *stratum.DB, stays stratum.DocumentID) {
	t.Helper()
	for name, call := range map[string]func() error{
		"create":      func() error { _, err := db.CreateDocument(nil); return err },
		"columns":     func() error { _, err := db.CreateDocument(nil, stratum.Column{Name: "a"}); return err },
		"put tree":    func() error { _, err := db.PutTree(&stratum.Tree{}); return err },
		"put packed":  func() error { _, err := db.PutPacked(nil); return err },
		"replace":     func() error { _, err := db.ReplaceTree(stays, &stratum.Tree{}); return err },
		"set blob":    func() error { return db.SetBlob(stays, nil) },
		"append":      func() error { _, err := db.AppendInput(stays, 1); return err },
		"apply":       func() error { _, _, err := db.Apply(&stratum.Operations{}); return err },
		"update":      func() error { return db.Update(func(b *stratum.Batch) error { return b.SetBlob(stays, nil) }) },
		"flush":       db.Flush,
		"checkpoint":  db.Checkpoint,
		"compact":     func() error { return db.CompactNow(nil) },
		"compact too": func() error { return db.CompactNow(func(stratum.Progress) bool { return true }) },
		"verify":      func() error { _, err := db.Verify(); return err },
		"close":       db.Close,
	} {
		done := make(chan struct{})
		go func() {
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				panic("stuck in a callback: " + name)
			}
		}()
		err := call()
		close(done)
		if err == nil {
			t.Error(name, " in a callback was not refused")
		} else {
			is(t, err, stratum.ErrBusy)
		}
	}
	equal(t, "stays", string(ok(db.Latest().Blob(stays))(t)))
	check(t, db.View(func(view *stratum.View) error { ok(view.Tree(stays))(t); return nil }))
}

func TestACallbackThatClosesIsRefusedBesideAnotherClose(t *testing.T) {
	db, stays := garbage(t)
	closed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = db.CompactNow(func(stratum.Progress) bool {
			go func() {
				defer close(closed)
				check(t, db.Close())
			}()
			// Until that waits for the compaction, as far as can be told.
			time.Sleep(200 * time.Millisecond)
			is(t, db.Close(), stratum.ErrBusy)
			return false
		})
	}()
	soon(t, "the end of the compaction", ended)
	soon(t, "the end of the other close", closed)
	check(t, db.Close())
	_, err := db.Latest().Blob(stays)
	is(t, err, stratum.ErrClosed)
}

func TestOtherGoroutinesWriteWhileACallbackIsAtWork(t *testing.T) {
	db, stays := garbage(t)
	check(t, db.CompactNow(func(stratum.Progress) bool {
		written := make(chan struct{})
		go func() {
			defer close(written)
			check(t, db.SetBlob(stays, []byte("stays")))
			check(t, db.Flush())
		}()
		soon(t, "a write beside a callback", written)
		refused(t, db, stays)
		return true
	}))
	check(t, db.SetBlob(stays, []byte("stays")))
}

func TestCallbacksWithinCallbacksRefuseWorkOnEachOfTheirStores(t *testing.T) {
	outer, stays := garbage(t)
	inner, same := garbage(t)
	equal(t, stays, same)
	calls := 0
	check(t, outer.CompactNow(func(stratum.Progress) bool {
		refused(t, outer, stays)
		check(t, inner.SetBlob(stays, []byte("stays")))
		check(t, inner.CompactNow(func(stratum.Progress) bool {
			calls++
			refused(t, inner, stays)
			refused(t, outer, stays)
			return true
		}))
		check(t, inner.SetBlob(stays, []byte("stays")))
		refused(t, outer, stays)
		return true
	}))
	if calls == 0 {
		t.Error("the inner callback was not called")
	}
	check(t, outer.Close())
	check(t, inner.Close())
}

// What t.FailNow does in a callback: its goroutine ends, with all deferred calls, and the store goes on.
func TestGoexitInACallbackEndsTheCallersGoroutineAndNothingElse(t *testing.T) {
	db, stays := garbage(t)
	ended := make(chan struct{})
	var deferred, after atomic.Bool
	go func() {
		defer close(ended)
		_ = db.CompactNow(func(stratum.Progress) bool {
			defer deferred.Store(true)
			runtime.Goexit()
			return true
		})
		after.Store(true)
	}()
	soon(t, "the end of the goroutine", ended)
	equal(t, true, deferred.Load())
	equal(t, false, after.Load())
	usable := make(chan struct{})
	go func() {
		defer close(usable)
		check(t, db.SetBlob(stays, []byte("stays")))
		check(t, db.CompactNow(func(stratum.Progress) bool { return true }))
		check(t, db.Checkpoint())
		check(t, db.Close())
	}()
	soon(t, "a store that works after it", usable)
}

func TestGoexitAndPanicsComeOutOfARepair(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	db := ok(stratum.Open(source, nil))(t)
	ok(db.CreateDocument([]byte("blob")))(t)
	check(t, db.Close())
	ended := make(chan struct{})
	var after atomic.Bool
	repair := func(progress func(stratum.RepairProgress) bool) {
		_, _ = stratum.Repair(source, "", &stratum.RepairOptions{DryRun: true, Progress: progress})
		after.Store(true)
	}
	go func() {
		defer close(ended)
		repair(func(stratum.RepairProgress) bool { runtime.Goexit(); return true })
	}()
	soon(t, "the end of the goroutine", ended)
	func() {
		defer func() { equal(t, "out of the callback", recover()) }()
		repair(func(stratum.RepairProgress) bool { panic("out of the callback") })
	}()
	equal(t, false, after.Load())
}

func TestARepairWhoseCallbackPanicsLeavesNoReportBehind(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	db := ok(stratum.Open(source, &stratum.Options{Durability: stratum.DurabilityOS}))(t)
	var many stratum.Operations
	for range 10_000 {
		ok(many.CreateDocument(bytes.Repeat([]byte("damaged"), 20)))(t)
	}
	_, _, err := db.Apply(&many)
	check(t, err)
	check(t, db.Close())
	// Each document's record is damaged: a finding, or some, for each of them.
	for _, file := range ok(filepath.Glob(filepath.Join(source, "*")))(t) {
		content := ok(os.ReadFile(file))(t)
		check(t, os.WriteFile(file, bytes.ReplaceAll(content, []byte("damageddamageddamaged"),
			[]byte("damageddamageddamagee")), 0o600))
	}
	findings := len(ok(stratum.Repair(source, "", &stratum.RepairOptions{DryRun: true}))(t).Findings)
	if findings < 10_000 {
		t.Fatalf("%d findings are too few to be missed", findings)
	}
	// The callback panics when all is read, so that there is much to report.
	repair := func() {
		defer func() { equal(t, "out of the callback", recover()) }()
		_, _ = stratum.Repair(source, "", &stratum.RepairOptions{DryRun: true,
			Progress: func(p stratum.RepairProgress) bool {
				if p.BytesDone == p.BytesTotal {
					panic("out of the callback")
				}
				return true
			}})
		t.Error("the callback did not panic")
	}
	repair()
	runtime.GC()
	memory := resident(t)
	for range 20 {
		repair()
	}
	runtime.GC()
	if now := resident(t); now > memory+16<<20 {
		t.Errorf("%d bytes of memory became %d", memory, now)
	}
}

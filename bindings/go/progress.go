package stratum

// #cgo nocallback shim_thread
// #include "shim.h"
import "C"

import (
	"runtime"
	"runtime/cgo"
	"sync"
	"sync/atomic"
)

// Progress is how far a compaction has come.
type Progress struct {
	SegmentsDone, SegmentsTotal             uint64
	BytesRead, BytesWritten, BytesReclaimed uint64
}

// RepairProgress is how far a repair has come. DocumentsTotal is 0 until everything was read once.
type RepairProgress struct {
	BytesDone, BytesTotal, DocumentsDone, DocumentsTotal uint64
}

// callback is a caller's function on its way through C. Neither a panic nor runtime.Goexit (t.FailNow) may unwind
// through the library: the function runs on a goroutine of its own, and what ends that stops the work, and goes on in
// the caller's once the call is back.
type callback[P any] struct {
	function func(P) bool
	place    place
	ended    bool // by a panic or Goexit
	panicked any  // nil for Goexit
}

// place is a callback at work: of which store, 0 for none, and which callback made the call that it belongs to. The
// library tells callbacks by their thread, which is not the one that the function runs on: so this package has to know
// what is refused in them.
type place struct {
	db     C.uintptr_t
	around *place
}

// The callbacks at work, by the thread that each one's goroutine is locked to.
var (
	places  sync.Map
	working atomic.Int64
)

// innermost is the callback that the calling goroutine is in; nil for none.
func innermost() *place {
	if working.Load() == 0 {
		return nil
	}
	// Locked, so that it is this goroutine's thread until it was looked up.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if found, ok := places.Load(C.shim_thread()); ok {
		return found.(*place)
	}
	return nil
}

// checkNotInCallback refuses what is not allowed in a callback of the store; 0 stands for none.
func checkNotInCallback(db C.uintptr_t) error {
	for p := innermost(); p != nil; p = p.around {
		if p.db == db && db != 0 {
			return refused(ErrBusy, "inside a callback a store can only be read")
		}
	}
	return nil
}

func (c *callback[P]) run(progress P) (goOn C.int32_t) {
	if c.ended {
		return 0
	}
	c.ended = true
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread := C.shim_thread()
		places.Store(thread, &c.place)
		working.Add(1)
		defer func() {
			if c.ended {
				c.panicked = recover()
			}
			working.Add(-1)
			places.Delete(thread)
		}()
		if c.function(progress) {
			goOn = 1
		}
		c.ended = false
	}()
	<-done
	return goOn
}

// with makes a call with a handle for the function of a store, or of none where db is 0; the handle is 0 for no
// function. release frees what the call answers, where nobody will take it.
func with[P any](
	db C.uintptr_t, function func(P) bool, call func(context C.uintptr_t) C.shim_answer, release func(C.shim_answer),
) C.shim_answer {
	if function == nil {
		return call(0)
	}
	c := &callback[P]{function: function, place: place{db, innermost()}}
	handle := cgo.NewHandle(c)
	done := call(C.uintptr_t(handle))
	handle.Delete()
	if c.ended {
		if done.status == C.STRATUM_OK {
			release(done)
		} else {
			_ = failure(done.status, done.error)
		}
		if c.panicked != nil {
			panic(c.panicked)
		}
		runtime.Goexit()
	}
	return done
}

//export stratumGoProgress
func stratumGoProgress(p *C.stratum_progress, context C.uintptr_t) C.int32_t {
	return cgo.Handle(context).Value().(*callback[Progress]).run(Progress{
		uint64(p.segments_done), uint64(p.segments_total),
		uint64(p.bytes_read), uint64(p.bytes_written), uint64(p.bytes_reclaimed),
	})
}

//export stratumGoRepairProgress
func stratumGoRepairProgress(p *C.stratum_repair_progress, context C.uintptr_t) C.int32_t {
	return cgo.Handle(context).Value().(*callback[RepairProgress]).run(RepairProgress{
		uint64(p.bytes_done), uint64(p.bytes_total), uint64(p.documents_done), uint64(p.documents_total),
	})
}

// CompactNow compacts until no garbage is left that can go; reads and writes of other goroutines go on. progress may be
// nil; it is called now and then, and stops the work with false, which is no error. It may read the store; everything
// else on the store is ErrBusy in it. It runs on a goroutine of its own, which CompactNow waits for: a panic or
// runtime.Goexit (t.FailNow) stops the work, and goes on in the goroutine that called CompactNow.
func (db *DB) CompactNow(progress func(Progress) bool) error {
	if err := checkNotInCallback(db.writer.db); err != nil {
		return err
	}
	compact := func(context C.uintptr_t) C.shim_answer { return C.shim_compact(db.writer.db, context) }
	done := with(db.writer.db, progress, compact, func(C.shim_answer) {})
	runtime.KeepAlive(db)
	return failure(done.status, done.error)
}

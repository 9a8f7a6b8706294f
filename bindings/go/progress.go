package stratum

// #include "shim.h"
import "C"

import (
	"runtime"
	"runtime/cgo"
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

// callback is a caller's function on its way through C. What it panics with must not unwind through the library: it
// stops the work, and goes on once the call is back.
type callback[P any] struct {
	function func(P) bool
	panicked any
}

func (c *callback[P]) run(progress P) (goOn C.int32_t) {
	finished := false
	defer func() {
		if !finished {
			c.panicked = recover()
			if c.panicked == nil {
				c.panicked = "stratum: a callback ended its goroutine (runtime.Goexit)"
			}
			goOn = 0
		}
	}()
	if c.function(progress) {
		goOn = 1
	}
	finished = true
	return goOn
}

// with makes a call with a handle for the function, 0 for none.
func with[P any](function func(P) bool, call func(context C.uintptr_t) C.shim_answer) C.shim_answer {
	if function == nil {
		return call(0)
	}
	c := &callback[P]{function: function}
	handle := cgo.NewHandle(c)
	defer handle.Delete()
	done := call(C.uintptr_t(handle))
	if c.panicked != nil {
		panic(c.panicked)
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
// else on the store is ErrBusy in it.
func (db *DB) CompactNow(progress func(Progress) bool) error {
	done := with(progress, func(context C.uintptr_t) C.shim_answer { return C.shim_compact(db.writer.db, context) })
	runtime.KeepAlive(db)
	return failure(done.status, done.error)
}

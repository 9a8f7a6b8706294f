package stratum

// #cgo nocallback shim_batch_commit
// #cgo nocallback shim_batch_clear
// #cgo nocallback shim_batch_size
// #include "shim.h"
import "C"

import (
	"runtime"
	"sync/atomic"
)

// Batch is any number of writes that become visible and durable together: all or none. Each is checked when it is made,
// and a refused one leaves the batch as it was; all are checked again at commit, against what others committed in
// between. A batch is for one goroutine at a time: a second one gets ErrBusy.
type Batch struct {
	writer
	db      *DB // keeps the store from being closed as forgotten
	closed  atomic.Bool
	cleanup runtime.Cleanup
}

// Commit commits the batch and gives the commit's sequence number. It waits as the durability says, and shares the wait
// with commits of other goroutines. The batch cannot be used afterwards, also where the commit fails, but for ErrBusy,
// which it also is in a callback of the store.
func (b *Batch) Commit(durability Durability) (sequence uint64, err error) {
	if err := checkNotInCallback(b.db.writer.db); err != nil {
		return 0, err
	}
	done := C.shim_batch_commit(b.writer.batch, C.int32_t(durability))
	if done.b == 0 && b.closed.CompareAndSwap(false, true) {
		b.cleanup.Stop()
	}
	runtime.KeepAlive(b)
	if done.status != C.STRATUM_OK {
		return 0, failure(done.status, done.error)
	}
	return uint64(done.a), nil
}

// Close abandons the batch, unless it was committed. A second Close is no error.
func (b *Batch) Close() error {
	if b.closed.CompareAndSwap(false, true) {
		C.shim_batch_free(b.writer.batch)
		b.cleanup.Stop()
	}
	runtime.KeepAlive(b)
	return nil
}

// Clear forgets everything in the batch; it can be used again. The ids that it handed out are skipped.
func (b *Batch) Clear() error {
	done := C.shim_batch_clear(b.writer.batch)
	runtime.KeepAlive(b)
	return failure(done.status, done.error)
}

// Size gives the number of writes in the batch, and its size as counted against MaxBatchBytes.
func (b *Batch) Size() (operations, bytes uint64, err error) {
	size := C.shim_batch_size(b.writer.batch)
	runtime.KeepAlive(b)
	return uint64(size.a), uint64(size.b), failure(size.status, size.error)
}

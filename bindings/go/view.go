package stratum

// #cgo nocallback shim_view_free
// #cgo nocallback shim_view_sequence
// #cgo nocallback shim_view_document_count
// #cgo nocallback shim_view_exists
// #cgo nocallback shim_view_input_count
// #cgo noescape shim_view_read_blob
// #cgo nocallback shim_view_read_blob
// #cgo noescape shim_view_column
// #cgo nocallback shim_view_column
// #cgo noescape shim_view_input
// #cgo nocallback shim_view_input
// #cgo noescape shim_view_output
// #cgo nocallback shim_view_output
// #cgo nocallback shim_view_columns
// #cgo nocallback shim_view_input_columns
// #cgo nocallback shim_view_input_ids
// #cgo nocallback shim_view_inputs
// #include "shim.h"
import "C"

import (
	"math"
	"runtime"
	"sync"
	"unsafe"
)

// View is what reads go through: DB.Latest lends one that always shows the newest commit, DB.Snapshot and DB.View make
// one that stays at its moment. Any number of goroutines may use it at once.
type View struct {
	handle  C.uintptr_t
	db      *DB // keeps the store from being closed as forgotten
	owned   bool
	once    sync.Once
	cleanup runtime.Cleanup
}

// Close ends a snapshot. A second Close is no error; on the view that DB.Latest lends it does nothing.
func (v *View) Close() error {
	if v.owned {
		v.once.Do(func() {
			C.shim_view_free(v.handle)
			v.cleanup.Stop()
		})
		runtime.KeepAlive(v)
	}
	return nil
}

// number is what the calls that answer one number end in.
func (v *View) number(done C.shim_answer) (uint64, error) {
	runtime.KeepAlive(v)
	if done.status != C.STRATUM_OK {
		return 0, failure(done.status, done.error)
	}
	return uint64(done.a), nil
}

// Sequence is the sequence number of the newest commit in this view, 0 before the first.
func (v *View) Sequence() (uint64, error) { return v.number(C.shim_view_sequence(v.handle)) }

// DocumentCount is how many documents there are.
func (v *View) DocumentCount() (uint64, error) { return v.number(C.shim_view_document_count(v.handle)) }

// Exists says whether a document is there. One that is not is no error.
func (v *View) Exists(document DocumentID) (bool, error) {
	is, err := v.number(C.shim_view_exists(v.handle, C.uint64_t(document)))
	return is != 0, err
}

// InputCount is how many inputs a document has.
func (v *View) InputCount(document DocumentID) (uint64, error) {
	return v.number(C.shim_view_input_count(v.handle, C.uint64_t(document)))
}

// smallRead is the length up to which blobs, texts and bytes are read in one call, by way of the stack.
const smallRead = 256

// Blob is a copy of a document's blob, not nil where it is empty.
func (v *View) Blob(document DocumentID) ([]byte, error) {
	var small [smallRead]byte
	done := C.shim_view_read_blob(v.handle, C.uint64_t(document), (*C.uint8_t)(&small[0]), smallRead)
	switch {
	case done.status == C.STRATUM_OK:
		runtime.KeepAlive(v)
		return append(make([]byte, 0, int(done.a)), small[:done.a]...), nil
	case done.status != C.STRATUM_BUFFER_TOO_SMALL:
		_, err := v.number(done)
		return nil, err
	}
	pinned := C.shim_view_blob(v.handle, C.uint64_t(document))
	runtime.KeepAlive(v)
	return unpinned(pinned)
}

// ReadBlob copies a document's blob into the buffer and gives its length. Where that is more than the buffer holds, the
// error is ErrBufferTooSmall, and nothing is copied; a nil buffer so asks for the length.
func (v *View) ReadBlob(document DocumentID, buffer []byte) (length int, err error) {
	data, capacity := bytesOf(buffer)
	done := C.shim_view_read_blob(v.handle, C.uint64_t(document), data, capacity)
	runtime.KeepAlive(v)
	return int(done.a), failure(done.status, done.error)
}

// value makes a Go value of what was read, which small holds where it is short.
func (v *View) value(done C.shim_value_answer, small []byte) (any, error) {
	runtime.KeepAlive(v)
	if done.status != C.STRATUM_OK {
		return nil, failure(done.status, done.error)
	}
	if done.result != 0 {
		value := valueOfC(lent[C.stratum_value](C.uint64_t(done.value)))
		C.shim_result_free(done.result)
		return value, nil
	}
	switch Kind(done.kind) {
	case KindBool:
		return done.bits != 0, nil
	case KindInt64:
		return int64(done.bits), nil
	case KindDouble:
		return math.Float64frombits(uint64(done.bits)), nil
	case KindDecimal:
		return Decimal(small[:done.bits]), nil
	case KindString:
		return string(small[:done.bits]), nil
	case KindBytes:
		return append(make([]byte, 0, int(done.bits)), small[:done.bits]...), nil
	}
	return nil, nil
}

// Column is one column of a document; its blob is not read. A column that is not there is ErrNotFound, one that holds
// Null is nil.
func (v *View) Column(document DocumentID, name string) (any, error) {
	var small [smallRead]byte
	text, length := textOf(name)
	return v.value(C.shim_view_column(v.handle, C.uint64_t(document), text, length, (*C.uint8_t)(&small[0]), smallRead),
		small[:])
}

// Input is the value of an input.
func (v *View) Input(document DocumentID, input InputID) (any, error) {
	var small [smallRead]byte
	done := C.shim_view_input(v.handle, C.uint64_t(document), C.uint64_t(input), (*C.uint8_t)(&small[0]), smallRead)
	return v.value(done, small[:])
}

// Output is the output of an input. An input without one is ErrNotFound, an output that is Null is nil.
func (v *View) Output(document DocumentID, input InputID) (any, error) {
	var small [smallRead]byte
	done := C.shim_view_output(v.handle, C.uint64_t(document), C.uint64_t(input), (*C.uint8_t)(&small[0]), smallRead)
	return v.value(done, small[:])
}

// listed copies a list that a result lends, and frees the result.
func listed[T, Out any](v *View, done C.shim_answer, copied func(list []T) Out) (Out, error) {
	runtime.KeepAlive(v)
	if done.status != C.STRATUM_OK {
		var none Out
		return none, failure(done.status, done.error)
	}
	out := copied(unsafe.Slice(lent[T](done.b), int(done.c)))
	C.shim_result_free(C.uintptr_t(done.a))
	return out, nil
}

func columnsIn(list []C.stratum_column) Columns {
	return columnsOfC(unsafe.SliceData(list), len(list))
}

// Columns are the columns of a document; its blob is not read.
func (v *View) Columns(document DocumentID) (Columns, error) {
	return listed(v, C.shim_view_columns(v.handle, C.uint64_t(document)), columnsIn)
}

// InputColumns are the columns of an input.
func (v *View) InputColumns(document DocumentID, input InputID) (Columns, error) {
	return listed(v, C.shim_view_input_columns(v.handle, C.uint64_t(document), C.uint64_t(input)), columnsIn)
}

// InputIDs are the ids of a document's inputs in their order.
func (v *View) InputIDs(document DocumentID) ([]InputID, error) {
	return listed(v, C.shim_view_input_ids(v.handle, C.uint64_t(document)), func(list []InputID) []InputID {
		return append(make([]InputID, 0, len(list)), list...)
	})
}

// Inputs are all inputs of a document in their order, with their columns and outputs; its blob is not read. EachInput
// walks over them without holding them all.
func (v *View) Inputs(document DocumentID) ([]Input, error) {
	return listed(v, C.shim_view_inputs(v.handle, C.uint64_t(document)), func(list []C.stratum_input) []Input {
		inputs := make([]Input, len(list))
		for at := range inputs {
			inputs[at] = inputOfC(&list[at])
		}
		return inputs
	})
}

package stratum

// #cgo nocallback shim_view_documents
// #cgo nocallback shim_document_cursor_next
// #cgo noescape shim_document_cursor_fill
// #cgo nocallback shim_document_cursor_fill
// #cgo nocallback shim_document_cursor_seek
// #cgo nocallback shim_document_cursor_free
// #cgo nocallback shim_view_input_cursor
// #cgo noescape shim_input_cursor_fill
// #cgo nocallback shim_input_cursor_fill
// #cgo nocallback shim_input_cursor_free
// #include "shim.h"
import "C"

import (
	"errors"
	"io"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// isEnd tells the end of a cursor.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }

// atCursor is what the calls on cursors end in: past the last row they answer io.EOF.
func atCursor(done C.shim_answer) error {
	if done.status == C.STRATUM_END {
		return io.EOF
	}
	return failure(done.status, done.error)
}

// DocumentCursor walks over the ids of the documents in a view, ascending. It is for one goroutine at a time: a second
// one gets ErrBusy. It may outlive its view. Most programs range over View.Documents.
type DocumentCursor struct {
	handle  C.uintptr_t
	db      *DB
	once    sync.Once
	cleanup runtime.Cleanup
}

// DocumentCursor makes a cursor that begins at the id `from` (0: at the first). Close it.
func (v *View) DocumentCursor(from DocumentID) (*DocumentCursor, error) {
	made := C.shim_view_documents(v.handle, C.uint64_t(from))
	runtime.KeepAlive(v)
	if made.status != C.STRATUM_OK {
		return nil, failure(made.status, made.error)
	}
	c := &DocumentCursor{handle: C.uintptr_t(made.a), db: v.db}
	c.cleanup = runtime.AddCleanup(c, func(handle C.uintptr_t) { C.shim_document_cursor_free(handle) }, c.handle)
	return c, nil
}

// Next is the next id; io.EOF past the last.
func (c *DocumentCursor) Next() (DocumentID, error) {
	done := C.shim_document_cursor_next(c.handle)
	runtime.KeepAlive(c)
	return DocumentID(done.a), atCursor(done)
}

// Fill reads the next ids, as many as there are and the buffer holds, and gives their number, which is above 0 where
// there is no error; io.EOF past the last.
func (c *DocumentCursor) Fill(ids []DocumentID) (count int, err error) {
	done := C.shim_document_cursor_fill(c.handle, (*C.uint64_t)(unsafe.SliceData(ids)), C.size_t(len(ids)))
	runtime.KeepAlive(c)
	return int(done.a), atCursor(done)
}

// Seek moves the cursor, forwards or back: the next id will be the first that is `from` or above.
func (c *DocumentCursor) Seek(from DocumentID) error {
	done := C.shim_document_cursor_seek(c.handle, C.uint64_t(from))
	runtime.KeepAlive(c)
	return failure(done.status, done.error)
}

// Close frees the cursor. A second Close is no error.
func (c *DocumentCursor) Close() error {
	c.once.Do(func() {
		C.shim_document_cursor_free(c.handle)
		c.cleanup.Stop()
	})
	runtime.KeepAlive(c)
	return nil
}

// idsInCall is how many ids Documents reads in a call.
const idsInCall = 512

// Documents walks over the ids of the documents, ascending, from the id `from` on (0: from the first). It ends with the
// first error.
func (v *View) Documents(from DocumentID) iter.Seq2[DocumentID, error] {
	return func(yield func(DocumentID, error) bool) {
		cursor, err := v.DocumentCursor(from)
		if err != nil {
			yield(0, err)
			return
		}
		defer cursor.Close()
		var ids [idsInCall]DocumentID
		for {
			count, err := cursor.Fill(ids[:])
			if err != nil {
				if !isEnd(err) {
					yield(0, err)
				}
				return
			}
			for _, id := range ids[:count] {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
}

// InputCursor walks over the inputs of a document in their order, without holding them all. It is for one goroutine at
// a time: a second one gets ErrBusy. It may outlive its view. Most programs range over View.EachInput.
type InputCursor struct {
	handle  C.uintptr_t
	db      *DB
	inUse   atomic.Bool // by a goroutine, which alone may touch rest
	rest    []byte      // rows that were read and not given yet
	closed  atomic.Bool
	cleanup runtime.Cleanup
}

// rowsInCall is how many bytes of rows Next reads in a call.
const rowsInCall = 64 << 10

// InputCursor makes a cursor. Close it.
func (v *View) InputCursor(document DocumentID) (*InputCursor, error) {
	made := C.shim_view_input_cursor(v.handle, C.uint64_t(document))
	runtime.KeepAlive(v)
	if made.status != C.STRATUM_OK {
		return nil, failure(made.status, made.error)
	}
	c := &InputCursor{handle: C.uintptr_t(made.a), db: v.db}
	c.cleanup = runtime.AddCleanup(c, func(handle C.uintptr_t) { C.shim_input_cursor_free(handle) }, c.handle)
	return c, nil
}

// Fill reads the next inputs as packed rows, as stratum_input_cursor_fill lays them out. Where the buffer does not hold
// even the next one the error is ErrBufferTooSmall, and length what it needs; io.EOF past the last. Rows that Next has
// read ahead are given first.
func (c *InputCursor) Fill(buffer []byte) (length int, err error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	defer c.end()
	for length < len(c.rest) {
		size := rowSize(c.rest[length:])
		if length+size > len(buffer) {
			if length == 0 {
				return size, ErrBufferTooSmall
			}
			break
		}
		length += size
	}
	copy(buffer, c.rest[:length])
	c.rest = c.rest[length:]
	if length > 0 {
		// What comes next is read by the next call, which then answers what keeps it from that.
		return length, nil
	}
	return c.fill(buffer)
}

// begin makes the calling goroutine the one that uses the cursor, until end.
func (c *InputCursor) begin() error {
	if c.isClosed() {
		return ErrClosed
	}
	if !c.inUse.CompareAndSwap(false, true) {
		if c.isClosed() {
			return ErrClosed // it may be closing that has it
		}
		return refused(ErrBusy, "another goroutine is using this cursor")
	}
	return nil
}

func (c *InputCursor) end() {
	c.inUse.Store(false)
	c.forget()
}

// forget lets go of the rows of a cursor that was closed, unless a goroutine uses it, which then does.
func (c *InputCursor) forget() {
	if c.closed.Load() && c.inUse.CompareAndSwap(false, true) {
		c.rest = nil
		c.inUse.Store(false)
	}
}

// isClosed also tells a store that was closed, while rows that were read ahead are left.
func (c *InputCursor) isClosed() bool { return c.closed.Load() || c.db.closed.Load() }

func (c *InputCursor) fill(buffer []byte) (length int, err error) {
	data, capacity := bytesOf(buffer)
	done := C.shim_input_cursor_fill(c.handle, data, capacity)
	runtime.KeepAlive(c)
	return int(done.a), atCursor(done)
}

// Next is the next input; io.EOF past the last. It stays valid as long as it is used.
func (c *InputCursor) Next() (PackedInput, error) {
	if err := c.begin(); err != nil {
		return PackedInput{}, err
	}
	defer c.end()
	return c.next()
}

func (c *InputCursor) next() (PackedInput, error) {
	if len(c.rest) == 0 {
		// A buffer of its own for each call: what was given lies in the last one.
		buffer := make([]byte, rowsInCall)
		length, err := c.fill(buffer)
		if errors.Is(err, ErrBufferTooSmall) {
			buffer = make([]byte, length)
			length, err = c.fill(buffer)
		}
		if err != nil {
			return PackedInput{}, err
		}
		c.rest = buffer[:length]
	}
	size := rowSize(c.rest)
	row := c.rest[:size:size]
	c.rest = c.rest[size:]
	value := 24 + int(le.Uint32(row[8:]))*8
	output := value + int(le.Uint32(row[12:]))*8
	return PackedInput{
		id:      InputID(le.Uint32(row[4:])),
		value:   row[24:value:value],
		output:  row[value:output:output],
		columns: row[output:],
	}, nil
}

func rowSize(row []byte) int { return int(le.Uint32(row)) * 8 }

// Close frees the cursor. A second Close is no error.
func (c *InputCursor) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.forget()
		C.shim_input_cursor_free(c.handle)
		c.cleanup.Stop()
	}
	runtime.KeepAlive(c)
	return nil
}

// EachInput walks over the inputs of a document in their order, many in a call; its blob is not read. It ends with the
// first error.
func (v *View) EachInput(document DocumentID) iter.Seq2[PackedInput, error] {
	return func(yield func(PackedInput, error) bool) {
		cursor, err := v.InputCursor(document)
		if err != nil {
			yield(PackedInput{}, err)
			return
		}
		defer cursor.Close()
		for {
			if cursor.isClosed() {
				yield(PackedInput{}, ErrClosed)
				return
			}
			input, err := cursor.next() // nobody else has this cursor
			if isEnd(err) {
				return
			}
			if !yield(input, err) || err != nil {
				return
			}
		}
	}
}

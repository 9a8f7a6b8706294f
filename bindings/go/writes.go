package stratum

// #cgo noescape shim_apply_one
// #cgo nocallback shim_apply_one
// #cgo noescape shim_apply
// #cgo nocallback shim_apply
// #cgo noescape shim_create_document
// #cgo nocallback shim_create_document
// #cgo noescape shim_set_blob
// #cgo nocallback shim_set_blob
// #cgo noescape shim_put_packed
// #cgo nocallback shim_put_packed
// #cgo noescape shim_replace_packed
// #cgo nocallback shim_replace_packed
// #include "shim.h"
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// writer has the writes that a DB (one commit each) and a Batch have in common. One of its handles is 0.
//
// Values, columns and trees are laid out here and passed as one flat buffer: a C struct of pointers into Go's memory
// would be against cgo's rules.
type writer struct {
	db, batch C.uintptr_t
}

// buffers are reused from write to write; none is kept that is over a MiB.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

const keptBuffer = 1 << 20

func giveBack(buffer *[]byte, used []byte) {
	if cap(used) <= keptBuffer {
		*buffer = used[:0]
		buffers.Put(buffer)
	}
}

func (w *writer) apply(r *row, bodyLength int, body func([]byte) ([]byte, error)) (uint64, error) {
	if err := checkNotInCallback(w.db); err != nil {
		return 0, err
	}
	buffer := buffers.Get().(*[]byte)
	b, err := r.append((*buffer)[:0], bodyLength, body)
	if err != nil {
		giveBack(buffer, b)
		return 0, err
	}
	rows, length := bytesOf(b)
	done := C.shim_apply_one(w.db, w.batch, rows, length)
	giveBack(buffer, b)
	runtime.KeepAlive(w)
	if done.status != C.STRATUM_OK {
		return 0, failure(done.status, done.error)
	}
	return uint64(done.a), nil
}

func (w *writer) applyValue(r *row, value any) (uint64, error) {
	return w.apply(r, -1, func(b []byte) ([]byte, error) { return appendValue(b, value, 0) })
}

func (w *writer) do(r *row) error {
	_, err := w.apply(r, 0, nil)
	return err
}

// CreateDocument creates a document with a blob (any bytes, may be empty) and columns. Its id is final, and can be used
// in a batch at once.
func (w *writer) CreateDocument(blob []byte, columns ...Column) (DocumentID, error) {
	if len(columns) == 0 {
		if err := checkNotInCallback(w.db); err != nil {
			return 0, err
		}
		data, length := bytesOf(blob)
		done := C.shim_create_document(w.db, w.batch, data, length)
		runtime.KeepAlive(w)
		if done.status != C.STRATUM_OK {
			return 0, failure(done.status, done.error)
		}
		return DocumentID(done.a), nil
	}
	id, err := w.apply(&row{op: opCreateDocument, columns: columns}, len(blob), func(b []byte) ([]byte, error) {
		return pad(append(b, blob...)), nil
	})
	return DocumentID(id), err
}

// PutTree creates a document with its columns, inputs and outputs.
func (w *writer) PutTree(tree *Tree) (TreeIDs, error) {
	return w.packing(tree, w.PutPacked)
}

// ReplaceTree replaces a document's blob, columns, inputs and outputs. It keeps its id; the inputs get new ones.
func (w *writer) ReplaceTree(document DocumentID, tree *Tree) (TreeIDs, error) {
	return w.packing(tree, func(packed []byte) (TreeIDs, error) { return w.ReplacePacked(document, packed) })
}

func (w *writer) packing(tree *Tree, write func([]byte) (TreeIDs, error)) (TreeIDs, error) {
	buffer := buffers.Get().(*[]byte)
	packed, err := AppendTree((*buffer)[:0], tree)
	var ids TreeIDs
	if err == nil {
		ids, err = write(packed)
	}
	giveBack(buffer, packed)
	return ids, err
}

func treeIDs(done C.shim_answer) (TreeIDs, error) {
	if done.status != C.STRATUM_OK {
		return TreeIDs{}, failure(done.status, done.error)
	}
	return TreeIDs{DocumentID(done.a), InputID(done.b), uint64(done.c)}, nil
}

// PutPacked creates a document from a packed tree: what AppendTree or PackedTree.Bytes gives. It is checked
// whole first.
func (w *writer) PutPacked(packed []byte) (TreeIDs, error) {
	if err := checkNotInCallback(w.db); err != nil {
		return TreeIDs{}, err
	}
	data, length := bytesOf(packed)
	done := C.shim_put_packed(w.db, w.batch, data, length)
	runtime.KeepAlive(w)
	return treeIDs(done)
}

// ReplacePacked replaces a document by a packed tree. It keeps its id; the inputs get new ones.
func (w *writer) ReplacePacked(document DocumentID, packed []byte) (TreeIDs, error) {
	if err := checkNotInCallback(w.db); err != nil {
		return TreeIDs{}, err
	}
	data, length := bytesOf(packed)
	done := C.shim_replace_packed(w.db, w.batch, C.uint64_t(document), data, length)
	runtime.KeepAlive(w)
	return treeIDs(done)
}

// SetBlob replaces the blob of a document.
func (w *writer) SetBlob(document DocumentID, blob []byte) error {
	if err := checkNotInCallback(w.db); err != nil {
		return err
	}
	data, length := bytesOf(blob)
	done := C.shim_set_blob(w.db, w.batch, C.uint64_t(document), data, length)
	runtime.KeepAlive(w)
	return failure(done.status, done.error)
}

// SetColumn creates or replaces a column of a document.
func (w *writer) SetColumn(document DocumentID, name string, value any) error {
	_, err := w.applyValue(&row{op: opSetColumn, document: document, name: name}, value)
	return err
}

// RemoveColumn removes a column of a document.
func (w *writer) RemoveColumn(document DocumentID, name string) error {
	return w.do(&row{op: opRemoveColumn, document: document, name: name})
}

// DeleteDocument deletes a document with its columns, inputs and outputs. Its id is never used again.
func (w *writer) DeleteDocument(document DocumentID) error {
	return w.do(&row{op: opDeleteDocument, document: document})
}

// AppendInput appends an input to a document. Its id is final, and can be used in a batch at once.
func (w *writer) AppendInput(document DocumentID, value any) (InputID, error) {
	id, err := w.applyValue(&row{op: opAppendInput, document: document}, value)
	return InputID(id), err
}

// InsertInput inserts an input before another one.
func (w *writer) InsertInput(document DocumentID, before InputID, value any) (InputID, error) {
	id, err := w.applyValue(&row{op: opInsertInput, document: document, before: before}, value)
	return InputID(id), err
}

// MoveInput moves an input before another one, or to the end where before is 0.
func (w *writer) MoveInput(document DocumentID, input, before InputID) error {
	return w.do(&row{op: opMoveInput, document: document, input: input, before: before})
}

// ReplaceInput replaces the value of an input; its place, columns and output stay.
func (w *writer) ReplaceInput(document DocumentID, input InputID, value any) error {
	_, err := w.applyValue(&row{op: opReplaceInput, document: document, input: input}, value)
	return err
}

// SetInputColumn creates or replaces a column of an input.
func (w *writer) SetInputColumn(document DocumentID, input InputID, name string, value any) error {
	_, err := w.applyValue(&row{op: opSetInputColumn, document: document, input: input, name: name}, value)
	return err
}

// RemoveInputColumn removes a column of an input.
func (w *writer) RemoveInputColumn(document DocumentID, input InputID, name string) error {
	return w.do(&row{op: opRemoveInputColumn, document: document, input: input, name: name})
}

// DeleteInput deletes an input with its columns and its output. Its id is never used again in the document.
func (w *writer) DeleteInput(document DocumentID, input InputID) error {
	return w.do(&row{op: opDeleteInput, document: document, input: input})
}

// SetOutput creates or replaces the output of an input.
func (w *writer) SetOutput(document DocumentID, input InputID, value any) error {
	_, err := w.applyValue(&row{op: opSetOutput, document: document, input: input}, value)
	return err
}

// UpdateOutput replaces the output of an input, which must be there.
func (w *writer) UpdateOutput(document DocumentID, input InputID, value any) error {
	_, err := w.applyValue(&row{op: opUpdateOutput, document: document, input: input}, value)
	return err
}

// DeleteOutput deletes the output of an input.
func (w *writer) DeleteOutput(document DocumentID, input InputID) error {
	return w.do(&row{op: opDeleteOutput, document: document, input: input})
}

// Apply makes many writes in one call, and gives an id for each: of the document or input that it makes, of the first
// input for ReplaceTree, otherwise 0. On a DB it is one commit: all or none. On a batch those before a failing one stay
// in it. On failure the ids are nil, and their number of applied writes tells which one failed.
func (w *writer) Apply(operations *Operations) (ids []uint64, applied int, err error) {
	return w.ApplyPacked(operations.rows, operations.count)
}

// ApplyPacked is Apply for rows as stratum_batch_apply_packed takes them; capacity is at least their number.
func (w *writer) ApplyPacked(rows []byte, capacity int) (ids []uint64, applied int, err error) {
	if err := checkNotInCallback(w.db); err != nil {
		return nil, 0, err
	}
	if capacity < 0 {
		return nil, 0, refused(ErrInvalidArgument, "a capacity below 0")
	}
	ids = make([]uint64, capacity)
	data, length := bytesOf(rows)
	done := C.shim_apply(w.db, w.batch, data, length, (*C.uint64_t)(unsafe.SliceData(ids)), C.size_t(capacity))
	runtime.KeepAlive(w)
	if done.status != C.STRATUM_OK {
		return nil, int(done.a), failure(done.status, done.error)
	}
	return ids[:min(int(done.a), capacity)], int(done.a), nil
}

package stratum

// #cgo nocallback shim_view_blob
// #cgo nocallback shim_view_packed_tree
// #cgo noescape shim_view_packed_trees
// #cgo nocallback shim_view_packed_trees
// #cgo nocallback shim_pinned_free
// #cgo nocallback shim_pinned_is_borrowed
// #include "shim.h"
import "C"

import (
	"errors"
	"iter"
	"log/slog"
	"runtime"
	"sync"
	"unsafe"
)

// Pinned is bytes of the library's own, lent without a copy where they can be. They stay valid until Close, also after
// the document was deleted or the store closed, and must not be changed, nor touched after Close.
//
// A Pinned that is forgotten is never freed, as slices of it may still be in use: a warning is logged instead.
type Pinned struct {
	handle   C.uintptr_t
	data     []byte
	document DocumentID // whose tree it is; 0 for a blob
	borrowed bool
	once     sync.Once
	cleanup  runtime.Cleanup
}

func pin(done C.shim_answer) (*Pinned, error) {
	if done.status != C.STRATUM_OK {
		return nil, failure(done.status, done.error)
	}
	p := &Pinned{handle: C.uintptr_t(done.a), data: pinnedBytes(done)}
	p.borrowed = C.shim_pinned_is_borrowed(p.handle) != 0
	p.cleanup = runtime.AddCleanup(p, func(length int) {
		slog.Warn("stratum: a Pinned was never closed; its bytes stay", "bytes", length)
	}, len(p.data))
	return p, nil
}

func pinnedBytes(done C.shim_answer) []byte {
	return unsafe.Slice(lent[byte](done.b), int(done.c))
}

// unpinned copies pinned bytes into Go's memory, and frees them.
func unpinned(done C.shim_answer) ([]byte, error) {
	if done.status != C.STRATUM_OK {
		return nil, failure(done.status, done.error)
	}
	copied := append([]byte{}, pinnedBytes(done)...)
	C.shim_pinned_free(C.uintptr_t(done.a))
	return copied, nil
}

// Bytes are the bytes; nil after Close.
func (p *Pinned) Bytes() []byte { return p.data }

// IsBorrowed says whether the bytes are the store's own (a mapped log file), not a copy.
func (p *Pinned) IsBorrowed() bool { return p.borrowed }

// Tree reads the bytes of PinTree in place. It is valid until Close, like all that is taken from it: also its texts.
func (p *Pinned) Tree() (*PackedTree, error) {
	if p.document == 0 || p.data == nil {
		return ParsePackedTree(p.data)
	}
	tree, err := treeOf(p.data, p.document)
	if err != nil {
		return nil, err
	}
	return &tree, nil
}

// Close frees the bytes. A second Close is no error.
func (p *Pinned) Close() error {
	p.once.Do(func() {
		p.data = nil
		C.shim_pinned_free(p.handle)
		p.cleanup.Stop()
	})
	runtime.KeepAlive(p)
	return nil
}

// PinBlob lends the blob of a document.
func (v *View) PinBlob(document DocumentID) (*Pinned, error) {
	pinned, err := pin(C.shim_view_blob(v.handle, C.uint64_t(document)))
	runtime.KeepAlive(v)
	return pinned, err
}

// PinTree lends a whole tree in its packed form.
func (v *View) PinTree(document DocumentID) (*Pinned, error) {
	pinned, err := pin(C.shim_view_packed_tree(v.handle, C.uint64_t(document)))
	runtime.KeepAlive(v)
	if err != nil {
		return nil, err
	}
	pinned.document = document
	return pinned, nil
}

// PackedTree is a whole tree in its packed form, copied in one piece and read in place: the fastest way to read one.
func (v *View) PackedTree(document DocumentID) (*PackedTree, error) {
	packed, err := unpinned(C.shim_view_packed_tree(v.handle, C.uint64_t(document)))
	runtime.KeepAlive(v)
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(packed, document)
	if err != nil {
		return nil, err
	}
	return &tree, nil
}

// Tree is a whole tree: blob, columns, inputs and outputs, decoded. Its texts, bytes and lists of numbers lie in one
// buffer, which each of them keeps in memory: strings.Clone or slices.Clone what is to outlive the rest.
func (v *View) Tree(document DocumentID) (*Tree, error) {
	packed, err := v.PackedTree(document)
	if err != nil {
		return nil, err
	}
	return packed.Tree(), nil
}

// PackTrees gives many trees of one moment in one buffer, as stratum_view_packed_trees lays it out.
func (v *View) PackTrees(documents ...DocumentID) ([]byte, error) {
	ids := (*C.uint64_t)(unsafe.SliceData(documents))
	packed, err := unpinned(C.shim_view_packed_trees(v.handle, ids, C.size_t(len(documents))))
	runtime.KeepAlive(v)
	return packed, err
}

// PackedTrees reads many trees of one moment in one call. One that is not there is nil.
func (v *View) PackedTrees(documents ...DocumentID) ([]*PackedTree, error) {
	packed, err := v.PackTrees(documents...)
	if err != nil {
		return nil, err
	}
	trees := make([]*PackedTree, len(documents))
	found := make([]PackedTree, len(documents))
	for at := range trees {
		row := packed[8+at*24:]
		begin, length := le.Uint64(row[8:]), le.Uint64(row[16:])
		if length > 0 {
			if found[at], err = treeOf(packed[begin:begin+length:begin+length], documents[at]); err != nil {
				return nil, err
			}
			trees[at] = &found[at]
		}
	}
	return trees, nil
}

// How many trees Trees reads in a call: as many as come to about this many bytes, which fit into a cache.
const (
	treesInCall      = 256
	treesInFirstCall = 8
	bytesInCall      = 128 << 10
)

// Trees walks over the trees of the view by ascending id, from the id `from` on (0: from the first), many in a call. It
// ends with the first error.
func (v *View) Trees(from DocumentID) iter.Seq2[*PackedTree, error] {
	return func(yield func(*PackedTree, error) bool) {
		cursor, err := v.DocumentCursor(from)
		if err != nil {
			yield(nil, err)
			return
		}
		defer cursor.Close()
		var ids [treesInCall]DocumentID
		for many := treesInFirstCall; ; {
			count, err := cursor.Fill(ids[:many])
			if err != nil {
				if !isEnd(err) {
					yield(nil, err)
				}
				return
			}
			bytes, goOn := v.someTrees(ids[:count], yield)
			if !goOn {
				return
			}
			if bytes < bytesInCall/2 {
				many = min(2*many, treesInCall)
			} else if bytes > 2*bytesInCall {
				many = max(many/2, 1)
			}
		}
	}
}

// someTrees yields the trees of some documents, in halves where they are too large for one buffer.
func (v *View) someTrees(ids []DocumentID, yield func(*PackedTree, error) bool) (bytes int, goOn bool) {
	trees, err := v.PackedTrees(ids...)
	if len(ids) > 1 && errors.Is(err, ErrTooLarge) {
		first, goOn := v.someTrees(ids[:len(ids)/2], yield)
		if !goOn {
			return first, false
		}
		second, goOn := v.someTrees(ids[len(ids)/2:], yield)
		return first + second, goOn
	}
	if err != nil {
		yield(nil, err)
		return 0, false
	}
	for _, tree := range trees {
		// A document may go between two calls, where the view is the latest.
		if tree != nil {
			bytes += len(tree.b)
			if !yield(tree, nil) {
				return bytes, false
			}
		}
	}
	return bytes, true
}

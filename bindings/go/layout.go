package stratum

import (
	"hash/crc32"
	"math"
)

// The packed tree of docs/format.md: where its fields are, and how one is made.

const (
	treeMagic   = "STPT"
	treeVersion = 1
	blobSet     = 1

	treeHeader = 80
	entrySize  = 32

	versionAt      = 4
	flagsAt        = 5
	totalAt        = 8
	headAt         = 12
	nextInputAt    = 16
	entryCountAt   = 24
	extraCountAt   = 28
	columnsAt      = 32
	columnsLenAt   = 36
	blobAt         = 40
	blobCRCAt      = 44
	blobLenAt      = 48
	directoryCRCAt = 56
	columnsCRCAt   = 60
	outputsAt      = 64
	headerCRCAt    = 76

	entryOffsetAt     = 4
	entryValueAt      = 8
	entryOutputAt     = 12
	entryColumnsAt    = 16
	entryValueCRCAt   = 20
	entryOutputCRCAt  = 24
	entryColumnsCRCAt = 28
)

func sum(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// AppendTree appends a tree in its packed form ("Packed tree" in docs/format.md) to b, whose length must be a multiple
// of 8. Its inputs are given the ids 1, 2, 3...; a write gives them others.
func AppendTree(b []byte, tree *Tree) ([]byte, error) {
	begin := len(b)
	b, err := appendTree(b, tree)
	if err != nil {
		return b[:begin], err
	}
	return b, nil
}

func appendTree(b []byte, tree *Tree) ([]byte, error) {
	if uint64(len(tree.Inputs)) >= math.MaxUint32 {
		return b, refused(ErrTooLarge, "a document has over 4294967294 inputs")
	}
	begin := len(b)
	count := len(tree.Inputs)
	b = append(b, make([]byte, treeHeader+count*entrySize)...)
	at8 := func() uint32 { return uint32((len(b) - begin) / 8) }
	columns := len(b)
	b, err := appendColumns(b, tree.Columns)
	if err != nil {
		return b, err
	}
	columnsEnd := len(b)
	head8 := at8()
	var outputs uint32
	for at := range tree.Inputs {
		if tree.Inputs[at].HasOutput {
			outputs++
		}
		if b, err = appendNode(b, begin, at, &tree.Inputs[at]); err != nil {
			return b, err
		}
	}
	blob8 := at8()
	b = pad(append(b, tree.Blob...))
	if uint64(len(b)-begin)/8 > math.MaxUint32 {
		return b, refused(ErrTooLarge, "a tree is over 32 GiB")
	}

	h := b[begin:]
	copy(h, treeMagic)
	h[versionAt], h[flagsAt] = treeVersion, blobSet
	le.PutUint32(h[totalAt:], at8())
	le.PutUint32(h[headAt:], head8)
	le.PutUint64(h[nextInputAt:], uint64(count)+1)
	le.PutUint32(h[entryCountAt:], uint32(count))
	if columnsEnd > columns {
		le.PutUint32(h[columnsAt:], uint32((columns-begin)/8))
		le.PutUint32(h[columnsLenAt:], uint32((columnsEnd-columns)/8))
		le.PutUint32(h[columnsCRCAt:], sum(b[columns:columnsEnd]))
	}
	le.PutUint32(h[blobAt:], blob8)
	le.PutUint32(h[blobCRCAt:], sum(tree.Blob))
	le.PutUint64(h[blobLenAt:], uint64(len(tree.Blob)))
	le.PutUint32(h[directoryCRCAt:], sum(h[treeHeader:treeHeader+count*entrySize]))
	le.PutUint32(h[outputsAt:], outputs)
	le.PutUint32(h[headerCRCAt:], sum(h[:headerCRCAt]))
	return b, nil
}

// appendNode appends what hangs on an input, and fills in its entry in the directory of the tree that begins at begin.
func appendNode(b []byte, begin, position int, input *Input) ([]byte, error) {
	value := len(b)
	b, err := appendValue(b, input.Value, 0)
	if err != nil {
		return b, err
	}
	output := len(b)
	if input.HasOutput {
		if b, err = appendValue(b, input.Output, 0); err != nil {
			return b, err
		}
	}
	columns := len(b)
	if b, err = appendColumns(b, input.Columns); err != nil {
		return b, err
	}
	entry := b[begin+treeHeader+position*entrySize:]
	le.PutUint32(entry, uint32(position+1))
	le.PutUint32(entry[entryOffsetAt:], uint32((value-begin)/8))
	le.PutUint32(entry[entryValueAt:], uint32((output-value)/8))
	le.PutUint32(entry[entryOutputAt:], uint32((columns-output)/8))
	le.PutUint32(entry[entryColumnsAt:], uint32((len(b)-columns)/8))
	le.PutUint32(entry[entryValueCRCAt:], sum(b[value:output]))
	le.PutUint32(entry[entryOutputCRCAt:], sum(b[output:columns]))
	le.PutUint32(entry[entryColumnsCRCAt:], sum(b[columns:]))
	return b, nil
}

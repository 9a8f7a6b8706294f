package stratum

import (
	"fmt"
	"iter"
)

// PackedTree is a tree in its packed form, read in place: each part is decoded only where it is asked for. It lies in
// memory of Go's own, or in what ParsePackedTree was given. What it gives is not to be changed.
type PackedTree struct {
	b  []byte
	id DocumentID
}

// ID is the document that the tree was read from, 0 where it came from ParsePackedTree.
func (t *PackedTree) ID() DocumentID { return t.id }

// Bytes is the packed form itself; PutPacked takes it.
func (t *PackedTree) Bytes() []byte { return t.b }

func (t *PackedTree) field(at int) int { return int(le.Uint32(t.b[at:])) }

// Blob is the document's blob, not nil where it is empty.
func (t *PackedTree) Blob() []byte {
	at := t.field(blobAt) * 8
	return clipped(t.b[at : at+int(le.Uint64(t.b[blobLenAt:]))])
}

// Columns are the document's columns.
func (t *PackedTree) Columns() PackedColumns {
	at := t.field(columnsAt) * 8
	return PackedColumns{t.b[at : at+t.field(columnsLenAt)*8]}
}

// Len is the number of inputs.
func (t *PackedTree) Len() int { return t.field(entryCountAt) }

// Input is the input at a position, from 0 to Len()-1.
func (t *PackedTree) Input(position int) PackedInput {
	at := treeHeader + position*entrySize
	if position < 0 || position >= t.Len() {
		panic("stratum: no input at that position")
	}
	entry := t.b[at : at+entrySize]
	begin := int(le.Uint32(entry[entryOffsetAt:])) * 8
	value := begin + int(le.Uint32(entry[entryValueAt:]))*8
	output := value + int(le.Uint32(entry[entryOutputAt:]))*8
	columns := output + int(le.Uint32(entry[entryColumnsAt:]))*8
	return PackedInput{
		id:      InputID(le.Uint32(entry)),
		value:   t.b[begin:value:value],
		output:  t.b[value:output:output],
		columns: t.b[output:columns:columns],
	}
}

// Inputs walks over the inputs in their order.
func (t *PackedTree) Inputs() iter.Seq[PackedInput] {
	return func(yield func(PackedInput) bool) {
		for position := range t.Len() {
			if !yield(t.Input(position)) {
				return
			}
		}
	}
}

// Tree decodes the whole tree. Its texts, bytes and lists of numbers lie in the packed form, which they keep in memory.
func (t *PackedTree) Tree() *Tree {
	tree := &Tree{Blob: t.Blob(), Columns: t.Columns().All(), Inputs: make([]Input, t.Len())}
	// Most often there is one text, or one number, for each input.
	boxes := boxes{atOnce: t.Len()}
	for position := range tree.Inputs {
		t.Input(position).decode(&tree.Inputs[position], &boxes)
	}
	return tree
}

// PackedInput is an input of a packed tree, or a row of an InputCursor.
type PackedInput struct {
	id                     InputID
	value, output, columns []byte
}

// ID is the input's id.
func (i PackedInput) ID() InputID { return i.id }

// Value is the input's value.
func (i PackedInput) Value() RawValue { return RawValue{i.value} }

// Output is the input's output; ok is false where it has none.
func (i PackedInput) Output() (output RawValue, ok bool) {
	if len(i.output) == 0 {
		return RawValue{}, false
	}
	return RawValue{i.output}, true
}

// Columns are the input's columns.
func (i PackedInput) Columns() PackedColumns { return PackedColumns{i.columns} }

// Input decodes all of it.
func (i PackedInput) Input() (input Input) {
	i.decode(&input, &boxes{})
	return input
}

func (i PackedInput) decode(input *Input, boxes *boxes) {
	input.ID, input.Value, input.Columns = i.id, i.Value().any(boxes), i.Columns().all(boxes)
	if output, ok := i.Output(); ok {
		input.Output, input.HasOutput = output.any(boxes), true
	}
}

// PackedColumns are the columns of a packed tree or input, sorted by the bytes of their names.
type PackedColumns struct{ section []byte }

// Len is the number of columns.
func (c PackedColumns) Len() int {
	if len(c.section) == 0 {
		return 0
	}
	return int(le.Uint32(c.section))
}

// Each walks over the columns.
func (c PackedColumns) Each() iter.Seq2[string, RawValue] {
	return func(yield func(string, RawValue) bool) {
		if len(c.section) == 0 {
			return
		}
		for rest := c.section[8:]; len(rest) > 0; {
			var name []byte
			var value RawValue
			name, value, rest = nextColumn(rest)
			if !yield(textIn(name), value) {
				return
			}
		}
	}
}

// Get finds the value of a column; ok tells a column that holds Null from one that is missing.
func (c PackedColumns) Get(name string) (value RawValue, ok bool) {
	for each, value := range c.Each() {
		if each >= name {
			return value, each == name
		}
	}
	return RawValue{}, false
}

// All decodes all columns.
func (c PackedColumns) All() Columns { return c.all(&boxes{}) }

func (c PackedColumns) all(boxes *boxes) Columns {
	columns := make(Columns, 0, c.Len())
	for name, value := range c.Each() {
		columns = append(columns, Column{name, value.any(boxes)})
	}
	return columns
}

func nextColumn(b []byte) (name []byte, value RawValue, rest []byte) {
	nameLength, valueLength := int(le.Uint32(b)), int(le.Uint32(b[4:]))*8
	at := 8 + padded(nameLength)
	return b[8 : 8+nameLength], RawValue{b[at : at+valueLength : at+valueLength]}, b[at+valueLength:]
}

// ParsePackedTree checks bytes from anywhere, and reads them in place as a packed tree. They must not change while it,
// or anything taken from it, is in use. Errors are ErrInvalidArgument.
//
// It checks what reading needs; a write checks everything.
func ParsePackedTree(b []byte) (*PackedTree, error) {
	if !checkTree(b) {
		return nil, refused(ErrInvalidArgument, "not a packed tree")
	}
	return &PackedTree{b: b}, nil
}

// treeOf is a packed tree that was read from a store. What it holds is not checked before where reads are not verified,
// and checksums do not tell what was written wrongly.
func treeOf(b []byte, document DocumentID) (PackedTree, error) {
	if !checkTree(b) {
		message := fmt.Sprintf("the packed tree of document %d does not check out; Verify tells where", document)
		return PackedTree{}, refused(ErrCorruption, message)
	}
	return PackedTree{b: b, id: document}, nil
}

// checkTree says whether reading b as a packed tree stays within it.
func checkTree(b []byte) bool {
	if len(b) < treeHeader || len(b)%8 != 0 || string(b[:4]) != treeMagic || b[versionAt] != treeVersion ||
		b[flagsAt] != blobSet || sum(b[:headerCRCAt]) != le.Uint32(b[headerCRCAt:]) {
		return false
	}
	t := PackedTree{b: b}
	length := uint64(len(b))
	inside := func(at8, length8 uint32, end uint64) bool { return (uint64(at8)+uint64(length8))*8 <= end }
	blobBegin, blobLength := uint64(t.field(blobAt))*8, le.Uint64(b[blobLenAt:])
	if uint64(t.field(totalAt))*8 != length || blobBegin > length || blobLength > length-blobBegin ||
		uint64(treeHeader)+uint64(t.field(entryCountAt))*entrySize > length ||
		!inside(le.Uint32(b[columnsAt:]), le.Uint32(b[columnsLenAt:]), length) || !checkColumns(t.Columns().section) {
		return false
	}
	for position := range t.Len() {
		entry := b[treeHeader+position*entrySize:]
		size := uint64(le.Uint32(entry[entryValueAt:])) + uint64(le.Uint32(entry[entryOutputAt:])) +
			uint64(le.Uint32(entry[entryColumnsAt:]))
		if (uint64(le.Uint32(entry[entryOffsetAt:]))+size)*8 > length {
			return false
		}
		input := t.Input(position)
		if !checkWhole(input.value) || len(input.output) > 0 && !checkWhole(input.output) || !checkColumns(input.columns) {
			return false
		}
	}
	return true
}

// ParseValue checks bytes from anywhere, and reads them in place as a value in its encoded form. They must not change
// while it, or anything taken from it, is in use. Errors are ErrInvalidArgument.
func ParseValue(b []byte) (RawValue, error) {
	if !checkWhole(b) {
		return RawValue{}, refused(ErrInvalidArgument, "not an encoded value")
	}
	return RawValue{b}, nil
}

// checkWhole says whether b is one value.
func checkWhole(b []byte) bool {
	size, ok := checkValue(b, 0)
	return ok && size == len(b)
}

func checkColumns(section []byte) bool {
	if len(section) == 0 {
		return true
	}
	if len(section) < 8 || le.Uint32(section) == 0 {
		return false
	}
	count := le.Uint32(section)
	for rest := section[8:]; len(rest) > 0; count-- {
		if count == 0 || len(rest) < 8 {
			return false
		}
		name, value := uint64(le.Uint32(rest)), uint64(le.Uint32(rest[4:]))*8
		if name > 255 || 8+uint64(padded(int(name)))+value > uint64(len(rest)) {
			return false
		}
		_, raw, after := nextColumn(rest)
		if !checkWhole(raw.encoded) {
			return false
		}
		rest = after
	}
	return count == 0
}

// checkValue gives the length of the value that b begins with, and whether reading it stays within b.
func checkValue(b []byte, depth int) (size int, ok bool) {
	if len(b) < 8 || depth > maxDepth {
		return 0, false
	}
	count := uint64(le.Uint32(b[4:]))
	within := func(size uint64) (int, bool) { return int(size), size <= uint64(len(b)) }
	switch Kind(b[0]) {
	case KindNull, KindBool:
		return 8, true
	case KindInt64, KindDouble:
		return within(16)
	case KindDecimal, KindString, KindBytes:
		return within(8 + (count+7)&^7)
	case KindInt64List, KindDoubleList:
		return within(8 + 8*count)
	case KindStringList:
		return checkTexts(b, count)
	case KindStringMap:
		return checkTexts(b, 2*count)
	case KindList:
		return checkBody(b, count, depth)
	case KindMap:
		return checkBody(b, 2*count, depth)
	}
	return 0, false
}

func checkTexts(b []byte, count uint64) (size int, ok bool) {
	ends := 8 + (count*4+7)&^7
	if ends > uint64(len(b)) {
		return 0, false
	}
	last := uint32(0)
	for at := range int(count) {
		end := le.Uint32(b[8+at*4:])
		if end < last {
			return 0, false
		}
		last = end
	}
	all := ends + (uint64(last)+7)&^7
	return int(all), all <= uint64(len(b))
}

func checkBody(b []byte, count uint64, depth int) (size int, ok bool) {
	if len(b) < 16 {
		return 0, false
	}
	length := le.Uint64(b[8:])
	if length > uint64(len(b)-16) {
		return 0, false
	}
	isMap := Kind(b[0]) == KindMap
	rest := b[16 : 16+length]
	for at := range count {
		if isMap && at%2 == 0 && (len(rest) == 0 || Kind(rest[0]) != KindString) {
			return 0, false
		}
		one, ok := checkValue(rest, depth+1)
		if !ok {
			return 0, false
		}
		rest = rest[one:]
	}
	return 16 + int(length), len(rest) == 0
}

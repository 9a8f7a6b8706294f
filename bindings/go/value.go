package stratum

import "strconv"

// Kind is the kind of a stored value.
type Kind uint32

// The kinds of values.
const (
	KindNull Kind = iota + 1
	KindBool
	KindInt64
	KindDouble
	KindDecimal
	KindString
	KindBytes
	KindInt64List
	KindDoubleList
	KindStringList
	KindStringMap
	KindList
	KindMap
)

var kindNames = [...]string{"", "Null", "Bool", "Int64", "Double", "Decimal", "String", "Bytes", "Int64List",
	"DoubleList", "StringList", "StringMap", "List", "Map"}

// String is the kind's name, "Int64" for example.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "Kind(" + strconv.FormatUint(uint64(k), 10) + ")"
	}
	return kindNames[k]
}

// Decimal is a number as text, in JSON's number grammar: for what fits neither int64 nor float64.
type Decimal string

// StringMap is a packed map of text to text. Keys are unique and keep their order.
type StringMap []StringPair

// StringPair is one entry of a StringMap.
type StringPair struct{ Key, Value string }

// Get finds the value of a key.
func (m StringMap) Get(key string) (value string, ok bool) {
	for _, pair := range m {
		if pair.Key == key {
			return pair.Value, true
		}
	}
	return "", false
}

// List is a list of values of any kind.
type List []any

// Map is a map of text to values of any kind. Keys are unique and keep their order.
type Map []Entry

// Entry is one entry of a Map.
type Entry struct {
	Key   string
	Value any
}

// Get finds the value of a key.
func (m Map) Get(key string) (value any, ok bool) {
	for _, entry := range m {
		if entry.Key == key {
			return entry.Value, true
		}
	}
	return nil, false
}

// Column is a named value of a document or of an input. Its name is 1 to 255 bytes of UTF-8.
type Column struct {
	Name  string
	Value any
}

// Columns are those of a document or an input. In what is read they are sorted by the bytes of their names.
type Columns []Column

// Get finds the value of a column; ok tells a column that holds nil from one that is missing.
func (c Columns) Get(name string) (value any, ok bool) {
	for _, column := range c {
		if column.Name == name {
			return column.Value, true
		}
	}
	return nil, false
}

// Input is one input with what hangs on it. Its ID is ignored in what is written.
type Input struct {
	ID      InputID
	Value   any
	Columns Columns
	// Output is the input's output where HasOutput is true: an output that is nil is not a missing one.
	Output    any
	HasOutput bool
}

// Tree is a document with its columns, and its inputs and outputs in their order.
type Tree struct {
	Blob    []byte
	Columns Columns
	Inputs  []Input
}

// TreeIDs are the ids that a tree got: its inputs are FirstInput, FirstInput+1, ... in their order.
type TreeIDs struct {
	Document DocumentID
	// FirstInput is 0 where the tree has no inputs.
	FirstInput InputID
	InputCount uint64
}

package stratum

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Values as docs/format.md lays them out ("Value", "Columns section").
//
// 1. What is appended to begins at a multiple of 8 bytes, and ends at one.
// 2. The library checks what it gets, so only what could not be laid out at all is refused here: types that are no
//    value, lengths over 4 GiB, and depth that would cost stack.

// maxDepth is how deep lists and maps nest; the library refuses more.
const maxDepth = 64

var le = binary.LittleEndian

func pad(b []byte) []byte {
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func head(b []byte, kind Kind, count int) []byte {
	return le.AppendUint32(le.AppendUint32(b, uint32(kind)), uint32(count))
}

func word(b []byte, kind Kind, bits uint64) []byte {
	return le.AppendUint64(head(b, kind, 0), bits)
}

func checkCount(count int) error {
	if uint64(count) > math.MaxUint32 {
		return refused(ErrTooLarge, "a value has more than 4294967295 bytes or elements: divide it")
	}
	return nil
}

func text[T string | []byte](b []byte, kind Kind, text T) ([]byte, error) {
	if err := checkCount(len(text)); err != nil {
		return b, err
	}
	return pad(append(head(b, kind, len(text)), text...)), nil
}

// AppendValue appends a value in its encoded form ("Value" in docs/format.md) to b, whose length must be a multiple
// of 8. It is for callers that build packed forms of their own.
func AppendValue(b []byte, value any) ([]byte, error) { return appendValue(b, value, 0) }

func appendValue(b []byte, value any, depth int) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return head(b, KindNull, 0), nil
	case bool:
		count := 0
		if v {
			count = 1
		}
		return head(b, KindBool, count), nil
	case int:
		return word(b, KindInt64, uint64(v)), nil
	case int8:
		return word(b, KindInt64, uint64(v)), nil
	case int16:
		return word(b, KindInt64, uint64(v)), nil
	case int32:
		return word(b, KindInt64, uint64(v)), nil
	case int64:
		return word(b, KindInt64, uint64(v)), nil
	case uint8:
		return word(b, KindInt64, uint64(v)), nil
	case uint16:
		return word(b, KindInt64, uint64(v)), nil
	case uint32:
		return word(b, KindInt64, uint64(v)), nil
	case uint64:
		return appendUnsigned(b, v)
	case uint:
		return appendUnsigned(b, uint64(v))
	case float32:
		return word(b, KindDouble, math.Float64bits(float64(v))), nil
	case float64:
		return word(b, KindDouble, math.Float64bits(v)), nil
	case Decimal:
		return text(b, KindDecimal, string(v))
	case json.Number:
		return text(b, KindDecimal, string(v))
	case string:
		return text(b, KindString, v)
	case []byte:
		return text(b, KindBytes, v)
	case []int64:
		return appendNumbers(b, KindInt64List, v, func(n int64) uint64 { return uint64(n) })
	case []float64:
		return appendNumbers(b, KindDoubleList, v, math.Float64bits)
	case []string:
		return appendStrings(b, KindStringList, len(v), len(v), func(at int) string { return v[at] })
	case StringMap:
		return appendPairs(b, v)
	case map[string]string:
		pairs := make(StringMap, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, StringPair{key, v[key]})
		}
		return appendPairs(b, pairs)
	case RawValue:
		return append(b, v.bytes()...), nil
	}
	return appendNested(b, value, depth)
}

// appendUnsigned keeps what int64 cannot hold as a Decimal, which loses nothing.
func appendUnsigned(b []byte, number uint64) ([]byte, error) {
	if number > math.MaxInt64 {
		return text(b, KindDecimal, fmt.Sprint(number))
	}
	return word(b, KindInt64, number), nil
}

func appendNumbers[T any](b []byte, kind Kind, numbers []T, bits func(T) uint64) ([]byte, error) {
	if err := checkCount(len(numbers)); err != nil {
		return b, err
	}
	b = slices.Grow(head(b, kind, len(numbers)), len(numbers)*8)
	for _, number := range numbers {
		b = le.AppendUint64(b, bits(number))
	}
	return b, nil
}

func appendStrings(b []byte, kind Kind, count, texts int, at func(int) string) ([]byte, error) {
	if err := checkCount(texts); err != nil {
		return b, err
	}
	b = head(b, kind, count)
	end := 0
	for i := range texts {
		end += len(at(i))
		b = le.AppendUint32(b, uint32(end))
	}
	if err := checkCount(end); err != nil {
		return b, err
	}
	b = pad(b)
	for i := range texts {
		b = append(b, at(i)...)
	}
	return pad(b), nil
}

func appendPairs(b []byte, pairs StringMap) ([]byte, error) {
	return appendStrings(b, KindStringMap, len(pairs), 2*len(pairs), func(at int) string {
		if at%2 == 0 {
			return pairs[at/2].Key
		}
		return pairs[at/2].Value
	})
}

func appendNested(b []byte, value any, depth int) ([]byte, error) {
	if depth >= maxDepth {
		return b, refused(ErrInvalidArgument, "lists and maps nest more than 64 deep: flatten the value")
	}
	switch v := value.(type) {
	case List:
		return appendList(b, v, depth)
	case []any:
		return appendList(b, v, depth)
	case Map:
		return appendMap(b, v, depth)
	case map[string]any:
		entries := make(Map, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			entries = append(entries, Entry{key, v[key]})
		}
		return appendMap(b, entries, depth)
	}
	return b, refused(ErrInvalidArgument, fmt.Sprintf("%T is no value: the package's documentation has a table of types", value))
}

func appendList(b []byte, list []any, depth int) ([]byte, error) {
	return body(b, KindList, len(list), func(b []byte) ([]byte, error) {
		var err error
		for _, item := range list {
			if b, err = appendValue(b, item, depth+1); err != nil {
				return b, err
			}
		}
		return b, nil
	})
}

func appendMap(b []byte, entries Map, depth int) ([]byte, error) {
	return body(b, KindMap, len(entries), func(b []byte) ([]byte, error) {
		var err error
		for _, entry := range entries {
			if b, err = text(b, KindString, entry.Key); err != nil {
				return b, err
			}
			if b, err = appendValue(b, entry.Value, depth+1); err != nil {
				return b, err
			}
		}
		return b, nil
	})
}

// body writes a list or map: its length is known when its values are written.
func body(b []byte, kind Kind, count int, values func([]byte) ([]byte, error)) ([]byte, error) {
	if err := checkCount(count); err != nil {
		return b, err
	}
	b = le.AppendUint64(head(b, kind, count), 0)
	begin := len(b)
	b, err := values(b)
	if err != nil {
		return b, err
	}
	le.PutUint64(b[begin-8:], uint64(len(b)-begin))
	return b, nil
}

// appendColumns appends a columns section; no columns are no section.
func appendColumns(b []byte, columns Columns) ([]byte, error) {
	if len(columns) == 0 {
		return b, nil
	}
	byName := func(a, b Column) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(columns, byName) {
		columns = slices.Clone(columns)
		slices.SortStableFunc(columns, byName)
	}
	b = le.AppendUint64(b, uint64(len(columns)))
	for at, column := range columns {
		if len(column.Name) == 0 || len(column.Name) > 255 {
			return b, refused(ErrInvalidArgument, fmt.Sprintf("a column's name has %d bytes, not 1 to 255", len(column.Name)))
		}
		if at > 0 && columns[at-1].Name == column.Name {
			return b, refused(ErrInvalidArgument, fmt.Sprintf("the column %q is there twice", column.Name))
		}
		begin := len(b)
		b = pad(append(le.AppendUint32(le.AppendUint32(b, uint32(len(column.Name))), 0), column.Name...))
		value := len(b)
		var err error
		if b, err = appendValue(b, column.Value, 0); err != nil {
			return b, err
		}
		le.PutUint32(b[begin+4:], uint32((len(b)-value)/8))
	}
	return b, nil
}

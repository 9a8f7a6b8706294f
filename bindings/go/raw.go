package stratum

import (
	"fmt"
	"math"
	"unsafe"
)

// RawValue is a value in its encoded form ("Value" in docs/format.md), decoded only where it is asked for: it costs no
// memory. Texts, bytes and lists that it gives lie in the buffer that it was read from: they are not to be changed, and
// keep that buffer in memory. A RawValue can be written like any value. The zero RawValue is Null.
type RawValue struct {
	// encoded begins with the value, and is checked: see checkValue.
	encoded []byte
}

const nullValue = "\x01\x00\x00\x00\x00\x00\x00\x00"

func (v RawValue) bytes() []byte {
	if v.encoded == nil {
		return []byte(nullValue)
	}
	return v.encoded
}

// Kind is the kind of the value.
func (v RawValue) Kind() Kind {
	if v.encoded == nil {
		return KindNull
	}
	return Kind(v.encoded[0])
}

// Encoded is the value in its encoded form. It is not to be changed.
func (v RawValue) Encoded() []byte { return v.bytes() }

func (v RawValue) count() int { return int(le.Uint32(v.encoded[4:])) }

// IsNull tells a Null.
func (v RawValue) IsNull() bool { return v.Kind() == KindNull }

// Bool is a Bool; ok is false for other kinds.
func (v RawValue) Bool() (value, ok bool) {
	if v.Kind() != KindBool {
		return false, false
	}
	return v.count() != 0, true
}

// Int64 is an Int64; ok is false for other kinds.
func (v RawValue) Int64() (value int64, ok bool) {
	if v.Kind() != KindInt64 {
		return 0, false
	}
	return int64(le.Uint64(v.encoded[8:])), true
}

// Float64 is a Double; ok is false for other kinds.
func (v RawValue) Float64() (value float64, ok bool) {
	if v.Kind() != KindDouble {
		return 0, false
	}
	return math.Float64frombits(le.Uint64(v.encoded[8:])), true
}

// Text is a String or a Decimal; ok is false for other kinds.
func (v RawValue) Text() (value string, ok bool) {
	if kind := v.Kind(); kind != KindString && kind != KindDecimal {
		return "", false
	}
	return textIn(v.encoded[8 : 8+v.count()]), true
}

// Bytes is a Bytes; ok is false for other kinds.
func (v RawValue) Bytes() (value []byte, ok bool) {
	if v.Kind() != KindBytes {
		return nil, false
	}
	return clipped(v.encoded[8 : 8+v.count()]), true
}

// Int64s is an Int64List; ok is false for other kinds.
func (v RawValue) Int64s() (value []int64, ok bool) {
	if v.Kind() != KindInt64List {
		return nil, false
	}
	return numbersIn(v.encoded[8:], v.count(), func(bits uint64) int64 { return int64(bits) }), true
}

// Float64s is a DoubleList; ok is false for other kinds.
func (v RawValue) Float64s() (value []float64, ok bool) {
	if v.Kind() != KindDoubleList {
		return nil, false
	}
	return numbersIn(v.encoded[8:], v.count(), math.Float64frombits), true
}

// Strings is a StringList; ok is false for other kinds.
func (v RawValue) Strings() (value []string, ok bool) {
	if v.Kind() != KindStringList {
		return nil, false
	}
	texts := make([]string, v.count())
	textsIn(v.encoded[8:], len(texts), func(at int, text string) { texts[at] = text })
	return texts, true
}

// Any is the value as a Go type, by the table in the package's documentation.
func (v RawValue) Any() any { return v.any(&boxes{}) }

func (v RawValue) any(boxes *boxes) any {
	switch v.Kind() {
	case KindBool:
		value, _ := v.Bool()
		return value
	case KindInt64:
		value, _ := v.Int64()
		return boxes.int64(value)
	case KindDouble:
		value, _ := v.Float64()
		return boxes.float64(value)
	case KindDecimal:
		value, _ := v.Text()
		return Decimal(value)
	case KindString:
		value, _ := v.Text()
		return boxes.text(value)
	case KindBytes:
		value, _ := v.Bytes()
		return value
	case KindInt64List:
		value, _ := v.Int64s()
		return value
	case KindDoubleList:
		value, _ := v.Float64s()
		return value
	case KindStringList:
		value, _ := v.Strings()
		return value
	case KindStringMap:
		pairs := make(StringMap, v.count())
		textsIn(v.encoded[8:], 2*len(pairs), func(at int, text string) {
			if at%2 == 0 {
				pairs[at/2].Key = text
			} else {
				pairs[at/2].Value = text
			}
		})
		return pairs
	case KindList:
		list := make(List, v.count())
		rest := v.encoded[16:]
		for at := range list {
			var item RawValue
			item, rest = nextValue(rest)
			list[at] = item.any(boxes)
		}
		return list
	case KindMap:
		entries := make(Map, v.count())
		rest := v.encoded[16:]
		for at := range entries {
			var key, item RawValue
			key, rest = nextValue(rest)
			item, rest = nextValue(rest)
			entries[at].Key, _ = key.Text()
			entries[at].Value = item.any(boxes)
		}
		return entries
	}
	return nil
}

// String shows the value to people.
func (v RawValue) String() string { return fmt.Sprint(v.Any()) }

// textIn is a text in a buffer that is never changed.
func textIn(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// clipped cannot be appended to in place. It is not nil, also where it is empty.
func clipped(b []byte) []byte { return b[:len(b):len(b)] }

// numbersIn is a list in place where this machine has its numbers as the format has them, otherwise a copy.
func numbersIn[T int64 | float64](b []byte, count int, of func(uint64) T) []T {
	if count == 0 {
		return []T{}
	}
	b = b[:count*8] // a count that is too large never leads out of the buffer
	first := unsafe.SliceData(b)
	if littleEndian && uintptr(unsafe.Pointer(first))%unsafe.Alignof(T(0)) == 0 {
		return unsafe.Slice((*T)(unsafe.Pointer(first)), count)
	}
	numbers := make([]T, count)
	for at := range numbers {
		numbers[at] = of(le.Uint64(b[at*8:]))
	}
	return numbers
}

var littleEndian = func() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}()

func textsIn(b []byte, count int, each func(at int, text string)) {
	area := b[padded(count*4):]
	begin := uint32(0)
	for at := range count {
		end := le.Uint32(b[at*4:])
		each(at, textIn(area[begin:end]))
		begin = end
	}
}

func padded(length int) int { return (length + 7) &^ 7 }

// nextValue takes a value off the front of checked bytes.
func nextValue(b []byte) (value RawValue, rest []byte) {
	size := valueSize(b)
	return RawValue{b[:size:size]}, b[size:]
}

// valueSize is the length of a checked value.
func valueSize(b []byte) int {
	count := int(le.Uint32(b[4:]))
	switch Kind(b[0]) {
	case KindInt64, KindDouble:
		return 16
	case KindDecimal, KindString, KindBytes:
		return 8 + padded(count)
	case KindInt64List, KindDoubleList:
		return 8 + 8*count
	case KindStringList, KindStringMap:
		if Kind(b[0]) == KindStringMap {
			count *= 2
		}
		size := 8 + padded(count*4)
		if count > 0 {
			size += padded(int(le.Uint32(b[8+(count-1)*4:])))
		}
		return size
	case KindList, KindMap:
		return 16 + int(le.Uint64(b[8:]))
	}
	return 8
}

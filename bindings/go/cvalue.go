package stratum

// #cgo nocallback shim_result_free
// #include "shim.h"
import "C"

import (
	"math"
	"unsafe"
)

// What the library lends as structs, copied into Go's memory. The structs lie in C's memory, so that nothing here is
// bound by cgo's rules for pointers; whoever lends them frees them afterwards.

// lent turns an address that the library gave into a pointer.
func lent[T any](address C.uint64_t) *T {
	at := uintptr(address)
	return *(**T)(unsafe.Pointer(&at))
}

func copiedText(data unsafe.Pointer, length C.size_t) string {
	return string(unsafe.Slice((*byte)(data), int(length)))
}

func textOfC(text *C.stratum_text) string { return copiedText(unsafe.Pointer(text.data), text.length) }

// valueOfC copies a value.
func valueOfC(value *C.stratum_value) any {
	count := int(value.count)
	// The union: eight bytes, which are a number or a pointer.
	bits := *(*uint64)(unsafe.Pointer(&value.as))
	pointer := *(*unsafe.Pointer)(unsafe.Pointer(&value.as))
	switch Kind(value.kind) {
	case KindBool:
		return uint32(bits) != 0
	case KindInt64:
		return int64(bits)
	case KindDouble:
		return math.Float64frombits(bits)
	case KindDecimal:
		return Decimal(copiedText(pointer, value.count))
	case KindString:
		return copiedText(pointer, value.count)
	case KindBytes:
		return append(make([]byte, 0, count), unsafe.Slice((*byte)(pointer), count)...)
	case KindInt64List:
		return append(make([]int64, 0, count), unsafe.Slice((*int64)(pointer), count)...)
	case KindDoubleList:
		return append(make([]float64, 0, count), unsafe.Slice((*float64)(pointer), count)...)
	case KindStringList:
		list := make([]string, count)
		for at := range list {
			list[at] = textOfC(&unsafe.Slice((*C.stratum_text)(pointer), count)[at])
		}
		return list
	case KindStringMap:
		pairs := make(StringMap, count)
		for at := range pairs {
			texts := unsafe.Slice((*C.stratum_text)(pointer), 2*count)
			pairs[at] = StringPair{textOfC(&texts[2*at]), textOfC(&texts[2*at+1])}
		}
		return pairs
	case KindList:
		list := make(List, count)
		for at := range list {
			list[at] = valueOfC(&unsafe.Slice((*C.stratum_value)(pointer), count)[at])
		}
		return list
	case KindMap:
		entries := make(Map, count)
		for at := range entries {
			entry := &unsafe.Slice((*C.stratum_entry)(pointer), count)[at]
			entries[at] = Entry{textOfC(&entry.key), valueOfC(&entry.value)}
		}
		return entries
	}
	return nil
}

func columnsOfC(first *C.stratum_column, count int) Columns {
	columns := make(Columns, count)
	for at := range columns {
		column := &unsafe.Slice(first, count)[at]
		columns[at] = Column{textOfC(&column.name), valueOfC(&column.value)}
	}
	return columns
}

func inputOfC(input *C.stratum_input) Input {
	copied := Input{
		ID:      InputID(input.id),
		Value:   valueOfC(&input.value),
		Columns: columnsOfC(input.columns, int(input.column_count)),
	}
	if input.output != nil {
		copied.Output, copied.HasOutput = valueOfC(input.output), true
	}
	return copied
}

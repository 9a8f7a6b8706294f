package stratum

import "unsafe"

// boxes makes interfaces of texts and numbers, many with one allocation.
//
//  1. What an interface points to is written once, before the interface is made.
//  2. Each interface keeps all that it was allocated with in memory, as the texts of a tree do with its buffer.
type boxes struct {
	// atOnce is how many are allocated at once; with 0 and 1 each has its own memory.
	atOnce   int
	texts    []string
	integers []int64
	floats   []float64
}

func (b *boxes) text(text string) any { return boxed(text, &b.texts, b.atOnce) }

func (b *boxes) int64(number int64) any {
	if uint64(number) < 256 {
		return number // costs no memory
	}
	return boxed(number, &b.integers, b.atOnce)
}

func (b *boxes) float64(number float64) any { return boxed(number, &b.floats, b.atOnce) }

func boxed[T string | int64 | float64](value T, rest *[]T, atOnce int) any {
	if atOnce < 2 {
		return value
	}
	if len(*rest) == 0 {
		*rest = make([]T, atOnce)
	}
	box := &(*rest)[0]
	*box = value
	*rest = (*rest)[1:]
	// An interface is a type and a pointer to what it holds. This one has the type already, and the pointer to a
	// constant zero.
	var zero T
	made := any(zero)
	(*[2]unsafe.Pointer)(unsafe.Pointer(&made))[1] = unsafe.Pointer(box)
	return made
}

// Package stratum is the Go wrapper of Stratum, an embedded, log-structured, hierarchical storage engine.
//
// A document is a blob with named columns, an ordered chain of inputs (typed values), and for each input at most one
// output (a typed value). Whole trees are written and read in one call.
//
//	db, err := stratum.Open("sums.stratum", nil)
//	...
//	defer db.Close()
//	err = db.Update(func(b *stratum.Batch) error { ... })
//	err = db.View(func(v *stratum.View) error { ... })
//
// # Values
//
// A value is an any that holds one of these types:
//
//	Kind        comes out as        goes in as, besides
//	Null        nil
//	Bool        bool
//	Int64       int64               int, int8 to int32, uint8 to uint32; uint and uint64 up to 1<<63-1
//	Double      float64             float32
//	Decimal     Decimal             json.Number; uint and uint64 from 1<<63 on
//	String      string
//	Bytes       []byte
//	Int64List   []int64
//	DoubleList  []float64
//	StringList  []string
//	StringMap   StringMap           map[string]string, sorted by its keys
//	List        List                []any
//	Map         Map                 map[string]any, sorted by its keys
//
// A RawValue goes in as what it holds. Every other type is ErrInvalidArgument. A nil slice or map that has a type is an
// empty one of its kind, not Null; what comes out empty is not nil. What is missing is ErrNotFound, not nil.
//
// # Errors
//
// Every error of the library matches its Status with errors.Is, ErrNotFound for example, and where the system refused
// something also its syscall.Errno. errors.As finds the *Error with the message.
//
// # Goroutines and the collector
//
// DB and View may be used by any number of goroutines at once, a Batch or a cursor by one at a time. Close everything;
// a second Close is no error, and calls on what was closed are ErrClosed. What was forgotten is released when the
// collector finds it: a DB is closed with a warning to log/slog, a View, Batch or cursor is freed, a Pinned is only
// warned about, as slices of it may still be in use.
package stratum

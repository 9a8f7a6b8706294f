package stratum_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	stratum "stratum.dev/go"
)

func open(t testing.TB, options *stratum.Options) *stratum.DB {
	t.Helper()
	db := ok(stratum.Open(filepath.Join(t.TempDir(), "store"), options))(t)
	t.Cleanup(func() { check(t, db.Close()) })
	return db
}

// ok(f())(t) is what f gives, and the end of the test where that is an error.
func ok[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return value
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is checks that an error is of a status.
func is(t testing.TB, err error, status stratum.Status) {
	t.Helper()
	if !errors.Is(err, status) {
		t.Fatalf("want %v, got %v", status, err)
	}
}

func equal(t testing.TB, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("want %#v, got %#v", want, got)
	}
}

// values has one of each kind and edge, as it comes out.
var values = []any{
	nil, true, false, int64(math.MinInt64), int64(math.MaxInt64), -0.5, math.Inf(-1), stratum.Decimal("-1.5e400"),
	"", "grüße\x00", strings.Repeat("long ", 1000), []byte{}, []byte{0, 255}, bytes.Repeat([]byte{7}, 5000),
	[]int64{}, []int64{1, -1}, []float64{}, []float64{1.5}, []string{}, []string{"a", "", "bcd"},
	stratum.StringMap{}, stratum.StringMap{{Key: "k", Value: "v"}, {Key: "", Value: "w"}},
	stratum.List{}, stratum.List{nil, int64(7), stratum.List{"x"}, []int64{3}},
	stratum.Map{}, stratum.Map{{Key: "z", Value: nil}, {Key: "a", Value: stratum.Map{{Key: "b", Value: true}}}},
}

func TestValuesComeOutAsTheyWentIn(t *testing.T) {
	db := open(t, nil)
	document := ok(db.CreateDocument([]byte("x")))(t)
	var inputs []stratum.Input
	for _, value := range values {
		input := ok(db.AppendInput(document, value))(t)
		check(t, db.SetOutput(document, input, value))
		check(t, db.SetInputColumn(document, input, "c", value))
		check(t, db.SetColumn(document, "c", value))
		view := db.Latest()
		equal(t, value, ok(view.Input(document, input))(t))
		equal(t, value, ok(view.Output(document, input))(t))
		equal(t, value, ok(view.Column(document, "c"))(t))
		equal(t, stratum.Columns{{Name: "c", Value: value}}, ok(view.InputColumns(document, input))(t))
		inputs = append(inputs, stratum.Input{ID: input, Value: value, Columns: stratum.Columns{{Name: "c", Value: value}},
			Output: value, HasOutput: true})
	}
	view := db.Latest()
	equal(t, inputs, ok(view.Inputs(document))(t))
	tree := ok(view.Tree(document))(t)
	equal(t, inputs, tree.Inputs)
	equal(t, []byte("x"), tree.Blob)
	var walked []stratum.Input
	for input, err := range view.EachInput(document) {
		check(t, err)
		walked = append(walked, input.Input())
	}
	equal(t, inputs, walked)

	// A raw value is written as what it holds, and any value parses as it was encoded.
	packed := ok(view.PackedTree(document))(t)
	for at, value := range values {
		raw := packed.Input(at).Value()
		equal(t, raw.Encoded(), ok(stratum.AppendValue(nil, value))(t))
		equal(t, value, ok(stratum.ParseValue(raw.Encoded()))(t).Any())
		input := ok(db.AppendInput(document, raw))(t)
		equal(t, value, ok(view.Input(document, input))(t))
	}
	ids := ok(db.PutTree(tree))(t)
	again := ok(view.Tree(ids.Document))(t)
	for at := range again.Inputs {
		again.Inputs[at].ID = tree.Inputs[at].ID
	}
	equal(t, tree, again)
}

func TestNaNKeepsItsBits(t *testing.T) {
	db := open(t, nil)
	nan := math.Float64frombits(0x7ff8_0000_0000_0001)
	document := ok(db.CreateDocument(nil, stratum.Column{Name: "n", Value: nan}))(t)
	got := ok(db.Latest().Column(document, "n"))(t).(float64)
	equal(t, math.Float64bits(nan), math.Float64bits(got))
}

func TestOtherTypesGoInAsTheTableSays(t *testing.T) {
	db := open(t, nil)
	document := ok(db.CreateDocument(nil))(t)
	for _, c := range []struct{ in, out any }{
		{int8(-1), int64(-1)}, {uint32(math.MaxUint32), int64(math.MaxUint32)}, {7, int64(7)},
		{uint64(math.MaxUint64), stratum.Decimal("18446744073709551615")}, {uint(3), int64(3)}, {float32(0.5), 0.5},
		{map[string]string{"b": "2", "a": "1"}, stratum.StringMap{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}},
		{map[string]any{"b": 2, "a": []any{nil}},
			stratum.Map{{Key: "a", Value: stratum.List{nil}}, {Key: "b", Value: int64(2)}}},
		{[]byte(nil), []byte{}}, {[]string(nil), []string{}}, {stratum.RawValue{}, nil},
	} {
		check(t, db.SetColumn(document, "c", c.in))
		equal(t, c.out, ok(db.Latest().Column(document, "c"))(t))
	}
	is(t, db.SetColumn(document, "c", struct{}{}), stratum.ErrInvalidArgument)
	is(t, db.SetColumn(document, "c", "\xff"), stratum.ErrInvalidArgument)
	is(t, db.SetColumn(document, "", 1), stratum.ErrInvalidArgument)
	deep := any(nil)
	for range 65 {
		deep = stratum.List{deep}
	}
	is(t, db.SetColumn(document, "c", deep), stratum.ErrInvalidArgument)
	check(t, db.SetColumn(document, "c", deep.(stratum.List)[0]))
	_, err := db.CreateDocument(nil, stratum.Column{Name: "a"}, stratum.Column{Name: "a"})
	is(t, err, stratum.ErrInvalidArgument)
}

func TestMissingIsNotEmpty(t *testing.T) {
	db := open(t, nil)
	document := ok(db.CreateDocument(nil))(t)
	view := db.Latest()
	if blob := ok(view.Blob(document))(t); blob == nil || len(blob) != 0 {
		t.Fatalf("an empty blob is %#v", blob)
	}
	blob, err := view.Blob(document + 1)
	is(t, err, stratum.ErrNotFound)
	if blob != nil {
		t.Fatal("a missing blob is not nil")
	}
	input := ok(db.AppendInput(document, 1))(t)
	_, err = view.Output(document, input)
	is(t, err, stratum.ErrNotFound)
	check(t, db.SetOutput(document, input, nil))
	equal(t, nil, ok(view.Output(document, input))(t))
	equal(t, true, ok(view.Tree(document))(t).Inputs[0].HasOutput)
	equal(t, false, ok(view.Exists(document+1))(t))
	equal(t, uint64(1), ok(view.InputCount(document))(t))
	large := bytes.Repeat([]byte("large"), 10_000)
	check(t, db.SetBlob(document, large))
	equal(t, large, ok(view.Blob(document))(t))
	length, err := view.ReadBlob(document, nil)
	is(t, err, stratum.ErrBufferTooSmall)
	buffer := make([]byte, length)
	equal(t, length, ok(view.ReadBlob(document, buffer))(t))
	equal(t, large, buffer)
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	db := open(t, nil)
	failed := errors.New("failed")
	err := db.Update(func(b *stratum.Batch) error {
		ok(b.CreateDocument([]byte("never")))(t)
		return failed
	})
	equal(t, failed, err)
	func() {
		defer func() { equal(t, "stop", recover()) }()
		_ = db.Update(func(b *stratum.Batch) error {
			ok(b.CreateDocument([]byte("never")))(t)
			panic("stop")
		})
	}()
	equal(t, uint64(0), ok(db.Latest().DocumentCount())(t))

	var document stratum.DocumentID
	var first, second stratum.InputID
	check(t, db.Update(func(b *stratum.Batch) error {
		columns := stratum.Columns{{Name: "b", Value: 1}, {Name: "a", Value: 2}}
		document = ok(b.CreateDocument([]byte("blob"), columns...))(t)
		first = ok(b.AppendInput(document, "first"))(t)
		second = ok(b.InsertInput(document, first, "second"))(t)
		check(t, b.SetOutput(document, first, "out"))
		is(t, b.UpdateOutput(document, second, "none yet"), stratum.ErrNotFound)
		check(t, b.MoveInput(document, second, 0))
		check(t, b.ReplaceInput(document, first, "replaced"))
		check(t, b.RemoveColumn(document, "b"))
		operations, size, err := b.Size()
		check(t, err)
		if operations == 0 || size == 0 {
			t.Fatal("a batch with nothing in it")
		}
		return nil
	}))
	equal(t, []stratum.InputID{first, second}, ok(db.Latest().InputIDs(document))(t))
	equal(t, stratum.Columns{{Name: "a", Value: int64(2)}}, ok(db.Latest().Columns(document))(t))
	equal(t, "replaced", ok(db.Latest().Input(document, first))(t))
	check(t, db.UpdateOutput(document, first, 2.5))
	check(t, db.DeleteOutput(document, first))
	check(t, db.SetInputColumn(document, second, "c", 1))
	check(t, db.RemoveInputColumn(document, second, "c"))
	check(t, db.DeleteInput(document, second))
	ids := ok(db.ReplaceTree(document, &stratum.Tree{Inputs: []stratum.Input{{Value: 1}, {Value: 2}}}))(t)
	equal(t, uint64(2), ids.InputCount)
	check(t, db.DeleteDocument(document))
	is(t, db.DeleteDocument(document), stratum.ErrNotFound)
}

func TestSnapshotsStay(t *testing.T) {
	db := open(t, nil)
	document := ok(db.CreateDocument([]byte("old")))(t)
	view := ok(db.Snapshot())(t)
	defer view.Close()
	check(t, db.SetBlob(document, []byte("new")))
	equal(t, "old", string(ok(view.Blob(document))(t)))
	equal(t, "new", string(ok(db.Latest().Blob(document))(t)))
	if before, after := ok(view.Sequence())(t), ok(db.Latest().Sequence())(t); before >= after {
		t.Fatalf("sequence %d is not before %d", before, after)
	}
}

func TestWalksAndManyTrees(t *testing.T) {
	db := open(t, &stratum.Options{Durability: stratum.DurabilityOS})
	var documents []stratum.DocumentID
	check(t, db.Update(func(b *stratum.Batch) error {
		for at := range 1500 {
			tree := &stratum.Tree{Blob: bytes.Repeat([]byte{byte(at)}, at), Inputs: []stratum.Input{{Value: at}}}
			documents = append(documents, ok(b.PutTree(tree))(t).Document)
		}
		return nil
	}))
	view := ok(db.Snapshot())(t)
	defer view.Close()
	var walked []stratum.DocumentID
	for id, err := range view.Documents(0) {
		check(t, err)
		walked = append(walked, id)
	}
	equal(t, documents, walked)
	at := 0
	for tree, err := range view.Trees(documents[100]) {
		check(t, err)
		equal(t, documents[100+at], tree.ID())
		number, _ := tree.Input(0).Value().Int64()
		equal(t, int64(100+at), number)
		equal(t, 100+at, len(tree.Blob()))
		at++
	}
	equal(t, 1400, at)
	for range view.Trees(0) {
		break
	}
	trees := ok(view.PackedTrees(documents[1], 1<<40, documents[0]))(t)
	equal(t, documents[1], trees[0].ID())
	if trees[1] != nil || trees[2] == nil {
		t.Fatal("what is missing is nil, and nothing else")
	}
	cursor := ok(view.DocumentCursor(documents[3]))(t)
	equal(t, documents[3], ok(cursor.Next())(t))
	check(t, cursor.Seek(documents[1499]))
	equal(t, documents[1499], ok(cursor.Next())(t))
	_, err := cursor.Next()
	equal(t, io.EOF, err)
	check(t, cursor.Close())
	check(t, cursor.Close())
}

func TestInputCursorReadsAheadAndFills(t *testing.T) {
	db := open(t, nil)
	tree := &stratum.Tree{}
	for at := range 5000 {
		tree.Inputs = append(tree.Inputs, stratum.Input{Value: at, Output: strings.Repeat("x", at%100), HasOutput: at%2 == 0})
	}
	tree.Inputs = append(tree.Inputs, stratum.Input{Value: strings.Repeat("larger than a buffer ", 10_000)})
	document := ok(db.PutTree(tree))(t).Document
	cursor := ok(db.Latest().InputCursor(document))(t)
	defer cursor.Close()
	for at := range 10 {
		number, _ := ok(cursor.Next())(t).Value().Int64()
		equal(t, int64(at), number)
	}
	length, err := cursor.Fill(nil)
	is(t, err, stratum.ErrBufferTooSmall)
	buffer := make([]byte, length)
	equal(t, length, ok(cursor.Fill(buffer))(t))
	buffer = make([]byte, 10_000)
	for {
		if _, err := cursor.Fill(buffer); errors.Is(err, stratum.ErrBufferTooSmall) {
			break
		} else {
			check(t, err)
		}
	}
	last, _ := ok(cursor.Next())(t).Value().Text()
	equal(t, tree.Inputs[5000].Value, last)
	_, err = cursor.Next()
	equal(t, io.EOF, err)
}

func TestOperationsInOneCall(t *testing.T) {
	db := open(t, nil)
	var o stratum.Operations
	document := ok(o.CreateDocument([]byte("blob"), stratum.Column{Name: "n", Value: "v"}))(t)
	first := ok(o.AppendInput(document, "a"))(t)
	second := ok(o.InsertInput(document, first, "b"))(t)
	check(t, o.SetOutput(document, second, 5))
	check(t, o.UpdateOutput(document, second, 6))
	check(t, o.SetInputColumn(document, first, "c", []string{"x"}))
	check(t, o.MoveInput(document, second, 0))
	check(t, o.ReplaceInput(document, first, "c"))
	check(t, o.SetColumn(document, "m", nil))
	check(t, o.RemoveColumn(document, "n"))
	check(t, o.SetBlob(document, []byte("new")))
	ok(o.PutTree(&stratum.Tree{Inputs: []stratum.Input{{Value: 1}}}))(t)
	if _, err := o.AppendInput(document, struct{}{}); err == nil || o.Len() != 12 {
		t.Fatal("what cannot be a value was added")
	}
	ids, applied, err := db.Apply(&o)
	check(t, err)
	equal(t, 12, applied)
	tree := ok(db.Latest().Tree(stratum.DocumentID(ids[0])))(t)
	equal(t, &stratum.Tree{
		Blob:    []byte("new"),
		Columns: stratum.Columns{{Name: "m"}},
		Inputs: []stratum.Input{
			{ID: stratum.InputID(ids[1]), Value: "c", Columns: stratum.Columns{{Name: "c", Value: []string{"x"}}}},
			{ID: stratum.InputID(ids[2]), Value: "b", Columns: stratum.Columns{}, Output: int64(6), HasOutput: true},
		},
	}, tree)
	o.Reset()
	check(t, o.DeleteOutput(stratum.DocumentID(ids[0]), stratum.InputID(ids[2])))
	check(t, o.RemoveInputColumn(stratum.DocumentID(ids[0]), stratum.InputID(ids[1]), "c"))
	check(t, o.DeleteInput(stratum.DocumentID(ids[0]), stratum.InputID(ids[1])))
	check(t, o.DeleteDocument(stratum.DocumentID(ids[0])))
	check(t, o.DeleteDocument(stratum.DocumentID(ids[0])))
	_, applied, err = db.Apply(&o)
	is(t, err, stratum.ErrNotFound)
	equal(t, 4, applied)
	equal(t, true, ok(db.Latest().Exists(stratum.DocumentID(ids[0])))(t))
}

func TestPackedTreesFromAnywhereAreChecked(t *testing.T) {
	tree := &stratum.Tree{Blob: []byte("blob"), Columns: stratum.Columns{{Name: "b", Value: 1}, {Name: "a"}}}
	for _, value := range values {
		columns := stratum.Columns{{Name: "x", Value: value}}
		tree.Inputs = append(tree.Inputs, stratum.Input{Value: value, Columns: columns, Output: value, HasOutput: true})
	}
	packed := ok(stratum.AppendTree(nil, tree))(t)
	read := ok(stratum.ParsePackedTree(packed))(t)
	value, found := read.Columns().Get("b")
	number, _ := value.Int64()
	if !found || number != 1 || read.Len() != len(tree.Inputs) || string(read.Blob()) != "blob" {
		t.Fatal("not what was packed")
	}
	if _, found := read.Columns().Get("aa"); found {
		t.Fatal("a column that is not there")
	}
	db := open(t, nil)
	ids := ok(db.PutPacked(packed))(t)
	ids = ok(db.ReplacePacked(ids.Document, packed))(t)
	got := ok(db.Latest().Tree(ids.Document))(t)
	for at := range got.Inputs {
		equal(t, values[at], got.Inputs[at].Value)
	}
	// Whatever byte is changed: an error, or a tree that can be read.
	for at := range packed {
		for _, change := range []byte{1, 0x80, 0xff} {
			broken := bytes.Clone(packed)
			broken[at] ^= change
			if read, err := stratum.ParsePackedTree(broken); err == nil {
				read.Tree()
			}
			if _, err := stratum.ParsePackedTree(packed[:at]); err == nil {
				t.Fatal("a part of a tree is none")
			}
		}
	}
}

func TestPinned(t *testing.T) {
	db := open(t, nil)
	blob := bytes.Repeat([]byte("pinned "), 1000)
	document := ok(db.CreateDocument(blob))(t)
	pinned := ok(db.Latest().PinBlob(document))(t)
	tree := ok(db.Latest().PinTree(document))(t)
	check(t, db.DeleteDocument(document))
	check(t, db.Close())
	equal(t, blob, pinned.Bytes())
	equal(t, blob, ok(tree.Tree())(t).Blob())
	equal(t, true, pinned.IsBorrowed())
	for range 2 {
		check(t, pinned.Close())
		check(t, tree.Close())
	}
	if pinned.Bytes() != nil {
		t.Fatal("bytes after Close")
	}
}

func TestOptionsAndErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store")
	_, err := stratum.Open(path, &stratum.Options{NoCreate: true})
	is(t, err, stratum.ErrOpenRefused)
	var failure *stratum.Error
	if !errors.As(err, &failure) || !strings.Contains(failure.Message, path) ||
		failure.Status.String() != "STRATUM_OPEN_REFUSED" {
		t.Fatalf("no message of use: %v", err)
	}
	_, err = stratum.Open(path, &stratum.Options{Set: map[string]string{"no_such": "1"}})
	is(t, err, stratum.ErrInvalidArgument)
	_, err = stratum.Open(path, &stratum.Options{Durability: 9})
	is(t, err, stratum.ErrInvalidArgument)
	_, err = stratum.Open(path, &stratum.Options{Compression: 3})
	is(t, err, stratum.ErrInvalidArgument)
	all := &stratum.Options{
		Durability: stratum.DurabilityInterval, SyncInterval: 1500, ReadMode: stratum.ReadPread, NoVerifyReads: true,
		SegmentSize: 1 << 20, MaxRecordBytes: 4096, MaxBatchBytes: 1 << 20, NoBackground: true, MaxAmplification: 2,
		CheckpointBytes: 1 << 20, FoldAfter: 4, CompactionBytesPerSecond: 1 << 30, MaxRetainedBytes: 1 << 30,
		Exclusive: true,
		Set:       map[string]string{"fold_after": "5"},
	}
	db := ok(stratum.Open(path, all))(t)
	_, err = stratum.Open(path, nil)
	is(t, err, stratum.ErrLocked)
	_, err = db.CreateDocument(make([]byte, 5000))
	is(t, err, stratum.ErrTooLarge)
	pinned := ok(db.Latest().PinBlob(ok(db.CreateDocument(make([]byte, 2000)))(t)))(t)
	equal(t, false, pinned.IsBorrowed())
	check(t, pinned.Close())
	check(t, db.Close())
	_, err = stratum.Open(path, &stratum.Options{Exclusive: true})
	is(t, err, stratum.ErrOpenRefused)
	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, []byte("text"), 0o600))
	_, err = stratum.Open(filepath.Join(file, "below"), nil)
	is(t, err, stratum.ErrIO)
	if !errors.As(err, &failure) || failure.Errno == 0 || !errors.Is(err, failure.Errno) {
		t.Fatalf("no errno in %v", err)
	}
	if stratum.Version() == "" {
		t.Fatal("no version")
	}
}

func TestCompression(t *testing.T) {
	blob := bytes.Repeat([]byte("the same words again and again "), 1000)
	for _, codec := range []stratum.Compression{stratum.CompressionNone, stratum.CompressionLZ4, stratum.CompressionZstd} {
		db := open(t, &stratum.Options{Compression: codec, NoBackground: true})
		document := ok(db.CreateDocument(blob))(t)
		check(t, db.CompactNow(nil))
		equal(t, codec != stratum.CompressionNone, ok(db.Stats())(t).TotalBytes < uint64(len(blob)))
		equal(t, string(blob), string(ok(db.Latest().Blob(document))(t)))
	}
}

func TestCompactionIsThrottled(t *testing.T) {
	blob := bytes.Repeat([]byte("blob"), 15_000)
	for _, limit := range []uint64{0, 100_000} {
		db := open(t, &stratum.Options{CompactionBytesPerSecond: limit, NoBackground: true})
		gone, stays := ok(db.CreateDocument(blob))(t), ok(db.CreateDocument(blob))(t)
		check(t, db.DeleteDocument(gone))
		check(t, db.CompactNow(nil))
		equal(t, limit != 0, ok(db.Stats())(t).CompactionThrottled > 0)
		equal(t, string(blob), string(ok(db.Latest().Blob(stays))(t)))
	}
}

func TestWork(t *testing.T) {
	db := open(t, &stratum.Options{SegmentSize: 1 << 20, NoBackground: true, Durability: stratum.DurabilityOS})
	var documents []stratum.DocumentID
	for at := range 40 {
		documents = append(documents, ok(db.CreateDocument(bytes.Repeat([]byte{byte(at)}, 200_000)))(t))
	}
	remove := func(some []stratum.DocumentID) {
		for _, document := range some {
			check(t, db.DeleteDocument(document))
		}
	}
	remove(documents[:10])
	check(t, db.Flush())
	check(t, db.Checkpoint())
	calls := 0
	check(t, db.CompactNow(func(p stratum.Progress) bool {
		calls++
		is(t, db.Flush(), stratum.ErrBusy)
		is(t, db.Close(), stratum.ErrBusy)
		ok(db.Latest().Blob(documents[39]))(t)
		return false
	}))
	equal(t, 1, calls)
	remove(documents[10:20])
	func() {
		defer func() { equal(t, "out of the callback", recover()) }()
		_ = db.CompactNow(func(stratum.Progress) bool { panic("out of the callback") })
	}()
	remove(documents[20:30])
	var last stratum.Progress
	check(t, db.CompactNow(func(p stratum.Progress) bool { last = p; return true }))
	if last.BytesReclaimed == 0 || last.SegmentsDone == 0 {
		t.Fatalf("nothing was compacted: %+v", last)
	}
	check(t, db.CompactNow(nil))
	stats := ok(db.Stats())(t)
	if stats.Documents != 10 || stats.Compactions == 0 || stats.Amplification > 1.5 || stats.Poisoned ||
		stats.Commits != 70 {
		t.Fatalf("figures that cannot be: %+v", stats)
	}
	found := ok(db.Verify())(t)
	equal(t, uint64(10), found.Documents)
	equal(t, 0, len(found.Damage))
}

func TestDamageIsFoundAndRepaired(t *testing.T) {
	dir := t.TempDir()
	source, target := filepath.Join(dir, "source"), filepath.Join(dir, "target")
	db := ok(stratum.Open(source, nil))(t)
	var documents []stratum.DocumentID
	for at := range 20 {
		documents = append(documents, ok(db.CreateDocument(bytes.Repeat([]byte{byte('a' + at)}, 3000)))(t))
	}
	check(t, db.Close())
	// A byte in the fifth document's blob, in whatever files it is.
	damaged := 0
	check(t, filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content := ok(os.ReadFile(path))(t)
		if at := bytes.Index(content, []byte("eeeeeeee")); at >= 0 {
			content[at] ^= 1
			damaged++
			return os.WriteFile(path, content, 0o600)
		}
		return nil
	}))
	if damaged == 0 {
		t.Fatal("the blob is in no file")
	}
	db = ok(stratum.Open(source, nil))(t)
	_, err := db.Latest().Blob(documents[4])
	is(t, err, stratum.ErrCorruption)
	findings := ok(db.Verify())(t)
	isTold := func(d stratum.Damage) bool { return d.Document == documents[4] && d.File != "" }
	if !slices.ContainsFunc(findings.Damage, isTold) {
		t.Fatalf("the damage is not told: %+v", findings.Damage)
	}
	check(t, db.Close())

	dry := ok(stratum.Repair(source, "", &stratum.RepairOptions{DryRun: true}))(t)
	equal(t, stratum.RepairDryRun, dry.Outcome)
	stop := &stratum.RepairOptions{Progress: func(stratum.RepairProgress) bool { return false }}
	stopped := ok(stratum.Repair(source, target, stop))(t)
	equal(t, stratum.RepairStopped, stopped.Outcome)
	report := ok(stratum.Repair(source, target, nil))(t)
	equal(t, stratum.RepairWritten, report.Outcome)
	equal(t, uint64(19), report.DocumentsWhole)
	equal(t, false, report.IsLossless)
	isLoss := func(f stratum.Finding) bool { return f.IsLoss && f.Document == documents[4] && f.Line != "" }
	if !slices.ContainsFunc(report.Findings, isLoss) {
		t.Fatalf("the loss is not told: %+v", report.Findings)
	}
	saved := ok(stratum.Open(target, &stratum.Options{NoCreate: true}))(t)
	defer saved.Close()
	equal(t, byte('a'), ok(saved.Latest().Blob(documents[0]))(t)[0])
	_, err = stratum.Repair(source, target, nil)
	is(t, err, stratum.ErrOpenRefused)
}

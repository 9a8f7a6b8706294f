package stratum_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	stratum "stratum.dev/go"
)

// damage replaces bytes by as many others in whatever files of a store they are.
func damage(t testing.TB, store string, bytesThere, bytesInstead []byte) {
	t.Helper()
	damaged := 0
	check(t, filepath.WalkDir(store, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content := ok(os.ReadFile(path))(t)
		if found := bytes.Count(content, bytesThere); found > 0 {
			damaged += found
			return os.WriteFile(path, bytes.ReplaceAll(content, bytesThere, bytesInstead), 0o600)
		}
		return nil
	}))
	if damaged == 0 {
		t.Fatal("what was to be damaged is not in the store")
	}
}

func TestADamagedCountIsCorruptionAlsoWhereReadsAreNotVerified(t *testing.T) {
	values := map[string]any{
		"int64s":   []int64{0x1122334455667788, 2},
		"float64s": []float64{1.25e100, 2},
		"strings":  []string{"a text to be found", "b"},
		"pairs":    stratum.StringMap{{Key: "a key to be found", Value: "b"}},
		"text":     "a longer text to be found",
		"bytes":    []byte("some bytes to be found"),
		"list":     stratum.List{int64(0x1122334455667788), "b"},
		"map":      stratum.Map{{Key: "another key to be found", Value: int64(1)}},
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			source := filepath.Join(t.TempDir(), "store")
			db := ok(stratum.Open(source, &stratum.Options{NoBackground: true}))(t)
			trees := []*stratum.Tree{
				{Columns: stratum.Columns{{Name: "damaged", Value: value}}},
				{Inputs: []stratum.Input{{Value: value}}},
				{Inputs: []stratum.Input{{Value: int64(1), Output: value, HasOutput: true}}},
				{Inputs: []stratum.Input{{Value: 1, Columns: stratum.Columns{{Name: "damaged", Value: value}}}}},
			}
			var documents []stratum.DocumentID
			for _, tree := range trees {
				documents = append(documents, ok(db.PutTree(tree))(t).Document)
			}
			check(t, db.Close())
			encoded := ok(stratum.AppendValue(nil, value))(t)
			broken := bytes.Clone(encoded)
			broken[7] ^= 0x40 // the count's high byte
			damage(t, source, encoded, broken)

			db = ok(stratum.Open(source, &stratum.Options{NoBackground: true, NoVerifyReads: true}))(t)
			defer db.Close()
			view := db.Latest()
			for _, document := range documents {
				_, err := view.PackedTree(document)
				is(t, err, stratum.ErrCorruption)
				_, err = view.Tree(document)
				is(t, err, stratum.ErrCorruption)
				_, err = view.PackedTrees(document)
				is(t, err, stratum.ErrCorruption)
				is(t, ends(view.Trees(document)), stratum.ErrCorruption)
				pinned := ok(view.PinTree(document))(t)
				_, err = pinned.Tree()
				is(t, err, stratum.ErrCorruption)
				check(t, pinned.Close())
			}
		})
	}
}

func TestFillGivesTheErrorBehindRowsThatWereReadAhead(t *testing.T) {
	source := filepath.Join(t.TempDir(), "store")
	db := ok(stratum.Open(source, &stratum.Options{NoBackground: true, ReadMode: stratum.ReadPread}))(t)
	tree := &stratum.Tree{}
	for at := range 10 {
		tree.Inputs = append(tree.Inputs, stratum.Input{Value: bytes.Repeat([]byte{byte('a' + at)}, 20_000)})
	}
	document := ok(db.PutTree(tree))(t).Document
	check(t, db.Close())
	// Next reads three ahead: 64 KiB.
	damage(t, source, bytes.Repeat([]byte("d"), 20_000), bytes.Repeat([]byte("D"), 20_000))

	db = ok(stratum.Open(source, &stratum.Options{NoBackground: true, ReadMode: stratum.ReadPread}))(t)
	defer db.Close()
	cursor := ok(db.Latest().InputCursor(document))(t)
	defer cursor.Close()
	equal(t, stratum.InputID(1), ok(cursor.Next())(t).ID())
	buffer := make([]byte, 1<<20)
	length := ok(cursor.Fill(buffer))(t)
	if length < 40_000 || length > 50_000 {
		t.Fatalf("%d bytes are not two rows", length)
	}
	_, err := cursor.Fill(buffer)
	is(t, err, stratum.ErrCorruption)
}

// Whatever goroutines share a cursor, each row is given to one of them, and a second one at a time is told so.
func TestAnInputCursorIsBusyForASecondGoroutine(t *testing.T) {
	db := open(t, &stratum.Options{Durability: stratum.DurabilityOS})
	const rows = 20_000
	tree := &stratum.Tree{}
	for at := range rows {
		tree.Inputs = append(tree.Inputs, stratum.Input{Value: at})
	}
	document := ok(db.PutTree(tree))(t).Document
	cursor := ok(db.Latest().InputCursor(document))(t)
	var seen [rows]atomic.Int32
	var group sync.WaitGroup
	for worker := range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			buffer := make([]byte, 500)
			for {
				length := 0
				var input stratum.PackedInput
				var err error
				if worker%2 == 0 {
					input, err = cursor.Next()
				} else {
					length, err = cursor.Fill(buffer)
				}
				switch {
				case errors.Is(err, stratum.ErrBusy):
				case errors.Is(err, io.EOF):
					return
				case err != nil:
					t.Error(err)
					return
				case worker%2 == 0:
					seen[input.ID()-1].Add(1)
				default:
					for at := 0; at < length; at += int(buffer[at]) * 8 {
						id := int(buffer[at+4]) | int(buffer[at+5])<<8
						seen[id-1].Add(1)
					}
				}
			}
		}()
	}
	group.Wait()
	for at := range seen {
		if times := seen[at].Load(); times != 1 {
			t.Fatalf("row %d was given %d times", at, times)
		}
	}
	check(t, cursor.Close())
}

func TestAnInputCursorThatIsClosedBesideACallIsClosed(t *testing.T) {
	db := open(t, &stratum.Options{Durability: stratum.DurabilityOS})
	tree := &stratum.Tree{}
	for at := range 5000 {
		tree.Inputs = append(tree.Inputs, stratum.Input{Value: at})
	}
	document := ok(db.PutTree(tree))(t).Document
	for range 50 {
		cursor := ok(db.Latest().InputCursor(document))(t)
		ended := make(chan error)
		go func() {
			for {
				if _, err := cursor.Next(); err != nil {
					ended <- err
					return
				}
			}
		}()
		check(t, cursor.Close())
		if err := <-ended; !errors.Is(err, stratum.ErrClosed) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		_, err := cursor.Next()
		is(t, err, stratum.ErrClosed)
		check(t, cursor.Close())
	}
}

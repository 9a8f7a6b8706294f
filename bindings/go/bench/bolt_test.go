package bench

import (
	"encoding/binary"
	"testing"

	"go.etcd.io/bbolt"
	stratum "stratum.dev/go"
)

// In bbolt a tree is a range of keys in one bucket: document, what it is, input. Values are as bytes.
type boltEngine struct{ db *bbolt.DB }

var bucket = []byte("trees")

// What a key says; blob, columns, inputs and outputs of a document follow each other.
const (
	keyBlob = iota
	keyColumn
	keyInput
	keyOutput
)

func key(document uint64, what byte, input uint64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 17), document)
	return binary.BigEndian.AppendUint64(append(b, what), input)
}

func openBolt(tb testing.TB, path string) engine {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	check(tb, err)
	check(tb, db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }))
	return &boltEngine{db}
}

func number(value int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(value)) }

func putBolt(b *bbolt.Bucket, tree *stratum.Tree) (uint64, error) {
	id, err := b.NextSequence()
	if err != nil {
		return 0, err
	}
	if err := b.Put(key(id, keyBlob, 0), tree.Blob); err != nil {
		return 0, err
	}
	for _, column := range tree.Columns {
		value, ok := column.Value.(string)
		content := []byte(value)
		if !ok {
			content = number(column.Value.(int64))
		}
		if err := b.Put(append(key(id, keyColumn, 0), column.Name...), content); err != nil {
			return 0, err
		}
	}
	for at, input := range tree.Inputs {
		if err := b.Put(key(id, keyInput, uint64(at+1)), []byte(input.Value.(string))); err != nil {
			return 0, err
		}
		if err := b.Put(key(id, keyOutput, uint64(at+1)), number(input.Output.(int64))); err != nil {
			return 0, err
		}
	}
	return id, nil
}

func (e *boltEngine) write(tb testing.TB, tree *stratum.Tree) uint64 {
	return e.writeMany(tb, tree, 1)[0]
}

func (e *boltEngine) writeMany(tb testing.TB, tree *stratum.Tree, count int) []uint64 {
	written := make([]uint64, count)
	check(tb, e.db.Update(func(tx *bbolt.Tx) (err error) {
		for at := range written {
			if written[at], err = putBolt(tx.Bucket(bucket), tree); err != nil {
				return err
			}
		}
		return nil
	}))
	return written
}

// walk reads the trees from a document on, into Go's memory, until done says so.
func walk(tx *bbolt.Tx, from uint64, one bool) (sum int64) {
	cursor := tx.Bucket(bucket).Cursor()
	tree := &stratum.Tree{}
	for k, v := cursor.Seek(key(from, keyBlob, 0)); k != nil; k, v = cursor.Next() {
		if one && binary.BigEndian.Uint64(k) != from {
			break
		}
		switch k[8] {
		case keyBlob:
			tree = &stratum.Tree{Blob: append([]byte{}, v...)}
		case keyColumn:
			name := string(k[17:])
			var value any = string(v)
			if name == "limit" {
				value = int64(binary.BigEndian.Uint64(v))
			}
			tree.Columns = append(tree.Columns, stratum.Column{Name: name, Value: value})
		case keyInput:
			id := stratum.InputID(binary.BigEndian.Uint64(k[9:]))
			tree.Inputs = append(tree.Inputs, stratum.Input{ID: id, Value: string(v)})
		case keyOutput:
			input := &tree.Inputs[binary.BigEndian.Uint64(k[9:])-1]
			input.Output, input.HasOutput = int64(binary.BigEndian.Uint64(v)), true
			sum += input.Output.(int64)
		}
	}
	return sum
}

func (e *boltEngine) read(tb testing.TB, id uint64) (sum int64) {
	check(tb, e.db.View(func(tx *bbolt.Tx) error { sum = walk(tx, id, true); return nil }))
	return sum
}

func (e *boltEngine) readAll(tb testing.TB) (sum int64) {
	check(tb, e.db.View(func(tx *bbolt.Tx) error { sum = walk(tx, 0, false); return nil }))
	return sum
}

func (e *boltEngine) output(tb testing.TB, document, input uint64) (value int64) {
	check(tb, e.db.View(func(tx *bbolt.Tx) error {
		value = int64(binary.BigEndian.Uint64(tx.Bucket(bucket).Get(key(document, keyOutput, input))))
		return nil
	}))
	return value
}

func (e *boltEngine) setOutput(tb testing.TB, document, input uint64, value int64) {
	check(tb, e.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).Put(key(document, keyOutput, input), number(value))
	}))
}

func (e *boltEngine) close(tb testing.TB) { check(tb, e.db.Close()) }

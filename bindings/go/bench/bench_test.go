// Package bench measures the same trees in Stratum, bbolt and SQLite: written and read whole, and by single calls.
//
//  1. All three store the same trees, and give back the same values: read checks what it got.
//  2. No commit is synced: what is compared is the work, not the disk. bbolt and SQLite have their own switches for it.
//  3. In bbolt and SQLite a tree is what their users would make of it: an input a row (a key), a value a column (a gob
//     would be slower), read back into the same Go types.
package bench

import (
	"path/filepath"
	"testing"

	stratum "stratum.dev/go"
)

const (
	treeInputs = 16
	treeCount  = 1000
	blobLength = 2000
)

// sample is the tree that everybody stores.
func sample() *stratum.Tree {
	tree := &stratum.Tree{
		Blob:    make([]byte, blobLength),
		Columns: stratum.Columns{{Name: "limit", Value: int64(1000)}, {Name: "title", Value: "Add two numbers"}},
	}
	for at := range treeInputs {
		tree.Inputs = append(tree.Inputs, stratum.Input{
			Value: "a line of input, of a length as it occurs", Output: int64(at), HasOutput: true,
		})
	}
	return tree
}

// engine is a store of trees.
type engine interface {
	// write stores a tree in one commit and gives its id.
	write(testing.TB, *stratum.Tree) uint64
	// writeMany stores a tree many times in one commit.
	writeMany(testing.TB, *stratum.Tree, int) []uint64
	// read reads a whole tree, and gives the sum of its outputs.
	read(testing.TB, uint64) int64
	// readAll reads all trees in their order, and gives the sum of all outputs.
	readAll(testing.TB) int64
	// output reads one output.
	output(tb testing.TB, document, input uint64) int64
	// setOutput replaces one output in one commit.
	setOutput(tb testing.TB, document, input uint64, value int64)
	close(testing.TB)
}

var engines = []struct {
	name string
	open func(testing.TB, string) engine
}{{"Stratum", openStratum}, {"bbolt", openBolt}, {"SQLite", openSQLite}}

const sumOfTree = treeInputs * (treeInputs - 1) / 2

// check fails where there is an error. Helper looks through the stack, which takes longer than a call that is
// measured: it is called only where it is of use.
func check(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}

func want(tb testing.TB, want, got int64) {
	if want != got {
		tb.Helper()
		tb.Fatalf("want %d, got %d", want, got)
	}
}

func each(b *testing.B, measure func(b *testing.B, e engine)) {
	for _, engine := range engines {
		b.Run(engine.name, func(b *testing.B) {
			e := engine.open(b, filepath.Join(b.TempDir(), "store"))
			defer e.close(b)
			measure(b, e)
		})
	}
}

func perTree(b *testing.B, trees int) {
	b.ReportMetric(float64(b.N)*float64(trees)/b.Elapsed().Seconds(), "trees/s")
}

func BenchmarkWriteTree(b *testing.B) {
	each(b, func(b *testing.B, e engine) {
		tree := sample()
		for b.Loop() {
			e.write(b, tree)
		}
		perTree(b, 1)
	})
}

func BenchmarkWriteThousandTreesInOneCommit(b *testing.B) {
	each(b, func(b *testing.B, e engine) {
		tree := sample()
		for b.Loop() {
			e.writeMany(b, tree, treeCount)
		}
		perTree(b, treeCount)
	})
}

func BenchmarkReadTree(b *testing.B) {
	each(b, func(b *testing.B, e engine) {
		ids := e.writeMany(b, sample(), treeCount)
		at := 0
		for b.Loop() {
			want(b, sumOfTree, e.read(b, ids[at%treeCount]))
			at++
		}
		perTree(b, 1)
	})
}

func BenchmarkReadAllTrees(b *testing.B) {
	each(b, func(b *testing.B, e engine) {
		e.writeMany(b, sample(), treeCount)
		for b.Loop() {
			want(b, treeCount*sumOfTree, e.readAll(b))
		}
		perTree(b, treeCount)
	})
}

func BenchmarkOutput(b *testing.B) {
	each(b, func(b *testing.B, e engine) {
		ids := e.writeMany(b, sample(), treeCount)
		at := 0
		for b.Loop() {
			want(b, 6, e.output(b, ids[at%treeCount], 7))
			at++
		}
	})
}

func BenchmarkSetOutput(b *testing.B) {
	each(b, func(b *testing.B, e engine) {
		ids := e.writeMany(b, sample(), treeCount)
		at := 0
		for b.Loop() {
			e.setOutput(b, ids[at%treeCount], 7, 6)
			at++
		}
	})
}

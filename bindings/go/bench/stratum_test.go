package bench

import (
	"testing"

	stratum "stratum.dev/go"
)

type stratumEngine struct{ db *stratum.DB }

func openStratum(tb testing.TB, path string) engine {
	db, err := stratum.Open(path, &stratum.Options{Durability: stratum.DurabilityOS})
	check(tb, err)
	return &stratumEngine{db}
}

func (e *stratumEngine) write(tb testing.TB, tree *stratum.Tree) uint64 {
	ids, err := e.db.PutTree(tree)
	check(tb, err)
	return uint64(ids.Document)
}

func (e *stratumEngine) writeMany(tb testing.TB, tree *stratum.Tree, count int) []uint64 {
	written := make([]uint64, count)
	check(tb, e.db.Update(func(b *stratum.Batch) error {
		for at := range written {
			ids, err := b.PutTree(tree)
			if err != nil {
				return err
			}
			written[at] = uint64(ids.Document)
		}
		return nil
	}))
	return written
}

func (e *stratumEngine) read(tb testing.TB, id uint64) (sum int64) {
	tree, err := e.db.Latest().Tree(stratum.DocumentID(id))
	check(tb, err)
	for _, input := range tree.Inputs {
		sum += input.Output.(int64)
	}
	return sum
}

func (e *stratumEngine) readAll(tb testing.TB) (sum int64) {
	for packed, err := range e.db.Latest().Trees(0) {
		check(tb, err)
		for _, input := range packed.Tree().Inputs {
			sum += input.Output.(int64)
		}
	}
	return sum
}

func (e *stratumEngine) output(tb testing.TB, document, input uint64) int64 {
	output, err := e.db.Latest().Output(stratum.DocumentID(document), stratum.InputID(input))
	check(tb, err)
	return output.(int64)
}

func (e *stratumEngine) setOutput(tb testing.TB, document, input uint64, value int64) {
	check(tb, e.db.SetOutput(stratum.DocumentID(document), stratum.InputID(input), value))
}

func (e *stratumEngine) close(tb testing.TB) { check(tb, e.db.Close()) }

// Calls that the others do not have beside them.

func withTrees(b *testing.B) (*stratum.View, []uint64) {
	e := openStratum(b, b.TempDir()).(*stratumEngine)
	b.Cleanup(func() { e.close(b) })
	return e.db.Latest(), e.writeMany(b, sample(), treeCount)
}

func BenchmarkCall(b *testing.B) {
	view, ids := withTrees(b)
	document := stratum.DocumentID(ids[0])
	calls := []struct {
		name string
		call func() error
	}{
		{"Exists", func() error { _, err := view.Exists(document); return err }},
		{"InputCount", func() error { _, err := view.InputCount(document); return err }},
		{"Input", func() error { _, err := view.Input(document, 3); return err }},
		{"Output", func() error { _, err := view.Output(document, 3); return err }},
		{"Column", func() error { _, err := view.Column(document, "title"); return err }},
		{"Blob", func() error { _, err := view.Blob(document); return err }},
		{"PackedTree", func() error { _, err := view.PackedTree(document); return err }},
		{"Tree", func() error { _, err := view.Tree(document); return err }},
	}
	for _, c := range calls {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadAllTreesInPlace(b *testing.B) {
	view, _ := withTrees(b)
	for b.Loop() {
		var sum int64
		for packed, err := range view.Trees(0) {
			check(b, err)
			for input := range packed.Inputs() {
				output, _ := input.Output()
				number, _ := output.Int64()
				sum += number
			}
		}
		want(b, treeCount*sumOfTree, sum)
	}
	perTree(b, treeCount)
}

func BenchmarkDocuments(b *testing.B) {
	view, _ := withTrees(b)
	for b.Loop() {
		for _, err := range view.Documents(0) {
			check(b, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/treeCount, "ns/id")
}

package stratum_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	stratum "stratum.dev/go"
)

// inTemp runs an example on a store that is gone afterwards.
func inTemp(example func(db *stratum.DB) error) {
	dir, err := os.MkdirTemp("", "stratum-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := stratum.Open(filepath.Join(dir, "store"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := example(db); err != nil {
		log.Fatal(err)
	}
}

func ExampleDB_Update() {
	inTemp(func(db *stratum.DB) error {
		var sum stratum.DocumentID
		err := db.Update(func(b *stratum.Batch) (err error) {
			if sum, err = b.CreateDocument([]byte("Add two numbers."), stratum.Column{Name: "limit", Value: 3}); err != nil {
				return err
			}
			input, err := b.AppendInput(sum, "2 3")
			if err != nil {
				return err
			}
			return b.SetOutput(sum, input, 5)
		})
		if err != nil {
			return err
		}
		return db.View(func(v *stratum.View) error {
			tree, err := v.Tree(sum)
			if err != nil {
				return err
			}
			fmt.Printf("%s\n", tree.Blob)
			for _, input := range tree.Inputs {
				fmt.Println(input.Value, "->", input.Output)
			}
			return nil
		})
	})
	// Output:
	// Add two numbers.
	// 2 3 -> 5
}

func ExampleDB_PutTree() {
	inTemp(func(db *stratum.DB) error {
		ids, err := db.PutTree(&stratum.Tree{
			Blob:    []byte("statement"),
			Columns: stratum.Columns{{Name: "tags", Value: []string{"graphs", "easy"}}},
			Inputs: []stratum.Input{
				{Value: []int64{1, 2, 3}, Output: 6, HasOutput: true},
				{Value: "no output"},
			},
		})
		fmt.Println(ids.Document, ids.FirstInput, ids.InputCount)
		return err
	})
	// Output: 1 1 2
}

func ExampleView_Trees() {
	inTemp(func(db *stratum.DB) error {
		for _, name := range []string{"first", "second"} {
			tree := &stratum.Tree{Columns: stratum.Columns{{Name: "name", Value: name}}, Inputs: []stratum.Input{{Value: 1.5}}}
			if _, err := db.PutTree(tree); err != nil {
				return err
			}
		}
		return db.View(func(v *stratum.View) error {
			for tree, err := range v.Trees(0) {
				if err != nil {
					return err
				}
				name, _ := tree.Columns().Get("name")
				for input := range tree.Inputs() {
					fmt.Println(tree.ID(), name, input.Value())
				}
			}
			return nil
		})
	})
	// Output:
	// 1 first 1.5
	// 2 second 1.5
}

func ExampleDB_Apply() {
	inTemp(func(db *stratum.DB) error {
		var operations stratum.Operations
		for number := range 3 {
			document, err := operations.CreateDocument([]byte("document"))
			if err != nil {
				return err
			}
			if _, err := operations.AppendInput(document, number); err != nil {
				return err
			}
		}
		ids, _, err := db.Apply(&operations)
		fmt.Println(ids)
		return err
	})
	// Output: [1 1 2 1 3 1]
}

func ExampleError() {
	_, err := stratum.Open("no-such-store", &stratum.Options{NoCreate: true})
	var failure *stratum.Error
	fmt.Println(errors.Is(err, stratum.ErrOpenRefused), errors.As(err, &failure), failure.Status.String())
	// Output: true true STRATUM_OPEN_REFUSED
}

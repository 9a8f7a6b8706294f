// judge keeps problem packages in a store and judges outputs against it; ../README.md says exactly what it does.
//
//	examples/judge/go/build.sh OUT    builds it
//
// 1. A package is written in one commit, or not at all.
// 2. What goes wrong is said on standard error; the status is 0, 1 or 2 as ../README.md says.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	stratum "stratum.dev/go"
)

// errNotAll is what main ends with where something was wrong or not found, and has been said: status 1.
var errNotAll = errors.New("not all is well")

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := judge(out, os.Args[1:])
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	switch {
	case errors.Is(err, errNotAll):
		os.Exit(1)
	case err != nil:
		complain(err)
		os.Exit(2)
	}
}

func complain(err error) { fmt.Fprintf(os.Stderr, "judge: %v\n", err) }

func judge(out *bufio.Writer, args []string) (err error) {
	var options stratum.Options
	var work func(*stratum.DB) error
	switch {
	case len(args) >= 3 && args[0] == "import":
		work = func(db *stratum.DB) error { return importAll(out, db, args[2:]) }
	case len(args) == 3 && args[0] == "show":
		options.NoCreate = true
		work = func(db *stratum.DB) error { return show(out, db, args[2]) }
	case len(args) == 4 && args[0] == "check":
		options.NoCreate = true
		work = func(db *stratum.DB) error { return check(out, db, args[2], args[3]) }
	default:
		return errors.New("usage: judge import STORE PACKAGE_DIR... | show STORE PACKAGE | check STORE PACKAGE OUTPUTS")
	}
	db, err := stratum.Open(args[1], &options)
	if err != nil {
		return err
	}
	defer func() {
		if closed := db.Close(); closed != nil && (err == nil || errors.Is(err, errNotAll)) {
			err = closed
		}
	}()
	return work(db)
}

// find gives the document whose column `package` is the name, 0 where there is none.
func find(view *stratum.View, name string) (stratum.DocumentID, error) {
	for document, err := range view.Documents(0) {
		if err != nil {
			return 0, err
		}
		stored, err := view.Column(document, "package")
		if errors.Is(err, stratum.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if stored == name {
			return document, nil
		}
	}
	return 0, nil
}

// found reads the tree of a package, in one call.
func found(db *stratum.DB, name string) (tree *stratum.PackedTree, err error) {
	err = db.View(func(view *stratum.View) error {
		document, err := find(view, name)
		if err != nil {
			return err
		}
		if document == 0 {
			complain(fmt.Errorf("there is no package %q in the store", name))
			return errNotAll
		}
		tree, err = view.PackedTree(document)
		return err
	})
	return tree, err
}

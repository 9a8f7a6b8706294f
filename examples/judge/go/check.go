package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	stratum "stratum.dev/go"
)

func check(out *bufio.Writer, db *stratum.DB, name, outputs string) error {
	tree, err := found(db, name)
	if err != nil {
		return err
	}
	var flags []string
	if stored, ok := tree.Columns().Get("flags"); ok {
		flags, _ = stored.Strings()
	}
	rules := rulesOf(flags)
	ok, all := 0, 0
	for input := range tree.Inputs() {
		expected, has := input.Output()
		if !has {
			continue
		}
		all++
		difference, err := judged(rules, content(expected), outputs, testOf(input))
		if err != nil {
			return err
		}
		if difference == "" {
			ok++
			fmt.Fprintf(out, "ok     %s\n", testOf(input))
		} else {
			fmt.Fprintf(out, "WRONG  %s: %s\n", testOf(input), difference)
		}
	}
	fmt.Fprintf(out, "%s: %d of %d tests ok\n", name, ok, all)
	if ok < all {
		return errNotAll
	}
	return nil
}

// judged says how the output of a test differs from the expected one, "" where it does not.
func judged(rules rules, expected []byte, outputs, test string) (string, error) {
	path := filepath.Join(outputs, filepath.FromSlash(test))
	got, err := os.ReadFile(path + ".out")
	if isMissing(err) {
		got, err = os.ReadFile(path + ".ans")
	}
	if isMissing(err) {
		return "no output", nil
	}
	if err != nil {
		return "", err
	}
	return rules.difference(expected, got), nil
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

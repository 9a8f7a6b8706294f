package main

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"strings"

	stratum "stratum.dev/go"
)

func show(out *bufio.Writer, db *stratum.DB, name string) error {
	tree, err := found(db, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: document %d\n", name, tree.ID())
	columns := tree.Columns()
	if title, ok := columns.Get("title"); ok {
		fmt.Fprintf(out, "  title      %s\n", title)
	}
	if keywords, ok := columns.Get("keywords"); ok {
		words, _ := keywords.Strings()
		fmt.Fprintf(out, "  keywords   %s\n", strings.Join(words, ", "))
	}
	if flags, ok := columns.Get("flags"); ok {
		words, _ := flags.Strings()
		fmt.Fprintf(out, "  flags      %s\n", strings.Join(words, " "))
	}
	if samples, ok := columns.Get("samples"); ok {
		fmt.Fprintf(out, "  samples    %s\n", samples)
	}
	fmt.Fprintf(out, "  statement  %s\n", sum(tree.Blob()))
	for input := range tree.Inputs() {
		fmt.Fprintf(out, "  %s: in %s; ", testOf(input), described(input.Value()))
		if output, ok := input.Output(); ok {
			fmt.Fprintf(out, "out %s\n", described(output))
		} else {
			fmt.Fprintln(out, "no output")
		}
	}
	return nil
}

func sum(b []byte) string { return fmt.Sprintf("%d bytes, crc32 %08x", len(b), crc32.ChecksumIEEE(b)) }

func described(value stratum.RawValue) string {
	return value.Kind().String() + " " + sum(content(value))
}

// content is that of a String or Bytes.
func content(value stratum.RawValue) []byte {
	if text, ok := value.Text(); ok {
		return []byte(text)
	}
	bytes, _ := value.Bytes()
	return bytes
}

func testOf(input stratum.PackedInput) string {
	test, _ := input.Columns().Get("test")
	text, _ := test.Text()
	return text
}

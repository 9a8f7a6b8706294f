// The conformance runner of the Go wrapper: `run WORK FILE...`, `dump STORE...`; ../README.md tells what they do.
//
// 1. It uses the wrapper alone: what that lacks the suite cannot pass.
// 2. What was closed stays under its name: the wrapper has to answer ErrClosed.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	stratum "stratum.dev/go"
)

var out = bufio.NewWriter(os.Stdout)

type script struct {
	Name  string
	Steps []step
}

type step struct {
	Op, On string
	Args   map[string]any
	SaveAs string `json:"save_as"`
}

func main() {
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch {
	case command == "run" && len(os.Args) > 2:
		scripts := 0
		for _, file := range os.Args[3:] {
			var vectors struct{ Scripts []script }
			if err := json.Unmarshal(must(os.ReadFile(file)), &vectors); err != nil {
				panic(err)
			}
			for _, script := range vectors.Scripts {
				run(script, filepath.Join(os.Args[2], strconv.Itoa(scripts)))
				scripts++
			}
		}
	case command == "dump":
		for at, store := range os.Args[2:] {
			fmt.Fprintf(out, "{\"store\":%d}\n", at)
			if err := dump(store); err != nil {
				fmt.Fprintf(out, "{\"status\":%q}\n", statusOf(err).String())
			}
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: runner run WORK FILE... | dump STORE...")
		os.Exit(2)
	}
	if err := out.Flush(); err != nil {
		panic(err)
	}
}

func statusOf(err error) stratum.Status {
	var status stratum.Status
	if err != nil && !errors.As(err, &status) {
		panic(err)
	}
	return status
}

func run(s script, dir string) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		panic(err)
	}
	fmt.Fprintf(out, "{\"script\":%s}\n", quote(s.Name))
	r := &runner{dir: dir, things: map[string]any{}, ids: map[string]uint64{}}
	defer r.end()
	for at := range s.Steps {
		r.step = &s.Steps[at]
		answer, status := r.answer(at + 1)
		fmt.Fprintf(out, "{\"step\":%d,\"op\":%s,\"status\":%q", at+1, quote(r.step.Op), status)
		if answer != "" {
			fmt.Fprintf(out, ",\"value\":%s", answer)
		}
		fmt.Fprint(out, "}\n")
	}
}

// answer makes the step; what panics in it is not in the language, and ends the runner with the step's name.
func (r *runner) answer(number int) (answer, status string) {
	defer func() {
		if broken := recover(); broken != nil {
			panic(fmt.Sprintf("step %d, %s: %v", number, r.step.Op, broken))
		}
	}()
	answer, err := r.make()
	switch {
	case errors.Is(err, errEnd):
		return "", "STRATUM_END"
	case err != nil:
		return "", statusOf(err).String()
	}
	return answer, "STRATUM_OK"
}

func dump(store string) error {
	db, err := stratum.Open(store, &stratum.Options{NoCreate: true})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(view *stratum.View) error {
		for packed, err := range view.Trees(0) {
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "{\"document\":%s,\"tree\":%s}\n", number(packed.ID()), tree(packed.Tree()))
		}
		count, err := view.DocumentCount()
		if err == nil {
			fmt.Fprintf(out, "{\"documents\":%s}\n", number(count))
		}
		return err
	})
}

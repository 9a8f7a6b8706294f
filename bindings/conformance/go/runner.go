package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	stratum "stratum.dev/go"
)

// errEnd is how the wrapper says that a cursor is past its last row.
var errEnd = io.EOF

// runner runs one script.
type runner struct {
	dir    string
	step   *step
	things map[string]any // *DB, *View, *Batch, cursors, *Tree, []byte (pinned bytes)
	ids    map[string]uint64
}

// end closes the stores that the script left open.
func (r *runner) end() {
	for _, thing := range r.things {
		if db, ok := thing.(*stratum.DB); ok {
			_ = db.Close() // nobody asked for its answer
		}
	}
}

func (r *runner) resolve(json any) uint64 {
	if name, ok := strings.CutPrefix(json.(string), "$"); ok {
		id, ok := r.ids[name]
		if !ok {
			panic("no id: " + name)
		}
		return id
	}
	return unsigned(json)
}

func (r *runner) id(name string) uint64 {
	argument, ok := r.step.Args[name]
	if !ok {
		panic("no argument: " + name)
	}
	return r.resolve(argument)
}

func (r *runner) document() stratum.DocumentID { return stratum.DocumentID(r.id("document")) }
func (r *runner) input() stratum.InputID       { return stratum.InputID(r.id("input")) }
func (r *runner) before() stratum.InputID      { return stratum.InputID(r.id("before")) }
func (r *runner) text(name string) string      { return r.step.Args[name].(string) }
func (r *runner) value() any                   { return toValue(r.step.Args["value"]) }

func (r *runner) keepID(suffix string, id uint64) {
	if r.step.SaveAs != "" {
		r.ids[r.step.SaveAs+suffix] = id
	}
}

func (r *runner) kept(thing any, err error) (string, error) {
	if err == nil && r.step.SaveAs != "" {
		// A store in whose place another thing comes is not to be forgotten.
		if old, ok := r.things[r.step.SaveAs].(*stratum.DB); ok {
			r.things[r.step.SaveAs+" before "+fmt.Sprint(len(r.things))] = old
		}
		r.things[r.step.SaveAs] = thing
	}
	return "", err
}

func shown[T any](value T, err error, show func(T) string) (string, error) {
	if err != nil {
		return "", err
	}
	return show(value), nil
}

func done(err error) (string, error) { return "", err }

func madeID[T ~uint64](r *runner, id T, err error) (string, error) {
	if err == nil {
		r.keepID("", uint64(id))
	}
	return shown(id, err, number[T])
}

func (r *runner) madeTree(ids stratum.TreeIDs, err error) (string, error) {
	if err == nil {
		r.keepID("", uint64(ids.Document))
		r.keepID(".input", uint64(ids.FirstInput))
	}
	return shown(ids, err, func(ids stratum.TreeIDs) string {
		return `{"document":` + number(ids.Document) + `,"first_input":` + number(ids.FirstInput) + `,"input_count":` +
			number(ids.InputCount) + `}`
	})
}

func (r *runner) make() (string, error) {
	switch op := r.step.Op; {
	case op == "db_open":
		options := &stratum.Options{Set: map[string]string{}}
		if given, ok := r.step.Args["options"]; ok {
			for name, value := range given.(map[string]any) {
				options.Set[name] = value.(string)
			}
		}
		db, err := stratum.Open(filepath.Join(r.dir, r.text("path")), options)
		return r.kept(db, err)
	case strings.HasPrefix(op, "file_"):
		return "", r.file(op)
	case strings.HasSuffix(op, "_free"):
		return done(r.free())
	}
	thing, ok := r.things[r.step.On]
	if !ok {
		panic("no such thing: " + r.step.On)
	}
	switch on := thing.(type) {
	case *stratum.DB:
		return r.onDB(on)
	case *stratum.Batch:
		return r.onBatch(on)
	case *stratum.View:
		return r.onView(on)
	case *stratum.DocumentCursor:
		return r.onDocuments(on)
	case *stratum.InputCursor:
		return r.onInputs(on)
	case *stratum.Tree:
		return tree(on), nil
	case []byte:
		return hexed(on), nil
	case gone:
		return "", stratum.ErrClosed
	}
	panic(fmt.Sprintf("no call on a %T", thing))
}

// gone is what stands for Go values that nobody can free, after the script freed them.
type gone struct{}

func (r *runner) free() error {
	switch on := r.things[r.step.On].(type) {
	case io.Closer:
		return on.Close()
	default:
		r.things[r.step.On] = gone{}
		return nil
	}
}

func (r *runner) file(op string) error {
	path := filepath.Join(r.dir, r.text("file"))
	if op == "file_write" {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			panic(err)
		}
		if err := os.WriteFile(path, unhex(r.step.Args["bytes"]), 0o666); err != nil {
			panic(err)
		}
		return nil
	}
	// Through a write in place: a store that is open has the file mapped.
	file := must(os.OpenFile(path, os.O_RDWR, 0))
	defer file.Close()
	var one [1]byte
	offset := int64(r.id("offset"))
	must(file.ReadAt(one[:], offset))
	one[0] ^= unhex(r.step.Args["mask"])[0]
	must(file.WriteAt(one[:], offset))
	return nil
}

func (r *runner) onDB(db *stratum.DB) (string, error) {
	switch op := r.step.Op; op {
	case "db_close":
		return done(db.Close())
	case "db_latest":
		return r.kept(db.Latest(), nil)
	case "db_snapshot":
		view, err := db.Snapshot()
		return r.kept(view, err)
	case "batch_create":
		batch, err := db.Batch()
		return r.kept(batch, err)
	case "db_flush":
		return done(db.Flush())
	case "db_checkpoint":
		return done(db.Checkpoint())
	case "db_compact_now":
		goOn := r.step.Args["progress"] != "stop"
		return done(db.CompactNow(func(stratum.Progress) bool { return goOn }))
	case "db_stats":
		stats, err := db.Stats()
		return shown(stats, err, func(s stratum.Stats) string {
			return `{"documents":` + number(s.Documents) + `,"nodes":` + number(s.Nodes) + `,"snapshots":` +
				number(s.Snapshots) + `,"commits":` + number(s.Commits) + `,"sequence":` + number(s.Sequence) +
				`,"poisoned":` + fmt.Sprint(s.Poisoned) + `}`
		})
	case "db_verify":
		found, err := db.Verify()
		return shown(found, err, func(f *stratum.Findings) string {
			return `{"documents":` + number(f.Documents) + `,"inputs":` + number(f.Inputs) + `,"outputs":` +
				number(f.Outputs) + `,"damage":` + number(uint64(len(f.Damage))) + `}`
		})
	default:
		return r.write(db, strings.TrimPrefix(op, "db_"))
	}
}

func (r *runner) onBatch(batch *stratum.Batch) (string, error) {
	switch op := r.step.Op; op {
	case "batch_commit":
		durability := stratum.DurabilityDefault
		switch r.step.Args["durability"] {
		case "always":
			durability = stratum.DurabilityAlways
		case "interval":
			durability = stratum.DurabilityInterval
		case "os":
			durability = stratum.DurabilityOS
		}
		sequence, err := batch.Commit(durability)
		return shown(sequence, err, number[uint64])
	case "batch_clear":
		return done(batch.Clear())
	case "batch_size":
		operations, bytes, err := batch.Size()
		return shown(bytes, err, func(bytes uint64) string {
			return `{"operations":` + number(operations) + `,"bytes":` + number(bytes) + `}`
		})
	default:
		return r.write(batch, strings.TrimPrefix(op, "batch_"))
	}
}

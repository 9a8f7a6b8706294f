package bench

import (
	"database/sql"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	stratum "stratum.dev/go"
)

// In SQLite a tree is rows of three tables, read and written with prepared statements, in WAL mode without syncs.
type sqliteEngine struct {
	db                                                *sql.DB
	putDocument, putColumn, putInput                  *sql.Stmt
	getBlob, getColumns, getInputs, getAll, getOutput *sql.Stmt
	setOneOutput                                      *sql.Stmt
}

func openSQLite(tb testing.TB, path string) engine {
	db, err := sql.Open("sqlite3", path+"?_journal_mode=WAL&_synchronous=OFF")
	check(tb, err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`
		CREATE TABLE document (id INTEGER PRIMARY KEY, blob BLOB NOT NULL);
		CREATE TABLE col (document INTEGER, name TEXT, value, PRIMARY KEY (document, name)) WITHOUT ROWID;
		CREATE TABLE input (document INTEGER, id INTEGER, value, output, PRIMARY KEY (document, id)) WITHOUT ROWID;`)
	check(tb, err)
	prepared := func(text string) *sql.Stmt {
		statement, err := db.Prepare(text)
		check(tb, err)
		return statement
	}
	return &sqliteEngine{
		db:           db,
		putDocument:  prepared("INSERT INTO document (blob) VALUES (?)"),
		putColumn:    prepared("INSERT INTO col VALUES (?, ?, ?)"),
		putInput:     prepared("INSERT INTO input VALUES (?, ?, ?, ?)"),
		getBlob:      prepared("SELECT blob FROM document WHERE id = ?"),
		getColumns:   prepared("SELECT name, value FROM col WHERE document = ? ORDER BY name"),
		getInputs:    prepared("SELECT id, value, output FROM input WHERE document = ? ORDER BY id"),
		getAll:       prepared("SELECT id FROM document ORDER BY id"),
		getOutput:    prepared("SELECT output FROM input WHERE document = ? AND id = ?"),
		setOneOutput: prepared("UPDATE input SET output = ? WHERE document = ? AND id = ?"),
	}
}

func (e *sqliteEngine) write(tb testing.TB, tree *stratum.Tree) uint64 {
	return e.writeMany(tb, tree, 1)[0]
}

func (e *sqliteEngine) writeMany(tb testing.TB, tree *stratum.Tree, count int) []uint64 {
	tx, err := e.db.Begin()
	check(tb, err)
	document, column, input := tx.Stmt(e.putDocument), tx.Stmt(e.putColumn), tx.Stmt(e.putInput)
	written := make([]uint64, count)
	for at := range written {
		result, err := document.Exec(tree.Blob)
		check(tb, err)
		id, err := result.LastInsertId()
		check(tb, err)
		for _, c := range tree.Columns {
			_, err := column.Exec(id, c.Name, c.Value)
			check(tb, err)
		}
		for position, i := range tree.Inputs {
			_, err := input.Exec(id, position+1, i.Value, i.Output)
			check(tb, err)
		}
		written[at] = uint64(id)
	}
	check(tb, tx.Commit())
	return written
}

func (e *sqliteEngine) read(tb testing.TB, id uint64) (sum int64) {
	tree := &stratum.Tree{}
	check(tb, e.getBlob.QueryRow(id).Scan(&tree.Blob))
	columns, err := e.getColumns.Query(id)
	check(tb, err)
	for columns.Next() {
		var column stratum.Column
		check(tb, columns.Scan(&column.Name, &column.Value))
		tree.Columns = append(tree.Columns, column)
	}
	check(tb, columns.Close())
	inputs, err := e.getInputs.Query(id)
	check(tb, err)
	for inputs.Next() {
		var input stratum.Input
		check(tb, inputs.Scan(&input.ID, &input.Value, &input.Output))
		tree.Inputs = append(tree.Inputs, input)
		sum += input.Output.(int64)
	}
	check(tb, inputs.Close())
	return sum
}

func (e *sqliteEngine) readAll(tb testing.TB) (sum int64) {
	var ids []uint64
	rows, err := e.getAll.Query()
	check(tb, err)
	for rows.Next() {
		var id uint64
		check(tb, rows.Scan(&id))
		ids = append(ids, id)
	}
	check(tb, rows.Close())
	for _, id := range ids {
		sum += e.read(tb, id)
	}
	return sum
}

func (e *sqliteEngine) output(tb testing.TB, document, input uint64) (value int64) {
	check(tb, e.getOutput.QueryRow(document, input).Scan(&value))
	return value
}

func (e *sqliteEngine) setOutput(tb testing.TB, document, input uint64, value int64) {
	_, err := e.setOneOutput.Exec(value, document, input)
	check(tb, err)
}

func (e *sqliteEngine) close(tb testing.TB) { check(tb, e.db.Close()) }

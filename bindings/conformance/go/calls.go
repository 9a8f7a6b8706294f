package main

import (
	stratum "stratum.dev/go"
)

// writes are what a store and a batch have in common.
type writes interface {
	CreateDocument(blob []byte, columns ...stratum.Column) (stratum.DocumentID, error)
	PutTree(*stratum.Tree) (stratum.TreeIDs, error)
	ReplaceTree(stratum.DocumentID, *stratum.Tree) (stratum.TreeIDs, error)
	PutPacked([]byte) (stratum.TreeIDs, error)
	ReplacePacked(stratum.DocumentID, []byte) (stratum.TreeIDs, error)
	ApplyPacked(rows []byte, capacity int) ([]uint64, int, error)
	SetBlob(stratum.DocumentID, []byte) error
	SetColumn(stratum.DocumentID, string, any) error
	RemoveColumn(stratum.DocumentID, string) error
	DeleteDocument(stratum.DocumentID) error
	AppendInput(stratum.DocumentID, any) (stratum.InputID, error)
	InsertInput(document stratum.DocumentID, before stratum.InputID, value any) (stratum.InputID, error)
	MoveInput(document stratum.DocumentID, input, before stratum.InputID) error
	ReplaceInput(stratum.DocumentID, stratum.InputID, any) error
	SetInputColumn(stratum.DocumentID, stratum.InputID, string, any) error
	RemoveInputColumn(stratum.DocumentID, stratum.InputID, string) error
	DeleteInput(stratum.DocumentID, stratum.InputID) error
	SetOutput(stratum.DocumentID, stratum.InputID, any) error
	UpdateOutput(stratum.DocumentID, stratum.InputID, any) error
	DeleteOutput(stratum.DocumentID, stratum.InputID) error
}

func (r *runner) write(on writes, verb string) (string, error) {
	switch verb {
	case "create_document":
		var blob []byte
		if given, ok := r.step.Args["blob"]; ok {
			blob = unhex(given)
		}
		id, err := on.CreateDocument(blob, toColumns(r.step.Args["columns"])...)
		return madeID(r, id, err)
	case "put_tree":
		return r.madeTree(on.PutTree(toTree(r.step.Args["tree"])))
	case "replace_tree":
		return r.madeTree(on.ReplaceTree(r.document(), toTree(r.step.Args["tree"])))
	case "put_packed":
		return r.madeTree(on.PutPacked(r.packed()))
	case "replace_packed":
		return r.madeTree(on.ReplacePacked(r.document(), r.packed()))
	case "apply_packed":
		operations := unhex(r.step.Args["operations"])
		ids, _, err := on.ApplyPacked(operations, len(operations)/48+1)
		return shown(ids, err, func(ids []uint64) string { return list(ids, number[uint64]) })
	case "append_input":
		id, err := on.AppendInput(r.document(), r.value())
		return madeID(r, id, err)
	case "insert_input":
		id, err := on.InsertInput(r.document(), r.before(), r.value())
		return madeID(r, id, err)
	default:
		return done(r.change(on, verb))
	}
}

func (r *runner) change(on writes, verb string) error {
	switch verb {
	case "set_blob":
		return on.SetBlob(r.document(), unhex(r.step.Args["blob"]))
	case "set_column":
		return on.SetColumn(r.document(), r.text("name"), r.value())
	case "remove_column":
		return on.RemoveColumn(r.document(), r.text("name"))
	case "delete_document":
		return on.DeleteDocument(r.document())
	case "move_input":
		return on.MoveInput(r.document(), r.input(), r.before())
	case "replace_input":
		return on.ReplaceInput(r.document(), r.input(), r.value())
	case "set_input_column":
		return on.SetInputColumn(r.document(), r.input(), r.text("name"), r.value())
	case "remove_input_column":
		return on.RemoveInputColumn(r.document(), r.input(), r.text("name"))
	case "delete_input":
		return on.DeleteInput(r.document(), r.input())
	case "set_output":
		return on.SetOutput(r.document(), r.input(), r.value())
	case "update_output":
		return on.UpdateOutput(r.document(), r.input(), r.value())
	case "delete_output":
		return on.DeleteOutput(r.document(), r.input())
	}
	panic("no write: " + verb)
}

func (r *runner) packed() []byte {
	text := r.text("packed")
	if len(text) > 0 && text[0] == '$' {
		return r.things[text[1:]].([]byte)
	}
	return unhex(text)
}

func (r *runner) onView(view *stratum.View) (string, error) {
	switch r.step.Op {
	case "view_sequence":
		sequence, err := view.Sequence()
		return shown(sequence, err, number[uint64])
	case "view_document_count":
		count, err := view.DocumentCount()
		return shown(count, err, number[uint64])
	case "view_documents":
		cursor, err := view.DocumentCursor(stratum.DocumentID(r.id("from")))
		return r.kept(cursor, err)
	case "view_packed_trees":
		documents := all(r.step.Args["documents"], func(id any) stratum.DocumentID {
			return stratum.DocumentID(r.resolve(id))
		})
		packed, err := view.PackTrees(documents...)
		return shown(packed, err, hexed)
	case "view_exists":
		is, err := view.Exists(r.document())
		return shown(is, err, func(is bool) string {
			if is {
				return "true"
			}
			return "false"
		})
	case "view_input_count":
		count, err := view.InputCount(r.document())
		return shown(count, err, number[uint64])
	case "view_input_cursor":
		cursor, err := view.InputCursor(r.document())
		return r.kept(cursor, err)
	}
	return r.read(view)
}

func (r *runner) read(view *stratum.View) (string, error) {
	switch r.step.Op {
	case "view_blob", "view_packed_tree":
		pin := view.PinTree
		if r.step.Op == "view_blob" {
			pin = view.PinBlob
		}
		pinned, err := pin(r.document())
		if err != nil {
			return "", err
		}
		defer pinned.Close()
		bytes := append([]byte{}, pinned.Bytes()...)
		_, _ = r.kept(bytes, nil)
		return hexed(bytes), nil
	case "view_read_blob":
		buffer := make([]byte, r.id("capacity"))
		length, err := view.ReadBlob(r.document(), buffer)
		return shown(length, err, func(length int) string { return hexed(buffer[:length]) })
	case "view_columns":
		read, err := view.Columns(r.document())
		return shown(read, err, columns)
	case "view_column":
		read, err := view.Column(r.document(), r.text("name"))
		return shown(read, err, value)
	case "view_input_ids":
		ids, err := view.InputIDs(r.document())
		return shown(ids, err, func(ids []stratum.InputID) string { return list(ids, number[stratum.InputID]) })
	case "view_inputs":
		inputs, err := view.Inputs(r.document())
		return shown(inputs, err, func(inputs []stratum.Input) string { return list(inputs, input) })
	case "view_tree":
		read, err := view.Tree(r.document())
		_, _ = r.kept(read, err)
		return shown(read, err, tree)
	case "view_input":
		read, err := view.Input(r.document(), r.input())
		return shown(read, err, value)
	case "view_input_columns":
		read, err := view.InputColumns(r.document(), r.input())
		return shown(read, err, columns)
	case "view_output":
		read, err := view.Output(r.document(), r.input())
		return shown(read, err, value)
	}
	panic("no read")
}

func (r *runner) onDocuments(cursor *stratum.DocumentCursor) (string, error) {
	switch r.step.Op {
	case "document_cursor_seek":
		return done(cursor.Seek(stratum.DocumentID(r.id("from"))))
	case "document_cursor_fill":
		ids := make([]stratum.DocumentID, r.id("capacity"))
		count, err := cursor.Fill(ids)
		return shown(count, err, func(count int) string { return list(ids[:count], number[stratum.DocumentID]) })
	}
	id, err := cursor.Next()
	return madeID(r, id, err)
}

func (r *runner) onInputs(cursor *stratum.InputCursor) (string, error) {
	if r.step.Op == "input_cursor_fill" {
		buffer := make([]byte, r.id("capacity"))
		length, err := cursor.Fill(buffer)
		return shown(length, err, func(length int) string { return hexed(buffer[:length]) })
	}
	next, err := cursor.Next()
	return shown(next, err, func(next stratum.PackedInput) string { return input(next.Input()) })
}

package stratum

// Operations gathers writes for Apply, which makes them in one call. Methods that create something give a reference,
// which later operations of the same Operations take for the id. The zero value is ready to use. A method that fails
// leaves it as it was.
type Operations struct {
	rows  []byte
	count int
}

// reference stands for what a row makes: its number with the top bit set.
const reference = 1 << 63

// Len is the number of operations.
func (o *Operations) Len() int { return o.count }

// Bytes are the operations as stratum_batch_apply_packed takes them, valid until the next operation.
func (o *Operations) Bytes() []byte { return o.rows }

// Reset forgets all operations, and keeps the memory.
func (o *Operations) Reset() { o.rows, o.count = o.rows[:0], 0 }

func (o *Operations) add(r *row, bodyLength int, body func([]byte) ([]byte, error)) (uint64, error) {
	rows, err := r.append(o.rows, bodyLength, body)
	o.rows = rows
	if err != nil {
		return 0, err
	}
	o.count++
	return reference | uint64(o.count-1), nil
}

func (o *Operations) value(r *row, value any) (uint64, error) {
	return o.add(r, -1, func(b []byte) ([]byte, error) { return appendValue(b, value, 0) })
}

func (o *Operations) tree(r *row, tree *Tree) (uint64, error) {
	return o.add(r, -1, func(b []byte) ([]byte, error) { return AppendTree(b, tree) })
}

// CreateDocument creates a document.
func (o *Operations) CreateDocument(blob []byte, columns ...Column) (DocumentID, error) {
	id, err := o.add(&row{op: opCreateDocument, columns: columns}, len(blob), func(b []byte) ([]byte, error) {
		return pad(append(b, blob...)), nil
	})
	return DocumentID(id), err
}

// PutTree creates a document with its inputs, whose ids are 1, 2, 3...
func (o *Operations) PutTree(tree *Tree) (DocumentID, error) {
	id, err := o.tree(&row{op: opPutTree}, tree)
	return DocumentID(id), err
}

// ReplaceTree replaces a document; the reference stands for its first input.
func (o *Operations) ReplaceTree(document DocumentID, tree *Tree) (InputID, error) {
	id, err := o.tree(&row{op: opReplaceTree, document: document}, tree)
	return InputID(id), err
}

// SetBlob replaces the blob of a document.
func (o *Operations) SetBlob(document DocumentID, blob []byte) error {
	_, err := o.add(&row{op: opSetBlob, document: document}, len(blob), func(b []byte) ([]byte, error) {
		return pad(append(b, blob...)), nil
	})
	return err
}

// SetColumn creates or replaces a column of a document.
func (o *Operations) SetColumn(document DocumentID, name string, value any) error {
	_, err := o.value(&row{op: opSetColumn, document: document, name: name}, value)
	return err
}

// RemoveColumn removes a column of a document.
func (o *Operations) RemoveColumn(document DocumentID, name string) error {
	_, err := o.add(&row{op: opRemoveColumn, document: document, name: name}, 0, nil)
	return err
}

// DeleteDocument deletes a document.
func (o *Operations) DeleteDocument(document DocumentID) error {
	_, err := o.add(&row{op: opDeleteDocument, document: document}, 0, nil)
	return err
}

// AppendInput appends an input to a document.
func (o *Operations) AppendInput(document DocumentID, value any) (InputID, error) {
	id, err := o.value(&row{op: opAppendInput, document: document}, value)
	return InputID(id), err
}

// InsertInput inserts an input before another one.
func (o *Operations) InsertInput(document DocumentID, before InputID, value any) (InputID, error) {
	id, err := o.value(&row{op: opInsertInput, document: document, before: before}, value)
	return InputID(id), err
}

// MoveInput moves an input before another one, or to the end where before is 0.
func (o *Operations) MoveInput(document DocumentID, input, before InputID) error {
	_, err := o.add(&row{op: opMoveInput, document: document, input: input, before: before}, 0, nil)
	return err
}

// ReplaceInput replaces the value of an input.
func (o *Operations) ReplaceInput(document DocumentID, input InputID, value any) error {
	_, err := o.value(&row{op: opReplaceInput, document: document, input: input}, value)
	return err
}

// SetInputColumn creates or replaces a column of an input.
func (o *Operations) SetInputColumn(document DocumentID, input InputID, name string, value any) error {
	_, err := o.value(&row{op: opSetInputColumn, document: document, input: input, name: name}, value)
	return err
}

// RemoveInputColumn removes a column of an input.
func (o *Operations) RemoveInputColumn(document DocumentID, input InputID, name string) error {
	_, err := o.add(&row{op: opRemoveInputColumn, document: document, input: input, name: name}, 0, nil)
	return err
}

// DeleteInput deletes an input.
func (o *Operations) DeleteInput(document DocumentID, input InputID) error {
	_, err := o.add(&row{op: opDeleteInput, document: document, input: input}, 0, nil)
	return err
}

// SetOutput creates or replaces the output of an input.
func (o *Operations) SetOutput(document DocumentID, input InputID, value any) error {
	_, err := o.value(&row{op: opSetOutput, document: document, input: input}, value)
	return err
}

// UpdateOutput replaces the output of an input, which must be there.
func (o *Operations) UpdateOutput(document DocumentID, input InputID, value any) error {
	_, err := o.value(&row{op: opUpdateOutput, document: document, input: input}, value)
	return err
}

// DeleteOutput deletes the output of an input.
func (o *Operations) DeleteOutput(document DocumentID, input InputID) error {
	_, err := o.add(&row{op: opDeleteOutput, document: document, input: input}, 0, nil)
	return err
}

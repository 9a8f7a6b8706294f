package stratum

// #include "shim.h"
import "C"

// The operations of packed writes.
const (
	opCreateDocument    = C.STRATUM_OP_CREATE_DOCUMENT
	opPutTree           = C.STRATUM_OP_PUT_TREE
	opReplaceTree       = C.STRATUM_OP_REPLACE_TREE
	opSetBlob           = C.STRATUM_OP_SET_BLOB
	opSetColumn         = C.STRATUM_OP_SET_COLUMN
	opRemoveColumn      = C.STRATUM_OP_REMOVE_COLUMN
	opDeleteDocument    = C.STRATUM_OP_DELETE_DOCUMENT
	opAppendInput       = C.STRATUM_OP_APPEND_INPUT
	opInsertInput       = C.STRATUM_OP_INSERT_INPUT
	opMoveInput         = C.STRATUM_OP_MOVE_INPUT
	opReplaceInput      = C.STRATUM_OP_REPLACE_INPUT
	opSetInputColumn    = C.STRATUM_OP_SET_INPUT_COLUMN
	opRemoveInputColumn = C.STRATUM_OP_REMOVE_INPUT_COLUMN
	opDeleteInput       = C.STRATUM_OP_DELETE_INPUT
	opSetOutput         = C.STRATUM_OP_SET_OUTPUT
	opUpdateOutput      = C.STRATUM_OP_UPDATE_OUTPUT
	opDeleteOutput      = C.STRATUM_OP_DELETE_OUTPUT
)

// rowHeader is the length of a row's header, and where in it its fields are.
const (
	rowHeader      = 48
	rowLengthAt    = 4
	rowDocumentAt  = 8
	rowInputAt     = 16
	rowBeforeAt    = 24
	rowNameAt      = 32
	rowColumnsAt   = 36
	rowBodyAt      = 40
	rowLimitBytes8 = 1<<32 - 1
)

// row is one write, as stratum_batch_apply_packed lays it out.
type row struct {
	op       uint32
	document DocumentID
	input    InputID
	before   InputID
	name     string
	columns  Columns
}

// append appends the row to b, with a body that `body` appends and pads; nil for none. bodyLength is the body's length
// without padding, -1 for all that was appended.
func (r *row) append(b []byte, bodyLength int, body func([]byte) ([]byte, error)) ([]byte, error) {
	begin := len(b)
	var header [rowHeader]byte
	le.PutUint32(header[0:], r.op)
	le.PutUint64(header[rowDocumentAt:], uint64(r.document))
	le.PutUint64(header[rowInputAt:], uint64(r.input))
	le.PutUint64(header[rowBeforeAt:], uint64(r.before))
	if uint64(len(r.name)) > rowLimitBytes8 {
		return b, refused(ErrInvalidArgument, "a name has 1 to 255 bytes")
	}
	le.PutUint32(header[rowNameAt:], uint32(len(r.name)))
	b = append(b, header[:]...)
	b = pad(append(b, r.name...))
	columns := len(b)
	b, err := appendColumns(b, r.columns)
	if err != nil {
		return b[:begin], err
	}
	le.PutUint32(b[begin+rowColumnsAt:], uint32((len(b)-columns)/8))
	if body != nil {
		at := len(b)
		if b, err = body(b); err != nil {
			return b[:begin], err
		}
		if bodyLength < 0 {
			bodyLength = len(b) - at
		}
		le.PutUint64(b[begin+rowBodyAt:], uint64(bodyLength))
	}
	if uint64(len(b)-begin)/8 > rowLimitBytes8 {
		return b[:begin], refused(ErrTooLarge, "a write is over 32 GiB: divide it")
	}
	le.PutUint32(b[begin+rowLengthAt:], uint32((len(b)-begin)/8))
	return b, nil
}

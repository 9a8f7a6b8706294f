/*
 * Packed trees, rows of inputs and values, decoded straight from their bytes ("Packed tree" and "Value" in
 * docs/format.md).
 *
 * 1. Every length is checked before it is followed: whatever the bytes, nothing outside of them is read, and what does not
 *    fit is a ValueError. Checksums are not looked at: the store checks them when it gives a tree out.
 * 2. Bytes need not be aligned.
 */
#include "codec.h"

#include <string.h>

enum { HEADER = 80, ENTRY = 32, ROW = 24, DEEPEST = 64, BLOB_EXTERNAL = 2 };

/* Bytes that are still to be read. */
struct span {
    const uint8_t *at;
    size_t left;
};

static PyObject *malformed(const char *what)
{
    PyErr_Format(PyExc_ValueError, "malformed packed form: %s", what);
    return NULL;
}

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static uint64_t u64_at(const uint8_t *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static uint64_t padded(uint64_t length)
{
    return (length + 7) / 8 * 8;
}

/* Takes `length` bytes off the front; NULL where there are fewer. */
static const uint8_t *cut(struct span *span, uint64_t length)
{
    const uint8_t *front = span->at;
    if (length > span->left)
        return NULL;
    span->at += length;
    span->left -= (size_t)length;
    return front;
}

static PyObject *text(const uint8_t *bytes, size_t length)
{
    return PyUnicode_DecodeUTF8((const char *)bytes, (Py_ssize_t)length, NULL);
}

/* Texts of a StringList or StringMap, one after the other. */
struct texts {
    const uint8_t *ends;
    const uint8_t *area;
    uint32_t from;
    uint32_t length;
};

static int open_texts(struct span *span, uint64_t count, struct texts *texts)
{
    texts->ends = cut(span, padded(4 * count));
    texts->from = 0;
    if (texts->ends == NULL)
        return -1;
    texts->length = count == 0 ? 0 : u32_at(texts->ends + 4 * (count - 1));
    texts->area = cut(span, padded(texts->length));
    return texts->area == NULL ? -1 : 0;
}

static PyObject *next_text(struct texts *texts)
{
    uint32_t from = texts->from, to = u32_at(texts->ends);
    if (to < from || to > texts->length)
        return malformed("ends of texts fall");
    texts->ends += 4;
    texts->from = to;
    return text(texts->area + from, to - from);
}

static PyObject *string_list(struct span *span, uint32_t count)
{
    struct texts texts;
    if (open_texts(span, count, &texts) != 0)
        return malformed("a list of texts ends early");
    PyObject *list = PyList_New(count);
    for (uint32_t at = 0; list != NULL && at < count; at++) {
        PyObject *item = next_text(&texts);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, at, item);
    }
    return codec_named(list, count == 0, codec.string_list);
}

static PyObject *string_map(struct span *span, uint32_t count)
{
    struct texts texts;
    if (open_texts(span, 2 * (uint64_t)count, &texts) != 0)
        return malformed("a map of texts ends early");
    PyObject *dict = PyDict_New();
    for (uint32_t at = 0; dict != NULL && at < count; at++) {
        PyObject *key = next_text(&texts);
        PyObject *item = key == NULL ? NULL : next_text(&texts);
        if (item == NULL || PyDict_SetItem(dict, key, item) != 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(item);
    }
    return codec_named(dict, count == 0, codec.string_map);
}

static PyObject *value(struct span *span, int depth);

/* The body of a list or map. */
static int open_body(struct span *span, struct span *body, int depth)
{
    const uint8_t *length = cut(span, 8);
    if (length == NULL || depth >= DEEPEST)
        return -1;
    body->left = (size_t)u64_at(length);
    body->at = cut(span, u64_at(length));
    return body->at == NULL ? -1 : 0;
}

static PyObject *list(struct span *span, uint32_t count, int depth)
{
    struct span body;
    int uniform = CODEC_NO_KIND;
    /* Each value takes 8 bytes or more: a count that is a lie does not become a huge list. */
    if (open_body(span, &body, depth) != 0 || count > body.left / 8)
        return malformed("a list ends early, or nests too deep");
    PyObject *list = PyList_New(count);
    for (uint32_t at = 0; list != NULL && at < count; at++) {
        uint32_t kind = body.left == 0 ? 0 : body.at[0];
        PyObject *item = value(&body, depth + 1);
        codec_note(&uniform, kind);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, at, item);
    }
    return codec_nested_list(list, uniform);
}

static PyObject *map(struct span *span, uint32_t count, int depth)
{
    struct span body;
    int uniform = CODEC_NO_KIND;
    if (open_body(span, &body, depth) != 0)
        return malformed("a map ends early, or nests too deep");
    PyObject *dict = PyDict_New();
    for (uint32_t at = 0; dict != NULL && at < count; at++) {
        PyObject *key = body.left > 0 && body.at[0] == STRATUM_KIND_STRING ? value(&body, depth + 1)
                                                                           : malformed("a key is no text");
        uint32_t kind = body.left == 0 ? 0 : body.at[0];
        PyObject *item = key == NULL ? NULL : value(&body, depth + 1);
        codec_note(&uniform, kind);
        if (item == NULL || PyDict_SetItem(dict, key, item) != 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(item);
    }
    return codec_nested_map(dict, uniform);
}

/* The value that the span begins with. */
static PyObject *value(struct span *span, int depth)
{
    const uint8_t *header = cut(span, 8);
    if (header == NULL)
        return malformed("a value ends early");
    uint32_t count = u32_at(header + 4);
    const uint8_t *payload;
    double number;
    switch (header[0]) {
    case STRATUM_KIND_NULL:
        Py_RETURN_NONE;
    case STRATUM_KIND_BOOL:
        return PyBool_FromLong(count != 0);
    case STRATUM_KIND_INT64:
        payload = cut(span, 8);
        return payload == NULL ? malformed("a number ends early") : PyLong_FromLongLong((int64_t)u64_at(payload));
    case STRATUM_KIND_DOUBLE:
        payload = cut(span, 8);
        if (payload == NULL)
            return malformed("a number ends early");
        memcpy(&number, payload, sizeof number);
        return PyFloat_FromDouble(number);
    case STRATUM_KIND_DECIMAL:
        payload = cut(span, padded(count));
        return payload == NULL ? malformed("a number ends early") : codec_decimal((const char *)payload, count);
    case STRATUM_KIND_STRING:
        payload = cut(span, padded(count));
        return payload == NULL ? malformed("a text ends early") : text(payload, count);
    case STRATUM_KIND_BYTES:
        payload = cut(span, padded(count));
        return payload == NULL ? malformed("bytes end early") : PyBytes_FromStringAndSize((const char *)payload, count);
    case STRATUM_KIND_INT64_LIST:
        payload = cut(span, 8 * (uint64_t)count);
        return payload == NULL ? malformed("a list of numbers ends early") : codec_int64s(payload, count);
    case STRATUM_KIND_DOUBLE_LIST:
        payload = cut(span, 8 * (uint64_t)count);
        return payload == NULL ? malformed("a list of numbers ends early") : codec_doubles(payload, count);
    case STRATUM_KIND_STRING_LIST:
        return string_list(span, count);
    case STRATUM_KIND_STRING_MAP:
        return string_map(span, count);
    case STRATUM_KIND_LIST:
        return list(span, count, depth);
    case STRATUM_KIND_MAP:
        return map(span, count, depth);
    default:
        return malformed("a value of an unknown kind");
    }
}

/* A value that is all of `length` bytes. */
static PyObject *whole_value(const uint8_t *bytes, size_t length)
{
    struct span span = {bytes, length};
    PyObject *made = value(&span, 0);
    if (made != NULL && span.left != 0) {
        Py_DECREF(made);
        return malformed("bytes behind a value");
    }
    return made;
}

PyObject *codec_unpack_value(const void *bytes, size_t length)
{
    return whole_value(bytes, length);
}

/* A columns section; none where there are no bytes. */
PyObject *codec_unpack_columns(const void *bytes, size_t length)
{
    struct span span = {bytes, length};
    PyObject *dict = PyDict_New();
    if (length == 0 || dict == NULL)
        return dict;
    const uint8_t *header = cut(&span, 8);
    uint32_t count = header == NULL ? 1 : u32_at(header);
    for (uint32_t at = 0; at < count; at++) {
        const uint8_t *column = cut(&span, 8);
        const uint8_t *name = column == NULL ? NULL : cut(&span, padded(u32_at(column)));
        uint64_t value_length = name == NULL ? 0 : 8 * (uint64_t)u32_at(column + 4);
        const uint8_t *packed = name == NULL ? NULL : cut(&span, value_length);
        if (packed == NULL) {
            Py_DECREF(dict);
            return malformed("columns end early");
        }
        PyObject *key = text(name, u32_at(column));
        PyObject *item = key == NULL ? NULL : whole_value(packed, (size_t)value_length);
        int result = item == NULL ? -1 : PyDict_SetItem(dict, key, item);
        Py_XDECREF(key);
        Py_XDECREF(item);
        if (result != 0) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    return dict;
}

/* An input whose value, output and columns follow one another; lengths in units of 8 bytes. */
static PyObject *input(struct span node, uint64_t id, uint64_t value8, uint64_t output8, uint64_t columns8)
{
    const uint8_t *value = cut(&node, 8 * value8);
    const uint8_t *output = value == NULL ? NULL : cut(&node, 8 * output8);
    const uint8_t *columns = output == NULL ? NULL : cut(&node, 8 * columns8);
    if (columns == NULL)
        return malformed("an input ends early");
    PyObject *made_value = whole_value(value, (size_t)(8 * value8));
    PyObject *made_columns = made_value == NULL ? NULL : codec_unpack_columns(columns, (size_t)(8 * columns8));
    PyObject *made_output = NULL;
    if (made_columns != NULL)
        made_output = output8 == 0 ? Py_NewRef(codec.missing) : whole_value(output, (size_t)(8 * output8));
    return codec_new_input(id, made_value, made_columns, made_output);
}

/* Bytes `offset` to `offset + length`; NULL where not all of them are there. */
static const uint8_t *part(const uint8_t *bytes, size_t all, uint64_t offset, uint64_t length)
{
    return offset > all || length > all - offset ? NULL : bytes + offset;
}

PyObject *codec_unpack_tree(const void *packed, size_t length)
{
    const uint8_t *bytes = packed;
    if (length < HEADER || memcmp(bytes, "STPT", 4) != 0)
        return malformed("no packed tree");
    if (bytes[4] != 1 || bytes[6] != 0 || bytes[7] != 0)
        return malformed("a packed tree of a newer version");
    if (8 * (uint64_t)u32_at(bytes + 8) != length || (bytes[5] & BLOB_EXTERNAL) != 0)
        return malformed("a packed tree that is not whole");
    uint32_t count = u32_at(bytes + 24);
    uint64_t columns_length = 8 * (uint64_t)u32_at(bytes + 36), blob_length = u64_at(bytes + 48);
    const uint8_t *columns = part(bytes, length, 8 * (uint64_t)u32_at(bytes + 32), columns_length);
    const uint8_t *blob = part(bytes, length, 8 * (uint64_t)u32_at(bytes + 40), blob_length);
    if (part(bytes, length, HEADER, ENTRY * (uint64_t)count) == NULL || columns == NULL || blob == NULL)
        return malformed("a packed tree ends early");
    PyObject *inputs = PyList_New(count);
    for (uint32_t at = 0; inputs != NULL && at < count; at++) {
        const uint8_t *entry = bytes + HEADER + ENTRY * (size_t)at;
        uint64_t offset = 8 * (uint64_t)u32_at(entry + 4);
        struct span node = {bytes + offset, offset > length ? 0 : (size_t)(length - offset)};
        PyObject *made = input(node, u32_at(entry), u32_at(entry + 8), u32_at(entry + 12), u32_at(entry + 16) & 0x3fffffff);
        if (made == NULL)
            Py_CLEAR(inputs);
        else
            PyList_SET_ITEM(inputs, at, made);
    }
    if (inputs == NULL)
        return NULL;
    PyObject *made_columns = codec_unpack_columns(columns, (size_t)columns_length);
    PyObject *made_blob =
        made_columns == NULL ? NULL : PyBytes_FromStringAndSize((const char *)blob, (Py_ssize_t)blob_length);
    return codec_new_tree(made_blob, made_columns, inputs);
}

/* What stratum_view_packed_trees gives: a list of trees, None for a document that is not there. */
PyObject *codec_unpack_trees(const void *packed, size_t length)
{
    const uint8_t *bytes = packed;
    uint64_t count = length < 8 ? 0 : u64_at(bytes);
    if (length < 8 || count > (length - 8) / 24)
        return malformed("packed trees end early");
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint64_t at = 0; list != NULL && at < count; at++) {
        const uint8_t *row = bytes + 8 + 24 * at;
        uint64_t offset = u64_at(row + 8), tree_length = u64_at(row + 16);
        const uint8_t *tree = part(bytes, length, offset, tree_length);
        PyObject *made = tree == NULL    ? malformed("packed trees end early")
                         : offset == 0   ? Py_NewRef(Py_None)
                                         : codec_unpack_tree(tree, (size_t)tree_length);
        if (made == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, made);
    }
    return list;
}

/* The rows of stratum_input_cursor_fill: a list of inputs. */
PyObject *codec_unpack_rows(const void *bytes, size_t length)
{
    struct span span = {bytes, length};
    PyObject *list = PyList_New(0);
    while (list != NULL && span.left > 0) {
        uint64_t row_length = span.left < ROW ? 0 : 8 * (uint64_t)u32_at(span.at);
        const uint8_t *row = row_length < ROW ? NULL : cut(&span, row_length);
        PyObject *made = NULL;
        if (row == NULL) {
            malformed("rows of inputs end early");
        } else {
            struct span node = {row + ROW, (size_t)row_length - ROW};
            made = input(node, u32_at(row + 4), u32_at(row + 8), u32_at(row + 12), u32_at(row + 16));
        }
        if (made == NULL || PyList_Append(list, made) != 0)
            Py_CLEAR(list);
        Py_XDECREF(made);
    }
    return list;
}

/*
 * Values and columns in their encoded form ("Value" and "Columns section" in docs/format.md): what the rows of
 * stratum_batch_apply_packed hold.
 *
 * 1. They are made from the structs of an arena, so that what a Python object is stored as is told in one place.
 */
#include "codec.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that grow. */
struct buffer {
    char *bytes;
    size_t length, size;
};

static int append(struct buffer *buffer, const void *bytes, size_t length)
{
    size_t whole = (length + 7) / 8 * 8;
    if (buffer->size - buffer->length < whole) {
        size_t size = 2 * buffer->size + whole + 64;
        char *grown = PyMem_Realloc(buffer->bytes, size);
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        buffer->bytes = grown;
        buffer->size = size;
    }
    if (length > 0)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    memset(buffer->bytes + buffer->length + length, 0, whole - length);
    buffer->length += whole;
    return 0;
}

static int append_u32s(struct buffer *buffer, size_t first, size_t second)
{
    uint32_t pair[2] = {(uint32_t)first, (uint32_t)second};
    if (first > UINT32_MAX || second > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "more than the encoded form can hold");
        return -1;
    }
    return append(buffer, pair, sizeof pair);
}

static int pack(struct buffer *buffer, const stratum_value *value);

static int pack_texts(struct buffer *buffer, const stratum_text *texts, size_t count)
{
    struct buffer area = {NULL, 0, 0};
    uint32_t *ends = PyMem_Calloc(count + 1, sizeof *ends);
    size_t length = 0;
    for (size_t at = 0; at < count; at++)
        length += texts[at].length;
    int result = -1;
    if (length > UINT32_MAX)
        PyErr_SetString(PyExc_OverflowError, "more than the encoded form can hold");
    else if (ends == NULL || (area.bytes = PyMem_Malloc(length + 1)) == NULL)
        PyErr_NoMemory();
    else
        result = 0;
    for (size_t at = 0; result == 0 && at < count; at++) {
        if (texts[at].length > 0)
            memcpy(area.bytes + area.length, texts[at].data, texts[at].length);
        area.length += texts[at].length;
        ends[at] = (uint32_t)area.length;
    }
    if (result == 0)
        result = append(buffer, ends, 4 * count);
    if (result == 0)
        result = append(buffer, area.bytes, area.length);
    PyMem_Free(ends);
    PyMem_Free(area.bytes);
    return result;
}

static int pack_text(struct buffer *buffer, stratum_text text)
{
    stratum_value value = stratum_value_string(text.data, text.length);
    return pack(buffer, &value);
}

/* A list or map: the length of its body is known when the body is there. */
static int pack_nested(struct buffer *buffer, const stratum_value *value)
{
    size_t place = buffer->length;
    int result = append_u32s(buffer, 0, 0);
    for (size_t at = 0; result == 0 && at < value->count; at++) {
        if (value->kind == STRATUM_KIND_LIST) {
            result = pack(buffer, &value->as.values[at]);
        } else {
            result = pack_text(buffer, value->as.entries[at].key);
            if (result == 0)
                result = pack(buffer, &value->as.entries[at].value);
        }
    }
    if (result == 0) {
        uint64_t length = buffer->length - place - 8;
        memcpy(buffer->bytes + place, &length, sizeof length);
    }
    return result;
}

static int pack(struct buffer *buffer, const stratum_value *value)
{
    size_t count = value->kind == STRATUM_KIND_BOOL ? (size_t)value->as.boolean : value->count;
    if (append_u32s(buffer, value->kind, count) != 0)
        return -1;
    switch (value->kind) {
    case STRATUM_KIND_INT64:
        return append(buffer, &value->as.int64, 8);
    case STRATUM_KIND_DOUBLE:
        return append(buffer, &value->as.float64, 8);
    case STRATUM_KIND_DECIMAL:
    case STRATUM_KIND_STRING:
    case STRATUM_KIND_BYTES:
        return append(buffer, value->as.bytes, value->count);
    case STRATUM_KIND_INT64_LIST:
    case STRATUM_KIND_DOUBLE_LIST:
        return append(buffer, value->as.int64s, 8 * value->count);
    case STRATUM_KIND_STRING_LIST:
        return pack_texts(buffer, value->as.strings, value->count);
    case STRATUM_KIND_STRING_MAP:
        return pack_texts(buffer, value->as.strings, 2 * value->count);
    case STRATUM_KIND_LIST:
    case STRATUM_KIND_MAP:
        return pack_nested(buffer, value);
    default:
        return 0;
    }
}

static int by_name(const void *one, const void *other)
{
    stratum_text a = ((const stratum_column *)one)->name, b = ((const stratum_column *)other)->name;
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int pack_column(struct buffer *buffer, const stratum_column *column)
{
    size_t place = buffer->length;
    if (append_u32s(buffer, column->name.length, 0) != 0 || append(buffer, column->name.data, column->name.length) != 0)
        return -1;
    size_t begin = buffer->length;
    if (pack(buffer, &column->value) != 0)
        return -1;
    size_t length8 = (buffer->length - begin) / 8;
    uint32_t field = (uint32_t)length8;
    if (length8 > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "more than the encoded form can hold");
        return -1;
    }
    memcpy(buffer->bytes + place + 4, &field, sizeof field);
    return 0;
}

static PyObject *finished(int result, struct buffer *buffer)
{
    PyObject *bytes =
        result == 0 ? PyBytes_FromStringAndSize(buffer->bytes == NULL ? "" : buffer->bytes, (Py_ssize_t)buffer->length) : NULL;
    PyMem_Free(buffer->bytes);
    return bytes;
}

PyObject *codec_pack_value(const stratum_value *value)
{
    struct buffer buffer = {NULL, 0, 0};
    return finished(pack(&buffer, value), &buffer);
}

PyObject *codec_pack_columns(const stratum_column *columns, size_t count)
{
    struct buffer buffer = {NULL, 0, 0};
    if (count == 0)
        return finished(0, &buffer);
    stratum_column *sorted = PyMem_Malloc(count * sizeof *sorted);
    if (sorted == NULL)
        return PyErr_NoMemory();
    memcpy(sorted, columns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_name);
    int result = append_u32s(&buffer, count, 0);
    for (size_t at = 0; result == 0 && at < count; at++)
        result = pack_column(&buffer, &sorted[at]);
    PyMem_Free(sorted);
    return finished(result, &buffer);
}

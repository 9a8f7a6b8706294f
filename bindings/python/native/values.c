/*
 * Values, columns and inputs as stratum.h lends them, made into Python objects.
 *
 * 1. What comes out is plain (list, dict) where a plain one would be stored as the same kind again, and one of the classes
 *    that name their kind (Int64List, List...) where it would not: whatever is read can be written back unchanged.
 */
#include "codec.h"

#include <string.h>

void codec_note(int *uniform, uint32_t kind)
{
    if (*uniform == CODEC_NO_KIND)
        *uniform = (int)kind;
    else if (*uniform != (int)kind)
        *uniform = CODEC_MIXED;
}

/* `plain`, or where a kind has to be named an object of that class with its contents. */
PyObject *codec_named(PyObject *plain, int has_to, PyObject *class)
{
    if (plain == NULL || !has_to)
        return plain;
    PyObject *made = PyObject_CallOneArg(class, plain);
    Py_DECREF(plain);
    return made;
}

PyObject *codec_nested_list(PyObject *list, int uniform)
{
    int is_packed = uniform == STRATUM_KIND_INT64 || uniform == STRATUM_KIND_DOUBLE || uniform == STRATUM_KIND_STRING;
    return codec_named(list, is_packed, codec.list);
}

PyObject *codec_nested_map(PyObject *map, int uniform)
{
    return codec_named(map, uniform == STRATUM_KIND_STRING, codec.map);
}

PyObject *codec_decimal(const char *text, size_t length)
{
    PyObject *string = PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, NULL);
    if (string == NULL)
        return NULL;
    PyObject *made = PyObject_CallOneArg(codec.from_text, string);
    Py_DECREF(string);
    return made;
}

PyObject *codec_int64s(const void *numbers, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t at = 0; list != NULL && at < count; at++) {
        int64_t number;
        memcpy(&number, (const char *)numbers + 8 * at, sizeof number);
        PyObject *item = PyLong_FromLongLong(number);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, item);
    }
    return codec_named(list, count == 0, codec.int64_list);
}

PyObject *codec_doubles(const void *numbers, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t at = 0; list != NULL && at < count; at++) {
        double number;
        memcpy(&number, (const char *)numbers + 8 * at, sizeof number);
        PyObject *item = PyFloat_FromDouble(number);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, item);
    }
    return codec_named(list, count == 0, codec.double_list);
}

static PyObject *text(stratum_text text)
{
    return PyUnicode_DecodeUTF8(text.length == 0 ? "" : text.data, (Py_ssize_t)text.length, NULL);
}

static PyObject *string_list(const stratum_value *value)
{
    PyObject *list = PyList_New((Py_ssize_t)value->count);
    for (size_t at = 0; list != NULL && at < value->count; at++) {
        PyObject *item = text(value->as.strings[at]);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, item);
    }
    return codec_named(list, value->count == 0, codec.string_list);
}

/* Takes both references, also where it fails. */
static int put(PyObject *dict, PyObject *key, PyObject *item)
{
    int result = key == NULL || item == NULL ? -1 : PyDict_SetItem(dict, key, item);
    Py_XDECREF(key);
    Py_XDECREF(item);
    return result;
}

static PyObject *string_map(const stratum_value *value)
{
    PyObject *dict = PyDict_New();
    for (size_t at = 0; dict != NULL && at < value->count; at++) {
        if (put(dict, text(value->as.strings[2 * at]), text(value->as.strings[2 * at + 1])) != 0)
            Py_CLEAR(dict);
    }
    return codec_named(dict, value->count == 0, codec.string_map);
}

static PyObject *list(const stratum_value *value)
{
    int uniform = CODEC_NO_KIND;
    PyObject *list = PyList_New((Py_ssize_t)value->count);
    for (size_t at = 0; list != NULL && at < value->count; at++) {
        PyObject *item = codec_value(&value->as.values[at]);
        codec_note(&uniform, value->as.values[at].kind);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, item);
    }
    return codec_nested_list(list, uniform);
}

static PyObject *map(const stratum_value *value)
{
    int uniform = CODEC_NO_KIND;
    PyObject *dict = PyDict_New();
    for (size_t at = 0; dict != NULL && at < value->count; at++) {
        const stratum_entry *entry = &value->as.entries[at];
        codec_note(&uniform, entry->value.kind);
        if (put(dict, text(entry->key), codec_value(&entry->value)) != 0)
            Py_CLEAR(dict);
    }
    return codec_nested_map(dict, uniform);
}

PyObject *codec_value(const stratum_value *value)
{
    switch (value->kind) {
    case STRATUM_KIND_NULL:
        Py_RETURN_NONE;
    case STRATUM_KIND_BOOL:
        return PyBool_FromLong(value->as.boolean);
    case STRATUM_KIND_INT64:
        return PyLong_FromLongLong(value->as.int64);
    case STRATUM_KIND_DOUBLE:
        return PyFloat_FromDouble(value->as.float64);
    case STRATUM_KIND_DECIMAL:
        return codec_decimal(value->as.text, value->count);
    case STRATUM_KIND_STRING:
        return text((stratum_text){value->as.text, value->count});
    case STRATUM_KIND_BYTES:
        return PyBytes_FromStringAndSize((const char *)value->as.bytes, (Py_ssize_t)value->count);
    case STRATUM_KIND_INT64_LIST:
        return codec_int64s(value->as.int64s, value->count);
    case STRATUM_KIND_DOUBLE_LIST:
        return codec_doubles(value->as.doubles, value->count);
    case STRATUM_KIND_STRING_LIST:
        return string_list(value);
    case STRATUM_KIND_STRING_MAP:
        return string_map(value);
    case STRATUM_KIND_LIST:
        return list(value);
    case STRATUM_KIND_MAP:
        return map(value);
    default:
        return PyErr_Format(PyExc_SystemError, "the library gave a value of kind %u", (unsigned)value->kind);
    }
}

PyObject *codec_columns(const stratum_column *columns, size_t count)
{
    PyObject *dict = PyDict_New();
    for (size_t at = 0; dict != NULL && at < count; at++) {
        if (put(dict, text(columns[at].name), codec_value(&columns[at].value)) != 0)
            Py_CLEAR(dict);
    }
    return dict;
}

PyObject *codec_input(const stratum_input *input)
{
    PyObject *value = codec_value(&input->value);
    PyObject *columns = value == NULL ? NULL : codec_columns(input->columns, input->column_count);
    PyObject *output = NULL;
    if (columns != NULL)
        output = input->output == NULL ? Py_NewRef(codec.missing) : codec_value(input->output);
    return codec_new_input(input->id, value, columns, output);
}

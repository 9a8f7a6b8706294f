/*
 * Python objects made into the structs of stratum.h, in an Arena: an object that keeps what the structs lead to.
 *
 * 1. The structs are read without the GIL, while other threads may change the lists and dicts that they were made from:
 *    those are copied first, and the arena holds a reference to each str and bytes whose characters it lends.
 * 2. Memory that others can write to (bytearray, array, a writable memoryview) is copied.
 * 3. The mapping is the table "Values" of README.md.
 */
#include "codec.h"

#include <string.h>

enum { FIRST_BLOCK = 480, LARGER_BLOCK = 16384 };

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct kept {
    struct kept *next;
    size_t count;
    PyObject *objects[30];
};

typedef struct {
    PyObject_HEAD
    const void *address;
    size_t count;
    struct block *blocks;
    struct kept *kept;
    size_t used;
    _Alignas(16) char first[FIRST_BLOCK];
} Arena;

static PyTypeObject *arena_type;

static void *take(Arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > (PY_SSIZE_T_MAX - LARGER_BLOCK) / size)
        return PyErr_NoMemory();
    size_t length = (count * size + 15) / 16 * 16;
    if (arena->blocks == NULL && FIRST_BLOCK - arena->used >= length) {
        void *taken = arena->first + arena->used;
        arena->used += length;
        return taken;
    }
    struct block *block = arena->blocks;
    if (block == NULL || block->size - block->used < length) {
        size_t whole = length > LARGER_BLOCK ? length : LARGER_BLOCK;
        block = PyMem_Malloc(sizeof *block + whole);
        if (block == NULL)
            return PyErr_NoMemory();
        *block = (struct block){arena->blocks, 0, whole};
        arena->blocks = block;
    }
    void *taken = block->bytes + block->used;
    block->used += length;
    return taken;
}

/* Keeps the object for as long as the arena; takes the reference, also where it fails. Gives the object, borrowed. */
static PyObject *keep(Arena *arena, PyObject *object)
{
    if (object == NULL)
        return NULL;
    if (arena->kept == NULL || arena->kept->count == sizeof arena->kept->objects / sizeof *arena->kept->objects) {
        struct kept *more = take(arena, 1, sizeof *more);
        if (more == NULL) {
            Py_DECREF(object);
            return NULL;
        }
        more->next = arena->kept;
        more->count = 0;
        arena->kept = more;
    }
    arena->kept->objects[arena->kept->count++] = object;
    return object;
}

static int lend_text(PyObject *string, stratum_text *text)
{
    Py_ssize_t length;
    text->data = PyUnicode_AsUTF8AndSize(string, &length);
    text->length = (size_t)length;
    return text->data == NULL ? -1 : 0;
}

/* A copy in the order in which the dict is walked, which is an OrderedDict's own. */
static PyObject *copy_dict(PyObject *dict)
{
    if (PyDict_CheckExact(dict))
        return PyDict_Copy(dict);
    PyObject *copy = PyDict_New();
    if (copy != NULL && PyDict_Update(copy, dict) != 0)
        Py_CLEAR(copy);
    return copy;
}

/* `object` is kept by a dict that is itself kept. */
static int key_in(PyObject *object, stratum_text *text)
{
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "keys and names are str, not %.100s", Py_TYPE(object)->tp_name);
        return -1;
    }
    return lend_text(object, text);
}

static int value_in(Arena *arena, PyObject *object, stratum_value *out);

static int text_in(Arena *arena, PyObject *string, uint32_t kind, stratum_value *out)
{
    stratum_text text;
    if (keep(arena, string) == NULL || lend_text(string, &text) != 0)
        return -1;
    out->kind = kind;
    out->count = text.length;
    out->as.text = text.data;
    return 0;
}

static int int_in(Arena *arena, PyObject *number, stratum_value *out)
{
    int overflow;
    long long small = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow != 0)
        return text_in(arena, PyNumber_ToBase(number, 10), STRATUM_KIND_DECIMAL, out);
    out->kind = STRATUM_KIND_INT64;
    out->as.int64 = small;
    return small == -1 && PyErr_Occurred() ? -1 : 0;
}

static int mismatch(PyObject *object, const char *why)
{
    PyErr_Format(PyExc_TypeError, "%.100s cannot be stored: %s", Py_TYPE(object)->tp_name, why);
    return -1;
}

static int is_int(PyObject *object)
{
    return PyLong_Check(object) && !PyBool_Check(object);
}

/* Each of the following gives 1 where an item is of another type or over int64: the list is not of that kind. */
static int int64s_in(Arena *arena, PyObject *items, stratum_value *out)
{
    size_t count = (size_t)PyTuple_GET_SIZE(items);
    int64_t *numbers = take(arena, count, sizeof *numbers);
    if (numbers == NULL)
        return -1;
    for (size_t at = 0; at < count; at++) {
        PyObject *item = PyTuple_GET_ITEM(items, (Py_ssize_t)at);
        int overflow = 0;
        if (!is_int(item))
            return 1;
        numbers[at] = PyLong_AsLongLongAndOverflow(item, &overflow);
        if (overflow != 0)
            return 1;
    }
    *out = stratum_value_int64_list(numbers, count);
    return 0;
}

static int doubles_in(Arena *arena, PyObject *items, stratum_value *out)
{
    size_t count = (size_t)PyTuple_GET_SIZE(items);
    double *numbers = take(arena, count, sizeof *numbers);
    if (numbers == NULL)
        return -1;
    for (size_t at = 0; at < count; at++) {
        PyObject *item = PyTuple_GET_ITEM(items, (Py_ssize_t)at);
        if (!PyFloat_Check(item))
            return 1;
        numbers[at] = PyFloat_AS_DOUBLE(item);
    }
    *out = stratum_value_double_list(numbers, count);
    return 0;
}

static int strings_in(Arena *arena, PyObject *items, stratum_value *out)
{
    size_t count = (size_t)PyTuple_GET_SIZE(items);
    stratum_text *texts = take(arena, count, sizeof *texts);
    if (texts == NULL)
        return -1;
    for (size_t at = 0; at < count; at++) {
        PyObject *item = PyTuple_GET_ITEM(items, (Py_ssize_t)at);
        if (!PyUnicode_Check(item))
            return 1;
        if (lend_text(item, &texts[at]) != 0)
            return -1;
    }
    *out = stratum_value_string_list(texts, count);
    return 0;
}

static int values_in(Arena *arena, PyObject *items, stratum_value *out)
{
    size_t count = (size_t)PyTuple_GET_SIZE(items);
    stratum_value *values = take(arena, count, sizeof *values);
    if (values == NULL || Py_EnterRecursiveCall(" in a list that nests") != 0)
        return -1;
    int result = 0;
    for (size_t at = 0; result == 0 && at < count; at++)
        result = value_in(arena, PyTuple_GET_ITEM(items, (Py_ssize_t)at), &values[at]);
    Py_LeaveRecursiveCall();
    *out = stratum_value_list(values, count);
    return result;
}

static int list_in(Arena *arena, PyObject *object, stratum_value *out)
{
    PyObject *type = (PyObject *)Py_TYPE(object);
    PyObject *items = keep(arena, PySequence_Tuple(object));
    if (items == NULL)
        return -1;
    PyObject *first = PyTuple_GET_SIZE(items) == 0 ? NULL : PyTuple_GET_ITEM(items, 0);
    int result = 1;
    if (type == codec.list) {
        return values_in(arena, items, out);
    } else if (type == codec.int64_list) {
        result = int64s_in(arena, items, out);
        return result == 1 ? mismatch(object, "its items are not all int of 64 bits") : result;
    } else if (type == codec.double_list) {
        result = doubles_in(arena, items, out);
        return result == 1 ? mismatch(object, "its items are not all float") : result;
    } else if (type == codec.string_list) {
        result = strings_in(arena, items, out);
        return result == 1 ? mismatch(object, "its items are not all str") : result;
    } else if (first != NULL && is_int(first)) {
        result = int64s_in(arena, items, out);
    } else if (first != NULL && PyFloat_Check(first)) {
        result = doubles_in(arena, items, out);
    } else if (first != NULL && PyUnicode_Check(first)) {
        result = strings_in(arena, items, out);
    }
    return result == 1 ? values_in(arena, items, out) : result;
}

static int string_map_in(Arena *arena, PyObject *dict, stratum_value *out)
{
    size_t count = (size_t)PyDict_GET_SIZE(dict), at = 0;
    stratum_text *texts = take(arena, 2 * count, sizeof *texts);
    PyObject *key, *item;
    Py_ssize_t position = 0;
    if (texts == NULL)
        return -1;
    for (; PyDict_Next(dict, &position, &key, &item); at++) {
        if (!PyUnicode_Check(item))
            return 1;
        if (key_in(key, &texts[2 * at]) != 0 || lend_text(item, &texts[2 * at + 1]) != 0)
            return -1;
    }
    *out = stratum_value_string_map(texts, count);
    return 0;
}

static int map_in(Arena *arena, PyObject *dict, stratum_value *out)
{
    size_t count = (size_t)PyDict_GET_SIZE(dict), at = 0;
    stratum_entry *entries = take(arena, count, sizeof *entries);
    PyObject *key, *item;
    Py_ssize_t position = 0;
    if (entries == NULL || Py_EnterRecursiveCall(" in a dict that nests") != 0)
        return -1;
    int result = 0;
    for (; result == 0 && PyDict_Next(dict, &position, &key, &item); at++) {
        result = key_in(key, &entries[at].key);
        if (result == 0)
            result = value_in(arena, item, &entries[at].value);
    }
    Py_LeaveRecursiveCall();
    *out = stratum_value_map(entries, count);
    return result;
}

static int dict_in(Arena *arena, PyObject *object, stratum_value *out)
{
    PyObject *type = (PyObject *)Py_TYPE(object);
    PyObject *dict = keep(arena, copy_dict(object));
    if (dict == NULL)
        return -1;
    int is_named = type == codec.string_map;
    int result = 1;
    if (is_named || (type != codec.map && PyDict_GET_SIZE(dict) > 0))
        result = string_map_in(arena, dict, out);
    if (result == 1 && is_named)
        return mismatch(object, "its values are not all str");
    return result == 1 ? map_in(arena, dict, out) : result;
}

/* The bytes of an object with a buffer, copied where others can write to them. */
static int bytes_in(Arena *arena, PyObject *object, stratum_value *out)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_CONTIG_RO | PyBUF_FORMAT) != 0)
        return -1;
    const char *format = view.format == NULL ? "B" : view.format;
    int result = 0;
    void *copy = take(arena, (size_t)view.len, 1);
    if (copy == NULL) {
        result = -1;
    } else if (strcmp(format, "B") == 0 || strcmp(format, "b") == 0 || strcmp(format, "c") == 0) {
        *out = stratum_value_bytes(copy, (size_t)view.len);
    } else if ((strcmp(format, "q") == 0 || strcmp(format, "l") == 0) && view.itemsize == 8 && view.ndim == 1) {
        *out = stratum_value_int64_list(copy, (size_t)view.len / 8);
    } else if (strcmp(format, "d") == 0 && view.ndim == 1) {
        *out = stratum_value_double_list(copy, (size_t)view.len / 8);
    } else {
        PyErr_Format(PyExc_TypeError, "a buffer of '%.20s' in %d dimensions cannot be stored", format, view.ndim);
        result = -1;
    }
    if (result == 0)
        memcpy(copy, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return result;
}

static int decimal_in(Arena *arena, PyObject *object, stratum_value *out)
{
    PyObject *text = PyObject_HasAttrString(object, "text") ? PyObject_GetAttrString(object, "text") : PyObject_Str(object);
    if (text != NULL && !PyUnicode_Check(text)) {
        Py_DECREF(text);
        PyErr_SetString(PyExc_TypeError, "the text of a decimal is no str");
        return -1;
    }
    return text_in(arena, text, STRATUM_KIND_DECIMAL, out);
}

static int value_in(Arena *arena, PyObject *object, stratum_value *out)
{
    memset(out, 0, sizeof *out);
    if (PyUnicode_Check(object))
        return text_in(arena, Py_NewRef(object), STRATUM_KIND_STRING, out);
    if (PyBool_Check(object)) {
        *out = stratum_value_bool(object == Py_True);
        return 0;
    }
    if (PyLong_Check(object))
        return int_in(arena, object, out);
    if (PyFloat_Check(object)) {
        *out = stratum_value_double(PyFloat_AS_DOUBLE(object));
        return 0;
    }
    if (object == Py_None) {
        *out = stratum_value_null();
        return 0;
    }
    if (PyList_Check(object) || PyTuple_Check(object))
        return list_in(arena, object, out);
    if (PyDict_Check(object))
        return dict_in(arena, object, out);
    if (PyBytes_CheckExact(object)) {
        if (keep(arena, Py_NewRef(object)) == NULL)
            return -1;
        *out = stratum_value_bytes(PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
        return 0;
    }
    int is_decimal = PyObject_IsInstance(object, codec.decimal);
    if (is_decimal != 0)
        return is_decimal < 0 ? -1 : decimal_in(arena, object, out);
    /* An array has an __index__, too. */
    if (PyIndex_Check(object) && !PySequence_Check(object)) {
        PyObject *number = PyNumber_Index(object);
        int result = number == NULL ? -1 : int_in(arena, number, out);
        Py_XDECREF(number);
        return result;
    }
    if (PyObject_CheckBuffer(object))
        return bytes_in(arena, object, out);
    PyErr_Format(PyExc_TypeError, "%.100s cannot be stored: see \"Values\" in the README", Py_TYPE(object)->tp_name);
    return -1;
}

static int columns_in(Arena *arena, PyObject *object, const stratum_column **columns, size_t *count)
{
    *columns = NULL;
    *count = 0;
    if (object == Py_None)
        return 0;
    if (!PyDict_Check(object)) {
        PyErr_Format(PyExc_TypeError, "columns are a dict, not %.100s", Py_TYPE(object)->tp_name);
        return -1;
    }
    if (PyDict_GET_SIZE(object) == 0)
        return 0;
    PyObject *dict = keep(arena, copy_dict(object));
    size_t all = dict == NULL ? 0 : (size_t)PyDict_GET_SIZE(dict), at = 0;
    stratum_column *made = dict == NULL ? NULL : take(arena, all, sizeof *made);
    PyObject *name, *item;
    Py_ssize_t position = 0;
    if (made == NULL)
        return -1;
    for (; PyDict_Next(dict, &position, &name, &item); at++) {
        if (key_in(name, &made[at].name) != 0 || value_in(arena, item, &made[at].value) != 0)
            return -1;
    }
    *columns = made;
    *count = all;
    return 0;
}

static int input_in(Arena *arena, PyObject *object, stratum_input *out)
{
    memset(out, 0, sizeof *out);
    if (!PyObject_TypeCheck(object, (PyTypeObject *)codec.input)) {
        PyErr_Format(PyExc_TypeError, "inputs are Input, not %.100s", Py_TYPE(object)->tp_name);
        return -1;
    }
    PyObject *value = keep(arena, codec_input_field(object, CODEC_INPUT_VALUE));
    PyObject *columns = value == NULL ? NULL : keep(arena, codec_input_field(object, CODEC_INPUT_COLUMNS));
    PyObject *output = columns == NULL ? NULL : keep(arena, codec_input_field(object, CODEC_INPUT_OUTPUT));
    if (output == NULL || value_in(arena, value, &out->value) != 0 ||
        columns_in(arena, columns, &out->columns, &out->column_count) != 0)
        return -1;
    if (output != codec.missing) {
        stratum_value *made = take(arena, 1, sizeof *made);
        if (made == NULL || value_in(arena, output, made) != 0)
            return -1;
        out->output = made;
    }
    return 0;
}

static int tree_in(Arena *arena, PyObject *object, stratum_tree_desc *out)
{
    memset(out, 0, sizeof *out);
    out->struct_size = sizeof *out;
    if (!PyObject_TypeCheck(object, (PyTypeObject *)codec.tree)) {
        PyErr_Format(PyExc_TypeError, "a tree is a Tree, not %.100s", Py_TYPE(object)->tp_name);
        return -1;
    }
    stratum_value bytes;
    PyObject *blob = keep(arena, codec_tree_field(object, CODEC_TREE_BLOB));
    PyObject *columns = blob == NULL ? NULL : keep(arena, codec_tree_field(object, CODEC_TREE_COLUMNS));
    PyObject *list = columns == NULL ? NULL : codec_tree_field(object, CODEC_TREE_INPUTS);
    PyObject *inputs = list == NULL ? NULL : keep(arena, PySequence_Tuple(list));
    Py_XDECREF(list);
    if (inputs == NULL || columns_in(arena, columns, &out->columns, &out->column_count) != 0)
        return -1;
    if (PyBytes_Check(blob)) {
        bytes = stratum_value_bytes(PyBytes_AS_STRING(blob), (size_t)PyBytes_GET_SIZE(blob));
    } else if (bytes_in(arena, blob, &bytes) != 0) {
        return -1;
    } else if (bytes.kind != STRATUM_KIND_BYTES) {
        PyErr_SetString(PyExc_TypeError, "a blob is bytes");
        return -1;
    }
    out->blob = bytes.as.bytes;
    out->blob_length = bytes.count;
    out->input_count = (size_t)PyTuple_GET_SIZE(inputs);
    stratum_input *made = take(arena, out->input_count, sizeof *made);
    if (made == NULL)
        return -1;
    out->inputs = made;
    for (size_t at = 0; at < out->input_count; at++) {
        if (input_in(arena, PyTuple_GET_ITEM(inputs, (Py_ssize_t)at), &made[at]) != 0)
            return -1;
    }
    return 0;
}

static Arena *new_arena(void)
{
    Arena *arena = PyObject_New(Arena, arena_type);
    if (arena != NULL) {
        arena->address = NULL;
        arena->count = 0;
        arena->blocks = NULL;
        arena->kept = NULL;
        arena->used = 0;
    }
    return arena;
}

static PyObject *of_value(PyObject *module, PyObject *object)
{
    (void)module;
    Arena *arena = new_arena();
    stratum_value *made = arena == NULL ? NULL : take(arena, 1, sizeof *made);
    if (made == NULL || value_in(arena, object, made) != 0)
        Py_CLEAR(arena);
    else
        arena->address = made;
    return (PyObject *)arena;
}

static PyObject *of_columns(PyObject *module, PyObject *object)
{
    (void)module;
    Arena *arena = new_arena();
    const stratum_column *made;
    if (arena == NULL || columns_in(arena, object, &made, &arena->count) != 0)
        Py_CLEAR(arena);
    else
        arena->address = made;
    return (PyObject *)arena;
}

static PyObject *of_tree(PyObject *module, PyObject *object)
{
    (void)module;
    Arena *arena = new_arena();
    stratum_tree_desc *made = arena == NULL ? NULL : take(arena, 1, sizeof *made);
    if (made == NULL || tree_in(arena, object, made) != 0)
        Py_CLEAR(arena);
    else
        arena->address = made;
    return (PyObject *)arena;
}

static PyObject *pack_value(PyObject *module, PyObject *object)
{
    Arena *arena = (Arena *)of_value(module, object);
    PyObject *packed = arena == NULL ? NULL : codec_pack_value(arena->address);
    Py_XDECREF(arena);
    return packed;
}

static PyObject *pack_columns(PyObject *module, PyObject *object)
{
    Arena *arena = (Arena *)of_columns(module, object);
    PyObject *packed = arena == NULL ? NULL : codec_pack_columns(arena->address, arena->count);
    Py_XDECREF(arena);
    return packed;
}

static PyObject *kind(PyObject *module, PyObject *object)
{
    Arena *arena = (Arena *)of_value(module, object);
    PyObject *kind = arena == NULL ? NULL : PyLong_FromLong((long)((const stratum_value *)arena->address)->kind);
    Py_XDECREF(arena);
    return kind;
}

static void arena_dealloc(PyObject *self)
{
    Arena *arena = (Arena *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (struct kept *kept = arena->kept; kept != NULL; kept = kept->next) {
        for (size_t at = 0; at < kept->count; at++)
            Py_DECREF(kept->objects[at]);
    }
    while (arena->blocks != NULL) {
        struct block *block = arena->blocks;
        arena->blocks = block->next;
        PyMem_Free(block);
    }
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *arena_address(PyObject *self, void *context)
{
    (void)context;
    return PyLong_FromVoidPtr((void *)((Arena *)self)->address);
}

static PyObject *arena_count(PyObject *self, void *context)
{
    (void)context;
    return PyLong_FromSize_t(((Arena *)self)->count);
}

static PyGetSetDef arena_fields[] = {
    {"address", arena_address, NULL, "Where the struct begins; 0 for no columns.", NULL},
    {"count", arena_count, NULL, "How many columns.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot arena_slots[] = {
    {Py_tp_dealloc, arena_dealloc},
    {Py_tp_getset, arena_fields},
    {Py_tp_doc, "Structs of stratum.h, made from Python objects."},
    {0, NULL},
};

static PyType_Spec arena_spec = {
    "stratum._codec.Arena", sizeof(Arena), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, arena_slots};

static PyMethodDef arena_functions[] = {
    {"value_arena", of_value, METH_O, "A stratum_value."},
    {"kind", kind, METH_O, "The kind that an object is stored as."},
    {"pack_columns", pack_columns, METH_O, "A columns section; no bytes for no columns."},
    {"pack_value", pack_value, METH_O, "An encoded value."},
    {"columns_arena", of_columns, METH_O, "An array of stratum_column; None and {} are none."},
    {"tree_arena", of_tree, METH_O, "A stratum_tree_desc."},
    {NULL, NULL, 0, NULL},
};

int codec_arena_setup(PyObject *module)
{
    arena_type = (PyTypeObject *)PyType_FromSpec(&arena_spec);
    return arena_type == NULL ? -1 : PyModule_AddFunctions(module, arena_functions);
}

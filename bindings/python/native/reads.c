/*
 * The reads of a view, each one call: asked of the library without the GIL, made into Python objects with it.
 *
 * 1. Arguments are numbers: the address of a view, then ids. Views are handles, which the library checks: a closed one is
 *    an exception.
 */
#include "codec.h"

/* The addresses and ids of a call; -1 with an exception set where their number or type is not right. */
static int parse(PyObject *const *arguments, Py_ssize_t given, Py_ssize_t wanted, stratum_view **view, uint64_t *ids)
{
    if (given != wanted) {
        PyErr_Format(PyExc_TypeError, "%zd arguments were given, not %zd", given, wanted);
        return -1;
    }
    if (codec_address(arguments[0], (void **)view) != 0)
        return -1;
    for (Py_ssize_t at = 1; at < wanted; at++) {
        if (codec_id(arguments[at], &ids[at - 1]) != 0)
            return -1;
    }
    return 0;
}

typedef PyObject *(*show_fn)(const stratum_result *result);

static PyObject *show_value(const stratum_result *result)
{
    return codec_value(stratum_result_value(result));
}

static PyObject *show_columns(const stratum_result *result)
{
    size_t count;
    const stratum_column *columns = stratum_result_columns(result, &count);
    return codec_columns(columns, count);
}

static PyObject *show_ids(const stratum_result *result)
{
    size_t count;
    const uint64_t *ids = stratum_result_ids(result, &count);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t at = 0; list != NULL && at < count; at++) {
        PyObject *id = PyLong_FromUnsignedLongLong(ids[at]);
        if (id == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, id);
    }
    return list;
}

static PyObject *show_inputs(const stratum_result *result)
{
    size_t count;
    const stratum_input *inputs = stratum_result_inputs(result, &count);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t at = 0; list != NULL && at < count; at++) {
        PyObject *input = codec_input(&inputs[at]);
        if (input == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)at, input);
    }
    return list;
}

/* What a call came to: shown and freed, or raised. */
static PyObject *answer(int32_t status, stratum_result *result, stratum_error *error, show_fn show)
{
    if (status != STRATUM_OK)
        return codec_raise(status, error);
    PyObject *shown = show(result);
    stratum_result_free(&result);
    return shown;
}

typedef int32_t (*document_fn)(const stratum_view *, uint64_t, stratum_result **, stratum_error **);
typedef int32_t (*input_fn)(const stratum_view *, uint64_t, uint64_t, stratum_result **, stratum_error **);

static PyObject *of_document(PyObject *const *arguments, Py_ssize_t given, document_fn call, show_fn show)
{
    stratum_view *view;
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    uint64_t document;
    int32_t status;
    if (parse(arguments, given, 2, &view, &document) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = call(view, document, &result, &error);
    Py_END_ALLOW_THREADS
    return answer(status, result, error, show);
}

static PyObject *of_input(PyObject *const *arguments, Py_ssize_t given, input_fn call, show_fn show)
{
    stratum_view *view;
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    uint64_t ids[2];
    int32_t status;
    if (parse(arguments, given, 3, &view, ids) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = call(view, ids[0], ids[1], &result, &error);
    Py_END_ALLOW_THREADS
    return answer(status, result, error, show);
}

static PyObject *columns(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    return of_document(arguments, given, stratum_view_columns, show_columns);
}

static PyObject *input_ids(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    return of_document(arguments, given, stratum_view_input_ids, show_ids);
}

static PyObject *inputs(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    return of_document(arguments, given, stratum_view_inputs, show_inputs);
}

static PyObject *input(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    return of_input(arguments, given, stratum_view_input, show_value);
}

static PyObject *input_columns(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    return of_input(arguments, given, stratum_view_input_columns, show_columns);
}

static PyObject *output(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    return of_input(arguments, given, stratum_view_output, show_value);
}

static PyObject *column(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_view *view;
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    uint64_t document;
    Py_ssize_t length;
    int32_t status;
    /* The name comes last. */
    if (parse(arguments, given - 1, 2, &view, &document) != 0)
        return NULL;
    const char *name = PyUnicode_AsUTF8AndSize(arguments[2], &length);
    if (name == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = stratum_view_column(view, document, name, (size_t)length, &result, &error);
    Py_END_ALLOW_THREADS
    return answer(status, result, error, show_value);
}

static PyObject *exists(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_view *view;
    stratum_error *error = NULL;
    uint64_t document;
    int32_t exists = 0, status;
    if (parse(arguments, given, 2, &view, &document) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = stratum_view_exists(view, document, &exists, &error);
    Py_END_ALLOW_THREADS
    return status != STRATUM_OK ? codec_raise(status, error) : PyBool_FromLong(exists);
}

static PyObject *input_count(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_view *view;
    stratum_error *error = NULL;
    uint64_t document, count = 0;
    int32_t status;
    if (parse(arguments, given, 2, &view, &document) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = stratum_view_input_count(view, document, &count, &error);
    Py_END_ALLOW_THREADS
    return status != STRATUM_OK ? codec_raise(status, error) : PyLong_FromUnsignedLongLong(count);
}

typedef int32_t (*pinning_fn)(const stratum_view *, uint64_t, stratum_pinned **, stratum_error **);

/* The bytes of a document, pinned; NULL with an exception set. */
static stratum_pinned *pin(PyObject *const *arguments, Py_ssize_t given, pinning_fn call)
{
    stratum_view *view;
    stratum_pinned *pinned = NULL;
    stratum_error *error = NULL;
    uint64_t document;
    int32_t status;
    if (parse(arguments, given, 2, &view, &document) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = call(view, document, &pinned, &error);
    Py_END_ALLOW_THREADS
    if (status == STRATUM_OK)
        return pinned;
    codec_raise(status, error);
    return NULL;
}

static PyObject *pinned_blob(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_pinned *pinned = pin(arguments, given, stratum_view_blob);
    return pinned == NULL ? NULL : codec_new_pinned(pinned);
}

static PyObject *packed_tree(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_pinned *pinned = pin(arguments, given, stratum_view_packed_tree);
    return pinned == NULL ? NULL : codec_new_pinned(pinned);
}

static PyObject *blob(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_pinned *pinned = pin(arguments, given, stratum_view_blob);
    if (pinned == NULL)
        return NULL;
    PyObject *bytes = PyBytes_FromStringAndSize(stratum_pinned_data(pinned), (Py_ssize_t)stratum_pinned_length(pinned));
    stratum_pinned_free(&pinned);
    return bytes;
}

static PyObject *tree(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_pinned *pinned = pin(arguments, given, stratum_view_packed_tree);
    if (pinned == NULL)
        return NULL;
    PyObject *made = codec_unpack_tree(stratum_pinned_data(pinned), stratum_pinned_length(pinned));
    stratum_pinned_free(&pinned);
    return made;
}

/* The packed trees of a sequence of ids, pinned. */
static PyObject *packed_trees(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    stratum_view *view;
    stratum_pinned *pinned = NULL;
    stratum_error *error = NULL;
    int32_t status = STRATUM_OK;
    if (parse(arguments, given - 1, 1, &view, NULL) != 0)
        return NULL;
    PyObject *items = PySequence_Tuple(arguments[1]);
    size_t count = items == NULL ? 0 : (size_t)PyTuple_GET_SIZE(items);
    uint64_t *ids = items == NULL ? NULL : PyMem_Calloc(count + 1, sizeof *ids);
    int result = ids == NULL ? -1 : 0;
    for (size_t at = 0; result == 0 && at < count; at++)
        result = codec_id(PyTuple_GET_ITEM(items, (Py_ssize_t)at), &ids[at]);
    if (result == 0) {
        Py_BEGIN_ALLOW_THREADS
        status = stratum_view_packed_trees(view, ids, count, &pinned, &error);
        Py_END_ALLOW_THREADS
    } else if (!PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    PyMem_Free(ids);
    Py_XDECREF(items);
    if (result != 0)
        return NULL;
    return status != STRATUM_OK ? codec_raise(status, error) : codec_new_pinned(pinned);
}

/*
 * The next input of a cursor; None past the last. The row is the cursor's, and other threads may run before and while it is
 * decoded: the caller sees to it that none of them uses or frees the cursor meanwhile.
 */
static PyObject *next_input(PyObject *module, PyObject *number)
{
    (void)module;
    void *cursor;
    const stratum_input *input = NULL;
    stratum_error *error = NULL;
    int32_t status;
    if (codec_address(number, &cursor) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = stratum_input_cursor_next(cursor, &input, &error);
    Py_END_ALLOW_THREADS
    if (status == STRATUM_END)
        Py_RETURN_NONE;
    return status != STRATUM_OK ? codec_raise(status, error) : codec_input(input);
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

PyMethodDef codec_reads[] = {
    {"blob", FAST(blob), METH_FASTCALL, "blob(view, document) -> bytes"},
    {"column", FAST(column), METH_FASTCALL, "column(view, document, name) -> value"},
    {"columns", FAST(columns), METH_FASTCALL, "columns(view, document) -> dict"},
    {"exists", FAST(exists), METH_FASTCALL, "exists(view, document) -> bool"},
    {"input", FAST(input), METH_FASTCALL, "input(view, document, input) -> value"},
    {"input_columns", FAST(input_columns), METH_FASTCALL, "input_columns(view, document, input) -> dict"},
    {"input_count", FAST(input_count), METH_FASTCALL, "input_count(view, document) -> int"},
    {"input_ids", FAST(input_ids), METH_FASTCALL, "input_ids(view, document) -> list"},
    {"inputs", FAST(inputs), METH_FASTCALL, "inputs(view, document) -> list"},
    {"next_input", next_input, METH_O, "next_input(cursor) -> Input or None"},
    {"output", FAST(output), METH_FASTCALL, "output(view, document, input) -> value"},
    {"packed_tree", FAST(packed_tree), METH_FASTCALL, "packed_tree(view, document) -> Pinned"},
    {"packed_trees", FAST(packed_trees), METH_FASTCALL, "packed_trees(view, documents) -> Pinned"},
    {"pinned_blob", FAST(pinned_blob), METH_FASTCALL, "pinned_blob(view, document) -> Pinned"},
    {"tree", FAST(tree), METH_FASTCALL, "tree(view, document) -> Tree"},
    {NULL, NULL, 0, NULL},
};

/*
 * The module stratum._codec, which codec_install (called through cffi) makes and puts into sys.modules.
 */
#include "codec.h"

#include "install.h"

struct codec_classes codec;

PyObject *codec_raise(int32_t status, stratum_error *error)
{
    PyObject *made = PyObject_CallFunction(codec.error, "isi", (int)status, stratum_error_message(error),
                                           (int)stratum_error_os_errno(error));
    stratum_error_free(&error);
    if (made != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(made), made);
        Py_DECREF(made);
    }
    return NULL;
}

int codec_address(PyObject *number, void **address)
{
    *address = PyLong_AsVoidPtr(number);
    return *address == NULL && PyErr_Occurred() ? -1 : 0;
}

/* Any int; what is no u64 is an id that nothing has, as 0 is. */
int codec_id(PyObject *number, uint64_t *id)
{
    PyObject *index = PyNumber_Index(number);
    if (index == NULL)
        return -1;
    *id = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    if (*id == (uint64_t)-1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError))
            return -1;
        PyErr_Clear();
        *id = 0;
    }
    return 0;
}

static PyObject *setup(PyObject *module, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"tree", "input", "missing", "decimal", "from_text", "error", "int64_list",
                            "double_list", "string_list", "string_map", "list", "map", NULL};
    (void)module;
    struct codec_classes given;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "$OOOOOOOOOOOO", names, &given.tree, &given.input, &given.missing,
                                     &given.decimal, &given.from_text, &given.error, &given.int64_list,
                                     &given.double_list, &given.string_list, &given.string_map, &given.list, &given.map))
        return NULL;
    codec = given;
    /* They live as long as the process. */
    Py_INCREF(named);
    if (codec_records_setup() != 0)
        return NULL;
    Py_RETURN_NONE;
}

typedef PyObject *(*unpack_fn)(const void *bytes, size_t length);

static PyObject *unpack(PyObject *object, unpack_fn call)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) != 0)
        return NULL;
    PyObject *made = call(view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return made;
}

static PyObject *unpack_tree(PyObject *module, PyObject *object)
{
    (void)module;
    return unpack(object, codec_unpack_tree);
}

static PyObject *unpack_trees(PyObject *module, PyObject *object)
{
    (void)module;
    return unpack(object, codec_unpack_trees);
}

static PyObject *unpack_rows(PyObject *module, PyObject *object)
{
    (void)module;
    return unpack(object, codec_unpack_rows);
}

static PyObject *unpack_value(PyObject *module, PyObject *object)
{
    (void)module;
    return unpack(object, codec_unpack_value);
}

static PyObject *unpack_columns(PyObject *module, PyObject *object)
{
    (void)module;
    return unpack(object, codec_unpack_columns);
}

static PyMethodDef functions[] = {
    {"setup", (PyCFunction)(void (*)(void))setup, METH_VARARGS | METH_KEYWORDS, "Hands over the package's classes."},
    {"unpack_columns", unpack_columns, METH_O, "A columns section."},
    {"unpack_rows", unpack_rows, METH_O, "Rows of stratum_input_cursor_fill."},
    {"unpack_tree", unpack_tree, METH_O, "A packed tree."},
    {"unpack_trees", unpack_trees, METH_O, "What stratum_view_packed_trees gives."},
    {"unpack_value", unpack_value, METH_O, "An encoded value."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "stratum._codec", "The part of the extension that makes Python objects.", -1, functions,
    NULL, NULL, NULL, NULL,
};

int codec_install(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *module = PyModule_Create(&definition);
    int result = module == NULL ? -1 : PyModule_AddFunctions(module, codec_reads);
    if (result == 0)
        result = codec_arena_setup(module);
    if (result == 0)
        result = codec_pinned_setup(module);
    if (result == 0)
        result = codec_turn_setup(module);
    if (result == 0)
        result = PyDict_SetItemString(PyImport_GetModuleDict(), "stratum._codec", module);
    if (result != 0)
        PyErr_Print();
    Py_XDECREF(module);
    PyGILState_Release(state);
    return result;
}

/*
 * Pinned: bytes that the store lends, as a read-only buffer.
 *
 * 1. Whoever looks at the bytes (a memoryview, an array of numpy) holds a reference to the object and is counted: the bytes
 *    go when nobody looks any more. release() is refused until then.
 */
#include "codec.h"

typedef struct {
    PyObject_HEAD
    stratum_pinned *pinned;
    const void *data;
    size_t length;
    int is_borrowed;
    Py_ssize_t looking;
} Pinned;

static PyTypeObject *pinned_type;

PyObject *codec_new_pinned(stratum_pinned *pinned)
{
    Pinned *made = PyObject_New(Pinned, pinned_type);
    if (made == NULL) {
        stratum_pinned_free(&pinned);
        return NULL;
    }
    made->pinned = pinned;
    made->data = stratum_pinned_data(pinned);
    made->length = stratum_pinned_length(pinned);
    made->is_borrowed = stratum_pinned_is_borrowed(pinned);
    made->looking = 0;
    return (PyObject *)made;
}

static void pinned_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    stratum_pinned_free(&((Pinned *)self)->pinned);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int pinned_get(PyObject *self, Py_buffer *view, int flags)
{
    Pinned *pinned = (Pinned *)self;
    if (pinned->pinned == NULL) {
        view->obj = NULL;
        codec_raise(STRATUM_CLOSED, NULL);
        return -1;
    }
    if (PyBuffer_FillInfo(view, self, (void *)pinned->data, (Py_ssize_t)pinned->length, 1, flags) != 0)
        return -1;
    pinned->looking++;
    return 0;
}

static void pinned_put(PyObject *self, Py_buffer *view)
{
    (void)view;
    ((Pinned *)self)->looking--;
}

static Py_ssize_t pinned_length(PyObject *self)
{
    return (Py_ssize_t)((Pinned *)self)->length;
}

static PyObject *pinned_release(PyObject *self, PyObject *arguments)
{
    (void)arguments;
    Pinned *pinned = (Pinned *)self;
    if (pinned->looking > 0) {
        PyErr_SetString(PyExc_BufferError, "the bytes are in use: release the memoryviews first");
        return NULL;
    }
    stratum_pinned_free(&pinned->pinned);
    pinned->length = 0;
    Py_RETURN_NONE;
}

static PyObject *pinned_enter(PyObject *self, PyObject *arguments)
{
    (void)arguments;
    return Py_NewRef(self);
}

static PyObject *pinned_borrowed(PyObject *self, void *context)
{
    (void)context;
    return PyBool_FromLong(((Pinned *)self)->is_borrowed);
}

static PyObject *pinned_view(PyObject *self, void *context)
{
    (void)context;
    return PyMemoryView_FromObject(self);
}

static PyMethodDef pinned_methods[] = {
    {"release", pinned_release, METH_NOARGS,
     "Gives the bytes back now; BufferError while a memoryview of them is in use. A second time does nothing."},
    {"__enter__", pinned_enter, METH_NOARGS, NULL},
    {"__exit__", pinned_release, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef pinned_fields[] = {
    {"is_borrowed", pinned_borrowed, NULL, "Whether the bytes are the store's own, not a copy.", NULL},
    {"view", pinned_view, NULL, "A read-only memoryview of the bytes.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot pinned_slots[] = {
    {Py_tp_dealloc, pinned_dealloc},
    {Py_tp_methods, pinned_methods},
    {Py_tp_getset, pinned_fields},
    {Py_sq_length, pinned_length},
    {Py_bf_getbuffer, pinned_get},
    {Py_bf_releasebuffer, pinned_put},
    {Py_tp_doc, "Bytes that the store lends, read-only, without a copy: bytes(it) copies, memoryview(it) looks. They stay "
                "as they are until they are released, also after the document was deleted or the store closed."},
    {0, NULL},
};

static PyType_Spec pinned_spec = {
    "stratum.Pinned", sizeof(Pinned), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, pinned_slots};

int codec_pinned_setup(PyObject *module)
{
    pinned_type = (PyTypeObject *)PyType_FromSpec(&pinned_spec);
    return pinned_type == NULL ? -1 : PyModule_AddObjectRef(module, "Pinned", (PyObject *)pinned_type);
}

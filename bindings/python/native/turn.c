/*
 * Turn: whose turn it is to use something that is for one thread at a time. `with turn:` takes it, and raises Busy at once
 * where somebody has it.
 *
 * 1. The GIL guards it: it is taken and given back in one step each, however threads meet.
 * 2. In C, since no Ctrl-C comes between taking it and the block that gives it back, as it could between lines of Python.
 */
#include "codec.h"

typedef struct {
    PyObject_HEAD
    int is_taken;
} Turn;

static PyObject *turn_take(PyObject *self, PyObject *arguments)
{
    (void)arguments;
    Turn *turn = (Turn *)self;
    if (turn->is_taken)
        return codec_raise(STRATUM_BUSY, NULL);
    turn->is_taken = 1;
    return Py_NewRef(self);
}

static PyObject *turn_give(PyObject *self, PyObject *arguments)
{
    (void)arguments;
    ((Turn *)self)->is_taken = 0;
    Py_RETURN_NONE;
}

static PyMethodDef turn_methods[] = {
    {"__enter__", turn_take, METH_NOARGS, NULL},
    {"__exit__", turn_give, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot turn_slots[] = {
    {Py_tp_methods, turn_methods},
    {Py_tp_doc, "Whose turn it is: for one thread at a time, and for one call of that."},
    {0, NULL},
};

static PyType_Spec turn_spec = {"stratum._codec.Turn", sizeof(Turn), 0, Py_TPFLAGS_DEFAULT, turn_slots};

int codec_turn_setup(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&turn_spec);
    int result = type == NULL ? -1 : PyModule_AddObjectRef(module, "Turn", type);
    Py_XDECREF(type);
    return result;
}

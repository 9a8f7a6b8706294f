/*
 * Input and Tree, whose fields are slots: made and read without a call of Python.
 *
 * 1. Where a class keeps a field is asked of its slot once, when the package is imported. Objects of subclasses are read
 *    like any object.
 */
#include "codec.h"

#include <structmember.h>

static const char *const input_names[CODEC_INPUT_FIELDS] = {"value", "output", "columns", "id"};
static const char *const tree_names[CODEC_TREE_FIELDS] = {"blob", "columns", "inputs"};

static struct record {
    PyTypeObject *type;
    Py_ssize_t offsets[CODEC_INPUT_FIELDS];
    PyObject *names[CODEC_INPUT_FIELDS];
} input_record, tree_record;

static int find(struct record *record, PyObject *class, const char *const *names, int count)
{
    record->type = (PyTypeObject *)class;
    for (int at = 0; at < count; at++) {
        PyObject *slot = PyObject_GetAttrString(class, names[at]);
        if (slot == NULL)
            return -1;
        if (!Py_IS_TYPE(slot, &PyMemberDescr_Type)) {
            Py_DECREF(slot);
            PyErr_Format(PyExc_TypeError, "%s is not a slot", names[at]);
            return -1;
        }
        record->offsets[at] = ((PyMemberDescrObject *)slot)->d_member->offset;
        Py_DECREF(slot);
        record->names[at] = PyUnicode_InternFromString(names[at]);
        if (record->names[at] == NULL)
            return -1;
    }
    return 0;
}

int codec_records_setup(void)
{
    return find(&input_record, codec.input, input_names, CODEC_INPUT_FIELDS) != 0 ||
                   find(&tree_record, codec.tree, tree_names, CODEC_TREE_FIELDS) != 0
               ? -1
               : 0;
}

static PyObject **field(const struct record *record, PyObject *object, int at)
{
    return (PyObject **)((char *)object + record->offsets[at]);
}

/* Takes the references, also where one of them is NULL. */
static PyObject *make(const struct record *record, PyObject *const *fields, int count)
{
    int is_whole = 1;
    for (int at = 0; at < count; at++)
        is_whole = is_whole && fields[at] != NULL;
    PyObject *made = is_whole ? record->type->tp_alloc(record->type, 0) : NULL;
    for (int at = 0; at < count; at++) {
        if (made != NULL)
            *field(record, made, at) = fields[at];
        else
            Py_XDECREF(fields[at]);
    }
    return made;
}

PyObject *codec_new_input(uint64_t id, PyObject *value, PyObject *columns, PyObject *output)
{
    PyObject *fields[] = {value, output, columns, PyLong_FromUnsignedLongLong(id)};
    return make(&input_record, fields, CODEC_INPUT_FIELDS);
}

PyObject *codec_new_tree(PyObject *blob, PyObject *columns, PyObject *inputs)
{
    PyObject *fields[] = {blob, columns, inputs};
    return make(&tree_record, fields, CODEC_TREE_FIELDS);
}

static PyObject *get(const struct record *record, PyObject *object, int at)
{
    PyObject *value = Py_IS_TYPE(object, record->type) ? *field(record, object, at) : NULL;
    /* A slot may have been deleted: an AttributeError. */
    return value != NULL ? Py_NewRef(value) : PyObject_GetAttr(object, record->names[at]);
}

PyObject *codec_input_field(PyObject *input, enum codec_input_field at)
{
    return get(&input_record, input, at);
}

PyObject *codec_tree_field(PyObject *tree, enum codec_tree_field at)
{
    return get(&tree_record, tree, at);
}

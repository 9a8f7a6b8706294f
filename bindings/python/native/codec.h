/*
 * The part of the extension that makes Python objects: it lies in the shared object of the cffi module, so that there is
 * one library with one set of handles, and is reached as the module stratum._codec.
 *
 * 1. Every function here is called with the GIL held. Whatever waits, or reads a disk, runs without it.
 * 2. Functions that give a PyObject * give a new reference, or NULL with an exception set; those that give an int give 0,
 *    or -1 with an exception set.
 * 3. Numbers in packed forms are little-endian, as the hosts are that this compiles for.
 */
#ifndef STRATUM_CODEC_H
#define STRATUM_CODEC_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "stratum.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "packed forms are little-endian"
#endif

/* What the package hands over when it is imported (module.c): borrowed for as long as the process lives. */
struct codec_classes {
    PyObject *tree;
    PyObject *input;
    PyObject *missing;
    PyObject *decimal;
    PyObject *from_text;
    PyObject *error;
    PyObject *int64_list;
    PyObject *double_list;
    PyObject *string_list;
    PyObject *string_map;
    PyObject *list;
    PyObject *map;
};
extern struct codec_classes codec;

/* records.c: objects of the classes Input and Tree. What makes one takes the references, also where it fails. */
enum codec_input_field { CODEC_INPUT_VALUE, CODEC_INPUT_OUTPUT, CODEC_INPUT_COLUMNS, CODEC_INPUT_ID, CODEC_INPUT_FIELDS };
enum codec_tree_field { CODEC_TREE_BLOB, CODEC_TREE_COLUMNS, CODEC_TREE_INPUTS, CODEC_TREE_FIELDS };
int codec_records_setup(void);
PyObject *codec_new_input(uint64_t id, PyObject *value, PyObject *columns, PyObject *output);
PyObject *codec_new_tree(PyObject *blob, PyObject *columns, PyObject *inputs);
PyObject *codec_input_field(PyObject *input, enum codec_input_field at);
PyObject *codec_tree_field(PyObject *tree, enum codec_tree_field at);

/* values.c: from the structs of stratum.h. */
PyObject *codec_value(const stratum_value *value);
PyObject *codec_columns(const stratum_column *columns, size_t count);
PyObject *codec_input(const stratum_input *input);

/* values.c: what both ways of decoding share. */
PyObject *codec_named(PyObject *plain, int has_to, PyObject *class);
PyObject *codec_decimal(const char *text, size_t length);
PyObject *codec_int64s(const void *numbers, size_t count);
PyObject *codec_doubles(const void *numbers, size_t count);

/* The kind that all values of a list or map have had so far: what a plain list or dict of them would be stored as. */
enum { CODEC_NO_KIND = 0, CODEC_MIXED = -1 };
void codec_note(int *uniform, uint32_t kind);
PyObject *codec_nested_list(PyObject *list, int uniform);
PyObject *codec_nested_map(PyObject *map, int uniform);

/* packed.c: from packed forms. */
PyObject *codec_unpack_tree(const void *bytes, size_t length);
PyObject *codec_unpack_trees(const void *bytes, size_t length);
PyObject *codec_unpack_rows(const void *bytes, size_t length);
PyObject *codec_unpack_value(const void *bytes, size_t length);
PyObject *codec_unpack_columns(const void *bytes, size_t length);

/* arena.c: to the structs of stratum.h. */
int codec_arena_setup(PyObject *module);

/* pack.c: to packed forms. */
PyObject *codec_pack_value(const stratum_value *value);
PyObject *codec_pack_columns(const stratum_column *columns, size_t count);

/* pinned.c. */
int codec_pinned_setup(PyObject *module);
PyObject *codec_new_pinned(stratum_pinned *pinned);

/* turn.c. */
int codec_turn_setup(PyObject *module);

/* reads.c. */
extern PyMethodDef codec_reads[];

/* module.c: raises what a status says, and frees the error. */
PyObject *codec_raise(int32_t status, stratum_error *error);
int codec_address(PyObject *number, void **address);
int codec_id(PyObject *number, uint64_t *id);

#endif

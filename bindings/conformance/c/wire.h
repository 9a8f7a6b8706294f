/* Between the language of the vectors and stratum.h: reading values, columns and trees, writing canonical JSON. */
#ifndef CONFORMANCE_WIRE_H
#define CONFORMANCE_WIRE_H

#include <jansson.h>
#include <stratum.h>

/* Ends the runner: the vector is not in the language. */
void broken(const char *what, const char *detail);

/* Zeroed memory that lives until free_all, which is called after each step. */
void *take(size_t count, size_t size);
void free_all(void);

/* Canonical JSON that grows. */
struct text {
    char *data;
    size_t length;
    size_t capacity;
};
void put(struct text *text, const char *format, ...);
void put_quoted(struct text *text, const char *data, size_t length);
void put_number(struct text *text, uint64_t number);
void put_hex(struct text *text, const void *data, size_t length);
void put_value(struct text *text, const stratum_value *value);
void put_columns(struct text *text, const stratum_column *columns, size_t count);
void put_input(struct text *text, const stratum_input *input);
void put_inputs(struct text *text, const stratum_input *inputs, size_t count);
void put_ids(struct text *text, const uint64_t *ids, size_t count);
void put_tree(struct text *text, const stratum_tree_desc *tree);

/* What is read belongs to `take`. */
unsigned char *unhex(const char *hex, size_t *length);
stratum_value read_value(const json_t *json);
stratum_column *read_columns(const json_t *json, size_t *count);
stratum_tree_desc read_tree(const json_t *json);

#endif

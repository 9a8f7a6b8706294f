/* Values, for people to read: one line each, whatever is in them, and nothing that a terminal would act on. */
#ifndef STRATUM_ICPC_PRINT_H
#define STRATUM_ICPC_PRINT_H

#include "util.h"

/* In quotes, escaped, cut where it gets long. */
void print_quoted(struct stratum_text text, size_t limit);

/* As it is but for control characters and what is not UTF-8, which are escaped. */
void print_plain(struct stratum_text text);

/* Of any kind, nested ones included. */
void print_value(const struct stratum_value *value);

/* "string", "int64 list"... */
const char *kind_name(uint32_t kind);

#endif

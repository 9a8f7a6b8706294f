/* What the C test programs share: checks that end the program with the line that failed. Every call of the library is
 * given &error; IS and OK look at both its answers, the status and the error object, and free the latter. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stratum.h"

static stratum_error *error;

/* A text literal and its length, as two arguments. */
#define S(text) (text), (sizeof(text) - 1)

#define OK(call) check_status((call), STRATUM_OK, #call, __FILE__, __LINE__)
#define IS(status, call) check_status((call), (status), #call, __FILE__, __LINE__)
#define TRUE(condition) check_true((condition) != 0, #condition, __FILE__, __LINE__)

static void check_true(int holds, const char *condition, const char *file, int line) {
    if (!holds) {
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
        exit(1);
    }
}

static void check_status(int32_t status, int32_t wanted, const char *call, const char *file, int line) {
    if (status != wanted) {
        fprintf(stderr, "%s:%d: %s, not %s: %s\n  %s\n", file, line, stratum_status_name(status),
                stratum_status_name(wanted), call, stratum_error_message(error));
        exit(1);
    }
    if (status < 10) {
        check_true(error == NULL, "no error object for an ordinary answer", file, line);
    } else {
        check_true(error != NULL, "an error object for a failure", file, line);
        check_true(stratum_error_code(error) == status, "the error has the call's status", file, line);
        check_true(strlen(stratum_error_message(error)) > 0, "the error has a text", file, line);
        check_true(stratum_error_free(&error) == STRATUM_OK, "the error can be freed", file, line);
        check_true(error == NULL, "a freed error is NULL", file, line);
    }
}

/* The store in the directory that the program was given, made below it under `name`. */
static inline stratum_db *open_store(const char *directory, const char *name, const stratum_options *options) {
    char path[4096];
    stratum_db *db = NULL;
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    TRUE(length > 0 && (size_t)length < sizeof path);
    OK(stratum_db_open(path, (size_t)length, options, &db, &error));
    TRUE(db != NULL);
    return db;
}

static inline stratum_text text_of(const char *text) {
    stratum_text made;
    made.data = text;
    made.length = strlen(text);
    return made;
}

static inline stratum_column column_of(const char *name, stratum_value value) {
    stratum_column made;
    made.name = text_of(name);
    made.value = value;
    return made;
}

static inline int same_text(stratum_text a, stratum_text b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Bit for bit. */
static inline int same_value(const stratum_value *a, const stratum_value *b) {
    size_t i;
    if (a->kind != b->kind || a->count != b->count || a->reserved != 0 || b->reserved != 0) {
        return 0;
    }
    switch (a->kind) {
    case STRATUM_KIND_NULL:
        return 1;
    case STRATUM_KIND_BOOL:
        return a->as.boolean == b->as.boolean;
    case STRATUM_KIND_INT64:
    case STRATUM_KIND_DOUBLE:
        return a->as.int64 == b->as.int64;
    case STRATUM_KIND_DECIMAL:
    case STRATUM_KIND_STRING:
    case STRATUM_KIND_BYTES:
        return a->count == 0 || memcmp(a->as.bytes, b->as.bytes, a->count) == 0;
    case STRATUM_KIND_INT64_LIST:
    case STRATUM_KIND_DOUBLE_LIST:
        return a->count == 0 || memcmp(a->as.int64s, b->as.int64s, a->count * 8) == 0;
    case STRATUM_KIND_STRING_LIST:
    case STRATUM_KIND_STRING_MAP:
        for (i = 0; i < a->count * (a->kind == STRATUM_KIND_STRING_MAP ? 2 : 1); i++) {
            if (!same_text(a->as.strings[i], b->as.strings[i])) {
                return 0;
            }
        }
        return 1;
    case STRATUM_KIND_LIST:
        for (i = 0; i < a->count; i++) {
            if (!same_value(&a->as.values[i], &b->as.values[i])) {
                return 0;
            }
        }
        return 1;
    case STRATUM_KIND_MAP:
        for (i = 0; i < a->count; i++) {
            if (!same_text(a->as.entries[i].key, b->as.entries[i].key) ||
                !same_value(&a->as.entries[i].value, &b->as.entries[i].value)) {
                return 0;
            }
        }
        return 1;
    default:
        return 0;
    }
}

#endif

/*
 * Between Go and stratum.h: what comes out comes back by value, so that no Go memory is lent for it, and handles are
 * numbers, which Go's collector must never take for pointers.
 *
 * 1. Nothing here keeps a pointer: all of it may be called with noescape.
 * 2. Only shim_compact and shim_repair call back into Go; all others may be called with nocallback.
 */

#ifndef STRATUM_GO_SHIM_H
#define STRATUM_GO_SHIM_H

#include <pthread.h>
#include <string.h>
#if defined(__has_include)
#if !__has_include(<stratum.h>)
#error "run bindings/go/build-lib.sh first, or build with -tags stratum_system to use an installed library"
#endif
#endif
#include <stratum.h>

/* What any call answers: a status, the error's handle (0: none), and up to three numbers. */
typedef struct shim_answer {
    int32_t status;
    uintptr_t error;
    uint64_t a, b, c;
} shim_answer;

/* A value that was read: in `bits`, or in the caller's buffer (`bits` bytes), or borrowed from `result`. */
typedef struct shim_value_answer {
    int32_t status;
    uint32_t kind;
    uintptr_t error;
    uintptr_t result;
    uintptr_t value;
    uint64_t bits;
} shim_value_answer;

#define SHIM_BEGIN                                                                                                     \
    shim_answer answer = {0, 0, 0, 0, 0};                                                                              \
    stratum_error *error = NULL
#define SHIM_END                                                                                                       \
    answer.error = (uintptr_t)error;                                                                                   \
    return answer

/* ---- Errors, options, stores ---- */

static inline const char *shim_error_message(uintptr_t error) {
    return stratum_error_message((stratum_error *)error);
}

static inline int32_t shim_error_errno(uintptr_t error) { return stratum_error_os_errno((stratum_error *)error); }

static inline void shim_error_free(uintptr_t error) {
    stratum_error *handle = (stratum_error *)error;
    stratum_error_free(&handle);
}

static inline shim_answer shim_options_create(void) {
    SHIM_BEGIN;
    stratum_options *options = NULL;
    answer.status = stratum_options_create(&options, &error);
    answer.a = (uintptr_t)options;
    SHIM_END;
}

static inline shim_answer shim_options_set(uintptr_t options, const uint8_t *name, size_t name_length,
                                           const uint8_t *value, size_t value_length) {
    SHIM_BEGIN;
    answer.status = stratum_options_set((stratum_options *)options, (const char *)name, name_length,
                                        (const char *)value, value_length, &error);
    SHIM_END;
}

static inline void shim_options_free(uintptr_t options) {
    stratum_options *handle = (stratum_options *)options;
    stratum_options_free(&handle);
}

static inline shim_answer shim_db_open(const uint8_t *path, size_t length, uintptr_t options) {
    SHIM_BEGIN;
    stratum_db *db = NULL;
    answer.status = stratum_db_open((const char *)path, length, (stratum_options *)options, &db, &error);
    answer.a = (uintptr_t)db;
    answer.b = (uintptr_t)stratum_db_latest(db);
    SHIM_END;
}

static inline shim_answer shim_db_close(uintptr_t db) {
    SHIM_BEGIN;
    stratum_db *handle = (stratum_db *)db;
    answer.status = stratum_db_close(&handle, &error);
    SHIM_END;
}

static inline shim_answer shim_db_snapshot(uintptr_t db) {
    SHIM_BEGIN;
    stratum_view *view = NULL;
    answer.status = stratum_db_snapshot((stratum_db *)db, &view, &error);
    answer.a = (uintptr_t)view;
    SHIM_END;
}

static inline shim_answer shim_db_flush(uintptr_t db) {
    SHIM_BEGIN;
    answer.status = stratum_db_flush((stratum_db *)db, &error);
    SHIM_END;
}

static inline shim_answer shim_db_checkpoint(uintptr_t db) {
    SHIM_BEGIN;
    answer.status = stratum_db_checkpoint((stratum_db *)db, &error);
    SHIM_END;
}

static inline shim_answer shim_db_stats(uintptr_t db, stratum_stats *stats) {
    SHIM_BEGIN;
    memset(stats, 0, sizeof *stats);
    stats->struct_size = sizeof *stats;
    answer.status = stratum_db_stats((stratum_db *)db, stats, &error);
    SHIM_END;
}

static inline shim_answer shim_db_verify(uintptr_t db) {
    SHIM_BEGIN;
    stratum_report *report = NULL;
    answer.status = stratum_db_verify((stratum_db *)db, &report, &error);
    answer.a = (uintptr_t)report;
    answer.b = (uintptr_t)stratum_report_get(report);
    SHIM_END;
}

static inline void shim_report_free(uintptr_t report) {
    stratum_report *handle = (stratum_report *)report;
    stratum_report_free(&handle);
}

/* ---- Work that calls back ---- */

/* The thread that calls: no other that lives meanwhile has the same. */
static inline uintptr_t shim_thread(void) { return (uintptr_t)pthread_self(); }

int32_t stratumGoProgress(stratum_progress *progress, uintptr_t context);
int32_t stratumGoRepairProgress(stratum_repair_progress *progress, uintptr_t context);

static inline int32_t shim_progress(const stratum_progress *progress, void *context) {
    return stratumGoProgress((stratum_progress *)progress, (uintptr_t)context);
}

static inline int32_t shim_repair_progress(const stratum_repair_progress *progress, void *context) {
    return stratumGoRepairProgress((stratum_repair_progress *)progress, (uintptr_t)context);
}

static inline shim_answer shim_compact(uintptr_t db, uintptr_t context) {
    SHIM_BEGIN;
    answer.status = stratum_db_compact_now((stratum_db *)db, context ? shim_progress : NULL, (void *)context, &error);
    SHIM_END;
}

static inline shim_answer shim_repair(const uint8_t *source, size_t source_length, const uint8_t *target,
                                      size_t target_length, uint64_t segment_size, uint64_t merge_limit,
                                      int32_t dry_run, uintptr_t context) {
    SHIM_BEGIN;
    stratum_repair_report *report = NULL;
    stratum_repair_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.segment_size = segment_size;
    options.merge_limit = merge_limit;
    options.progress = context ? shim_repair_progress : NULL;
    options.context = (void *)context;
    options.dry_run = dry_run;
    answer.status = stratum_repair((const char *)source, source_length, (const char *)target, target_length, &options,
                                   &report, &error);
    answer.a = (uintptr_t)report;
    answer.b = (uintptr_t)stratum_repair_report_get(report);
    SHIM_END;
}

static inline void shim_repair_report_free(uintptr_t report) {
    stratum_repair_report *handle = (stratum_repair_report *)report;
    stratum_repair_report_free(&handle);
}

/* ---- Reads ---- */

static inline int32_t shim_view_free(uintptr_t view) {
    stratum_view *handle = (stratum_view *)view;
    return stratum_view_free(&handle);
}

static inline shim_answer shim_view_sequence(uintptr_t view) {
    SHIM_BEGIN;
    answer.status = stratum_view_sequence((stratum_view *)view, &answer.a, &error);
    SHIM_END;
}

static inline shim_answer shim_view_document_count(uintptr_t view) {
    SHIM_BEGIN;
    answer.status = stratum_view_document_count((stratum_view *)view, &answer.a, &error);
    SHIM_END;
}

static inline shim_answer shim_view_exists(uintptr_t view, uint64_t document) {
    SHIM_BEGIN;
    int32_t exists = 0;
    answer.status = stratum_view_exists((stratum_view *)view, document, &exists, &error);
    answer.a = (uint64_t)exists;
    SHIM_END;
}

static inline shim_answer shim_view_input_count(uintptr_t view, uint64_t document) {
    SHIM_BEGIN;
    answer.status = stratum_view_input_count((stratum_view *)view, document, &answer.a, &error);
    SHIM_END;
}

static inline shim_answer shim_view_read_blob(uintptr_t view, uint64_t document, uint8_t *buffer, size_t capacity) {
    SHIM_BEGIN;
    size_t length = 0;
    answer.status = stratum_view_read_blob((stratum_view *)view, document, buffer, capacity, &length, NULL);
    if (answer.status >= 10 && answer.status != STRATUM_BUFFER_TOO_SMALL) {
        answer.status = stratum_view_read_blob((stratum_view *)view, document, buffer, capacity, &length, &error);
    }
    answer.a = length;
    SHIM_END;
}

/* Pinned bytes: a the handle, b where they are, c how many. */
static inline shim_answer shim_pinned(int32_t status, stratum_pinned *pinned, stratum_error *error) {
    shim_answer answer = {0, 0, 0, 0, 0};
    answer.status = status;
    answer.error = (uintptr_t)error;
    if (status == STRATUM_OK) {
        answer.a = (uintptr_t)pinned;
        answer.b = (uintptr_t)stratum_pinned_data(pinned);
        answer.c = stratum_pinned_length(pinned);
    }
    return answer;
}

static inline shim_answer shim_view_blob(uintptr_t view, uint64_t document) {
    stratum_pinned *pinned = NULL;
    stratum_error *error = NULL;
    int32_t status = stratum_view_blob((stratum_view *)view, document, &pinned, &error);
    return shim_pinned(status, pinned, error);
}

static inline shim_answer shim_view_packed_tree(uintptr_t view, uint64_t document) {
    stratum_pinned *pinned = NULL;
    stratum_error *error = NULL;
    int32_t status = stratum_view_packed_tree((stratum_view *)view, document, &pinned, &error);
    return shim_pinned(status, pinned, error);
}

static inline shim_answer shim_view_packed_trees(uintptr_t view, const uint64_t *documents, size_t count) {
    stratum_pinned *pinned = NULL;
    stratum_error *error = NULL;
    int32_t status = stratum_view_packed_trees((stratum_view *)view, documents, count, &pinned, &error);
    return shim_pinned(status, pinned, error);
}

static inline int32_t shim_pinned_is_borrowed(uintptr_t pinned) {
    return stratum_pinned_is_borrowed((stratum_pinned *)pinned);
}

static inline void shim_pinned_free(uintptr_t pinned) {
    stratum_pinned *handle = (stratum_pinned *)pinned;
    stratum_pinned_free(&handle);
}

static inline shim_value_answer shim_value(int32_t status, stratum_result *result, stratum_error *error,
                                           uint8_t *buffer, size_t capacity) {
    shim_value_answer answer = {0, 0, 0, 0, 0, 0};
    const stratum_value *value;
    answer.status = status;
    answer.error = (uintptr_t)error;
    if (status != STRATUM_OK) {
        return answer;
    }
    value = stratum_result_value(result);
    answer.kind = value->kind;
    switch (value->kind) {
    case STRATUM_KIND_NULL:
        break;
    case STRATUM_KIND_BOOL:
        answer.bits = (uint64_t)value->as.boolean;
        break;
    case STRATUM_KIND_INT64:
    case STRATUM_KIND_DOUBLE:
        memcpy(&answer.bits, &value->as, 8);
        break;
    case STRATUM_KIND_DECIMAL:
    case STRATUM_KIND_STRING:
    case STRATUM_KIND_BYTES:
        if (value->count <= capacity) {
            if (value->count != 0) {
                memcpy(buffer, value->as.bytes, value->count);
            }
            answer.bits = value->count;
            break;
        }
        /* fall through */
    default:
        answer.result = (uintptr_t)result;
        answer.value = (uintptr_t)value;
        return answer;
    }
    stratum_result_free(&result);
    return answer;
}

static inline shim_value_answer shim_view_column(uintptr_t view, uint64_t document, const uint8_t *name,
                                                 size_t name_length, uint8_t *buffer, size_t capacity) {
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    int32_t status = stratum_view_column((stratum_view *)view, document, (const char *)name, name_length, &result,
                                         &error);
    return shim_value(status, result, error, buffer, capacity);
}

static inline shim_value_answer shim_view_input(uintptr_t view, uint64_t document, uint64_t input, uint8_t *buffer,
                                                size_t capacity) {
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    int32_t status = stratum_view_input((stratum_view *)view, document, input, &result, &error);
    return shim_value(status, result, error, buffer, capacity);
}

static inline shim_value_answer shim_view_output(uintptr_t view, uint64_t document, uint64_t input, uint8_t *buffer,
                                                 size_t capacity) {
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    int32_t status = stratum_view_output((stratum_view *)view, document, input, &result, &error);
    return shim_value(status, result, error, buffer, capacity);
}

/* Lists: a the result's handle, b the first element, c how many. */
static inline shim_answer shim_view_columns(uintptr_t view, uint64_t document) {
    SHIM_BEGIN;
    stratum_result *result = NULL;
    size_t count = 0;
    answer.status = stratum_view_columns((stratum_view *)view, document, &result, &error);
    answer.a = (uintptr_t)result;
    answer.b = (uintptr_t)stratum_result_columns(result, &count);
    answer.c = count;
    SHIM_END;
}

static inline shim_answer shim_view_input_columns(uintptr_t view, uint64_t document, uint64_t input) {
    SHIM_BEGIN;
    stratum_result *result = NULL;
    size_t count = 0;
    answer.status = stratum_view_input_columns((stratum_view *)view, document, input, &result, &error);
    answer.a = (uintptr_t)result;
    answer.b = (uintptr_t)stratum_result_columns(result, &count);
    answer.c = count;
    SHIM_END;
}

static inline shim_answer shim_view_input_ids(uintptr_t view, uint64_t document) {
    SHIM_BEGIN;
    stratum_result *result = NULL;
    size_t count = 0;
    answer.status = stratum_view_input_ids((stratum_view *)view, document, &result, &error);
    answer.a = (uintptr_t)result;
    answer.b = (uintptr_t)stratum_result_ids(result, &count);
    answer.c = count;
    SHIM_END;
}

static inline shim_answer shim_view_inputs(uintptr_t view, uint64_t document) {
    SHIM_BEGIN;
    stratum_result *result = NULL;
    size_t count = 0;
    answer.status = stratum_view_inputs((stratum_view *)view, document, &result, &error);
    answer.a = (uintptr_t)result;
    answer.b = (uintptr_t)stratum_result_inputs(result, &count);
    answer.c = count;
    SHIM_END;
}

static inline void shim_result_free(uintptr_t result) {
    stratum_result *handle = (stratum_result *)result;
    stratum_result_free(&handle);
}

/* ---- Cursors ---- */

static inline shim_answer shim_view_documents(uintptr_t view, uint64_t from) {
    SHIM_BEGIN;
    stratum_document_cursor *cursor = NULL;
    answer.status = stratum_view_documents((stratum_view *)view, from, &cursor, &error);
    answer.a = (uintptr_t)cursor;
    SHIM_END;
}

static inline shim_answer shim_document_cursor_next(uintptr_t cursor) {
    SHIM_BEGIN;
    answer.status = stratum_document_cursor_next((stratum_document_cursor *)cursor, &answer.a, &error);
    SHIM_END;
}

static inline shim_answer shim_document_cursor_fill(uintptr_t cursor, uint64_t *documents, size_t capacity) {
    SHIM_BEGIN;
    size_t count = 0;
    answer.status = stratum_document_cursor_fill((stratum_document_cursor *)cursor, documents, capacity, &count,
                                                 &error);
    answer.a = count;
    SHIM_END;
}

static inline shim_answer shim_document_cursor_seek(uintptr_t cursor, uint64_t from) {
    SHIM_BEGIN;
    answer.status = stratum_document_cursor_seek((stratum_document_cursor *)cursor, from, &error);
    SHIM_END;
}

static inline int32_t shim_document_cursor_free(uintptr_t cursor) {
    stratum_document_cursor *handle = (stratum_document_cursor *)cursor;
    return stratum_document_cursor_free(&handle);
}

static inline shim_answer shim_view_input_cursor(uintptr_t view, uint64_t document) {
    SHIM_BEGIN;
    stratum_input_cursor *cursor = NULL;
    answer.status = stratum_view_input_cursor((stratum_view *)view, document, &cursor, &error);
    answer.a = (uintptr_t)cursor;
    SHIM_END;
}

static inline shim_answer shim_input_cursor_fill(uintptr_t cursor, uint8_t *buffer, size_t capacity) {
    SHIM_BEGIN;
    size_t length = 0;
    answer.status = stratum_input_cursor_fill((stratum_input_cursor *)cursor, buffer, capacity, &length, &error);
    answer.a = length;
    SHIM_END;
}

static inline int32_t shim_input_cursor_free(uintptr_t cursor) {
    stratum_input_cursor *handle = (stratum_input_cursor *)cursor;
    return stratum_input_cursor_free(&handle);
}

/* ---- Batches and writes ---- */

static inline shim_answer shim_batch_create(uintptr_t db) {
    SHIM_BEGIN;
    stratum_batch *batch = NULL;
    answer.status = stratum_batch_create((stratum_db *)db, &batch, &error);
    answer.a = (uintptr_t)batch;
    SHIM_END;
}

/* a the sequence number, b whether the batch is still there. */
static inline shim_answer shim_batch_commit(uintptr_t batch, int32_t durability) {
    SHIM_BEGIN;
    stratum_batch *handle = (stratum_batch *)batch;
    stratum_commit_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.durability = durability;
    answer.status = stratum_batch_commit(&handle, &options, &answer.a, &error);
    answer.b = handle != NULL;
    SHIM_END;
}

static inline int32_t shim_batch_free(uintptr_t batch) {
    stratum_batch *handle = (stratum_batch *)batch;
    return stratum_batch_free(&handle);
}

static inline shim_answer shim_batch_clear(uintptr_t batch) {
    SHIM_BEGIN;
    answer.status = stratum_batch_clear((stratum_batch *)batch, &error);
    SHIM_END;
}

static inline shim_answer shim_batch_size(uintptr_t batch) {
    SHIM_BEGIN;
    answer.status = stratum_batch_size((stratum_batch *)batch, &answer.a, &answer.b, &error);
    SHIM_END;
}

/* One row, and the id that it makes; db or batch is 0. */
static inline shim_answer shim_apply_one(uintptr_t db, uintptr_t batch, const uint8_t *row, size_t length) {
    SHIM_BEGIN;
    answer.status = batch != 0 ? stratum_batch_apply_packed((stratum_batch *)batch, row, length, &answer.a, 1, NULL,
                                                            &error)
                               : stratum_db_apply_packed((stratum_db *)db, row, length, &answer.a, 1, NULL, &error);
    SHIM_END;
}

/* Many rows; a how many were applied. */
static inline shim_answer shim_apply(uintptr_t db, uintptr_t batch, const uint8_t *rows, size_t length, uint64_t *ids,
                                     size_t capacity) {
    SHIM_BEGIN;
    size_t applied = 0;
    answer.status = batch != 0 ? stratum_batch_apply_packed((stratum_batch *)batch, rows, length, ids, capacity,
                                                            &applied, &error)
                               : stratum_db_apply_packed((stratum_db *)db, rows, length, ids, capacity, &applied,
                                                         &error);
    answer.a = applied;
    SHIM_END;
}

static inline shim_answer shim_create_document(uintptr_t db, uintptr_t batch, const uint8_t *blob, size_t length) {
    SHIM_BEGIN;
    answer.status =
        batch != 0
            ? stratum_batch_create_document((stratum_batch *)batch, blob, length, NULL, 0, &answer.a, &error)
            : stratum_db_create_document((stratum_db *)db, blob, length, NULL, 0, &answer.a, &error);
    SHIM_END;
}

static inline shim_answer shim_set_blob(uintptr_t db, uintptr_t batch, uint64_t document, const uint8_t *blob,
                                        size_t length) {
    SHIM_BEGIN;
    answer.status = batch != 0 ? stratum_batch_set_blob((stratum_batch *)batch, document, blob, length, &error)
                               : stratum_db_set_blob((stratum_db *)db, document, blob, length, &error);
    SHIM_END;
}

/* a the document, b the first input, c how many inputs. */
static inline shim_answer shim_put_packed(uintptr_t db, uintptr_t batch, const uint8_t *packed, size_t length) {
    SHIM_BEGIN;
    stratum_tree_ids ids = {0, 0, 0};
    answer.status = batch != 0 ? stratum_batch_put_packed((stratum_batch *)batch, packed, length, &ids, &error)
                               : stratum_db_put_packed((stratum_db *)db, packed, length, &ids, &error);
    answer.a = ids.document;
    answer.b = ids.first_input;
    answer.c = ids.input_count;
    SHIM_END;
}

static inline shim_answer shim_replace_packed(uintptr_t db, uintptr_t batch, uint64_t document, const uint8_t *packed,
                                              size_t length) {
    SHIM_BEGIN;
    stratum_tree_ids ids = {0, 0, 0};
    answer.status =
        batch != 0
            ? stratum_batch_replace_packed((stratum_batch *)batch, document, packed, length, &ids, &error)
            : stratum_db_replace_packed((stratum_db *)db, document, packed, length, &ids, &error);
    answer.a = ids.document;
    answer.b = ids.first_input;
    answer.c = ids.input_count;
    SHIM_END;
}

#endif

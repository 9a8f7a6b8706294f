/* Calls on views and cursors. */
#include <string.h>

#include "runner.h"

static int is(const char *op, const char *name)
{
    return strcmp(op, name) == 0;
}

/* Writes what the result holds, and frees it. */
static int32_t shown(int32_t status, stratum_result *result, struct text *out)
{
    size_t count = 0;
    if (status != STRATUM_OK) {
        return status;
    }
    const stratum_value *value = stratum_result_value(result);
    const stratum_column *columns = stratum_result_columns(result, &count);
    if (value != NULL) {
        put_value(out, value);
    } else if (columns != NULL) {
        put_columns(out, columns, count);
    } else {
        const stratum_input *inputs = stratum_result_inputs(result, &count);
        if (inputs != NULL) {
            put_inputs(out, inputs, count);
        } else {
            const uint64_t *ids = stratum_result_ids(result, &count);
            put_ids(out, ids, count);
        }
    }
    return stratum_result_free(&result);
}

static int32_t pinned(struct run *run, int32_t status, stratum_pinned *bytes, struct text *out)
{
    if (status == STRATUM_OK) {
        const union handle handle = {.pinned = bytes};
        put_hex(out, stratum_pinned_data(bytes), stratum_pinned_length(bytes));
        keep(run, PINNED, handle);
    }
    return status;
}

static int32_t counted(int32_t status, uint64_t count, struct text *out)
{
    put_number(out, count);
    return status;
}

static int32_t packed_trees(struct run *run, const stratum_view *view, struct text *out)
{
    const json_t *list = argument(run, "documents");
    const size_t count = json_array_size(list);
    uint64_t *documents = take(count, sizeof *documents);
    stratum_pinned *bytes = NULL;
    for (size_t at = 0; at < count; ++at) {
        documents[at] = resolve(run, json_array_get(list, at));
    }
    const int32_t status = stratum_view_packed_trees(view, documents, count, &bytes, NULL);
    return pinned(run, status, bytes, out);
}

static int32_t read_blob(struct run *run, const stratum_view *view, uint64_t document, struct text *out)
{
    const size_t capacity = (size_t)number(run, "capacity");
    void *buffer = take(capacity, 1);
    size_t length = 0;
    const int32_t status = stratum_view_read_blob(view, document, buffer, capacity, &length, NULL);
    if (status == STRATUM_OK) {
        put_hex(out, buffer, length);
    }
    return status;
}

static int32_t whole_tree(struct run *run, const stratum_view *view, uint64_t document, struct text *out)
{
    union handle handle = {0};
    const int32_t status = stratum_view_tree(view, document, &handle.tree, NULL);
    if (status == STRATUM_OK) {
        put_tree(out, stratum_tree_get(handle.tree));
        keep(run, TREE, handle);
    }
    return status;
}

static int32_t on_input(struct run *run, const stratum_view *view, uint64_t document, const char *op, struct text *out)
{
    const uint64_t input = number(run, "input");
    stratum_result *result = NULL;
    int32_t status;
    if (is(op, "view_input")) {
        status = stratum_view_input(view, document, input, &result, NULL);
    } else if (is(op, "view_input_columns")) {
        status = stratum_view_input_columns(view, document, input, &result, NULL);
    } else {
        status = stratum_view_output(view, document, input, &result, NULL);
    }
    return shown(status, result, out);
}

static int32_t on_document(struct run *run, const stratum_view *view, const char *op, struct text *out)
{
    const uint64_t document = number(run, "document");
    stratum_result *result = NULL;
    stratum_pinned *bytes = NULL;
    uint64_t count = 0;
    int32_t status;
    if (is(op, "view_exists")) {
        int32_t exists = 0;
        status = stratum_view_exists(view, document, &exists, NULL);
        put(out, exists ? "true" : "false");
        return status;
    }
    if (is(op, "view_input_count")) {
        status = stratum_view_input_count(view, document, &count, NULL);
        return counted(status, count, out);
    }
    if (is(op, "view_blob")) {
        status = stratum_view_blob(view, document, &bytes, NULL);
        return pinned(run, status, bytes, out);
    }
    if (is(op, "view_packed_tree")) {
        status = stratum_view_packed_tree(view, document, &bytes, NULL);
        return pinned(run, status, bytes, out);
    }
    if (is(op, "view_read_blob")) {
        return read_blob(run, view, document, out);
    }
    if (is(op, "view_tree")) {
        return whole_tree(run, view, document, out);
    }
    if (is(op, "view_input_cursor")) {
        union handle handle = {0};
        status = stratum_view_input_cursor(view, document, &handle.inputs, NULL);
        if (status == STRATUM_OK) {
            keep(run, INPUTS, handle);
        }
        return status;
    }
    if (is(op, "view_columns")) {
        status = stratum_view_columns(view, document, &result, NULL);
    } else if (is(op, "view_column")) {
        size_t length;
        const char *name = word(run, "name", &length);
        status = stratum_view_column(view, document, name, length, &result, NULL);
    } else if (is(op, "view_input_ids")) {
        status = stratum_view_input_ids(view, document, &result, NULL);
    } else if (is(op, "view_inputs")) {
        status = stratum_view_inputs(view, document, &result, NULL);
    } else {
        return on_input(run, view, document, op, out);
    }
    return shown(status, result, out);
}

int32_t on_view(struct run *run, const stratum_view *view, const char *op, struct text *out)
{
    uint64_t count = 0;
    int32_t status;
    if (is(op, "view_sequence")) {
        status = stratum_view_sequence(view, &count, NULL);
        return counted(status, count, out);
    }
    if (is(op, "view_document_count")) {
        status = stratum_view_document_count(view, &count, NULL);
        return counted(status, count, out);
    }
    if (is(op, "view_packed_trees")) {
        return packed_trees(run, view, out);
    }
    if (is(op, "view_documents")) {
        union handle handle = {0};
        status = stratum_view_documents(view, number(run, "from"), &handle.documents, NULL);
        if (status == STRATUM_OK) {
            keep(run, DOCUMENTS, handle);
        }
        return status;
    }
    return on_document(run, view, op, out);
}

int32_t on_documents(struct run *run, stratum_document_cursor *cursor, const char *op, struct text *out)
{
    int32_t status;
    if (is(op, "document_cursor_seek")) {
        return stratum_document_cursor_seek(cursor, number(run, "from"), NULL);
    }
    if (is(op, "document_cursor_fill")) {
        const size_t capacity = (size_t)number(run, "capacity");
        uint64_t *documents = take(capacity, sizeof *documents);
        size_t count = 0;
        status = stratum_document_cursor_fill(cursor, documents, capacity, &count, NULL);
        put_ids(out, documents, count);
        return status;
    }
    uint64_t document = 0;
    status = stratum_document_cursor_next(cursor, &document, NULL);
    if (status == STRATUM_OK) {
        keep_id(run, "", document);
    }
    return counted(status, document, out);
}

int32_t on_inputs(struct run *run, stratum_input_cursor *cursor, const char *op, struct text *out)
{
    int32_t status;
    if (is(op, "input_cursor_fill")) {
        const size_t capacity = (size_t)number(run, "capacity");
        void *buffer = take(capacity, 1);
        size_t length = 0;
        status = stratum_input_cursor_fill(cursor, buffer, capacity, &length, NULL);
        if (status == STRATUM_OK) {
            put_hex(out, buffer, length);
        }
        return status;
    }
    const stratum_input *input = NULL;
    status = stratum_input_cursor_next(cursor, &input, NULL);
    if (status == STRATUM_OK) {
        put_input(out, input);
    }
    return status;
}

/* Calls on stores and batches. A write goes to the batch where there is one, to the store otherwise. */
#include <string.h>

#include "runner.h"

/* Where a write goes: one of the two is NULL. */
struct writer {
    stratum_batch *batch;
    stratum_db *db;
};

/* The call of the same name on a batch or on a store. */
#define WRITE(verb, ...)                                                                                              \
    (writer.batch != NULL ? stratum_batch_##verb(writer.batch, __VA_ARGS__, NULL)                                     \
                          : stratum_db_##verb(writer.db, __VA_ARGS__, NULL))

static int32_t made_id(struct run *run, int32_t status, uint64_t id, struct text *out)
{
    if (status == STRATUM_OK) {
        keep_id(run, "", id);
        put_number(out, id);
    }
    return status;
}

static int32_t made_tree(struct run *run, int32_t status, const stratum_tree_ids *ids, struct text *out)
{
    if (status == STRATUM_OK) {
        keep_id(run, "", ids->document);
        keep_id(run, ".input", ids->first_input);
        put(out, "{\"document\":");
        put_number(out, ids->document);
        put(out, ",\"first_input\":");
        put_number(out, ids->first_input);
        put(out, ",\"input_count\":");
        put_number(out, ids->input_count);
        put(out, "}");
    }
    return status;
}

static const void *packed(struct run *run, size_t *length)
{
    const char *text = word(run, "packed", NULL);
    if (*text != '$') {
        return unhex(text, length);
    }
    const struct thing *thing = find(run, text + 1);
    *length = stratum_pinned_length(thing->handle.pinned);
    return stratum_pinned_data(thing->handle.pinned);
}

static int32_t whole(struct run *run, struct writer writer, const char *verb, struct text *out)
{
    stratum_tree_ids ids = {0, 0, 0};
    const uint64_t document = strncmp(verb, "replace", 7) == 0 ? number(run, "document") : 0;
    const void *bytes = NULL;
    size_t length = 0;
    stratum_tree_desc tree;
    int32_t status;
    if (strstr(verb, "packed") != NULL) {
        bytes = packed(run, &length);
        status = document != 0 || *verb == 'r' ? WRITE(replace_packed, document, bytes, length, &ids)
                                               : WRITE(put_packed, bytes, length, &ids);
    } else {
        tree = read_tree(argument(run, "tree"));
        status = *verb == 'r' ? WRITE(replace_tree, document, &tree, &ids) : WRITE(put_tree, &tree, &ids);
    }
    return made_tree(run, status, &ids, out);
}

static int32_t apply_packed(struct run *run, struct writer writer, struct text *out)
{
    size_t length;
    size_t applied = 0;
    const unsigned char *operations = unhex(word(run, "operations", NULL), &length);
    const size_t capacity = length / 48 + 1;
    uint64_t *ids = take(capacity, sizeof *ids);
    const int32_t status = WRITE(apply_packed, operations, length, ids, capacity, &applied);
    if (status == STRATUM_OK) {
        put_ids(out, ids, applied);
    }
    return status;
}

static int32_t create_document(struct run *run, struct writer writer, struct text *out)
{
    size_t length = 0;
    size_t count;
    uint64_t id = 0;
    const unsigned char *blob = argument(run, "blob") != NULL ? unhex(word(run, "blob", NULL), &length) : NULL;
    const stratum_column *columns = read_columns(argument(run, "columns"), &count);
    const int32_t status = WRITE(create_document, blob, length, columns, count, &id);
    return made_id(run, status, id, out);
}

/* Writes that take a document and a value, perhaps an input and a name. */
static int32_t with_value(struct run *run, struct writer writer, const char *verb, struct text *out)
{
    const uint64_t document = number(run, "document");
    const stratum_value value = read_value(argument(run, "value"));
    uint64_t id = 0;
    size_t length;
    const char *name;
    if (strcmp(verb, "append_input") == 0) {
        const int32_t status = WRITE(append_input, document, &value, &id);
        return made_id(run, status, id, out);
    }
    if (strcmp(verb, "insert_input") == 0) {
        const int32_t status = WRITE(insert_input, document, number(run, "before"), &value, &id);
        return made_id(run, status, id, out);
    }
    if (strcmp(verb, "set_column") == 0) {
        name = word(run, "name", &length);
        return WRITE(set_column, document, name, length, &value);
    }
    if (strcmp(verb, "set_input_column") == 0) {
        name = word(run, "name", &length);
        return WRITE(set_input_column, document, number(run, "input"), name, length, &value);
    }
    if (strcmp(verb, "replace_input") == 0) {
        return WRITE(replace_input, document, number(run, "input"), &value);
    }
    if (strcmp(verb, "set_output") == 0) {
        return WRITE(set_output, document, number(run, "input"), &value);
    }
    return WRITE(update_output, document, number(run, "input"), &value);
}

static int32_t without_value(struct run *run, struct writer writer, const char *verb)
{
    const uint64_t document = number(run, "document");
    size_t length;
    const char *name;
    if (strcmp(verb, "set_blob") == 0) {
        const unsigned char *blob = unhex(word(run, "blob", NULL), &length);
        return WRITE(set_blob, document, blob, length);
    }
    if (strcmp(verb, "remove_column") == 0) {
        name = word(run, "name", &length);
        return WRITE(remove_column, document, name, length);
    }
    if (strcmp(verb, "remove_input_column") == 0) {
        name = word(run, "name", &length);
        return WRITE(remove_input_column, document, number(run, "input"), name, length);
    }
    if (strcmp(verb, "delete_document") == 0) {
        return WRITE(delete_document, document);
    }
    if (strcmp(verb, "move_input") == 0) {
        return WRITE(move_input, document, number(run, "input"), number(run, "before"));
    }
    if (strcmp(verb, "delete_input") == 0) {
        return WRITE(delete_input, document, number(run, "input"));
    }
    if (strcmp(verb, "delete_output") != 0) {
        broken("no write", verb);
    }
    return WRITE(delete_output, document, number(run, "input"));
}

static int is_one_of(const char *verb, const char *const *verbs)
{
    while (*verbs != NULL && strcmp(*verbs, verb) != 0) {
        ++verbs;
    }
    return *verbs != NULL;
}

static int32_t write_to(struct run *run, struct writer writer, const char *verb, struct text *out)
{
    static const char *const trees[] = {"put_tree", "replace_tree", "put_packed", "replace_packed", NULL};
    static const char *const values[] = {"append_input",     "insert_input", "set_column",    "replace_input",
                                         "set_input_column", "set_output",   "update_output", NULL};
    if (strcmp(verb, "create_document") == 0) {
        return create_document(run, writer, out);
    }
    if (strcmp(verb, "apply_packed") == 0) {
        return apply_packed(run, writer, out);
    }
    if (is_one_of(verb, trees)) {
        return whole(run, writer, verb, out);
    }
    return is_one_of(verb, values) ? with_value(run, writer, verb, out) : without_value(run, writer, verb);
}

int32_t commit(struct run *run, struct thing *batch, struct text *out)
{
    const json_t *durability = argument(run, "durability");
    const char *name = durability != NULL ? json_string_value(durability) : "";
    stratum_commit_options options = {sizeof options, STRATUM_DURABILITY_DEFAULT, 0};
    uint64_t sequence = 0;
    options.durability = strcmp(name, "always") == 0     ? STRATUM_DURABILITY_ALWAYS
                         : strcmp(name, "interval") == 0 ? STRATUM_DURABILITY_INTERVAL
                         : strcmp(name, "os") == 0       ? STRATUM_DURABILITY_OS
                                                         : STRATUM_DURABILITY_DEFAULT;
    /* The handle as it was: a second commit must be told that it is too late. */
    stratum_batch *again = batch->handle.batch;
    stratum_batch **variable = batch->variable.batch != NULL ? &batch->variable.batch : &again;
    const int32_t status = stratum_batch_commit(variable, &options, &sequence, NULL);
    if (status == STRATUM_OK) {
        put_number(out, sequence);
    }
    return status;
}

int32_t on_batch(struct run *run, stratum_batch *batch, const char *op, struct text *out)
{
    const struct writer writer = {batch, NULL};
    if (strcmp(op, "batch_clear") == 0) {
        return stratum_batch_clear(batch, NULL);
    }
    if (strcmp(op, "batch_size") == 0) {
        uint64_t operations = 0;
        uint64_t bytes = 0;
        const int32_t status = stratum_batch_size(batch, &operations, &bytes, NULL);
        put(out, "{\"operations\":");
        put_number(out, operations);
        put(out, ",\"bytes\":");
        put_number(out, bytes);
        put(out, "}");
        return status;
    }
    return write_to(run, writer, op + strlen("batch_"), out);
}

static int32_t stop_or_go(const stratum_progress *progress, void *context)
{
    (void)progress;
    return *(const int32_t *)context;
}

static int32_t verify(stratum_db *db, struct text *out)
{
    stratum_report *report = NULL;
    const int32_t status = stratum_db_verify(db, &report, NULL);
    if (status == STRATUM_OK) {
        const stratum_findings *findings = stratum_report_get(report);
        put(out, "{\"documents\":");
        put_number(out, findings->documents);
        put(out, ",\"inputs\":");
        put_number(out, findings->inputs);
        put(out, ",\"outputs\":");
        put_number(out, findings->outputs);
        put(out, ",\"damage\":");
        put_number(out, findings->damage_count);
        put(out, "}");
        stratum_report_free(&report);
    }
    return status;
}

static int32_t stats(stratum_db *db, struct text *out)
{
    stratum_stats stats = {0};
    stats.struct_size = sizeof stats;
    const int32_t status = stratum_db_stats(db, &stats, NULL);
    put(out, "{\"documents\":");
    put_number(out, stats.documents);
    put(out, ",\"nodes\":");
    put_number(out, stats.nodes);
    put(out, ",\"snapshots\":");
    put_number(out, stats.snapshots);
    put(out, ",\"commits\":");
    put_number(out, stats.commits);
    put(out, ",\"sequence\":");
    put_number(out, stats.sequence);
    put(out, ",\"poisoned\":%s}", stats.poisoned ? "true" : "false");
    return status;
}

int32_t on_db(struct run *run, stratum_db *db, const char *op, struct text *out)
{
    const struct writer writer = {NULL, db};
    union handle handle = {0};
    int32_t status = STRATUM_OK;
    if (strcmp(op, "db_latest") == 0) {
        handle.view = (stratum_view *)stratum_db_latest(db);
        keep(run, LATEST, handle);
        return handle.view != NULL ? STRATUM_OK : STRATUM_CLOSED;
    }
    if (strcmp(op, "db_snapshot") == 0) {
        status = stratum_db_snapshot(db, &handle.view, NULL);
        if (status == STRATUM_OK) {
            keep(run, SNAPSHOT, handle);
        }
        return status;
    }
    if (strcmp(op, "batch_create") == 0) {
        status = stratum_batch_create(db, &handle.batch, NULL);
        if (status == STRATUM_OK) {
            keep(run, BATCH, handle);
        }
        return status;
    }
    if (strcmp(op, "db_flush") == 0) {
        return stratum_db_flush(db, NULL);
    }
    if (strcmp(op, "db_checkpoint") == 0) {
        return stratum_db_checkpoint(db, NULL);
    }
    if (strcmp(op, "db_compact_now") == 0) {
        const json_t *progress = argument(run, "progress");
        int32_t go_on = progress == NULL || strcmp(json_string_value(progress), "stop") != 0;
        return stratum_db_compact_now(db, stop_or_go, &go_on, NULL);
    }
    if (strcmp(op, "db_stats") == 0) {
        return stats(db, out);
    }
    if (strcmp(op, "db_verify") == 0) {
        return verify(db, out);
    }
    return write_to(run, writer, op + strlen("db_"), out);
}

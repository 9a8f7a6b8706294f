/*
 * The conformance runner of stratum.h: `run WORK FILE...`, `dump STORE...`; ../README.md tells what they do.
 *
 * 1. A handle is kept twice: as the variable that close and free set to NULL, and as it was, so that what was freed is
 *    used again and the library has to say so.
 */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void clear(struct run *run)
{
    for (size_t at = 0; at < run->thing_count; ++at) {
        struct thing *thing = &run->things[at];
        switch (thing->type) {
        case DB: stratum_db_close(&thing->variable.db, NULL); break;
        case LATEST: break;
        case SNAPSHOT: stratum_view_free(&thing->variable.view); break;
        case BATCH: stratum_batch_free(&thing->variable.batch); break;
        case DOCUMENTS: stratum_document_cursor_free(&thing->variable.documents); break;
        case INPUTS: stratum_input_cursor_free(&thing->variable.inputs); break;
        case TREE: stratum_tree_free(&thing->variable.tree); break;
        case PINNED: stratum_pinned_free(&thing->variable.pinned); break;
        }
    }
    free(run->things);
    free(run->ids);
}

struct thing *find(struct run *run, const char *name)
{
    for (size_t at = run->thing_count; at > 0; --at) {
        if (strcmp(run->things[at - 1].name, name) == 0) {
            return &run->things[at - 1];
        }
    }
    broken("nothing has the name", name);
    return NULL;
}

void keep(struct run *run, enum type type, union handle handle)
{
    const char *name = json_string_value(json_object_get(run->step, "save_as"));
    struct thing thing = {type, name != NULL ? name : "", handle, handle};
    run->things = realloc(run->things, (run->thing_count + 1) * sizeof *run->things);
    if (run->things == NULL) {
        broken("no memory", NULL);
    }
    run->things[run->thing_count++] = thing;
}

void keep_id(struct run *run, const char *suffix, uint64_t id)
{
    const char *name = json_string_value(json_object_get(run->step, "save_as"));
    if (name == NULL) {
        return;
    }
    run->ids = realloc(run->ids, (run->id_count + 1) * sizeof *run->ids);
    if (run->ids == NULL) {
        broken("no memory", NULL);
    }
    run->ids[run->id_count++] = (struct id){name, suffix, id};
}

const json_t *argument(const struct run *run, const char *name)
{
    return json_object_get(json_object_get(run->step, "args"), name);
}

const char *word(const struct run *run, const char *name, size_t *length)
{
    const json_t *json = argument(run, name);
    if (!json_is_string(json)) {
        broken("no argument", name);
    }
    if (length != NULL) {
        *length = json_string_length(json);
    }
    return json_string_value(json);
}

uint64_t resolve(const struct run *run, const json_t *json)
{
    const char *text = json_string_value(json);
    if (text == NULL) {
        broken("no number", NULL);
    }
    if (*text != '$') {
        return strtoull(text, NULL, 10);
    }
    for (size_t at = run->id_count; at > 0; --at) {
        const struct id *id = &run->ids[at - 1];
        const size_t length = strlen(id->name);
        if (strncmp(text + 1, id->name, length) == 0 && strcmp(text + 1 + length, id->suffix) == 0) {
            return id->id;
        }
    }
    broken("no id", text);
    return 0;
}

uint64_t number(const struct run *run, const char *name)
{
    return resolve(run, argument(run, name));
}

char *path_of(const struct run *run, const char *name)
{
    const char *file = word(run, name, NULL);
    char *path = take(strlen(run->dir) + strlen(file) + 2, 1);
    sprintf(path, "%s/%s", run->dir, file);
    return path;
}

static int32_t open_store(struct run *run)
{
    stratum_options *options = NULL;
    int32_t status = stratum_options_create(&options, NULL);
    union handle handle = {0};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)argument(run, "options"), name, value) {
        if (status == STRATUM_OK) {
            status = stratum_options_set(options, name, strlen(name), json_string_value(value),
                                         json_string_length(value), NULL);
        }
    }
    if (status == STRATUM_OK) {
        const char *path = path_of(run, "path");
        status = stratum_db_open(path, strlen(path), options, &handle.db, NULL);
    }
    stratum_options_free(&options);
    if (status == STRATUM_OK) {
        keep(run, DB, handle);
    }
    return status;
}

static int32_t change_file(struct run *run, int whole)
{
    char *path = path_of(run, "file");
    size_t length;
    const unsigned char *bytes = unhex(word(run, whole ? "bytes" : "mask", NULL), &length);
    if (whole) {
        char *end = strrchr(path, '/');
        *end = '\0';
        mkdir(path, 0777);
        *end = '/';
    }
    FILE *file = fopen(path, whole ? "wb" : "r+b");
    if (file == NULL) {
        broken("cannot open", path);
    }
    if (whole) {
        fwrite(bytes, 1, length, file);
    } else {
        const long offset = (long)number(run, "offset");
        fseek(file, offset, SEEK_SET);
        const int byte = fgetc(file);
        fseek(file, offset, SEEK_SET);
        fputc(byte ^ bytes[0], file);
    }
    if (ferror(file) || fclose(file) != 0) {
        broken("cannot write", path);
    }
    return STRATUM_OK;
}

static int is_free(const char *op)
{
    const size_t length = strlen(op);
    return length > 5 && strcmp(op + length - 5, "_free") == 0;
}

static int32_t release(struct thing *thing)
{
    switch (thing->type) {
    case SNAPSHOT: return stratum_view_free(&thing->variable.view);
    case BATCH: return stratum_batch_free(&thing->variable.batch);
    case DOCUMENTS: return stratum_document_cursor_free(&thing->variable.documents);
    case INPUTS: return stratum_input_cursor_free(&thing->variable.inputs);
    case TREE: return stratum_tree_free(&thing->variable.tree);
    case PINNED: return stratum_pinned_free(&thing->variable.pinned);
    default: broken("cannot be freed", thing->name); return STRATUM_PANIC;
    }
}

static int32_t step(struct run *run, const char *op, struct text *out)
{
    if (strcmp(op, "db_open") == 0) {
        return open_store(run);
    }
    if (strncmp(op, "file_", 5) == 0) {
        return change_file(run, strcmp(op, "file_write") == 0);
    }
    /* What is found moves when something new is kept. */
    struct thing *found = find(run, json_string_value(json_object_get(run->step, "on")));
    struct thing thing = *found;
    if (is_free(op)) {
        return release(found);
    }
    if (strcmp(op, "db_close") == 0) {
        return stratum_db_close(&found->variable.db, NULL);
    }
    if (strcmp(op, "batch_commit") == 0) {
        return commit(run, found, out);
    }
    switch (thing.type) {
    case DB: return on_db(run, thing.handle.db, op, out);
    case BATCH: return on_batch(run, thing.handle.batch, op, out);
    case LATEST:
    case SNAPSHOT: return on_view(run, thing.handle.view, op, out);
    case DOCUMENTS: return on_documents(run, thing.handle.documents, op, out);
    case INPUTS: return on_inputs(run, thing.handle.inputs, op, out);
    case TREE: {
        const stratum_tree_desc *tree = stratum_tree_get(thing.handle.tree);
        if (tree == NULL) {
            return STRATUM_CLOSED;
        }
        put_tree(out, tree);
        return STRATUM_OK;
    }
    case PINNED: {
        const void *data = stratum_pinned_data(thing.handle.pinned);
        if (data == NULL) {
            return STRATUM_CLOSED;
        }
        put_hex(out, data, stratum_pinned_length(thing.handle.pinned));
        return STRATUM_OK;
    }
    }
    return STRATUM_PANIC;
}

static void run_script(const json_t *script, const char *dir)
{
    struct run run = {dir, NULL, NULL, 0, NULL, 0};
    struct text out = {0};
    size_t at;
    const json_t *row;
    const char *name = json_string_value(json_object_get(script, "name"));
    put(&out, "{\"script\":");
    put_quoted(&out, name, strlen(name));
    printf("%s}\n", out.data);
    mkdir(dir, 0777);
    json_array_foreach(json_object_get(script, "steps"), at, row) {
        run.step = row;
        out.length = 0;
        put(&out, "");
        const char *op = json_string_value(json_object_get(row, "op"));
        const int32_t status = step(&run, op, &out);
        printf("{\"step\":%zu,\"op\":\"%s\",\"status\":\"%s\"", at + 1, op, stratum_status_name(status));
        if (status == STRATUM_OK && out.length > 0) {
            printf(",\"value\":%s", out.data);
        }
        printf("}\n");
        free_all();
    }
    free(out.data);
    clear(&run);
}

static void run_files(const char *work, int count, char **paths)
{
    size_t scripts = 0;
    mkdir(work, 0777);
    for (int at = 0; at < count; ++at) {
        json_error_t error;
        json_t *file = json_load_file(paths[at], JSON_ALLOW_NUL, &error);
        size_t in_file;
        const json_t *script;
        if (file == NULL) {
            broken(paths[at], error.text);
        }
        json_array_foreach(json_object_get(file, "scripts"), in_file, script) {
            char *dir = malloc(strlen(work) + 24);
            if (dir == NULL) {
                broken("no memory", NULL);
            }
            sprintf(dir, "%s/%zu", work, scripts++);
            run_script(script, dir);
            free(dir);
        }
        json_decref(file);
    }
}

static int32_t dump_documents(stratum_view *view)
{
    stratum_document_cursor *cursor = NULL;
    uint64_t document = 0;
    uint64_t count = 0;
    int32_t status = stratum_view_documents(view, 0, &cursor, NULL);
    while (status == STRATUM_OK) {
        stratum_tree *tree = NULL;
        struct text out = {0};
        status = stratum_document_cursor_next(cursor, &document, NULL);
        if (status == STRATUM_OK) {
            status = stratum_view_tree(view, document, &tree, NULL);
        }
        if (status == STRATUM_OK) {
            put(&out, "{\"document\":");
            put_number(&out, document);
            put(&out, ",\"tree\":");
            put_tree(&out, stratum_tree_get(tree));
            printf("%s}\n", out.data);
        }
        stratum_tree_free(&tree);
        free(out.data);
    }
    stratum_document_cursor_free(&cursor);
    if (status == STRATUM_END) {
        status = stratum_view_document_count(view, &count, NULL);
    }
    if (status == STRATUM_OK) {
        printf("{\"documents\":\"%llu\"}\n", (unsigned long long)count);
    }
    return status;
}

static int32_t dump(const char *store)
{
    stratum_options *options = NULL;
    stratum_db *db = NULL;
    stratum_view *view = NULL;
    int32_t status = stratum_options_create(&options, NULL);
    if (status == STRATUM_OK) {
        status = stratum_options_set_create(options, 0, NULL);
    }
    if (status == STRATUM_OK) {
        status = stratum_db_open(store, strlen(store), options, &db, NULL);
    }
    if (status == STRATUM_OK) {
        status = stratum_db_snapshot(db, &view, NULL);
    }
    if (status == STRATUM_OK) {
        status = dump_documents(view);
    }
    stratum_view_free(&view);
    const int32_t closed = stratum_db_close(&db, NULL);
    stratum_options_free(&options);
    return status != STRATUM_OK ? status : closed;
}

int main(int count, char **arguments)
{
    if (count > 2 && strcmp(arguments[1], "run") == 0) {
        run_files(arguments[2], count - 3, arguments + 3);
    } else if (count > 1 && strcmp(arguments[1], "dump") == 0) {
        for (int at = 2; at < count; ++at) {
            printf("{\"store\":%d}\n", at - 2);
            const int32_t status = dump(arguments[at]);
            if (status != STRATUM_OK) {
                printf("{\"status\":\"%s\"}\n", stratum_status_name(status));
            }
        }
    } else {
        broken("usage", "runner run WORK FILE... | dump STORE...");
    }
    return fflush(stdout) == 0 ? 0 : 2;
}

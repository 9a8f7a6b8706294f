/* `export`: a package back into files, byte for byte what was imported (but for what is no column: see package.h). */
#include "commands.h"
#include "package.h"
#include "store.h"
#include "yaml.h"

#include <string.h>

static const struct stratum_value *find(const struct stratum_column *columns, size_t count, const char *name)
{
    return stratum_columns_find(columns, count, name, strlen(name));
}

/* Whether a stored path stays below the directory that it is written to. */
static bool is_safe(struct stratum_text path)
{
    size_t at, start = 0;

    if (path.length == 0 || memchr(path.data, '\0', path.length) != NULL)
        return false;
    for (at = 0; at <= path.length; at++) {
        if (at < path.length && path.data[at] != '/')
            continue;
        if (at == start || (at == start + 1 && path.data[start] == '.') ||
            (at == start + 2 && memcmp(path.data + start, "..", 2) == 0))
            return false;
        start = at + 1;
    }
    return true;
}

/* Writes a file below the directory, and the directories that it needs. */
static int write_below(struct arena *arena, const char *directory, const char *path, const struct stratum_value *value)
{
    struct stratum_text bytes;
    char *full, *slash;

    if (!is_safe(text_of(path)))
        return complain("%s: not a path that can be written to", path);
    if (!bytes_of_value(value, &bytes))
        return complain("%s: neither text nor bytes: this document is no problem package", path);
    full = arena_format(arena, "%s/%s", directory, path);
    slash = strrchr(full, '/');
    *slash = '\0';
    if (make_directories(arena, full) != 0)
        return -1;
    *slash = '/';
    return write_file(full, bytes);
}

/* Whether the test's own YAML file says the same, so that no file of its own does. */
static bool is_in_yaml(struct arena *arena, const struct stratum_input *input, const char *key,
                       const struct stratum_value *value)
{
    const struct stratum_entry *entries;
    const struct stratum_value *said;
    struct stratum_text text, a, b;
    size_t count;

    if (!bytes_of_value(find(input->columns, input->column_count, "yaml"), &text) ||
        yaml_read(arena, "yaml", text, NULL, &entries, &count) != 0)
        return false;
    said = yaml_find(entries, count, key);
    return bytes_of_value(said, &a) && bytes_of_value(value, &b) && text_equal(a, b);
}

static int export_files(struct arena *arena, const char *directory, const char *test,
                        const struct stratum_value *files)
{
    size_t at;

    if (files == NULL)
        return 0;
    if (files->kind != STRATUM_KIND_MAP)
        return complain("%s: `files` is no map: this document is no problem package", test);
    if (make_directories(arena, arena_format(arena, "%s/%s.files", directory, test)) != 0)
        return -1;
    for (at = 0; at < files->count; at++) {
        const struct stratum_entry *file = &files->as.entries[at];
        const char *path = arena_format(arena, "%s.files/%s", test, text_copy(arena, file->key));
        if (!is_safe(file->key))
            return complain("%s: not a path that can be written to", path);
        if (write_below(arena, directory, path, &file->value) != 0)
            return -1;
    }
    return 0;
}

static int export_input(struct arena *arena, const char *directory, const struct stratum_input *input)
{
    const struct test_companion *companion;
    const struct stratum_value *value;
    struct stratum_text group, name, kind;
    const char *test, *path;

    if (!bytes_of_value(find(input->columns, input->column_count, "group"), &group) ||
        !bytes_of_value(find(input->columns, input->column_count, "name"), &name) ||
        !bytes_of_value(find(input->columns, input->column_count, "kind"), &kind))
        return complain("an input without `group`, `name` and `kind`: this document is no problem package");
    test = arena_format(arena, "data/%s/%s", text_copy(arena, group), text_copy(arena, name));
    path = arena_format(arena, "%s.%s", test, text_is(kind, "interaction") ? "interaction" : "in");
    if (write_below(arena, directory, path, &input->value) != 0)
        return -1;
    if (input->output != NULL && write_below(arena, directory, arena_format(arena, "%s.ans", test), input->output) != 0)
        return -1;
    for (companion = test_companions; companion->extension != NULL; companion++) {
        value = find(input->columns, input->column_count, companion->column);
        path = arena_format(arena, "%s.%s", test, companion->extension);
        if (value == NULL || is_in_yaml(arena, input, companion->column, value))
            continue;
        if (write_below(arena, directory, path, value) != 0)
            return -1;
    }
    return export_files(arena, directory, test, find(input->columns, input->column_count, "files"));
}

static int export_tree(struct arena *arena, const char *directory, const struct stratum_tree_desc *tree)
{
    const struct stratum_value *metadata = find(tree->columns, tree->column_count, "problem.yaml");
    const struct stratum_value *groups = find(tree->columns, tree->column_count, "test_groups");
    struct stratum_value statement = stratum_value_bytes(tree->blob, tree->blob_length);
    struct stratum_text file;
    size_t at;

    if (metadata == NULL || !bytes_of_value(find(tree->columns, tree->column_count, "statement.file"), &file))
        return complain("no `problem.yaml` and `statement.file`: this document is no problem package");
    if (write_below(arena, directory, "problem.yaml", metadata) != 0 ||
        write_below(arena, directory, text_copy(arena, file), &statement) != 0)
        return -1;
    for (at = 0; groups != NULL && groups->kind == STRATUM_KIND_STRING_MAP && at < groups->count; at++) {
        const struct stratum_text *pair = &groups->as.strings[2 * at];
        struct stratum_value text = stratum_value_string(pair[1].data, pair[1].length);
        const char *path = arena_format(arena, "data/%s", text_copy(arena, pair[0]));
        if (write_below(arena, directory, path, &text) != 0)
            return -1;
    }
    for (at = 0; at < tree->input_count; at++)
        if (export_input(arena, directory, &tree->inputs[at]) != 0)
            return -1;
    return 0;
}

int command_export(const char *store, const char *name_or_id, const char *directory)
{
    struct arena arena = {NULL};
    stratum_tree *tree = NULL;
    stratum_db *db = NULL;
    uint64_t document = 0;
    int result;

    result = store_open_tree(store, name_or_id, &db, &document, &tree);
    if (result == 0)
        result = make_directories(&arena, directory);
    if (result == 0)
        result = export_tree(&arena, directory, stratum_tree_get(tree));
    arena_free(&arena);
    if (stratum_tree_free(&tree) != STRATUM_OK)
        result = complain("%s: the tree cannot be freed", name_or_id);
    if (store_close(&db, store) != 0)
        result = -1;
    return result == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

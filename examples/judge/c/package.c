/* A problem package, read from its directory. */
#include "../../icpc/yaml.h"
#include "judge.h"

#include <stdlib.h>
#include <string.h>

/* Deeper directories are circles of links. */
#define MAX_DEPTH 16

/* The columns of a document, at most. */
#define COLUMNS 5

struct paths {
    char **items;
    size_t count;
    size_t capacity;
};

/* Every file below `directory` whose name ends in `.in`; `name` is what the paths begin with. */
static int find_tests(struct arena *arena, const char *directory, const char *name, int depth, struct paths *paths)
{
    size_t count, at;
    char **names;

    if (depth > MAX_DEPTH)
        return complain("%s: directories nest too deep", directory);
    if (list_directory(arena, directory, &names, &count) != 0)
        return -1;
    for (at = 0; at < count; at++) {
        const char *path = arena_format(arena, "%s/%s", directory, names[at]);
        char *below = arena_format(arena, "%s/%s", name, names[at]);

        if (is_directory(path)) {
            if (find_tests(arena, path, below, depth + 1, paths) != 0)
                return -1;
        } else if (string_ends_with(below, ".in")) {
            if (paths->count == paths->capacity) {
                paths->capacity = 2 * paths->capacity + 16;
                paths->items = arena_grow(arena, paths->items, paths->count, paths->capacity, sizeof *paths->items);
            }
            paths->items[paths->count++] = below;
        }
    }
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The tests of `sample` or `secret`, behind those that are there. */
static int read_part(struct arena *arena, const char *data, const char *part, struct paths *paths)
{
    const char *directory = arena_format(arena, "%s/%s", data, part);
    size_t first = paths->count;

    if (!is_directory(directory))
        return 0;
    if (find_tests(arena, directory, part, 0, paths) != 0)
        return -1;
    if (paths->count > first)
        qsort(paths->items + first, paths->count - first, sizeof *paths->items, by_bytes);
    return 0;
}

static int read_input(struct arena *arena, const char *data, const char *path, struct stratum_input *input)
{
    char *test = arena_format(arena, "%.*s", (int)(strlen(path) - strlen(".in")), path);
    const char *answer = arena_format(arena, "%s/%s.ans", data, test);
    struct stratum_column *columns = arena_allocate(arena, sizeof *columns);
    struct stratum_text bytes;

    if (read_file(arena, arena_format(arena, "%s/%s", data, path), &bytes) != 0)
        return -1;
    input->value = value_of_bytes(bytes);
    columns->name = text_of("test");
    columns->value = stratum_value_string(test, strlen(test));
    input->columns = columns;
    input->column_count = 1;
    if (is_file(answer)) {
        struct stratum_value *output = arena_allocate(arena, sizeof *output);
        if (read_file(arena, answer, &bytes) != 0)
            return -1;
        *output = value_of_bytes(bytes);
        input->output = output;
    }
    return 0;
}

static int read_statement(struct arena *arena, const char *directory, struct stratum_text *statement)
{
    const char *place = arena_format(arena, "%s/statement", directory);
    size_t count, at;
    char **names;

    statement->data = NULL;
    statement->length = 0;
    if (!is_directory(place))
        place = arena_format(arena, "%s/problem_statement", directory);
    if (!is_directory(place))
        return 0;
    if (list_directory(arena, place, &names, &count) != 0)
        return -1;
    for (at = 0; at < count; at++)
        if (strncmp(names[at], "problem.", strlen("problem.")) == 0)
            return read_file(arena, arena_format(arena, "%s/%s", place, names[at]), statement);
    return 0;
}

static void add(struct stratum_tree_desc *tree, struct stratum_column *columns, const char *name,
                struct stratum_value value)
{
    columns[tree->column_count].name = text_of(name);
    columns[tree->column_count++].value = value;
}

/* The words of a text, or the texts of a list, as a column; none where there are none. */
static void add_words(struct arena *arena, struct stratum_tree_desc *tree, struct stratum_column *columns,
                      const char *name, const struct stratum_value *value)
{
    const struct stratum_text *words = NULL;
    struct stratum_text text;
    size_t count = 0;

    if (value != NULL && value->kind == STRATUM_KIND_STRING_LIST) {
        words = value->as.strings;
        count = value->count;
    } else if (bytes_of_value(value, &text)) {
        split_words(arena, text, &words, &count);
    }
    if (count > 0)
        add(tree, columns, name, stratum_value_string_list(words, count));
}

static struct stratum_value title(const struct stratum_value *name, const char *missing)
{
    size_t at;

    if (name != NULL && name->kind == STRATUM_KIND_STRING)
        return *name;
    if (name != NULL && name->kind == STRATUM_KIND_STRING_MAP) {
        const struct stratum_text *chosen = &name->as.strings[1];
        for (at = 0; at < name->count; at++)
            if (text_is(name->as.strings[2 * at], "en"))
                chosen = &name->as.strings[2 * at + 1];
        return stratum_value_string(chosen->data, chosen->length);
    }
    return stratum_value_string(missing, strlen(missing));
}

static int read_yaml(struct arena *arena, const char *directory, const struct stratum_entry **entries, size_t *count)
{
    const char *path = arena_format(arena, "%s/problem.yaml", directory);
    struct stratum_text text;

    if (read_file(arena, path, &text) != 0)
        return -1;
    if (!text_is_utf8(text))
        return complain("%s: not UTF-8", path);
    return yaml_read(arena, path, text, NULL, entries, count);
}

int read_package(struct arena *arena, const char *directory, const char *name, struct stratum_tree_desc *tree)
{
    struct stratum_column *columns = arena_grow(arena, NULL, 0, COLUMNS, sizeof *columns);
    const char *data = arena_format(arena, "%s/data", directory);
    const struct stratum_entry *entries;
    struct paths paths = {NULL, 0, 0};
    struct stratum_text statement;
    struct stratum_input *inputs;
    size_t count, samples, at;

    memset(tree, 0, sizeof *tree);
    tree->struct_size = sizeof *tree;
    if (read_yaml(arena, directory, &entries, &count) != 0 || read_statement(arena, directory, &statement) != 0 ||
        read_part(arena, data, "sample", &paths) != 0)
        return -1;
    samples = paths.count;
    if (read_part(arena, data, "secret", &paths) != 0)
        return -1;
    inputs = arena_grow(arena, NULL, 0, paths.count, sizeof *inputs);
    for (at = 0; at < paths.count; at++)
        if (read_input(arena, data, paths.items[at], &inputs[at]) != 0)
            return -1;
    add(tree, columns, "package", stratum_value_string(name, strlen(name)));
    add(tree, columns, "title", title(yaml_find(entries, count, "name"), name));
    add_words(arena, tree, columns, "keywords", yaml_find(entries, count, "keywords"));
    add_words(arena, tree, columns, "flags", yaml_find(entries, count, "validator_flags"));
    add(tree, columns, "samples", stratum_value_int64((int64_t)samples));
    tree->blob = statement.data;
    tree->blob_length = statement.length;
    tree->columns = columns;
    tree->inputs = inputs;
    tree->input_count = paths.count;
    return 0;
}

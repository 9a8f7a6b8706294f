/* One test: its input, its output, and whatever else belongs to it. */
#include "package.h"
#include "yaml.h"

#include <stdlib.h>
#include <string.h>

/* How deep directories in a `.files` directory may lie. */
#define MAX_DEPTH 16

const struct test_companion test_companions[] = {
    {"desc", "description"},
    {"hint", "hint"},
    {"interaction", "interaction"},
    {"out", "out"},
    {"yaml", "yaml"},
    {"in.statement", "in.statement"},
    {"ans.statement", "ans.statement"},
    {"in.download", "in.download"},
    {"ans.download", "ans.download"},
    {"png", "png"},
    {"jpg", "jpg"},
    {"jpeg", "jpeg"},
    {"svg", "svg"},
    {NULL, NULL},
};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(a, *(char *const *)b);
}

bool has_name(char *const *names, size_t count, const char *name)
{
    return count > 0 && bsearch(name, names, count, sizeof *names, by_bytes) != NULL;
}

bool is_companion(const char *name, const char *base)
{
    size_t length = strlen(base), at;

    if (strncmp(name, base, length) != 0 || name[length] != '.')
        return false;
    for (at = 0; test_companions[at].extension != NULL; at++)
        if (strcmp(name + length + 1, test_companions[at].extension) == 0)
            return true;
    return strcmp(name + length + 1, "files") == 0;
}

struct file_list {
    struct stratum_entry *entries;
    size_t count;
    size_t capacity;
};

/* The files below a directory, by their paths in it. */
static int read_files(struct package *package, const char *directory, const char *prefix, int depth,
                      struct file_list *files)
{
    char **names;
    size_t count, at;

    if (depth > MAX_DEPTH)
        return complain("%s: directories nest too deep", directory);
    if (list_directory(&package->arena, directory, &names, &count) != 0)
        return -1;
    for (at = 0; at < count; at++) {
        const char *path = arena_format(&package->arena, "%s/%s", directory, names[at]);
        const char *key = arena_format(&package->arena, "%s%s", prefix, names[at]);
        struct stratum_text bytes;
        if (is_directory(path)) {
            if (read_files(package, path, arena_format(&package->arena, "%s/", key), depth + 1, files) != 0)
                return -1;
            continue;
        }
        if (!text_is_utf8(text_of(key)))
            return complain("%s: a name that is not UTF-8", path);
        if (read_file(&package->arena, path, &bytes) != 0)
            return -1;
        if (files->count == files->capacity) {
            files->capacity = 2 * files->capacity + 8;
            files->entries = arena_grow(&package->arena, files->entries, files->count, files->capacity,
                                        sizeof *files->entries);
        }
        files->entries[files->count].key = text_of(key);
        files->entries[files->count++].value = value_of_bytes(bytes);
    }
    return 0;
}

/* The value of a column, NULL where there is none. */
static const struct stratum_value *find_column(const struct columns *columns, const char *name)
{
    size_t at;
    for (at = 0; at < columns->count; at++)
        if (text_is(columns->items[at].name, name))
            return &columns->items[at].value;
    return NULL;
}

/* Since 2025 a test's description, hint and validator arguments stand in a YAML file of its own. */
static int read_configuration(struct package *package, const char *path, struct columns *columns,
                              const struct stratum_value **args)
{
    static const char *const keys[] = {"description", "hint"};
    const struct stratum_value *value = find_column(columns, "yaml");
    const struct stratum_entry *entries;
    struct stratum_text text;
    size_t count, at;

    *args = NULL;
    if (value == NULL)
        return 0;
    if (!bytes_of_value(value, &text) || value->kind != STRATUM_KIND_STRING)
        return complain("%s: not UTF-8", path);
    if (yaml_read(&package->arena, path, text, NULL, &entries, &count) != 0)
        return -1;
    for (at = 0; at < 2; at++) {
        value = yaml_find(entries, count, keys[at]);
        if (value != NULL && value->kind == STRATUM_KIND_STRING && find_column(columns, keys[at]) == NULL &&
            add_column(package, columns, keys[at], *value) != 0)
            return -1;
    }
    *args = yaml_find(entries, count, "output_validator_args");
    return 0;
}

/* Those of problem.yaml, then those of the test or else of its nearest group. */
static int add_validator_args(struct package *package, const struct test_place *place,
                              const struct stratum_value *own, struct columns *columns)
{
    const struct stratum_text *args = place->validator_args;
    size_t count = place->validator_arg_count, total;
    struct stratum_text *all;

    if (own != NULL) {
        args = own->kind == STRATUM_KIND_STRING_LIST ? own->as.strings : NULL;
        count = args != NULL ? own->count : 0;
    }
    total = package->validator_arg_count + count;
    if (total == 0)
        return 0;
    all = arena_grow(&package->arena, package->validator_args, package->validator_arg_count, total, sizeof *all);
    if (count > 0)
        memcpy(all + package->validator_arg_count, args, count * sizeof *all);
    return add_column(package, columns, "output_validator_args", stratum_value_string_list(all, total));
}

static int read_companions(struct package *package, const struct test_place *place, const char *base, bool interaction,
                           struct columns *columns)
{
    const struct test_companion *companion;
    const char *name = arena_format(&package->arena, "%s.files", base);
    struct file_list files = {NULL, 0, 0};

    for (companion = test_companions; companion->extension != NULL; companion++) {
        const char *file = arena_format(&package->arena, "%s.%s", base, companion->extension);
        struct stratum_text bytes;
        if (!has_name(place->names, place->name_count, file))
            continue;
        if (interaction && strcmp(companion->extension, "interaction") == 0)
            continue;
        if (read_file(&package->arena, arena_format(&package->arena, "%s/%s", place->directory, file), &bytes) != 0 ||
            add_column(package, columns, companion->column, value_of_bytes(bytes)) != 0)
            return -1;
    }
    if (!has_name(place->names, place->name_count, name))
        return 0;
    if (read_files(package, arena_format(&package->arena, "%s/%s", place->directory, name), "", 0, &files) != 0)
        return -1;
    return add_column(package, columns, "files", stratum_value_map(files.entries, files.count));
}

/* The answer, which only a sample that shows a dialogue instead may lack. */
static int read_answer(struct package *package, const struct test_place *place, const char *base,
                       struct stratum_input *input)
{
    const char *name = arena_format(&package->arena, "%s.ans", base);
    struct stratum_text bytes;
    struct stratum_value *output;

    if (!has_name(place->names, place->name_count, name)) {
        bool dialogue = has_name(place->names, place->name_count,
                                 arena_format(&package->arena, "%s.interaction", base));
        if (dialogue && strncmp(place->group, "sample", 6) == 0)
            return 0;
        return complain("%s/%s.in: has no answer (%s is missing)", place->directory, base, name);
    }
    if (read_file(&package->arena, arena_format(&package->arena, "%s/%s", place->directory, name), &bytes) != 0)
        return -1;
    output = arena_allocate(&package->arena, sizeof *output);
    *output = value_of_bytes(bytes);
    input->output = output;
    return 0;
}

int read_test(struct package *package, const struct test_place *place, const char *base, bool interaction)
{
    const char *kind = interaction ? "interaction" : "test";
    const char *path = arena_format(&package->arena, "%s/%s.%s", place->directory, base, interaction ? kind : "in");
    struct columns columns = {NULL, 0, 0};
    struct stratum_input input = {0};
    const struct stratum_value *args;
    struct stratum_text bytes;

    if (!text_is_utf8(text_of(base)))
        return complain("%s: a test's name must be UTF-8", path);
    if (read_file(&package->arena, path, &bytes) != 0 ||
        (!interaction && read_answer(package, place, base, &input) != 0))
        return -1;
    input.value = value_of_bytes(bytes);
    if (add_column(package, &columns, "group", stratum_value_string(place->group, strlen(place->group))) != 0 ||
        add_column(package, &columns, "name", stratum_value_string(base, strlen(base))) != 0 ||
        add_column(package, &columns, "kind", stratum_value_string(kind, strlen(kind))) != 0 ||
        read_companions(package, place, base, interaction, &columns) != 0)
        return -1;
    path = arena_format(&package->arena, "%s/%s.yaml", place->directory, base);
    if (read_configuration(package, path, &columns, &args) != 0 ||
        (!interaction && add_validator_args(package, place, args, &columns) != 0))
        return -1;
    input.columns = columns.items;
    input.column_count = columns.count;
    if (package->input_count == package->input_capacity) {
        package->input_capacity = 2 * package->input_capacity + 16;
        package->inputs = arena_grow(&package->arena, package->inputs, package->input_count, package->input_capacity,
                                     sizeof *package->inputs);
    }
    package->inputs[package->input_count++] = input;
    return 0;
}

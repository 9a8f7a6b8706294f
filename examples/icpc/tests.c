/* The directories of tests, in the judge's order. */
#include "package.h"
#include "yaml.h"

#include <stdlib.h>
#include <string.h>

/* Deeper ones are circles of links. */
#define MAX_DEPTH 16

/* A directory of tests, and what it has from those above it. */
struct group {
    const char *directory;
    const char *name; /* its path below data/, "" for data/ itself */
    int depth;
    const struct stratum_text *validator_args;
    size_t validator_arg_count;
};

/* What a group consists of: tests, dialogues, groups. */
struct item {
    const char *base;
    enum { TEST, INTERACTION, GROUP } kind;
};

static int by_base(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    int bases = strcmp(a->base, b->base);
    return bases != 0 ? bases : (a->kind > b->kind) - (a->kind < b->kind);
}

static const char *below(struct package *package, const char *group, const char *name)
{
    return arena_format(&package->arena, "%s%s%s", group, group[0] != '\0' ? "/" : "", name);
}

/* `output_validator_flags` of the legacy format are a text, or a map with one; `output_validator_args` since a list. */
static void find_validator_args(struct package *package, const struct stratum_entry *entries, size_t count,
                                struct group *group)
{
    const struct stratum_value *args = yaml_find(entries, count, "output_validator_args");
    const struct stratum_value *flags = yaml_find(entries, count, "output_validator_flags");
    struct stratum_text text;
    size_t at;

    if (args != NULL) {
        group->validator_args = args->kind == STRATUM_KIND_STRING_LIST ? args->as.strings : NULL;
        group->validator_arg_count = group->validator_args != NULL ? args->count : 0;
    } else if (flags != NULL && flags->kind == STRATUM_KIND_STRING_MAP) {
        for (at = 0; at < flags->count; at++)
            if (text_is(flags->as.strings[2 * at], "flags"))
                split_words(&package->arena, flags->as.strings[2 * at + 1], &group->validator_args,
                            &group->validator_arg_count);
    } else if (bytes_of_value(flags, &text)) {
        split_words(&package->arena, text, &group->validator_args, &group->validator_arg_count);
    }
}

/* Keeps the group's configuration, and what it says about comparing outputs. */
static int read_group_file(struct package *package, struct group *group, const char *name)
{
    const char *path = arena_format(&package->arena, "%s/%s", group->directory, name);
    const struct stratum_entry *entries;
    struct stratum_text text, *pair;
    size_t count;

    if (read_file(&package->arena, path, &text) != 0)
        return -1;
    if (!text_is_utf8(text))
        return complain("%s: not UTF-8", path);
    if (yaml_read(&package->arena, path, text, NULL, &entries, &count) != 0)
        return -1;
    find_validator_args(package, entries, count, group);
    if (package->test_group_count == package->test_group_capacity) {
        package->test_group_capacity = 2 * package->test_group_capacity + 8;
        package->test_groups = arena_grow(&package->arena, package->test_groups, package->test_group_count,
                                          package->test_group_capacity, 2 * sizeof *package->test_groups);
    }
    pair = &package->test_groups[2 * package->test_group_count++];
    pair[0] = text_of(below(package, group->name, name));
    pair[1] = text;
    return 0;
}

static bool is_group_file(const char *name)
{
    return strcmp(name, "testdata.yaml") == 0 || strcmp(name, "test_group.yaml") == 0;
}

/* `name` without its extension. */
static const char *base_of(struct package *package, const char *name, const char *extension)
{
    return arena_format(&package->arena, "%.*s", (int)(strlen(name) - strlen(extension)), name);
}

static bool has_input(struct package *package, char *const *names, size_t count, const char *base)
{
    return has_name(names, count, arena_format(&package->arena, "%s.in", base));
}

/* What a name in a directory of tests begins, if it begins anything. */
static bool item_of(struct package *package, const struct group *group, char *const *names, size_t count,
                    const char *name, struct item *item)
{
    bool in_sample = strcmp(group->name, "sample") == 0 || strncmp(group->name, "sample/", 7) == 0;

    item->base = name;
    item->kind = GROUP;
    if (is_directory(arena_format(&package->arena, "%s/%s", group->directory, name)))
        return !string_ends_with(name, ".files") || !has_input(package, names, count, base_of(package, name, ".files"));
    if (string_ends_with(name, ".in")) {
        item->base = base_of(package, name, ".in");
        item->kind = TEST;
        return true;
    }
    if (in_sample && string_ends_with(name, ".interaction")) {
        item->base = base_of(package, name, ".interaction");
        item->kind = INTERACTION;
        return !has_input(package, names, count, item->base);
    }
    return false;
}

/* A file that begins no test must belong to one. */
static int check_remaining(struct package *package, const struct group *group, char *const *names, size_t count,
                           const char *name, const struct item *items, size_t item_count)
{
    size_t at;

    if (is_group_file(name))
        return 0;
    if (string_ends_with(name, ".ans")) {
        if (has_input(package, names, count, base_of(package, name, ".ans")))
            return 0;
        return complain("%s/%s: an answer without its input", group->directory, name);
    }
    for (at = 0; at < item_count; at++)
        if (items[at].kind != GROUP && is_companion(name, items[at].base))
            return 0;
    note("%s/%s: belongs to no test, and is not imported", group->directory, name);
    return 0;
}

static int read_group(struct package *package, struct group group);

static int read_item(struct package *package, const struct group *group, char *const *names, size_t count,
                     const struct item *item)
{
    struct test_place place;
    struct group child = *group;

    if (item->kind == GROUP) {
        child.directory = arena_format(&package->arena, "%s/%s", group->directory, item->base);
        child.name = below(package, group->name, item->base);
        child.depth++;
        return read_group(package, child);
    }
    place.directory = group->directory;
    place.group = group->name;
    place.names = names;
    place.name_count = count;
    place.validator_args = group->validator_args;
    place.validator_arg_count = group->validator_arg_count;
    return read_test(package, &place, item->base, item->kind == INTERACTION);
}

static int read_group(struct package *package, struct group group)
{
    size_t count, item_count = 0, at;
    struct item *items;
    char **names;

    if (group.depth > MAX_DEPTH)
        return complain("%s: directories nest too deep", group.directory);
    if (!text_is_utf8(text_of(group.name)))
        return complain("%s: a group's name must be UTF-8", group.directory);
    if (list_directory(&package->arena, group.directory, &names, &count) != 0)
        return -1;
    for (at = 0; at < count; at++)
        if (is_group_file(names[at]) && read_group_file(package, &group, names[at]) != 0)
            return -1;
    items = arena_grow(&package->arena, NULL, 0, count, sizeof *items);
    for (at = 0; at < count; at++)
        item_count += item_of(package, &group, names, count, names[at], &items[item_count]);
    for (at = 0; at < count; at++) {
        struct item own;
        if (!item_of(package, &group, names, count, names[at], &own) &&
            check_remaining(package, &group, names, count, names[at], items, item_count) != 0)
            return -1;
    }
    if (item_count > 0)
        qsort(items, item_count, sizeof *items, by_base);
    for (at = 0; at < item_count; at++)
        if (read_item(package, &group, names, count, &items[at]) != 0)
            return -1;
    return 0;
}

int read_tests(struct package *package)
{
    static const char *const parts[] = {"sample", "secret"};
    static const char *const files[] = {"testdata.yaml", "test_group.yaml"};
    struct group data = {NULL, "", 0, NULL, 0};
    size_t at;

    data.directory = arena_format(&package->arena, "%s/data", package->directory);
    for (at = 0; at < 2; at++)
        if (is_file(arena_format(&package->arena, "%s/%s", data.directory, files[at])) &&
            read_group_file(package, &data, files[at]) != 0)
            return -1;
    for (at = 0; at < 2; at++) {
        struct item part;
        part.base = parts[at];
        part.kind = GROUP;
        if (is_directory(arena_format(&package->arena, "%s/%s", data.directory, parts[at])) &&
            read_item(package, &data, NULL, 0, &part) != 0)
            return -1;
    }
    if (package->input_count == 0)
        return complain("%s: no tests in data/sample and data/secret", package->directory);
    return 0;
}

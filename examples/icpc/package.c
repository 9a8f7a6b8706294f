/* The package as a whole. */
#include "package.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int add_column(struct package *package, struct columns *columns, const char *name, struct stratum_value value)
{
    size_t at;

    for (at = 0; at < columns->count; at++)
        if (text_is(columns->items[at].name, name))
            return complain("%s: the key `%s` of problem.yaml has the name of another column", package->directory,
                            name);
    if (columns->count == columns->capacity) {
        columns->capacity = 2 * columns->capacity + 8;
        columns->items = arena_grow(&package->arena, columns->items, columns->count, columns->capacity,
                                    sizeof *columns->items);
    }
    columns->items[columns->count].name = text_of(name);
    columns->items[columns->count].value = value;
    columns->count++;
    return 0;
}

/* The short name of the package: that of its directory, also where it is given as `.` or through a link. */
static int find_name(struct package *package)
{
    char *resolved = realpath(package->directory, NULL);
    const char *slash;

    if (resolved == NULL)
        return complain("%s: %s", package->directory, strerror(errno));
    slash = strrchr(resolved, '/');
    package->name = arena_format(&package->arena, "%s", slash != NULL ? slash + 1 : resolved);
    free(resolved);
    if (!is_directory(package->directory))
        return complain("%s: not a directory, so no package", package->directory);
    if (package->name[0] == '\0' || !text_is_utf8(text_of(package->name)))
        return complain("%s: the directory's name is the package's, and must be UTF-8", package->directory);
    return add_column(package, &package->columns, "package",
                      stratum_value_string(package->name, strlen(package->name)));
}

int package_read(struct package *package, const char *directory)
{
    memset(package, 0, sizeof *package);
    package->directory = directory;
    if (find_name(package) != 0 || read_metadata(package) != 0 || read_statement(package) != 0 ||
        read_tests(package) != 0)
        return -1;
    if (package->test_group_count == 0)
        return 0;
    return add_column(package, &package->columns, "test_groups",
                      stratum_value_string_map(package->test_groups, package->test_group_count));
}

void package_free(struct package *package)
{
    arena_free(&package->arena);
}

struct stratum_tree_desc package_tree(const struct package *package)
{
    struct stratum_tree_desc tree = {0};

    tree.struct_size = sizeof tree;
    tree.blob = package->statement.data;
    tree.blob_length = package->statement.length;
    tree.columns = package->columns.items;
    tree.column_count = package->columns.count;
    tree.inputs = package->inputs;
    tree.input_count = package->input_count;
    return tree;
}

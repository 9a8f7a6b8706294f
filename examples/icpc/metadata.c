/* problem.yaml and the statement. */
#include "package.h"
#include "yaml.h"

#include <stdlib.h>
#include <string.h>

/* Keys whose values have types, and those that the format does not know. What it calls text is, even if it looks like a
 * number. */
static bool is_typed_key(struct stratum_text key)
{
    static const char *const texts[] = {
        "problem_format_version", "type",       "name",            "uuid",     "version",   "author",
        "credits",                "source",     "source_url",      "license",  "languages", "rights_owner",
        "embargo_until",          "validation", "validator_flags", "keywords", NULL,
    };
    size_t at;
    for (at = 0; texts[at] != NULL; at++)
        if (text_is(key, texts[at]))
            return false;
    return true;
}

static int add_entry(struct package *package, const char *prefix, struct stratum_text key,
                     const struct stratum_value *value);

/* A column for each limit, those of maps in the map included. */
static int add_flattened(struct package *package, const char *prefix, const struct stratum_value *map)
{
    size_t at;

    prefix = arena_format(&package->arena, "%s.", prefix);
    for (at = 0; at < map->count; at++) {
        struct stratum_entry entry;
        if (map->kind == STRATUM_KIND_MAP) {
            entry = map->as.entries[at];
        } else {
            const struct stratum_text *pair = &map->as.strings[2 * at];
            entry.key = pair[0];
            entry.value = stratum_value_string(pair[1].data, pair[1].length);
        }
        if (add_entry(package, prefix, entry.key, &entry.value) != 0)
            return -1;
    }
    return 0;
}

static int add_entry(struct package *package, const char *prefix, struct stratum_text key,
                     const struct stratum_value *value)
{
    char *name = arena_format(&package->arena, "%s%s", prefix, text_copy(&package->arena, key));
    bool is_map = (value->kind == STRATUM_KIND_MAP || value->kind == STRATUM_KIND_STRING_MAP) && value->count > 0;

    if (is_map && (strcmp(name, "limits") == 0 || prefix[0] != '\0'))
        return add_flattened(package, name, value);
    return add_column(package, &package->columns, name, *value);
}

/* The directory of the output validator's sources in the legacy format, and since. */
static bool has_own_validator(struct package *package)
{
    return is_directory(arena_format(&package->arena, "%s/output_validators", package->directory)) ||
           is_directory(arena_format(&package->arena, "%s/output_validator", package->directory));
}

int read_metadata(struct package *package)
{
    const char *path = arena_format(&package->arena, "%s/problem.yaml", package->directory);
    const struct stratum_value *value;
    const struct stratum_entry *entries;
    struct stratum_text text;
    size_t count, at;

    if (!is_file(path))
        return complain("%s: no problem.yaml, so no package", package->directory);
    if (read_file(&package->arena, path, &text) != 0)
        return -1;
    if (!text_is_utf8(text))
        return complain("%s: not UTF-8", path);
    if (yaml_read(&package->arena, path, text, is_typed_key, &entries, &count) != 0)
        return -1;
    for (at = 0; at < count; at++)
        if (add_entry(package, "", entries[at].key, &entries[at].value) != 0)
            return -1;
    value = yaml_find(entries, count, "uuid");
    if (value != NULL && value->kind == STRATUM_KIND_STRING)
        bytes_of_value(value, &package->uuid);
    value = yaml_find(entries, count, "validator_flags");
    if (value != NULL && value->kind == STRATUM_KIND_STRING) {
        struct stratum_text flags;
        bytes_of_value(value, &flags);
        split_words(&package->arena, flags, &package->validator_args, &package->validator_arg_count);
    }
    if (yaml_find(entries, count, "validation") == NULL && has_own_validator(package) &&
        add_column(package, &package->columns, "validation", stratum_value_string("custom", 6)) != 0)
        return -1;
    return add_column(package, &package->columns, "problem.yaml", stratum_value_string(text.data, text.length));
}

/* A file `problem.<language>.<extension>`, or `problem.<extension>`, which is English. */
struct statement {
    const char *file;
    const char *language;
    int rank; /* of the extension; lower is better */
};

static bool parse_statement(struct package *package, const char *file, struct statement *statement)
{
    static const char *const extensions[] = {".md", ".tex", ".html", ".pdf"};
    const char *language;
    size_t length;

    if (strncmp(file, "problem.", 8) != 0)
        return false;
    for (statement->rank = 0; statement->rank < 4; statement->rank++)
        if (string_ends_with(file, extensions[statement->rank]))
            break;
    if (statement->rank == 4)
        return false;
    length = strlen(file) - strlen(extensions[statement->rank]);
    statement->file = file;
    statement->language = "en";
    if (length > 8) {
        language = arena_format(&package->arena, "%.*s", (int)(length - 8), file + 8);
        if (strspn(language, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != strlen(language))
            return false;
        statement->language = language;
    }
    return true;
}

/* English first, then English of some country, then the order of the codes; of one language the better extension. */
static int by_preference(const void *left, const void *right)
{
    const struct statement *a = left, *b = right;
    int plain = (strcmp(b->language, "en") == 0) - (strcmp(a->language, "en") == 0);
    int english = (strncmp(b->language, "en-", 3) == 0) - (strncmp(a->language, "en-", 3) == 0);
    int languages = strcmp(a->language, b->language);
    int ranks = (a->rank > b->rank) - (a->rank < b->rank);

    if (plain != 0 || english != 0)
        return plain != 0 ? plain : english;
    return languages != 0 ? languages : ranks != 0 ? ranks : strcmp(a->file, b->file);
}

static int add_statement(struct package *package, const char *directory, struct statement *all, size_t count)
{
    struct stratum_text *languages = arena_grow(&package->arena, NULL, 0, count, sizeof *languages);
    const char *file, *path;
    size_t at, distinct = 0;

    qsort(all, count, sizeof *all, by_preference);
    for (at = 0; at < count; at++)
        if (at == 0 || strcmp(all[at].language, all[at - 1].language) != 0)
            languages[distinct++] = text_of(all[at].language);
    file = arena_format(&package->arena, "%s/%s", directory, all[0].file);
    path = arena_format(&package->arena, "%s/%s", package->directory, file);
    if (read_file(&package->arena, path, &package->statement) != 0 ||
        add_column(package, &package->columns, "statement.file", stratum_value_string(file, strlen(file))) != 0 ||
        add_column(package, &package->columns, "statement.language",
                   stratum_value_string(all[0].language, strlen(all[0].language))) != 0)
        return -1;
    return add_column(package, &package->columns, "statement.languages",
                      stratum_value_string_list(languages, distinct));
}

int read_statement(struct package *package)
{
    static const char *const directories[] = {"statement", "problem_statement"};
    size_t which;

    for (which = 0; which < 2; which++) {
        const char *path = arena_format(&package->arena, "%s/%s", package->directory, directories[which]);
        struct statement *all;
        size_t names_count, at, count = 0;
        char **names;

        if (!is_directory(path))
            continue;
        if (list_directory(&package->arena, path, &names, &names_count) != 0)
            return -1;
        all = arena_grow(&package->arena, NULL, 0, names_count, sizeof *all);
        for (at = 0; at < names_count; at++)
            count += parse_statement(package, names[at], &all[count]);
        if (count > 0)
            return add_statement(package, directories[which], all, count);
    }
    return complain("%s: no statement (statement/problem.en.md, problem_statement/problem.en.tex...)",
                    package->directory);
}

/* `judge`: outputs in files against those in the store. */
#include "commands.h"
#include "print.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

/* How much of a token is shown. */
#define SHOWN_BYTES 40

struct tally {
    size_t identical;
    size_t accepted;
    size_t wrong;
    size_t skipped;
};

static const struct stratum_value *find(const struct stratum_input *input, const char *name)
{
    return stratum_columns_find(input->columns, input->column_count, name, strlen(name));
}

/* The comparison that the package asks for; what is for a validator of its own is passed over. */
static struct comparison comparison_of(const struct stratum_input *input)
{
    const struct stratum_value *args = find(input, "output_validator_args");
    struct comparison comparison = comparison_default();
    size_t at = 0;

    if (args == NULL || args->kind != STRATUM_KIND_STRING_LIST)
        return comparison;
    while (at < args->count) {
        const struct stratum_text *value = at + 1 < args->count ? &args->as.strings[at + 1] : NULL;
        int taken = comparison_option(&comparison, args->as.strings[at], value);
        at += taken > 0 ? (size_t)taken : 1;
    }
    return comparison;
}

static void print_side(const char *label, struct stratum_text text)
{
    printf("    %-8s  ", label);
    if (text.data == NULL)
        fputs("end of output", stdout);
    else
        print_quoted(text, SHOWN_BYTES);
    putchar('\n');
}

static void print_difference(const struct difference *difference)
{
    printf("line %zu, column %zu", difference->line, difference->column);
    if (difference->token > 0)
        printf(", token %zu", difference->token);
    printf(" (line %zu of what is expected): %s\n", difference->expected_line, difference->what);
    print_side("expected", difference->expected);
    print_side("got", difference->got);
}

/* `<directory>/<group>/<name>.out`, or `.ans`; NULL where there is neither. */
static const char *candidate_path(struct arena *arena, const char *directory, const char *test)
{
    const char *path = arena_format(arena, "%s/%s.out", directory, test);
    if (is_file(path))
        return path;
    path = arena_format(arena, "%s/%s.ans", directory, test);
    return is_file(path) ? path : NULL;
}

static int judge_output(struct arena *arena, const char *directory, const char *test, struct stratum_text expected,
                        const struct comparison *comparison, struct tally *tally)
{
    const char *path = candidate_path(arena, directory, test);
    struct difference difference;
    struct stratum_text got;

    if (path == NULL) {
        printf("WRONG     %s: there is no %s/%s.out (or .ans)\n", test, directory, test);
        tally->wrong++;
        return 0;
    }
    if (read_file(arena, path, &got) != 0)
        return -1;
    switch (compare_outputs(comparison, expected, got, &difference)) {
    case IDENTICAL:
        printf("ok        %s: identical\n", test);
        tally->identical++;
        break;
    case ACCEPTED:
        printf("ok        %s: equal in what counts\n", test);
        tally->accepted++;
        break;
    default:
        printf("WRONG     %s: ", test);
        print_difference(&difference);
        tally->wrong++;
    }
    return 0;
}

static int judge_input(const char *directory, const struct stratum_input *input, const struct comparison *comparison,
                       struct tally *tally)
{
    struct comparison own = comparison_of(input);
    struct arena arena = {NULL};
    struct stratum_text group, name, expected;
    int result = 0;

    if (!bytes_of_value(find(input, "group"), &group) || !bytes_of_value(find(input, "name"), &name))
        return complain("an input without `group` and `name`: this document is no problem package");
    if (input->output == NULL) {
        printf("skipped   ");
        print_plain(group);
        putchar('/');
        print_plain(name);
        printf(": interactive, no output is stored\n");
        tally->skipped++;
    } else if (!bytes_of_value(input->output, &expected)) {
        result = complain("an output that is neither text nor bytes: this document is no problem package");
    } else {
        const char *test = arena_format(&arena, "%s/%s", text_copy(&arena, group), text_copy(&arena, name));
        result = judge_output(&arena, directory, test, expected, comparison != NULL ? comparison : &own, tally);
    }
    arena_free(&arena);
    return result;
}

/* Says where comparing outputs is not what the package's judge would do. */
static void warn(const struct stratum_tree_desc *tree, const char *name)
{
    const struct stratum_value *value;
    struct stratum_text text;
    bool interactive = false;
    size_t at;

    value = stratum_columns_find(tree->columns, tree->column_count, "validation", strlen("validation"));
    if (bytes_of_value(value, &text) && text.length >= 6 && memcmp(text.data, "custom", 6) == 0)
        note("%s has an output validator of its own, which may accept other outputs than the stored ones", name);
    value = stratum_columns_find(tree->columns, tree->column_count, "type", strlen("type"));
    if (value != NULL && value->kind == STRATUM_KIND_STRING_LIST)
        for (at = 0; at < value->count; at++)
            interactive = interactive || text_is(value->as.strings[at], "interactive");
    if (interactive || (bytes_of_value(value, &text) && text_is(text, "interactive")))
        note("%s is interactive: what is stored as output is what its validator is given", name);
}

int command_judge(const char *store, const char *name_or_id, const char *directory,
                  const struct comparison *comparison)
{
    struct tally tally = {0, 0, 0, 0};
    stratum_tree *tree = NULL;
    stratum_db *db = NULL;
    uint64_t document = 0;
    size_t at, judged;
    int result;

    if (!is_directory(directory))
        result = complain("%s: not a directory of outputs", directory);
    else
        result = store_open_tree(store, name_or_id, &db, &document, &tree);
    if (result == 0) {
        const struct stratum_tree_desc *read = stratum_tree_get(tree);
        warn(read, name_or_id);
        for (at = 0; result == 0 && at < read->input_count; at++)
            result = judge_input(directory, &read->inputs[at], comparison, &tally);
    }
    judged = tally.identical + tally.accepted + tally.wrong;
    if (result == 0)
        printf("%s: %zu of %zu tests ok (%zu identical, %zu equal in what counts), %zu wrong, %zu skipped\n",
               name_or_id, tally.identical + tally.accepted, judged, tally.identical, tally.accepted, tally.wrong,
               tally.skipped);
    if (stratum_tree_free(&tree) != STRATUM_OK)
        result = complain("%s: the tree cannot be freed", name_or_id);
    if (store_close(&db, store) != 0 || result != 0)
        return EXIT_TROUBLE;
    if (judged == 0)
        note("%s has no test that can be judged by its output", name_or_id);
    return judged > 0 && tally.wrong == 0 ? EXIT_DONE : EXIT_NO;
}

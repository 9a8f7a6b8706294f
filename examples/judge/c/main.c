/* `judge` in C: import, show, check. ../README.md says what each does. */
#include "judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

const char program_name[] = "judge";

/* A column by its name, NULL where there is none. */
static const struct stratum_value *column(const struct stratum_column *columns, size_t count, const char *name)
{
    return stratum_columns_find(columns, count, name, strlen(name));
}

/* Puts the tree, or replaces the one that the package already has. */
static int put(stratum_db *db, const char *name, const struct stratum_tree_desc *tree)
{
    struct stratum_text no_uuid = {NULL, 0};
    struct stratum_tree_ids ids = {0, 0, 0};
    stratum_error *error = NULL;
    uint64_t document = 0;
    int32_t status;

    if (store_find_package(stratum_db_latest(db), name, no_uuid, &document) != 0)
        return -1;
    status = document == 0 ? stratum_db_put_tree(db, tree, &ids, &error)
                           : stratum_db_replace_tree(db, document, tree, &ids, &error);
    if (check(status, &error, name) != 0)
        return -1;
    printf("%s: document %" PRIu64 "%s, %" PRIu64 " tests\n", name, ids.document, document == 0 ? "" : " replaced",
           ids.input_count);
    return 0;
}

static int import_package(stratum_db *db, const char *directory)
{
    struct stratum_tree_desc tree;
    struct arena arena = {NULL};
    char *name = arena_format(&arena, "%s", directory);
    size_t length = strlen(name);
    const char *slash;
    int result;

    while (length > 1 && name[length - 1] == '/')
        name[--length] = '\0';
    slash = strrchr(name, '/');
    name = slash != NULL ? name + (slash - name) + 1 : name;
    result = read_package(&arena, directory, name, &tree);
    if (result == 0)
        result = put(db, name, &tree);
    arena_free(&arena);
    return result;
}

static int command_import(const char *store, char *const *directories, int count)
{
    stratum_db *db;
    int at, refused = 0, result = store_open(&db, store, true);

    for (at = 0; result == 0 && at < count; at++)
        if (import_package(db, directories[at]) != 0) {
            complain("%s: not imported", directories[at]);
            refused++;
        }
    if (store_close(&db, store) != 0 || result != 0)
        return EXIT_TROUBLE;
    return refused == 0 ? EXIT_DONE : EXIT_NO;
}

static void show_words(const char *label, const struct stratum_value *words, const char *between)
{
    size_t at;

    if (words == NULL || words->kind != STRATUM_KIND_STRING_LIST)
        return;
    printf("  %-9s  ", label);
    for (at = 0; at < words->count; at++)
        printf("%s%.*s", at > 0 ? between : "", (int)words->as.strings[at].length, words->as.strings[at].data);
    putchar('\n');
}

static void show_bytes(const char *label, const struct stratum_value *value)
{
    struct stratum_text bytes = {NULL, 0};

    bytes_of_value(value, &bytes);
    printf("%s%s %zu bytes, crc32 %08lx", label, value->kind == STRATUM_KIND_STRING ? "String" : "Bytes", bytes.length,
           crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)bytes.data, bytes.length));
}

static void show_input(const struct stratum_input *input)
{
    struct stratum_text test = {"", 0};

    bytes_of_value(column(input->columns, input->column_count, "test"), &test);
    printf("  %.*s: ", (int)test.length, test.data);
    show_bytes("in ", &input->value);
    if (input->output != NULL)
        show_bytes("; out ", input->output);
    else
        fputs("; no output", stdout);
    putchar('\n');
}

static void show(const char *name, uint64_t document, const struct stratum_tree_desc *tree)
{
    struct stratum_value statement = stratum_value_bytes(tree->blob, tree->blob_length);
    const struct stratum_value *samples = column(tree->columns, tree->column_count, "samples");
    struct stratum_text title = {"", 0};
    size_t at;

    bytes_of_value(column(tree->columns, tree->column_count, "title"), &title);
    printf("%s: document %" PRIu64 "\n  title      %.*s\n", name, document, (int)title.length, title.data);
    show_words("keywords", column(tree->columns, tree->column_count, "keywords"), ", ");
    show_words("flags", column(tree->columns, tree->column_count, "flags"), " ");
    if (samples != NULL && samples->kind == STRATUM_KIND_INT64)
        printf("  samples    %" PRId64 "\n", samples->as.int64);
    printf("  statement  %zu bytes, crc32 %08lx\n", statement.count,
           crc32_z(crc32_z(0, NULL, 0), statement.as.bytes, statement.count));
    for (at = 0; at < tree->input_count; at++)
        show_input(&tree->inputs[at]);
}

/* One input that has an output: 1 where the candidate agrees, 0 where not, -1 after a complaint. */
static int check_input(struct arena *arena, const struct stratum_input *input, const struct rules *rules,
                       const char *outputs)
{
    struct stratum_text text = {"", 0}, expected = {"", 0}, got;
    const char *test, *path, *why = "no output";

    bytes_of_value(column(input->columns, input->column_count, "test"), &text);
    bytes_of_value(input->output, &expected);
    test = text_copy(arena, text);
    path = arena_format(arena, "%s/%s.out", outputs, test);
    if (!is_file(path))
        path = arena_format(arena, "%s/%s.ans", outputs, test);
    if (is_file(path)) {
        if (read_file(arena, path, &got) != 0)
            return -1;
        why = difference(arena, rules, expected, got);
    }
    if (why == NULL)
        printf("ok     %s\n", test);
    else
        printf("WRONG  %s: %s\n", test, why);
    return why == NULL;
}

/* The status of the program. */
static int check_all(const char *name, const struct stratum_tree_desc *tree, const char *outputs)
{
    struct rules rules = rules_of(column(tree->columns, tree->column_count, "flags"));
    size_t at, right = 0, judged = 0;

    for (at = 0; at < tree->input_count; at++) {
        struct arena arena = {NULL};
        int result = tree->inputs[at].output == NULL ? 0 : check_input(&arena, &tree->inputs[at], &rules, outputs);
        arena_free(&arena);
        if (result < 0)
            return EXIT_TROUBLE;
        judged += tree->inputs[at].output != NULL;
        right += (size_t)result;
    }
    printf("%s: %zu of %zu tests ok\n", name, right, judged);
    return right == judged ? EXIT_DONE : EXIT_NO;
}

/* `show` and `check`, with the package's tree. */
static int with_tree(const char *store, const char *name, const char *outputs)
{
    struct stratum_text no_uuid = {NULL, 0};
    stratum_tree *tree = NULL;
    stratum_error *error = NULL;
    uint64_t document = 0;
    stratum_db *db;
    int result = EXIT_TROUBLE;

    if (store_open(&db, store, false) != 0)
        return EXIT_TROUBLE;
    if (store_find_package(stratum_db_latest(db), name, no_uuid, &document) == 0) {
        if (document == 0) {
            complain("%s: no such package in %s", name, store);
            result = EXIT_NO;
        } else if (check(stratum_view_tree(stratum_db_latest(db), document, &tree, &error), &error, name) == 0) {
            if (outputs != NULL) {
                result = check_all(name, stratum_tree_get(tree), outputs);
            } else {
                show(name, document, stratum_tree_get(tree));
                result = EXIT_DONE;
            }
        }
    }
    if (stratum_tree_free(&tree) != STRATUM_OK)
        result = EXIT_TROUBLE;
    return store_close(&db, store) == 0 ? result : EXIT_TROUBLE;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "import") == 0)
        return command_import(argv[2], argv + 3, argc - 3);
    if (argc == 4 && strcmp(argv[1], "show") == 0)
        return with_tree(argv[2], argv[3], NULL);
    if (argc == 5 && strcmp(argv[1], "check") == 0)
        return with_tree(argv[2], argv[3], argv[4]);
    fputs("judge: usage: judge import STORE PACKAGE_DIR... | show STORE PACKAGE | check STORE PACKAGE OUTPUTS\n",
          stderr);
    return EXIT_TROUBLE;
}

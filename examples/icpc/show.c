/* `list`, `show` and `verify`: what is in a store. */
#include "commands.h"
#include "print.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATEMENT_LINES 8
#define LINE_BYTES 100
#define VALUE_BYTES 48

static const struct stratum_value *find(const struct stratum_column *columns, size_t count, const char *name)
{
    return stratum_columns_find(columns, count, name, strlen(name));
}

/* A text column, or what stands for a missing one. */
static struct stratum_text text_column(const struct stratum_column *columns, size_t count, const char *name,
                                       const char *missing)
{
    struct stratum_text text;
    return bytes_of_value(find(columns, count, name), &text) ? text : text_of(missing);
}

/* The problem's name, the English one where there are several. */
static struct stratum_text title(const struct stratum_column *columns, size_t count)
{
    const struct stratum_value *name = find(columns, count, "name");
    size_t at;

    if (name == NULL || name->kind != STRATUM_KIND_STRING_MAP)
        return text_column(columns, count, "name", "-");
    for (at = 0; at < name->count; at++)
        if (text_is(name->as.strings[2 * at], "en"))
            return name->as.strings[2 * at + 1];
    return name->as.strings[1];
}

static void print_padded(struct stratum_text text, size_t width)
{
    size_t at, shown = 0;

    print_plain(text);
    for (at = 0; at < text.length; at++)
        shown += ((unsigned char)text.data[at] & 0xc0) != 0x80;
    for (; shown < width; shown++)
        putchar(' ');
}

/* The problem's type; where it has several, all of them. */
static struct stratum_text type(const struct stratum_column *columns, size_t count, struct arena *arena)
{
    const struct stratum_value *value = find(columns, count, "type");
    const char *all = "";
    size_t at;

    if (value == NULL || value->kind != STRATUM_KIND_STRING_LIST)
        return text_column(columns, count, "type", "pass-fail");
    for (at = 0; at < value->count; at++)
        all = arena_format(arena, "%s%s%s", all, at > 0 ? ", " : "", text_copy(arena, value->as.strings[at]));
    return text_of(all);
}

static int list_document(const stratum_view *view, uint64_t document, void *context)
{
    stratum_result *result = NULL;
    stratum_error *error = NULL;
    const struct stratum_column *columns;
    struct arena arena = {NULL};
    uint64_t inputs = 0;
    size_t count = 0;
    int going = -1;

    (void)context;
    if (check(stratum_view_columns(view, document, &result, &error), &error, "a document's columns") != 0)
        return -1;
    columns = stratum_result_columns(result, &count);
    if (check(stratum_view_input_count(view, document, &inputs, &error), &error, "a document's inputs") == 0) {
        printf("%4" PRIu64 "  ", document);
        print_padded(text_column(columns, count, "package", "-"), 20);
        printf("  %6" PRIu64 "  ", inputs);
        print_padded(type(columns, count, &arena), 11);
        fputs("  ", stdout);
        print_plain(title(columns, count));
        putchar('\n');
        going = 1;
    }
    arena_free(&arena);
    if (stratum_result_free(&result) != STRATUM_OK)
        going = complain("the columns cannot be freed");
    return going;
}

int command_list(const char *store)
{
    stratum_view *view = NULL;
    stratum_error *error = NULL;
    stratum_db *db = NULL;
    int result;

    result = store_open(&db, store, false);
    if (result == 0)
        result = check(stratum_db_snapshot(db, &view, &error), &error, store);
    if (result == 0) {
        printf("%4s  %-20s  %6s  %-11s  %s\n", "id", "package", "inputs", "type", "name");
        result = store_scan(view, list_document, NULL);
    }
    if (stratum_view_free(&view) != STRATUM_OK)
        result = complain("%s: the snapshot cannot be freed", store);
    if (store_close(&db, store) != 0)
        result = -1;
    return result == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

static void show_columns(const struct stratum_tree_desc *tree)
{
    size_t width = 0, at;

    printf("  columns\n");
    for (at = 0; at < tree->column_count; at++)
        width = tree->columns[at].name.length > width ? tree->columns[at].name.length : width;
    for (at = 0; at < tree->column_count; at++) {
        fputs("    ", stdout);
        print_padded(tree->columns[at].name, width);
        printf("  %-11s  ", kind_name(tree->columns[at].value.kind));
        print_value(&tree->columns[at].value);
        putchar('\n');
    }
}

static void show_statement(const struct stratum_tree_desc *tree)
{
    struct stratum_text file = text_column(tree->columns, tree->column_count, "statement.file", "blob");
    const char *at = tree->blob_length > 0 ? tree->blob : "", *end = at + tree->blob_length;
    int lines;

    fputs("  statement  ", stdout);
    print_plain(file);
    printf(", %zu bytes\n", tree->blob_length);
    for (lines = 0; at < end && lines < STATEMENT_LINES; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct stratum_text line;
        line.data = at;
        line.length = (size_t)((newline != NULL ? newline : end) - at);
        at += line.length + 1;
        line.length = line.length < LINE_BYTES ? line.length : LINE_BYTES;
        fputs("    | ", stdout);
        print_plain(line);
        putchar('\n');
    }
    if (at < end)
        printf("    | ...\n");
}

/* The kind, the size, and the first line. */
static void show_value(const char *label, const struct stratum_value *value)
{
    struct stratum_text text;
    const char *newline;

    printf("         %-6s  ", label);
    if (value == NULL) {
        printf("none\n");
        return;
    }
    if (!bytes_of_value(value, &text)) {
        printf("%s  ", kind_name(value->kind));
        print_value(value);
    } else {
        printf("%s, %zu byte%s  ", kind_name(value->kind), text.length, text.length == 1 ? "" : "s");
        newline = text.length > 0 ? memchr(text.data, '\n', text.length) : NULL;
        if (newline != NULL && (size_t)(newline - text.data) + 1 < text.length) {
            text.length = (size_t)(newline - text.data) + 1;
            print_quoted(text, VALUE_BYTES);
            fputs(" ...", stdout);
        } else {
            print_quoted(text, VALUE_BYTES);
        }
    }
    putchar('\n');
}

static bool is_own_column(struct stratum_text name)
{
    return text_is(name, "group") || text_is(name, "name") || text_is(name, "kind") || text_is(name, "description");
}

static void show_input(const struct stratum_input *input)
{
    struct stratum_text kind = text_column(input->columns, input->column_count, "kind", "test");
    struct stratum_text description = text_column(input->columns, input->column_count, "description", NULL);
    size_t at;

    printf("    %4" PRIu64 " ", input->id);
    print_plain(text_column(input->columns, input->column_count, "group", "-"));
    putchar('/');
    print_plain(text_column(input->columns, input->column_count, "name", "-"));
    if (!text_is(kind, "test")) {
        fputs("  [", stdout);
        print_plain(kind);
        putchar(']');
    }
    while (description.length > 0 && strchr(" \n\r\t", description.data[description.length - 1]) != NULL)
        description.length--;
    if (description.length > 0) {
        fputs("  -- ", stdout);
        print_plain(description);
    }
    putchar('\n');
    show_value("input", &input->value);
    show_value("output", input->output);
    for (at = 0; at < input->column_count; at++) {
        if (is_own_column(input->columns[at].name))
            continue;
        fputs("         ", stdout);
        print_plain(input->columns[at].name);
        fputs("  ", stdout);
        print_value(&input->columns[at].value);
        putchar('\n');
    }
}

int command_show(const char *store, const char *name_or_id)
{
    stratum_tree *tree = NULL;
    stratum_db *db = NULL;
    uint64_t document = 0;
    size_t at;
    int result;

    result = store_open_tree(store, name_or_id, &db, &document, &tree);
    if (result == 0) {
        const struct stratum_tree_desc *read = stratum_tree_get(tree);
        printf("document %" PRIu64 ": ", document);
        print_plain(text_column(read->columns, read->column_count, "package", "no package"));
        fputs(" -- ", stdout);
        print_plain(title(read->columns, read->column_count));
        putchar('\n');
        show_columns(read);
        show_statement(read);
        printf("  inputs  %zu\n", read->input_count);
        for (at = 0; at < read->input_count; at++)
            show_input(&read->inputs[at]);
    }
    if (stratum_tree_free(&tree) != STRATUM_OK)
        result = complain("%s: the tree cannot be freed", name_or_id);
    if (store_close(&db, store) != 0)
        result = -1;
    return result == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

static void show_damage(const struct stratum_damage *damage)
{
    print_plain(damage->file);
    printf(", byte %" PRIu64, damage->offset);
    if (damage->document != 0)
        printf(", document %" PRIu64, damage->document);
    fputs(": ", stdout);
    print_plain(damage->what);
    putchar('\n');
}

int command_verify(const char *store)
{
    stratum_report *report = NULL;
    stratum_error *error = NULL;
    stratum_db *db = NULL;
    size_t damaged = 0, at;
    int result;

    result = store_open(&db, store, false);
    if (result == 0)
        result = check(stratum_db_verify(db, &report, &error), &error, store);
    if (result == 0) {
        const struct stratum_findings *found = stratum_report_get(report);
        damaged = found->damage_count;
        for (at = 0; at < damaged; at++)
            show_damage(&found->damage[at]);
        printf("%s: %" PRIu64 " documents, %" PRIu64 " inputs, %" PRIu64 " outputs; %" PRIu64 " segments, %" PRIu64
               " records, %" PRIu64 " bytes; damaged in %zu places\n",
               store, found->documents, found->inputs, found->outputs, found->segments, found->records, found->bytes,
               damaged);
    }
    if (stratum_report_free(&report) != STRATUM_OK)
        result = complain("%s: the report cannot be freed", store);
    if (store_close(&db, store) != 0)
        result = -1;
    return result != 0 ? EXIT_TROUBLE : damaged == 0 ? EXIT_DONE : EXIT_NO;
}

/* What callers get wrong: NULL, closed, foreign and freed handles, absurd lengths, wrong struct sizes, values that cannot
 * be. Each gives a status; the program lives. */
#include "check.h"

static stratum_db *db;
static const stratum_view *latest;

/* Runs `check` with every kind of pointer that is no handle of type T. */
#define EACH_BAD_HANDLE(T, handle, statement)                                                                          \
    do {                                                                                                               \
        T *handle = NULL;                                                                                              \
        int32_t wanted = STRATUM_INVALID_ARGUMENT;                                                                     \
        statement;                                                                                                     \
        wanted = STRATUM_INVALID_HANDLE;                                                                               \
        handle = (T *)(void *)&db;                                                                                     \
        statement;                                                                                                     \
        handle = (T *)(uintptr_t)1;                                                                                    \
        statement;                                                                                                     \
        handle = (T *)UINTPTR_MAX;                                                                                     \
        statement;                                                                                                     \
    } while (0)

static void bad_handles(void) {
    uint64_t number = 0;
    size_t size = 0;
    int32_t truth = 0;
    stratum_value value = stratum_value_null();
    stratum_result *result = NULL;
    stratum_view *view = NULL;
    stratum_batch *made = NULL;
    const stratum_input *input = NULL;
    stratum_stats stats;
    stats.struct_size = sizeof stats;

    EACH_BAD_HANDLE(stratum_db, bad, IS(wanted, stratum_db_flush(bad, &error)));
    EACH_BAD_HANDLE(stratum_db, bad, IS(wanted, stratum_db_checkpoint(bad, &error)));
    EACH_BAD_HANDLE(stratum_db, bad, IS(wanted, stratum_db_compact_now(bad, NULL, NULL, &error)));
    EACH_BAD_HANDLE(stratum_db, bad, IS(wanted, stratum_db_stats(bad, &stats, &error)));
    EACH_BAD_HANDLE(stratum_db, bad, IS(wanted, stratum_db_snapshot(bad, &view, &error)));
    EACH_BAD_HANDLE(stratum_db, bad, IS(wanted, stratum_batch_create(bad, &made, &error)));
    EACH_BAD_HANDLE(stratum_db, bad, IS(wanted, stratum_db_set_blob(bad, 1, S("x"), &error)));
    EACH_BAD_HANDLE(stratum_db, bad, TRUE(wanted != 0 && stratum_db_latest(bad) == NULL));
    EACH_BAD_HANDLE(stratum_view, bad, IS(wanted, stratum_view_sequence(bad, &number, &error)));
    EACH_BAD_HANDLE(stratum_view, bad, IS(wanted, stratum_view_exists(bad, 1, &truth, &error)));
    EACH_BAD_HANDLE(stratum_view, bad, IS(wanted, stratum_view_columns(bad, 1, &result, &error)));
    EACH_BAD_HANDLE(stratum_batch, bad, IS(wanted, stratum_batch_set_blob(bad, 1, S("x"), &error)));
    EACH_BAD_HANDLE(stratum_batch, bad, IS(wanted, stratum_batch_clear(bad, &error)));
    EACH_BAD_HANDLE(stratum_batch, bad, IS(wanted, stratum_batch_commit(&bad, NULL, NULL, &error)));
    EACH_BAD_HANDLE(stratum_batch, bad, IS(wanted, stratum_batch_append_input(bad, 1, &value, NULL, &error)));
    EACH_BAD_HANDLE(stratum_document_cursor, bad, IS(wanted, stratum_document_cursor_next(bad, &number, &error)));
    EACH_BAD_HANDLE(stratum_input_cursor, bad, IS(wanted, stratum_input_cursor_next(bad, &input, &error)));
    EACH_BAD_HANDLE(stratum_options, bad, IS(wanted, stratum_options_set_create(bad, 1, &error)));
    EACH_BAD_HANDLE(stratum_result, bad, TRUE(wanted != 0 && stratum_result_value(bad) == NULL));
    EACH_BAD_HANDLE(stratum_result, bad, TRUE(wanted != 0 && stratum_result_ids(bad, &size) == NULL && size == 0));
    EACH_BAD_HANDLE(stratum_tree, bad, TRUE(wanted != 0 && stratum_tree_get(bad) == NULL));
    EACH_BAD_HANDLE(stratum_report, bad, TRUE(wanted != 0 && stratum_report_get(bad) == NULL));
    EACH_BAD_HANDLE(stratum_pinned, bad, TRUE(wanted != 0 && stratum_pinned_data(bad) == NULL));
    EACH_BAD_HANDLE(stratum_pinned, bad, TRUE(wanted != 0 && stratum_pinned_length(bad) == 0));
    EACH_BAD_HANDLE(stratum_error, bad, TRUE(wanted != 0 && stratum_error_message(bad)[0] == '\0'));
    EACH_BAD_HANDLE(stratum_error, bad, TRUE(wanted != 0 && stratum_error_code(bad) == STRATUM_INVALID_HANDLE));
    EACH_BAD_HANDLE(stratum_error, bad, TRUE(wanted != 0 && stratum_error_os_errno(bad) == 0));
    TRUE(result == NULL && view == NULL && made == NULL);

    /* a handle of one type as another, and the view that the store lends */
    IS(STRATUM_INVALID_HANDLE, stratum_view_sequence((const stratum_view *)(const void *)db, &number, &error));
    IS(STRATUM_INVALID_HANDLE, stratum_db_flush((const stratum_db *)(const void *)latest, &error));
    view = (stratum_view *)(uintptr_t)(const void *)latest;
    TRUE(stratum_view_free(&view) == STRATUM_INVALID_HANDLE);
    OK(stratum_view_sequence(latest, &number, &error));
}

#define FREED_TWICE(T, handle, free)                                                                                   \
    do {                                                                                                               \
        T *copy = (handle), *foreign = (T *)(void *)&db;                                                               \
        TRUE(free(&handle) == STRATUM_OK && handle == NULL);                                                           \
        TRUE(free(&handle) == STRATUM_OK);                                                                             \
        TRUE(free(&copy) == STRATUM_CLOSED && copy == NULL);                                                           \
        TRUE(free(&foreign) == STRATUM_INVALID_HANDLE && foreign == NULL);                                             \
        TRUE(free(NULL) == STRATUM_OK);                                                                                \
    } while (0)

static void freed_handles(uint64_t document) {
    stratum_options *options = NULL;
    stratum_view *view = NULL, *old_view;
    stratum_batch *batch = NULL, *old_batch;
    stratum_result *result = NULL;
    stratum_tree *tree = NULL, *old_tree;
    stratum_pinned *pinned = NULL;
    stratum_report *report = NULL;
    stratum_document_cursor *documents = NULL;
    stratum_input_cursor *inputs = NULL;
    uint64_t sequence;

    OK(stratum_options_create(&options, &error));
    OK(stratum_db_snapshot(db, &view, &error));
    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_view_columns(view, document, &result, &error));
    OK(stratum_view_tree(view, document, &tree, &error));
    OK(stratum_view_blob(view, document, &pinned, &error));
    OK(stratum_db_verify(db, &report, &error));
    OK(stratum_view_documents(view, 0, &documents, &error));
    OK(stratum_view_input_cursor(view, document, &inputs, &error));
    TRUE(stratum_view_sequence(NULL, &sequence, &error) == STRATUM_INVALID_ARGUMENT);
    old_view = view;
    old_batch = batch;
    old_tree = tree;
    FREED_TWICE(stratum_error, error, stratum_error_free);
    FREED_TWICE(stratum_options, options, stratum_options_free);
    FREED_TWICE(stratum_view, view, stratum_view_free);
    FREED_TWICE(stratum_batch, batch, stratum_batch_free);
    FREED_TWICE(stratum_result, result, stratum_result_free);
    FREED_TWICE(stratum_tree, tree, stratum_tree_free);
    FREED_TWICE(stratum_pinned, pinned, stratum_pinned_free);
    FREED_TWICE(stratum_report, report, stratum_report_free);
    FREED_TWICE(stratum_document_cursor, documents, stratum_document_cursor_free);
    FREED_TWICE(stratum_input_cursor, inputs, stratum_input_cursor_free);
    IS(STRATUM_CLOSED, stratum_view_sequence(old_view, &sequence, &error));
    IS(STRATUM_CLOSED, stratum_batch_clear(old_batch, &error));
    IS(STRATUM_CLOSED, stratum_batch_commit(&old_batch, NULL, NULL, &error));
    TRUE(stratum_tree_get(old_tree) == NULL);
    /* the places are used again by others, and the old handles stay dead */
    OK(stratum_db_snapshot(db, &view, &error));
    TRUE(view != old_view);
    IS(STRATUM_CLOSED, stratum_view_sequence(old_view, &sequence, &error));
    OK(stratum_view_free(&view));
}

static void bad_arguments(uint64_t document) {
    stratum_value value = stratum_value_int64(1), bad;
    stratum_value text = stratum_value_string(S("k"));
    stratum_column columns[2];
    stratum_entry entries[2];
    stratum_text texts[4];
    stratum_tree_desc desc[2];
    stratum_commit_options commit;
    stratum_stats stats[2];
    stratum_batch *batch = NULL;
    stratum_result *result = NULL;
    stratum_document_cursor *cursor = NULL;
    uint64_t id = 0;
    size_t count = 0, i;
    char buffer[8], long_name[256];
    static const size_t absurd[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 62, (size_t)1 << 40, ((size_t)4 << 30) + 1};

    /* places for answers */
    IS(STRATUM_INVALID_ARGUMENT, stratum_view_sequence(latest, NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_view_columns(latest, document, NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_snapshot(db, NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_batch_create(db, NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_open(S("x"), NULL, NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_options_create(NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_batch_commit(NULL, NULL, NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_view_read_blob(latest, document, NULL, 8, &count, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_view_read_blob(latest, document, buffer, 8, NULL, &error));
    OK(stratum_db_close(NULL, &error));

    /* text and bytes */
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_set_blob(db, document, NULL, 1, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_set_column(db, document, NULL, 1, &value, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_set_column(db, document, S(""), &value, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_set_column(db, document, S("\xff"), &value, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_set_column(db, document, S("x"), NULL, &error));
    memset(long_name, 'n', sizeof long_name);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_set_column(db, document, long_name, 256, &value, &error));
    OK(stratum_db_set_column(db, document, long_name, 255, &value, &error));
    OK(stratum_db_remove_column(db, document, long_name, 255, &error));
    for (i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        IS(STRATUM_TOO_LARGE, stratum_db_set_blob(db, document, "x", absurd[i], &error));
        IS(STRATUM_TOO_LARGE, stratum_db_set_column(db, document, "x", absurd[i], &value, &error));
        IS(STRATUM_TOO_LARGE, stratum_db_put_packed(db, "x", absurd[i], NULL, &error));
        IS(STRATUM_TOO_LARGE, stratum_db_apply_packed(db, "x", absurd[i], NULL, 0, NULL, &error));
        IS(STRATUM_TOO_LARGE, stratum_db_create_document(db, NULL, 0, columns, absurd[i], &id, &error));
        bad = stratum_value_string("x", absurd[i]);
        IS(STRATUM_TOO_LARGE, stratum_db_append_input(db, document, &bad, &id, &error));
        bad = stratum_value_list(&value, absurd[i]);
        IS(STRATUM_TOO_LARGE, stratum_db_append_input(db, document, &bad, &id, &error));
        bad = stratum_value_int64_list(&value.as.int64, absurd[i]);
        IS(STRATUM_TOO_LARGE, stratum_db_append_input(db, document, &bad, &id, &error));
    }

    /* values that cannot be */
    bad = value;
    bad.kind = 0;
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    bad.kind = 4000;
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    bad = value;
    bad.reserved = 1;
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    bad = stratum_value_bool(1);
    bad.as.boolean = -1;
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    bad = stratum_value_decimal(S("0x10"));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    bad = stratum_value_string(S("\xc3"));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    bad = stratum_value_list(&bad, 1); /* contains itself */
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    for (i = 0; i < 4; i++) {
        texts[i] = text_of(i % 2 == 0 ? "same" : "value");
    }
    bad = stratum_value_string_map(texts, 2);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    entries[0].key = entries[1].key = texts[0];
    entries[0].value = entries[1].value = text;
    bad = stratum_value_map(entries, 2);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_append_input(db, document, &bad, &id, &error));
    columns[0] = columns[1] = column_of("twice", value);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_create_document(db, NULL, 0, columns, 2, &id, &error));

    /* structs of another size */
    memset(desc, 0, sizeof desc);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_put_tree(db, NULL, NULL, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_put_tree(db, desc, NULL, &error));
    desc->struct_size = sizeof *desc - 8;
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_put_tree(db, desc, NULL, &error));
    desc->struct_size = SIZE_MAX;
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_put_tree(db, desc, NULL, &error));
    desc->struct_size = 2 * sizeof *desc; /* a later header, whose new fields are not used */
    OK(stratum_db_put_tree(db, desc, NULL, &error));
    desc[1].input_count = 1; /* used: the library is too old for it */
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_put_tree(db, desc, NULL, &error));
    memset(stats, 0xff, sizeof stats);
    stats->struct_size = 0;
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_stats(db, stats, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_stats(db, NULL, &error));
    stats->struct_size = sizeof stats;
    OK(stratum_db_stats(db, stats, &error));
    TRUE(stats[0].struct_size == sizeof stats && stats[1].documents == 0 && stats[1].poisoned == 0);

    /* commit options: refused ones leave the batch as it is */
    OK(stratum_batch_create(db, &batch, &error));
    memset(&commit, 0, sizeof commit);
    IS(STRATUM_INVALID_ARGUMENT, stratum_batch_commit(&batch, &commit, NULL, &error));
    commit.struct_size = sizeof commit;
    commit.durability = 99;
    IS(STRATUM_INVALID_ARGUMENT, stratum_batch_commit(&batch, &commit, NULL, &error));
    commit.durability = STRATUM_DURABILITY_DEFAULT;
    commit.reserved = 1;
    IS(STRATUM_INVALID_ARGUMENT, stratum_batch_commit(&batch, &commit, NULL, &error));
    commit.reserved = 0;
    TRUE(batch != NULL);
    OK(stratum_batch_commit(&batch, &commit, NULL, &error));

    OK(stratum_view_documents(latest, 0, &cursor, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_document_cursor_fill(cursor, &id, 0, &count, &error));
    IS(STRATUM_INVALID_ARGUMENT, stratum_document_cursor_fill(cursor, NULL, 8, &count, &error));
    OK(stratum_document_cursor_free(&cursor));
    TRUE(stratum_columns_find(NULL, 3, S("x")) == NULL);
    TRUE(result == NULL);

    /* without a place for the error */
    TRUE(stratum_db_set_blob(db, document, NULL, 1, NULL) == STRATUM_INVALID_ARGUMENT);
    TRUE(stratum_view_columns(latest, 999999, &result, NULL) == STRATUM_NOT_FOUND);
}

/* What hangs on a store, after the store was closed: statuses, and frees in any order. */
static void after_close(uint64_t document) {
    stratum_view *view = NULL;
    stratum_batch *batch = NULL, *other = NULL;
    stratum_result *result = NULL, *none = NULL;
    stratum_tree *tree = NULL;
    stratum_pinned *pinned = NULL;
    stratum_document_cursor *documents = NULL;
    stratum_input_cursor *inputs = NULL;
    stratum_db *stale = db;
    const stratum_input *input;
    uint64_t number;

    OK(stratum_db_snapshot(db, &view, &error));
    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_batch_create(db, &other, &error));
    OK(stratum_batch_set_blob(batch, document, S("never"), &error));
    OK(stratum_view_columns(latest, document, &result, &error));
    OK(stratum_view_tree(latest, document, &tree, &error));
    OK(stratum_view_blob(latest, document, &pinned, &error));
    OK(stratum_view_documents(latest, 0, &documents, &error));
    OK(stratum_view_input_cursor(latest, document, &inputs, &error));
    OK(stratum_db_close(&db, &error));
    TRUE(db == NULL);
    IS(STRATUM_CLOSED, stratum_db_close(&stale, &error));
    TRUE(stale == NULL);
    IS(STRATUM_CLOSED, stratum_view_sequence(latest, &number, &error));
    IS(STRATUM_CLOSED, stratum_view_sequence(view, &number, &error));
    IS(STRATUM_CLOSED, stratum_view_columns(view, document, &none, &error));
    IS(STRATUM_CLOSED, stratum_batch_set_blob(batch, document, S("x"), &error));
    IS(STRATUM_CLOSED, stratum_batch_commit(&batch, NULL, NULL, &error));
    IS(STRATUM_CLOSED, stratum_document_cursor_next(documents, &number, &error));
    IS(STRATUM_CLOSED, stratum_document_cursor_seek(documents, 1, &error));
    IS(STRATUM_CLOSED, stratum_input_cursor_next(inputs, &input, &error));
    TRUE(stratum_pinned_length(pinned) == 4 && memcmp(stratum_pinned_data(pinned), "blob", 4) == 0);
    TRUE(stratum_tree_get(tree)->input_count == 1);
    TRUE(stratum_result_columns(result, NULL) != NULL);
    OK(stratum_input_cursor_free(&inputs));
    OK(stratum_pinned_free(&pinned));
    OK(stratum_view_free(&view));
    OK(stratum_tree_free(&tree));
    OK(stratum_document_cursor_free(&documents));
    OK(stratum_result_free(&result));
    OK(stratum_batch_free(&other));
    OK(stratum_batch_free(&batch));
}

int main(int argc, char **argv) {
    stratum_value value = stratum_value_int64(1);
    uint64_t document;

    TRUE(argc == 2);
    db = open_store(argv[1], "misuse", NULL);
    latest = stratum_db_latest(db);
    OK(stratum_db_create_document(db, S("blob"), NULL, 0, &document, &error));
    OK(stratum_db_append_input(db, document, &value, NULL, &error));
    bad_handles();
    freed_handles(document);
    bad_arguments(document);
    after_close(document);
    return 0;
}

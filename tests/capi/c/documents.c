/* Documents, columns, inputs, outputs, trees: each call on a batch and as a single call, and what it answers when
 * something is not there. */
#include "check.h"

static stratum_db *db;
static const stratum_view *latest;

static int64_t int64_in(stratum_result **result) {
    const stratum_value *value = stratum_result_value(*result);
    int64_t number;
    TRUE(value != NULL && value->kind == STRATUM_KIND_INT64);
    number = value->as.int64;
    OK(stratum_result_free(result));
    TRUE(*result == NULL);
    return number;
}

static int64_t input_value(const stratum_view *view, uint64_t document, uint64_t input) {
    stratum_result *result = NULL;
    OK(stratum_view_input(view, document, input, &result, &error));
    return int64_in(&result);
}

static void check_blob(const stratum_view *view, uint64_t document, const char *blob) {
    char buffer[64];
    size_t length = 0;
    OK(stratum_view_read_blob(view, document, buffer, sizeof buffer, &length, &error));
    TRUE(length == strlen(blob) && memcmp(buffer, blob, length) == 0);
}

static void check_order(uint64_t document, const uint64_t *wanted, size_t wanted_count) {
    stratum_result *result = NULL;
    const uint64_t *ids;
    size_t count = 99;
    uint64_t counted = 99;
    OK(stratum_view_input_ids(latest, document, &result, &error));
    ids = stratum_result_ids(result, &count);
    TRUE(ids != NULL && count == wanted_count);
    TRUE(count == 0 || memcmp(ids, wanted, count * sizeof *ids) == 0);
    OK(stratum_result_free(&result));
    OK(stratum_view_input_count(latest, document, &counted, &error));
    TRUE(counted == wanted_count);
}

static void documents(void) {
    stratum_column columns[2];
    stratum_value number = stratum_value_int64(5), text = stratum_value_string(S("five"));
    stratum_result *result = NULL;
    uint64_t one, two, count;
    int32_t exists;
    size_t length;

    columns[0] = column_of("name", text);
    columns[1] = column_of("limit", number);
    OK(stratum_db_create_document(db, S("first"), columns, 2, &one, &error));
    OK(stratum_db_create_document(db, NULL, 0, NULL, 0, &two, &error));
    TRUE(one > 0 && two > one);
    OK(stratum_view_document_count(latest, &count, &error));
    TRUE(count == 2);
    check_blob(latest, one, "first");
    check_blob(latest, two, "");

    OK(stratum_db_set_blob(db, one, S("changed"), &error));
    check_blob(latest, one, "changed");
    OK(stratum_db_set_blob(db, one, S(""), &error));
    check_blob(latest, one, "");

    OK(stratum_view_column(latest, one, S("limit"), &result, &error));
    TRUE(int64_in(&result) == 5);
    number = stratum_value_int64(6);
    OK(stratum_db_set_column(db, one, S("limit"), &number, &error));
    OK(stratum_view_column(latest, one, S("limit"), &result, &error));
    TRUE(int64_in(&result) == 6);
    OK(stratum_db_remove_column(db, one, S("limit"), &error));
    IS(STRATUM_NOT_FOUND, stratum_view_column(latest, one, S("limit"), &result, &error));
    TRUE(result == NULL);
    IS(STRATUM_NOT_FOUND, stratum_db_remove_column(db, one, S("limit"), &error));
    OK(stratum_view_columns(latest, two, &result, &error));
    TRUE(stratum_result_columns(result, &length) != NULL && length == 0);
    OK(stratum_result_free(&result));

    OK(stratum_db_delete_document(db, two, &error));
    IS(STRATUM_NOT_FOUND, stratum_db_delete_document(db, two, &error));
    OK(stratum_view_exists(latest, two, &exists, &error));
    TRUE(exists == 0);
    OK(stratum_view_exists(latest, 0, &exists, &error));
    TRUE(exists == 0);
    OK(stratum_view_exists(latest, one, &exists, &error));
    TRUE(exists == 1);
    IS(STRATUM_NOT_FOUND, stratum_view_read_blob(latest, two, NULL, 0, &length, &error));
    IS(STRATUM_NOT_FOUND, stratum_view_columns(latest, two, &result, &error));
    IS(STRATUM_NOT_FOUND, stratum_view_columns(latest, 0, &result, &error));
    IS(STRATUM_NOT_FOUND, stratum_db_set_blob(db, two, S("x"), &error));
    IS(STRATUM_NOT_FOUND, stratum_db_set_column(db, UINT64_MAX, S("x"), &number, &error));
    OK(stratum_db_create_document(db, S("third"), NULL, 0, &count, &error));
    TRUE(count > two); /* ids are never used again */
    OK(stratum_db_create_document(db, S("without asking for the id"), NULL, 0, NULL, &error));
}

static void inputs(void) {
    stratum_value numbers[5], text = stratum_value_string(S("note"));
    stratum_result *result = NULL;
    uint64_t document, ids[5], order[5];
    size_t i;

    for (i = 0; i < 5; i++) {
        numbers[i] = stratum_value_int64((int64_t)i);
    }
    OK(stratum_db_create_document(db, S("inputs"), NULL, 0, &document, &error));
    check_order(document, NULL, 0);
    OK(stratum_db_append_input(db, document, &numbers[0], &ids[0], &error));
    OK(stratum_db_append_input(db, document, &numbers[1], &ids[1], &error));
    OK(stratum_db_insert_input(db, document, ids[0], &numbers[2], &ids[2], &error));
    OK(stratum_db_append_input(db, document, &numbers[3], &ids[3], &error));
    order[0] = ids[2], order[1] = ids[0], order[2] = ids[1], order[3] = ids[3];
    check_order(document, order, 4);
    OK(stratum_db_move_input(db, document, ids[3], ids[2], &error));
    OK(stratum_db_move_input(db, document, ids[0], 0, &error));
    order[0] = ids[3], order[1] = ids[2], order[2] = ids[1], order[3] = ids[0];
    check_order(document, order, 4);

    OK(stratum_db_replace_input(db, document, ids[1], &numbers[4], &error));
    TRUE(input_value(latest, document, ids[1]) == 4);
    check_order(document, order, 4);
    OK(stratum_db_set_input_column(db, document, ids[1], S("note"), &text, &error));
    OK(stratum_view_input_columns(latest, document, ids[1], &result, &error));
    OK(stratum_result_free(&result));
    OK(stratum_db_remove_input_column(db, document, ids[1], S("note"), &error));
    IS(STRATUM_NOT_FOUND, stratum_db_remove_input_column(db, document, ids[1], S("note"), &error));

    IS(STRATUM_NOT_FOUND, stratum_view_output(latest, document, ids[1], &result, &error));
    IS(STRATUM_NOT_FOUND, stratum_db_update_output(db, document, ids[1], &numbers[0], &error));
    IS(STRATUM_NOT_FOUND, stratum_db_delete_output(db, document, ids[1], &error));
    OK(stratum_db_set_output(db, document, ids[1], &numbers[1], &error));
    OK(stratum_view_output(latest, document, ids[1], &result, &error));
    TRUE(int64_in(&result) == 1);
    OK(stratum_db_update_output(db, document, ids[1], &numbers[2], &error));
    OK(stratum_db_set_output(db, document, ids[1], &numbers[3], &error));
    OK(stratum_view_output(latest, document, ids[1], &result, &error));
    TRUE(int64_in(&result) == 3);
    OK(stratum_db_delete_output(db, document, ids[1], &error));
    IS(STRATUM_NOT_FOUND, stratum_view_output(latest, document, ids[1], &result, &error));

    OK(stratum_db_delete_input(db, document, ids[2], &error));
    IS(STRATUM_NOT_FOUND, stratum_db_delete_input(db, document, ids[2], &error));
    IS(STRATUM_NOT_FOUND, stratum_view_input(latest, document, ids[2], &result, &error));
    IS(STRATUM_NOT_FOUND, stratum_db_insert_input(db, document, ids[2], &numbers[0], &ids[4], &error));
    IS(STRATUM_NOT_FOUND, stratum_db_set_output(db, document, 0, &numbers[0], &error));
    IS(STRATUM_NOT_FOUND, stratum_db_set_output(db, document, UINT64_MAX, &numbers[0], &error));
    OK(stratum_db_append_input(db, document, &numbers[0], &ids[4], &error));
    TRUE(ids[4] > ids[3]);
}

static void trees(void) {
    stratum_value in[3], out = stratum_value_bool(1);
    stratum_column column = column_of("group", stratum_value_string(S("sample")));
    stratum_input inputs[3];
    stratum_tree_desc desc;
    stratum_tree *tree = NULL;
    const stratum_tree_desc *read;
    stratum_tree_ids ids, again;
    uint64_t input;
    size_t i;

    memset(&desc, 0, sizeof desc);
    memset(inputs, 0, sizeof inputs);
    for (i = 0; i < 3; i++) {
        in[i] = stratum_value_int64((int64_t)(10 * i));
        inputs[i].value = in[i];
        inputs[i].output = i == 1 ? NULL : &out;
        inputs[i].columns = &column;
        inputs[i].column_count = i == 2 ? 1 : 0;
    }
    desc.struct_size = sizeof desc;
    desc.blob = "statement";
    desc.blob_length = 9;
    desc.columns = &column;
    desc.column_count = 1;
    desc.inputs = inputs;
    desc.input_count = 3;
    OK(stratum_db_put_tree(db, &desc, &ids, &error));
    TRUE(ids.input_count == 3 && input_value(latest, ids.document, ids.first_input + 1) == 10);

    OK(stratum_view_tree(latest, ids.document, &tree, &error));
    read = stratum_tree_get(tree);
    TRUE(read != NULL && read->struct_size == sizeof *read && read->blob_length == 9);
    TRUE(read->column_count == 1 && same_value(&read->columns[0].value, &column.value));
    TRUE(read->input_count == 3 && read->inputs[1].output == NULL && read->inputs[1].column_count == 0);
    TRUE(read->inputs[2].column_count == 1 && same_text(read->inputs[2].columns[0].name, text_of("group")));
    OK(stratum_tree_free(&tree));

    desc.input_count = 1;
    desc.blob_length = 5;
    OK(stratum_db_replace_tree(db, ids.document, &desc, &again, &error));
    TRUE(again.document == ids.document && again.input_count == 1 && again.first_input > ids.first_input + 2);
    check_blob(latest, ids.document, "state");
    OK(stratum_db_append_input(db, ids.document, &in[2], &input, &error));
    OK(stratum_view_tree(latest, ids.document, &tree, &error));
    TRUE(stratum_tree_get(tree)->input_count == 2 && stratum_tree_get(tree)->inputs[1].id == input);
    OK(stratum_tree_free(&tree));
    desc.input_count = 0;
    OK(stratum_db_replace_tree(db, ids.document, &desc, &again, &error));
    TRUE(again.first_input == 0 && again.input_count == 0);
    IS(STRATUM_NOT_FOUND, stratum_db_replace_tree(db, 999999, &desc, &again, &error));
    IS(STRATUM_NOT_FOUND, stratum_view_tree(latest, 999999, &tree, &error));
    TRUE(tree == NULL);
}

/* Every write on a batch; nothing is seen before the commit, everything after it. */
static void batches(void) {
    stratum_batch *batch = NULL;
    stratum_value one = stratum_value_int64(1), two = stratum_value_int64(2);
    stratum_commit_options options;
    stratum_tree_desc desc;
    stratum_tree_ids ids;
    uint64_t document, gone, input, second, operations, bytes, before, sequence = 0, seen;
    int32_t exists;

    memset(&desc, 0, sizeof desc);
    desc.struct_size = sizeof desc;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.durability = STRATUM_DURABILITY_OS;
    OK(stratum_view_sequence(latest, &before, &error));
    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_batch_create_document(batch, S("a"), NULL, 0, &document, &error));
    OK(stratum_batch_set_blob(batch, document, S("b"), &error));
    OK(stratum_batch_set_column(batch, document, S("x"), &one, &error));
    OK(stratum_batch_set_column(batch, document, S("y"), &one, &error));
    OK(stratum_batch_remove_column(batch, document, S("x"), &error));
    IS(STRATUM_NOT_FOUND, stratum_batch_remove_column(batch, document, S("x"), &error));
    OK(stratum_batch_append_input(batch, document, &one, &input, &error));
    OK(stratum_batch_insert_input(batch, document, input, &two, &second, &error));
    OK(stratum_batch_move_input(batch, document, input, second, &error));
    OK(stratum_batch_replace_input(batch, document, input, &two, &error));
    OK(stratum_batch_set_input_column(batch, document, input, S("c"), &two, &error));
    OK(stratum_batch_remove_input_column(batch, document, input, S("c"), &error));
    OK(stratum_batch_set_output(batch, document, input, &one, &error));
    OK(stratum_batch_update_output(batch, document, input, &two, &error));
    OK(stratum_batch_delete_output(batch, document, input, &error));
    IS(STRATUM_NOT_FOUND, stratum_batch_update_output(batch, document, input, &two, &error));
    OK(stratum_batch_delete_input(batch, document, second, &error));
    OK(stratum_batch_put_tree(batch, &desc, &ids, &error));
    gone = ids.document;
    OK(stratum_batch_replace_tree(batch, gone, &desc, &ids, &error));
    OK(stratum_batch_delete_document(batch, gone, &error));
    OK(stratum_batch_size(batch, &operations, &bytes, &error));
    TRUE(operations > 0 && bytes > 0);
    OK(stratum_view_exists(latest, document, &exists, &error));
    TRUE(exists == 0);
    OK(stratum_batch_commit(&batch, &options, &sequence, &error));
    TRUE(batch == NULL && sequence > before);
    OK(stratum_view_sequence(latest, &seen, &error));
    TRUE(seen >= sequence);
    check_order(document, &input, 1);
    TRUE(input_value(latest, document, input) == 2);
    check_blob(latest, document, "b");
    OK(stratum_view_exists(latest, gone, &exists, &error));
    TRUE(exists == 0);

    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_batch_delete_document(batch, document, &error));
    OK(stratum_batch_clear(batch, &error));
    OK(stratum_batch_size(batch, &operations, NULL, &error));
    TRUE(operations == 0);
    OK(stratum_batch_set_blob(batch, document, S("c"), &error));
    OK(stratum_batch_free(&batch));
    OK(stratum_batch_free(&batch));
    check_blob(latest, document, "b");

    /* what others did meanwhile is seen at commit */
    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_batch_set_blob(batch, document, S("c"), &error));
    OK(stratum_db_delete_document(db, document, &error));
    IS(STRATUM_NOT_FOUND, stratum_batch_commit(&batch, NULL, NULL, &error));
    TRUE(batch == NULL);
}

static void snapshots(void) {
    stratum_view *before = NULL;
    stratum_value one = stratum_value_int64(1);
    uint64_t document, input, count, then;
    int32_t exists;

    OK(stratum_db_create_document(db, S("old"), NULL, 0, &document, &error));
    OK(stratum_db_append_input(db, document, &one, &input, &error));
    OK(stratum_db_snapshot(db, &before, &error));
    OK(stratum_view_document_count(before, &then, &error));
    OK(stratum_db_set_blob(db, document, S("new"), &error));
    OK(stratum_db_delete_input(db, document, input, &error));
    check_blob(before, document, "old");
    TRUE(input_value(before, document, input) == 1);
    check_blob(latest, document, "new");
    OK(stratum_db_delete_document(db, document, &error));
    check_blob(before, document, "old");
    OK(stratum_view_exists(before, document, &exists, &error));
    TRUE(exists == 1);
    OK(stratum_view_document_count(before, &count, &error));
    TRUE(count == then);
    OK(stratum_view_document_count(latest, &count, &error));
    TRUE(count == then - 1);
    OK(stratum_view_free(&before));
    OK(stratum_view_free(&before));
}

static void cursors(void) {
    stratum_document_cursor *cursor = NULL;
    stratum_view *view = NULL;
    uint64_t ids[300], walked[300], id, last = 0;
    size_t i, count, total = 0;

    for (i = 0; i < 300; i++) {
        OK(stratum_db_create_document(db, S("x"), NULL, 0, &ids[i], &error));
    }
    OK(stratum_db_delete_document(db, ids[7], &error));
    OK(stratum_db_snapshot(db, &view, &error));
    OK(stratum_view_documents(view, ids[0], &cursor, &error));
    OK(stratum_view_free(&view)); /* the cursor has its own hold on the moment */
    OK(stratum_db_delete_document(db, ids[8], &error));
    OK(stratum_document_cursor_next(cursor, &id, &error));
    TRUE(id == ids[0]);
    for (;;) {
        int32_t status = stratum_document_cursor_fill(cursor, walked, 64, &count, &error);
        if (status == STRATUM_END) {
            break;
        }
        OK(status);
        TRUE(count > 0 && count <= 64);
        for (i = 0; i < count; i++) {
            TRUE(walked[i] > last && walked[i] != ids[7]);
            last = walked[i];
        }
        total += count;
    }
    TRUE(total == 298 && last == ids[299]);
    IS(STRATUM_END, stratum_document_cursor_next(cursor, &id, &error));
    OK(stratum_document_cursor_seek(cursor, ids[7], &error));
    OK(stratum_document_cursor_next(cursor, &id, &error));
    TRUE(id == ids[8]);
    OK(stratum_document_cursor_seek(cursor, 0, &error));
    OK(stratum_document_cursor_next(cursor, &id, &error));
    TRUE(id < ids[0]);
    OK(stratum_document_cursor_seek(cursor, UINT64_MAX, &error));
    IS(STRATUM_END, stratum_document_cursor_fill(cursor, walked, 64, &count, &error));
    OK(stratum_document_cursor_free(&cursor));
}

int main(int argc, char **argv) {
    TRUE(argc == 2);
    db = open_store(argv[1], "documents", NULL);
    latest = stratum_db_latest(db);
    TRUE(latest != NULL);
    documents();
    inputs();
    trees();
    batches();
    snapshots();
    cursors();
    OK(stratum_db_close(&db, &error));
    OK(stratum_db_close(&db, &error));
    return 0;
}

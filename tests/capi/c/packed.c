/* Bytes in and out in one piece: blobs in four ways, packed trees, packed rows, writes in one buffer. */
#include "check.h"

static stratum_db *db;
static const stratum_view *latest;

static uint32_t u32_at(const void *bytes, size_t at) {
    const unsigned char *b = (const unsigned char *)bytes + at;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint64_t u64_at(const void *bytes, size_t at) {
    return (uint64_t)u32_at(bytes, at) | (uint64_t)u32_at(bytes, at + 4) << 32;
}

static void blobs(void) {
    size_t large = 300 * 1000, length = 0, i;
    char *blob = malloc(large), *copy = malloc(large);
    stratum_pinned *pinned = NULL, *small = NULL, *empty = NULL;
    uint64_t document, other, third;

    TRUE(blob != NULL && copy != NULL);
    for (i = 0; i < large; i++) {
        blob[i] = (char)(i * 7 + i / 251);
    }
    OK(stratum_db_create_document(db, blob, large, NULL, 0, &document, &error));
    OK(stratum_db_create_document(db, S("small"), NULL, 0, &other, &error));
    OK(stratum_db_create_document(db, NULL, 0, NULL, 0, &third, &error));
    OK(stratum_view_blob(latest, document, &pinned, &error));
    OK(stratum_view_blob(latest, other, &small, &error));
    OK(stratum_view_blob(latest, third, &empty, &error));
    TRUE(stratum_pinned_length(pinned) == large && memcmp(stratum_pinned_data(pinned), blob, large) == 0);
    TRUE(stratum_pinned_length(empty) == 0 && stratum_pinned_data(empty) != NULL);
    TRUE(stratum_pinned_is_borrowed(pinned) == 1 && stratum_pinned_is_borrowed(empty) >= 0);

    OK(stratum_view_read_blob(latest, document, copy, large, &length, &error));
    TRUE(length == large && memcmp(copy, blob, large) == 0);
    memset(copy, 'x', large);
    length = 0;
    IS(STRATUM_BUFFER_TOO_SMALL, stratum_view_read_blob(latest, document, copy, large - 1, &length, &error));
    TRUE(length == large && copy[0] == 'x');
    IS(STRATUM_BUFFER_TOO_SMALL, stratum_view_read_blob(latest, document, NULL, 0, &length, &error));
    OK(stratum_view_read_blob(latest, third, NULL, 0, &length, &error));
    TRUE(length == 0);

    /* pinned bytes survive the document, compaction and the store */
    OK(stratum_db_delete_document(db, document, &error));
    OK(stratum_db_delete_document(db, other, &error));
    OK(stratum_db_compact_now(db, NULL, NULL, &error));
    TRUE(memcmp(stratum_pinned_data(pinned), blob, large) == 0);
    TRUE(stratum_pinned_length(small) == 5 && memcmp(stratum_pinned_data(small), "small", 5) == 0);
    OK(stratum_pinned_free(&pinned));
    OK(stratum_pinned_free(&small));
    OK(stratum_pinned_free(&empty));
    OK(stratum_pinned_free(&empty));
    free(blob);
    free(copy);
}

static uint64_t put_small_tree(int64_t seed) {
    stratum_value in = stratum_value_int64(seed), out = stratum_value_int64(-seed);
    stratum_column column = column_of("seed", in);
    stratum_input inputs[2];
    stratum_tree_desc desc;
    stratum_tree_ids ids;

    memset(&desc, 0, sizeof desc);
    memset(inputs, 0, sizeof inputs);
    inputs[0].value = in;
    inputs[0].output = &out;
    inputs[0].columns = &column;
    inputs[0].column_count = 1;
    inputs[1].value = out;
    desc.struct_size = sizeof desc;
    desc.blob = "tree";
    desc.blob_length = 4;
    desc.columns = &column;
    desc.column_count = 1;
    desc.inputs = inputs;
    desc.input_count = 2;
    OK(stratum_db_put_tree(db, &desc, &ids, &error));
    return ids.document;
}

static void check_seed(uint64_t document, int64_t seed) {
    stratum_tree *tree = NULL;
    const stratum_tree_desc *desc;
    OK(stratum_view_tree(latest, document, &tree, &error));
    desc = stratum_tree_get(tree);
    TRUE(desc->input_count == 2 && desc->column_count == 1 && desc->blob_length == 4);
    TRUE(desc->columns[0].value.as.int64 == seed && desc->inputs[0].value.as.int64 == seed);
    TRUE(desc->inputs[0].output->as.int64 == -seed && desc->inputs[1].output == NULL);
    TRUE(desc->inputs[0].column_count == 1 && desc->inputs[1].column_count == 0);
    OK(stratum_tree_free(&tree));
}

static void packed_trees(void) {
    uint64_t one = put_small_tree(11), two = put_small_tree(22), asked[4];
    stratum_pinned *packed = NULL, *many = NULL;
    const unsigned char *bytes;
    unsigned char *damaged;
    stratum_tree_ids ids;
    stratum_batch *batch = NULL;
    size_t length, i;

    OK(stratum_view_packed_tree(latest, one, &packed, &error));
    bytes = stratum_pinned_data(packed);
    length = stratum_pinned_length(packed);
    TRUE(length % 8 == 0 && (uintptr_t)bytes % 8 == 0 && memcmp(bytes, "STPT", 4) == 0);
    TRUE(stratum_pinned_is_borrowed(packed) == 1);
    OK(stratum_db_put_packed(db, bytes, length, &ids, &error));
    TRUE(ids.document > two && ids.input_count == 2);
    check_seed(ids.document, 11);
    OK(stratum_db_replace_packed(db, two, bytes, length, &ids, &error));
    TRUE(ids.document == two);
    check_seed(two, 11);
    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_batch_put_packed(batch, bytes, length, &ids, &error));
    OK(stratum_batch_replace_packed(batch, ids.document, bytes, length, &ids, &error));
    OK(stratum_batch_commit(&batch, NULL, NULL, &error));
    check_seed(ids.document, 11);
    IS(STRATUM_NOT_FOUND, stratum_db_replace_packed(db, 999999, bytes, length, &ids, &error));
    IS(STRATUM_NOT_FOUND, stratum_view_packed_tree(latest, 999999, &many, &error));

    /* every byte counts */
    damaged = malloc(length);
    TRUE(damaged != NULL);
    for (i = 0; i < length; i++) {
        memcpy(damaged, bytes, length);
        damaged[i] ^= 0x40;
        IS(STRATUM_INVALID_ARGUMENT, stratum_db_put_packed(db, damaged, length, &ids, &error));
        IS(STRATUM_INVALID_ARGUMENT, stratum_db_put_packed(db, bytes, i, &ids, &error));
    }
    free(damaged);

    asked[0] = two, asked[1] = 999999, asked[2] = one, asked[3] = 0;
    OK(stratum_view_packed_trees(latest, asked, 4, &many, &error));
    TRUE(u64_at(stratum_pinned_data(many), 0) == 4);
    for (i = 0; i < 4; i++) {
        const unsigned char *all = stratum_pinned_data(many);
        uint64_t id = u64_at(all, 8 + 24 * i), offset = u64_at(all, 16 + 24 * i), size = u64_at(all, 24 + 24 * i);
        TRUE(id == asked[i]);
        if (i % 2 == 1) {
            TRUE(offset == 0 && size == 0);
        } else {
            TRUE(offset % 8 == 0 && size == length && offset + size <= stratum_pinned_length(many));
            TRUE(memcmp(all + offset, "STPT", 4) == 0);
        }
    }
    OK(stratum_pinned_free(&many));
    OK(stratum_view_packed_trees(latest, NULL, 0, &many, &error));
    TRUE(stratum_pinned_length(many) == 8 && u64_at(stratum_pinned_data(many), 0) == 0);
    OK(stratum_pinned_free(&many));
    OK(stratum_pinned_free(&packed));
}

/* A row of stratum_batch_apply_packed, appended to a buffer. */
typedef struct rows {
    unsigned char bytes[4096];
    size_t length;
} rows;

static void put_number(rows *all, size_t at, uint64_t number, size_t size) {
    size_t i;
    for (i = 0; i < size; i++) {
        all->bytes[at + i] = (unsigned char)(number >> (8 * i));
    }
}

static size_t padded(size_t length) {
    return (length + 7) / 8 * 8;
}

static void row(rows *all, uint32_t operation, uint64_t document, uint64_t input, uint64_t before, const char *name,
                const void *body, size_t body_length) {
    size_t start = all->length, name_length = strlen(name);
    size_t length = 48 + padded(name_length) + padded(body_length);
    TRUE(start + length <= sizeof all->bytes);
    memset(all->bytes + start, 0, length);
    put_number(all, start, operation, 4);
    put_number(all, start + 4, length / 8, 4);
    put_number(all, start + 8, document, 8);
    put_number(all, start + 16, input, 8);
    put_number(all, start + 24, before, 8);
    put_number(all, start + 32, name_length, 4);
    put_number(all, start + 40, body_length, 8);
    memcpy(all->bytes + start + 48, name, name_length);
    if (body_length > 0) {
        memcpy(all->bytes + start + 48 + padded(name_length), body, body_length);
    }
    all->length += length;
}

#define MADE_BY_ROW(n) (UINT64_C(0x8000000000000000) | (n))

static void apply(void) {
    /* int64 1 and 2 in their encoded form */
    static const unsigned char one[16] = {3, 0, 0, 0, 0, 0, 0, 0, 1}, two[16] = {3, 0, 0, 0, 0, 0, 0, 0, 2};
    static rows all;
    stratum_batch *batch = NULL;
    stratum_result *result = NULL;
    stratum_pinned *packed = NULL;
    uint64_t ids[32], count;
    size_t applied = 99, i;
    uint64_t tree = put_small_tree(33);

    memset(ids, 0xff, sizeof ids);
    OK(stratum_view_packed_tree(latest, tree, &packed, &error));
    row(&all, STRATUM_OP_CREATE_DOCUMENT, 0, 0, 0, "", "a blob", 6);
    row(&all, STRATUM_OP_APPEND_INPUT, MADE_BY_ROW(0), 0, 0, "", one, 16);
    row(&all, STRATUM_OP_INSERT_INPUT, MADE_BY_ROW(0), 0, MADE_BY_ROW(1), "", two, 16);
    row(&all, STRATUM_OP_SET_OUTPUT, MADE_BY_ROW(0), MADE_BY_ROW(1), 0, "", two, 16);
    row(&all, STRATUM_OP_UPDATE_OUTPUT, MADE_BY_ROW(0), MADE_BY_ROW(1), 0, "", one, 16);
    row(&all, STRATUM_OP_SET_COLUMN, MADE_BY_ROW(0), 0, 0, "name", one, 16);
    row(&all, STRATUM_OP_SET_COLUMN, MADE_BY_ROW(0), 0, 0, "gone", one, 16);
    row(&all, STRATUM_OP_REMOVE_COLUMN, MADE_BY_ROW(0), 0, 0, "gone", NULL, 0);
    row(&all, STRATUM_OP_SET_INPUT_COLUMN, MADE_BY_ROW(0), MADE_BY_ROW(1), 0, "group", two, 16);
    row(&all, STRATUM_OP_SET_INPUT_COLUMN, MADE_BY_ROW(0), MADE_BY_ROW(1), 0, "gone", two, 16);
    row(&all, STRATUM_OP_REMOVE_INPUT_COLUMN, MADE_BY_ROW(0), MADE_BY_ROW(1), 0, "gone", NULL, 0);
    row(&all, STRATUM_OP_MOVE_INPUT, MADE_BY_ROW(0), MADE_BY_ROW(2), 0, "", NULL, 0);
    row(&all, STRATUM_OP_REPLACE_INPUT, MADE_BY_ROW(0), MADE_BY_ROW(2), 0, "", one, 16);
    row(&all, STRATUM_OP_SET_BLOB, MADE_BY_ROW(0), 0, 0, "", "another blob", 12);
    row(&all, STRATUM_OP_PUT_TREE, 0, 0, 0, "", stratum_pinned_data(packed), stratum_pinned_length(packed));
    row(&all, STRATUM_OP_REPLACE_TREE, MADE_BY_ROW(14), 0, 0, "", stratum_pinned_data(packed),
        stratum_pinned_length(packed));
    row(&all, STRATUM_OP_DELETE_OUTPUT, MADE_BY_ROW(14), MADE_BY_ROW(15), 0, "", NULL, 0);
    row(&all, STRATUM_OP_DELETE_INPUT, MADE_BY_ROW(14), MADE_BY_ROW(15), 0, "", NULL, 0);
    row(&all, STRATUM_OP_DELETE_DOCUMENT, tree, 0, 0, "", NULL, 0);

    IS(STRATUM_BUFFER_TOO_SMALL, stratum_db_apply_packed(db, all.bytes, all.length, ids, 18, &applied, &error));
    TRUE(applied == 0);
    OK(stratum_db_apply_packed(db, all.bytes, all.length, ids, 32, &applied, &error));
    TRUE(applied == 19 && ids[0] > tree && ids[1] > 0 && ids[2] > ids[1] && ids[3] == 0);
    TRUE(ids[14] > ids[0] && ids[15] > 0 && ids[18] == 0);
    OK(stratum_view_output(latest, ids[0], ids[1], &result, &error));
    TRUE(stratum_result_value(result)->as.int64 == 1);
    OK(stratum_result_free(&result));
    OK(stratum_view_input_ids(latest, ids[0], &result, &error));
    TRUE(stratum_result_ids(result, &i)[0] == ids[1] && i == 2);
    OK(stratum_result_free(&result));
    OK(stratum_view_columns(latest, ids[0], &result, &error));
    TRUE(stratum_result_columns(result, &i) != NULL && i == 1);
    OK(stratum_result_free(&result));
    OK(stratum_view_input_count(latest, ids[14], &count, &error));
    TRUE(count == 1);
    IS(STRATUM_NOT_FOUND, stratum_view_input_count(latest, tree, &count, &error));

    /* what fails is told by its number; what was before it stays in the batch, and nothing of it in a single call */
    all.length = 0;
    row(&all, STRATUM_OP_SET_BLOB, ids[0], 0, 0, "", "kept", 4);
    row(&all, STRATUM_OP_DELETE_INPUT, ids[0], 77, 0, "", NULL, 0);
    IS(STRATUM_NOT_FOUND, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    TRUE(applied == 1);
    OK(stratum_view_blob(latest, ids[0], &packed, &error));
    TRUE(stratum_pinned_length(packed) == 12);
    OK(stratum_pinned_free(&packed));
    OK(stratum_batch_create(db, &batch, &error));
    IS(STRATUM_NOT_FOUND, stratum_batch_apply_packed(batch, all.bytes, all.length, NULL, 0, &applied, &error));
    TRUE(applied == 1);
    OK(stratum_batch_commit(&batch, NULL, NULL, &error));
    OK(stratum_view_blob(latest, ids[0], &packed, &error));
    TRUE(stratum_pinned_length(packed) == 4);
    OK(stratum_pinned_free(&packed));

    /* rows that are not well-formed: cut at every length, unknown, unused fields set, later rows named */
    all.length = 0;
    row(&all, STRATUM_OP_SET_COLUMN, ids[0], 0, 0, "name", one, 16);
    for (i = 1; i < all.length; i++) {
        IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, i, NULL, 0, &applied, &error));
    }
    OK(stratum_db_apply_packed(db, all.bytes, 0, NULL, 0, &applied, &error));
    all.bytes[48 + 5] = 1; /* padding */
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    all.length = 0;
    row(&all, 18, 0, 0, 0, "", NULL, 0);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    all.length = 0;
    row(&all, STRATUM_OP_DELETE_DOCUMENT, ids[0], 1, 0, "", NULL, 0);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    all.length = 0;
    row(&all, STRATUM_OP_DELETE_DOCUMENT, MADE_BY_ROW(0), 0, 0, "", NULL, 0);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    all.length = 0;
    row(&all, STRATUM_OP_APPEND_INPUT, ids[0], 0, 0, "", one, 15);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    put_number(&all, 4, UINT32_MAX, 4);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    put_number(&all, 4, 8, 4);
    put_number(&all, 40, UINT64_MAX, 8);
    IS(STRATUM_INVALID_ARGUMENT, stratum_db_apply_packed(db, all.bytes, all.length, NULL, 0, &applied, &error));
    TRUE(applied == 0);
}

static void fill(void) {
    stratum_value value = stratum_value_string(S("some text")), output = stratum_value_bool(1);
    stratum_input_cursor *cursor = NULL;
    const stratum_input *input;
    uint64_t document, ids[10], buffer[64];
    size_t i, at, length = 0, seen = 0;

    OK(stratum_db_create_document(db, S(""), NULL, 0, &document, &error));
    for (i = 0; i < 10; i++) {
        OK(stratum_db_append_input(db, document, &value, &ids[i], &error));
        if (i % 2 == 0) {
            OK(stratum_db_set_output(db, document, ids[i], &output, &error));
            OK(stratum_db_set_input_column(db, document, ids[i], S("case"), &value, &error));
        }
    }
    OK(stratum_view_input_cursor(latest, document, &cursor, &error));
    OK(stratum_input_cursor_next(cursor, &input, &error));
    TRUE(input->id == ids[0]);
    seen = 1;
    IS(STRATUM_BUFFER_TOO_SMALL, stratum_input_cursor_fill(cursor, buffer, 24, &length, &error));
    TRUE(length == 24 + 24);
    IS(STRATUM_BUFFER_TOO_SMALL, stratum_input_cursor_fill(cursor, NULL, 0, &length, &error));
    OK(stratum_input_cursor_next(cursor, &input, &error)); /* it had stayed where it was */
    TRUE(input->id == ids[1] && same_value(&input->value, &value));
    seen = 2;
    for (;;) {
        int32_t status = stratum_input_cursor_fill(cursor, buffer, sizeof buffer / 2, &length, &error);
        if (status == STRATUM_END) {
            break;
        }
        OK(status);
        TRUE(length > 0 && length <= sizeof buffer / 2 && length % 8 == 0);
        for (at = 0; at < length; at += 8 * (size_t)u32_at(buffer, at)) {
            size_t values = u32_at(buffer, at + 8), outputs = u32_at(buffer, at + 12), columns = u32_at(buffer, at + 16);
            TRUE(u32_at(buffer, at + 4) == ids[seen] && u32_at(buffer, at + 20) == 0);
            TRUE(u32_at(buffer, at) == 3 + values + outputs + columns);
            TRUE(values == 3 && outputs == (seen % 2 == 0 ? 1 : 0) && (columns > 0) == (seen % 2 == 0));
            TRUE(u32_at(buffer, at + 24) == STRATUM_KIND_STRING && u32_at(buffer, at + 28) == 9);
            TRUE(memcmp((const char *)buffer + at + 32, "some text", 9) == 0);
            seen++;
        }
        TRUE(at == length);
    }
    TRUE(seen == 10);
    IS(STRATUM_END, stratum_input_cursor_next(cursor, &input, &error));
    OK(stratum_input_cursor_free(&cursor));
    IS(STRATUM_NOT_FOUND, stratum_view_input_cursor(latest, 999999, &cursor, &error));
}

int main(int argc, char **argv) {
    stratum_pinned *pinned = NULL;
    uint64_t document;

    TRUE(argc == 2);
    db = open_store(argv[1], "packed", NULL);
    latest = stratum_db_latest(db);
    blobs();
    packed_trees();
    apply();
    fill();
    OK(stratum_db_create_document(db, S("outlives the store"), NULL, 0, &document, &error));
    OK(stratum_view_blob(latest, document, &pinned, &error));
    OK(stratum_db_close(&db, &error));
    TRUE(stratum_pinned_length(pinned) == 18 && memcmp(stratum_pinned_data(pinned), "outlives the store", 18) == 0);
    OK(stratum_pinned_free(&pinned));
    return 0;
}

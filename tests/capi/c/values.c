/* Every kind of value, at its edges, as document column, input, input column and output, through every way in and out,
 * and through a reopen: bit for bit. */
#include "check.h"

#define KINDS 40

static stratum_value values[KINDS];
static size_t value_count;

static void add(stratum_value value) {
    TRUE(value_count < KINDS);
    values[value_count++] = value;
}

static stratum_value from_bits(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return stratum_value_double(number);
}

static void make_values(void) {
    static const unsigned char bytes[] = {0, 255, 1, 254, 0};
    static const int64_t int64s[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    static const double doubles[] = {-0.0, 0.0, 1e308, -4.9e-324};
    static stratum_text strings[6];
    static stratum_value nested[64];
    static stratum_value few[4];
    static stratum_entry entries[3];
    size_t i;

    for (i = 0; i < 6; i++) {
        strings[i] = text_of(i == 0 ? "" : i == 1 ? "k" : i == 2 ? "\xc3\xbc" : i == 3 ? "" : i == 4 ? "last" : "v");
    }
    add(stratum_value_null());
    add(stratum_value_bool(0));
    add(stratum_value_bool(7)); /* anything but 0 is true */
    add(stratum_value_int64(INT64_MIN));
    add(stratum_value_int64(INT64_MAX));
    add(stratum_value_int64(1));
    add(stratum_value_double(1.0));
    add(from_bits(UINT64_C(0x8000000000000000)));
    add(from_bits(UINT64_C(0x7ff800000000beef)));
    add(from_bits(UINT64_C(0x7ff0000000000001)));
    add(from_bits(UINT64_C(0xfff0000000000000)));
    add(stratum_value_decimal(S("98249283749234923498293171823948729348710298301928331")));
    add(stratum_value_decimal(S("-0.5e+400")));
    add(stratum_value_string(S("")));
    add(stratum_value_string(NULL, 0));
    add(stratum_value_string(S("one\0two \xf0\x9f\x8c\xb3")));
    add(stratum_value_bytes(bytes, 0));
    add(stratum_value_bytes(bytes, sizeof bytes));
    add(stratum_value_int64_list(NULL, 0));
    add(stratum_value_int64_list(int64s, 5));
    add(stratum_value_double_list(NULL, 0));
    add(stratum_value_double_list(doubles, 4));
    add(stratum_value_string_list(NULL, 0));
    add(stratum_value_string_list(strings, 6));
    add(stratum_value_string_map(NULL, 0));
    add(stratum_value_string_map(strings, 3));
    add(stratum_value_list(NULL, 0));
    add(stratum_value_map(NULL, 0));
    few[0] = values[8];
    few[1] = values[15];
    few[2] = stratum_value_list(NULL, 0);
    few[3] = values[19];
    add(stratum_value_list(few, 4));
    for (i = 0; i < 3; i++) {
        entries[i].key = strings[i];
        entries[i].value = few[i];
    }
    add(stratum_value_map(entries, 3));
    nested[0] = stratum_value_list(NULL, 0);
    for (i = 1; i < 64; i++) {
        nested[i] = stratum_value_list(&nested[i - 1], 1);
    }
    add(nested[63]); /* 64 levels, the deepest that there can be */
}

static const stratum_value *held(stratum_result *result) {
    const stratum_value *value = stratum_result_value(result);
    TRUE(value != NULL);
    return value;
}

static void read_all(const stratum_view *view, uint64_t document, const uint64_t *inputs) {
    size_t i, count;
    char name[16];
    stratum_result *result = NULL;
    const stratum_column *columns;
    const stratum_input *input;
    stratum_input_cursor *cursor = NULL;

    for (i = 0; i < value_count; i++) {
        int length = snprintf(name, sizeof name, "c%02u", (unsigned)i);
        OK(stratum_view_column(view, document, name, (size_t)length, &result, &error));
        TRUE(same_value(held(result), &values[i]));
        OK(stratum_result_free(&result));
        OK(stratum_view_input(view, document, inputs[i], &result, &error));
        TRUE(same_value(held(result), &values[i]));
        OK(stratum_result_free(&result));
        OK(stratum_view_output(view, document, inputs[i], &result, &error));
        TRUE(same_value(held(result), &values[value_count - 1 - i]));
        OK(stratum_result_free(&result));
        OK(stratum_view_input_columns(view, document, inputs[i], &result, &error));
        columns = stratum_result_columns(result, &count);
        TRUE(count == 1 && same_text(columns[0].name, text_of("of")) && same_value(&columns[0].value, &values[i]));
        TRUE(stratum_result_value(result) == NULL);
        OK(stratum_result_free(&result));
    }
    OK(stratum_view_columns(view, document, &result, &error));
    columns = stratum_result_columns(result, &count);
    TRUE(count == value_count);
    for (i = 0; i < count; i++) {
        TRUE(same_value(&columns[i].value, &values[i]));
    }
    TRUE(stratum_columns_find(columns, count, S("c03")) == &columns[3].value);
    TRUE(stratum_columns_find(columns, count, S("c99")) == NULL);
    TRUE(stratum_result_inputs(result, &count) == NULL && count == 0);
    OK(stratum_result_free(&result));

    OK(stratum_view_inputs(view, document, &result, &error));
    input = stratum_result_inputs(result, &count);
    TRUE(count == value_count);
    for (i = 0; i < count; i++) {
        TRUE(input[i].id == inputs[i] && same_value(&input[i].value, &values[i]));
        TRUE(input[i].column_count == 1 && same_value(&input[i].columns[0].value, &values[i]));
        TRUE(same_value(input[i].output, &values[value_count - 1 - i]));
    }
    OK(stratum_result_free(&result));

    OK(stratum_view_input_cursor(view, document, &cursor, &error));
    for (i = 0; i < value_count; i++) {
        OK(stratum_input_cursor_next(cursor, &input, &error));
        TRUE(input->id == inputs[i] && same_value(&input->value, &values[i]));
        TRUE(same_value(input->output, &values[value_count - 1 - i]));
    }
    IS(STRATUM_END, stratum_input_cursor_next(cursor, &input, &error));
    IS(STRATUM_END, stratum_input_cursor_next(cursor, &input, &error));
    OK(stratum_input_cursor_free(&cursor));
}

/* A tree that was read goes back in as it is, and comes back the same. */
static void copy_tree(stratum_db *db, uint64_t document) {
    stratum_tree *tree = NULL, *again = NULL;
    const stratum_tree_desc *one, *two;
    stratum_tree_ids ids;
    size_t i;

    OK(stratum_view_tree(stratum_db_latest(db), document, &tree, &error));
    one = stratum_tree_get(tree);
    OK(stratum_db_put_tree(db, one, &ids, &error));
    TRUE(ids.document > document && ids.input_count == value_count && ids.first_input > 0);
    OK(stratum_view_tree(stratum_db_latest(db), ids.document, &again, &error));
    two = stratum_tree_get(again);
    TRUE(one->blob_length == two->blob_length && memcmp(one->blob, two->blob, one->blob_length) == 0);
    TRUE(one->column_count == two->column_count && one->input_count == two->input_count);
    for (i = 0; i < value_count; i++) {
        TRUE(same_text(one->columns[i].name, two->columns[i].name));
        TRUE(same_value(&one->columns[i].value, &two->columns[i].value));
        TRUE(same_value(&one->inputs[i].value, &two->inputs[i].value));
        TRUE(same_value(one->inputs[i].output, two->inputs[i].output));
        TRUE(two->inputs[i].id == ids.first_input + i);
    }
    OK(stratum_tree_free(&tree));
    OK(stratum_tree_free(&again));
}

int main(int argc, char **argv) {
    stratum_db *db;
    stratum_batch *batch = NULL;
    stratum_column columns[KINDS];
    char names[KINDS][16];
    uint64_t document, inputs[KINDS];
    size_t i;

    TRUE(argc == 2);
    make_values();
    db = open_store(argv[1], "values", NULL);
    OK(stratum_batch_create(db, &batch, &error));
    for (i = 0; i < value_count; i++) {
        snprintf(names[i], sizeof names[i], "c%02u", (unsigned)i);
        columns[i] = column_of(names[i], values[i]);
    }
    OK(stratum_batch_create_document(batch, S("blob"), columns, value_count, &document, &error));
    for (i = 0; i < value_count; i++) {
        OK(stratum_batch_append_input(batch, document, &values[i], &inputs[i], &error));
        OK(stratum_batch_set_output(batch, document, inputs[i], &values[value_count - 1 - i], &error));
        OK(stratum_batch_set_input_column(batch, document, inputs[i], S("of"), &values[i], &error));
    }
    OK(stratum_batch_commit(&batch, NULL, NULL, &error));
    read_all(stratum_db_latest(db), document, inputs);
    copy_tree(db, document);
    OK(stratum_db_close(&db, &error));

    db = open_store(argv[1], "values", NULL);
    read_all(stratum_db_latest(db), document, inputs);
    copy_tree(db, document);
    OK(stratum_db_close(&db, &error));
    return 0;
}

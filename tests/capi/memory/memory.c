/* Memory that is refused: every call of a library that reads and writes large things is made again and again, and each
 * time another one of its large allocations fails, until none does. A refusal is STRATUM_NO_MEMORY, or the library did
 * without; the store is whole after it, and holds what it held.
 *
 * Linked with --wrap for each function below, so that the program decides what the library gets. What is taken by
 * pieces under LARGE bytes is taken for granted by the library, and never refused here. */
#include <errno.h>
#include <stdint.h>

#include "../c/check.h"

#define LARGE 32768

static long countdown = -1; /* refuses the large allocation after as many; -1: refuses none */
static long refused;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);

static int refuse(size_t size) {
    if (size < LARGE || countdown < 0 || countdown-- > 0) {
        return 0;
    }
    refused++;
    return 1;
}

void *__wrap_malloc(size_t size) {
    return refuse(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return refuse(count * size) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return refuse(size) ? NULL : __real_realloc(memory, size);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size) {
    return refuse(size) ? ENOMEM : __real_posix_memalign(memory, alignment, size);
}

enum { MANY = 6000, BLOB = 300 * 1024, TEXTS = 9000 };

static const char *directory;
static stratum_options *options;
static stratum_db *db;
static stratum_batch *batch;
static stratum_input_cursor *cursor;
static stratum_pinned *packed;
static char blob[BLOB];
static int64_t numbers[MANY];
static stratum_text texts[2 * TEXTS];
static char keys[2 * TEXTS][8];
static stratum_value values[MANY];
static stratum_entry entries[MANY];
static stratum_input inputs[MANY];
static stratum_column columns[MANY];
static uint64_t words[MANY * 8];
static uint64_t wide, many; /* a document with large values, one with many inputs */

static int32_t open_again(void) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/store", directory);
    TRUE(length > 0 && (size_t)length < sizeof path);
    return stratum_db_open(path, (size_t)length, options, &db, &error);
}

static int32_t create(void) {
    return stratum_db_create_document(db, blob, sizeof blob, NULL, 0, &wide, &error);
}

static int32_t put_tree(void) {
    stratum_tree_desc desc;
    stratum_tree_ids ids;
    int32_t status;
    memset(&desc, 0, sizeof desc);
    desc.struct_size = sizeof desc;
    desc.blob = blob;
    desc.blob_length = 40000;
    desc.columns = columns;
    desc.column_count = 600;
    desc.inputs = inputs;
    desc.input_count = MANY;
    status = stratum_db_put_tree(db, &desc, &ids, &error);
    many = status == STRATUM_OK ? ids.document : many;
    return status;
}

static int32_t set(stratum_value value) {
    return stratum_db_set_column(db, wide, S("c"), &value, &error);
}

static int32_t set_bytes(void) { return set(stratum_value_bytes(blob, sizeof blob)); }
static int32_t set_text(void) { return set(stratum_value_string(blob, sizeof blob)); }
static int32_t set_numbers(void) { return set(stratum_value_int64_list(numbers, MANY)); }
static int32_t set_texts(void) { return set(stratum_value_string_list(texts, TEXTS)); }
static int32_t set_pairs(void) { return set(stratum_value_string_map(texts, TEXTS)); }
static int32_t set_list(void) { return set(stratum_value_list(values, MANY)); }
static int32_t set_map(void) { return set(stratum_value_map(entries, MANY)); }
static int32_t set_blob(void) { return stratum_db_set_blob(db, wide, blob, 50000, &error); }

/* Reads a column back, which goes through Rust's values and C's view of them. */
static int32_t read_column(void) {
    stratum_result *result = NULL;
    int32_t status = stratum_view_column(stratum_db_latest(db), wide, S("c"), &result, &error);
    TRUE(stratum_result_free(&result) == STRATUM_OK);
    return status;
}

static int32_t read_columns(void) {
    stratum_result *result = NULL;
    int32_t status = stratum_view_columns(stratum_db_latest(db), many, &result, &error);
    TRUE(stratum_result_free(&result) == STRATUM_OK);
    return status;
}

static int32_t read_blob(void) {
    stratum_pinned *pinned = NULL;
    int32_t status = stratum_view_blob(stratum_db_latest(db), wide, &pinned, &error);
    TRUE(stratum_pinned_free(&pinned) == STRATUM_OK);
    return status;
}

static int32_t read_inputs(void) {
    stratum_result *result = NULL;
    int32_t status = stratum_view_inputs(stratum_db_latest(db), many, &result, &error);
    TRUE(stratum_result_free(&result) == STRATUM_OK);
    return status;
}

static int32_t read_ids(void) {
    stratum_result *result = NULL;
    int32_t status = stratum_view_input_ids(stratum_db_latest(db), many, &result, &error);
    TRUE(stratum_result_free(&result) == STRATUM_OK);
    return status;
}

static int32_t read_tree(void) {
    stratum_tree *tree = NULL;
    int32_t status = stratum_view_tree(stratum_db_latest(db), many, &tree, &error);
    TRUE(stratum_tree_free(&tree) == STRATUM_OK);
    return status;
}

static int32_t read_packed(void) {
    TRUE(stratum_pinned_free(&packed) == STRATUM_OK);
    return stratum_view_packed_tree(stratum_db_latest(db), many, &packed, &error);
}

static int32_t read_both_packed(void) {
    stratum_pinned *pinned = NULL;
    uint64_t both[2];
    int32_t status;
    both[0] = wide;
    both[1] = many;
    status = stratum_view_packed_trees(stratum_db_latest(db), both, 2, &pinned, &error);
    TRUE(stratum_pinned_free(&pinned) == STRATUM_OK);
    return status;
}

static int32_t put_packed(void) {
    return stratum_db_put_packed(db, stratum_pinned_data(packed), stratum_pinned_length(packed), NULL, &error);
}

static int32_t replace_packed(void) {
    return stratum_db_replace_packed(db, many, stratum_pinned_data(packed), stratum_pinned_length(packed), NULL,
                                     &error);
}

/* Rows that append an input each. */
static int32_t apply_packed(void) {
    size_t i;
    for (i = 0; i < MANY; i++) {
        uint64_t *row = words + 8 * i;
        memset(row, 0, 64);
        row[0] = STRATUM_OP_APPEND_INPUT | (uint64_t)8 << 32;
        row[1] = many;
        row[5] = 16;
        row[6] = STRATUM_KIND_INT64;
    }
    return stratum_db_apply_packed(db, words, MANY * 64, NULL, 0, NULL, &error);
}

/* A delta with many changes, and folds. New inputs, so that the document is not looked at for each of them. */
static int32_t change_many(void) {
    stratum_value value = stratum_value_int64(1);
    stratum_batch *changes = NULL;
    uint64_t first = 0, id = 0;
    size_t i;
    int32_t status = stratum_batch_create(db, &changes, &error);
    for (i = 0; i < 2000 && status == STRATUM_OK; i++) {
        status = stratum_batch_append_input(changes, many, &value, &id, &error);
        first = first == 0 ? id : first;
        if (status == STRATUM_OK) {
            status = i % 3 ? stratum_batch_set_output(changes, many, id, &value, &error)
                           : stratum_batch_move_input(changes, many, id, first, &error);
        }
    }
    if (status == STRATUM_OK) {
        status = stratum_batch_commit(&changes, NULL, NULL, &error);
    }
    TRUE(stratum_batch_free(&changes) == STRATUM_OK);
    return status;
}

/* Many documents in one batch. */
static int32_t create_many(void) {
    stratum_batch *made = NULL;
    size_t i;
    int32_t status = stratum_batch_create(db, &made, &error);
    for (i = 0; i < 3000 && status == STRATUM_OK; i++) {
        status = stratum_batch_create_document(made, "x", 1, NULL, 0, NULL, &error);
    }
    if (status == STRATUM_OK) {
        status = stratum_batch_commit(&made, NULL, NULL, &error);
    }
    TRUE(stratum_batch_free(&made) == STRATUM_OK);
    return status;
}

static int32_t walk(void) {
    static size_t seen;
    const stratum_input *input = NULL;
    uint64_t count = 0;
    int32_t status;
    if (cursor == NULL) {
        status = stratum_view_input_cursor(stratum_db_latest(db), many, &cursor, &error);
        if (status != STRATUM_OK) {
            return status;
        }
        seen = 0;
    }
    status = stratum_view_input_count(stratum_db_latest(db), many, &count, &error);
    if (status != STRATUM_OK) {
        return status;
    }
    while ((status = stratum_input_cursor_next(cursor, &input, &error)) == STRATUM_OK) {
        seen++;
    }
    if (status == STRATUM_END) {
        TRUE(stratum_input_cursor_free(&cursor) == STRATUM_OK);
        TRUE(seen == count);
        return STRATUM_OK;
    }
    return status;
}

static int32_t fill(void) {
    size_t length;
    int32_t status = STRATUM_OK;
    if (cursor == NULL) {
        status = stratum_view_input_cursor(stratum_db_latest(db), many, &cursor, &error);
    }
    while (status == STRATUM_OK) {
        status = stratum_input_cursor_fill(cursor, words, sizeof words, &length, &error);
    }
    if (status == STRATUM_END) {
        TRUE(stratum_input_cursor_free(&cursor) == STRATUM_OK);
        return STRATUM_OK;
    }
    return status;
}

static int32_t checkpoint(void) { return stratum_db_checkpoint(db, &error); }
static int32_t compact(void) { return stratum_db_compact_now(db, NULL, NULL, &error); }

static int32_t verify(void) {
    stratum_report *report = NULL;
    int32_t status = stratum_db_verify(db, &report, &error);
    if (status == STRATUM_OK) {
        TRUE(stratum_report_get(report)->damage_count == 0);
    }
    TRUE(stratum_report_free(&report) == STRATUM_OK);
    return status;
}

static int32_t reopen(void) {
    if (db != NULL) {
        OK(stratum_db_close(&db, &error));
    }
    return open_again();
}

/* All of a repair but the writing. */
static int32_t repair(void) {
    stratum_repair_report *report = NULL;
    stratum_repair_options dry;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/store", directory);
    int32_t status;
    TRUE(length > 0 && (size_t)length < sizeof path);
    if (db != NULL) {
        OK(stratum_db_close(&db, &error));
    }
    memset(&dry, 0, sizeof dry);
    dry.struct_size = sizeof dry;
    dry.dry_run = 1;
    status = stratum_repair(path, (size_t)length, NULL, 0, &dry, &report, &error);
    if (status == STRATUM_OK) {
        TRUE(stratum_repair_report_get(report)->is_lossless);
    }
    TRUE(stratum_repair_report_free(&report) == STRATUM_OK);
    return status;
}

/* As after a crash: without the checkpoint, everything is read again. */
static int32_t reopen_without_checkpoint(void) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/store/CHECKPOINT", directory);
    TRUE(length > 0 && (size_t)length < sizeof path);
    if (db != NULL) {
        OK(stratum_db_close(&db, &error));
    }
    remove(path);
    return open_again();
}

static const struct {
    const char *name;
    int32_t (*run)(void);
    int adds; /* documents */
} steps[] = {
    {"create", create, 1},
    {"read_blob", read_blob, 0},
    {"put_tree", put_tree, 1},
    {"set_bytes", set_bytes, 0},
    {"read bytes", read_column, 0},
    {"set_text", set_text, 0},
    {"read text", read_column, 0},
    {"set_numbers", set_numbers, 0},
    {"read numbers", read_column, 0},
    {"set_texts", set_texts, 0},
    {"read texts", read_column, 0},
    {"set_pairs", set_pairs, 0},
    {"read pairs", read_column, 0},
    {"set_list", set_list, 0},
    {"read list", read_column, 0},
    {"set_map", set_map, 0},
    {"read map", read_column, 0},
    {"set_blob", set_blob, 0},
    {"read_columns", read_columns, 0},
    {"read_inputs", read_inputs, 0},
    {"read_ids", read_ids, 0},
    {"read_tree", read_tree, 0},
    {"walk", walk, 0},
    {"fill", fill, 0},
    {"read_packed", read_packed, 0},
    {"put_packed", put_packed, 1},
    {"replace_packed", replace_packed, 0},
    {"change_many", change_many, 0},
    {"change_many again", change_many, 0},
    {"read changed", read_tree, 0},
    {"read changed ids", read_ids, 0},
    {"read changed packed", read_packed, 0},
    {"apply_packed", apply_packed, 0},
    {"walk changed", walk, 0},
    {"read_both_packed", read_both_packed, 0},
    {"create_many", create_many, 3000},
    {"checkpoint", checkpoint, 0},
    {"verify", verify, 0},
    {"reopen", reopen, 0},
    {"compact", compact, 0},
    {"verify compacted", verify, 0},
    {"repair", repair, 0},
    {"reopen without checkpoint", reopen_without_checkpoint, 0},
    {"read the last time", read_tree, 0},
};

static uint64_t documents(void) {
    uint64_t count = 0;
    if (db == NULL) {
        return UINT64_MAX;
    }
    OK(stratum_view_document_count(stratum_db_latest(db), &count, &error));
    return count;
}

/* Runs a step until none of its large allocations is refused; how many were. The first are refused one by one, of very
 * many some. */
static long exhaust(size_t at) {
    long round = 0, rounds = 0;
    for (;; round += 1 + round / 16, rounds++) {
        uint64_t before = documents();
        long refused_before = refused;
        int32_t status;
        countdown = round;
        status = steps[at].run();
        countdown = -1;
        if (status != STRATUM_OK && status != STRATUM_NO_MEMORY) {
            fprintf(stderr, "%s, allocation %ld: %s: %s\n", steps[at].name, round, stratum_status_name(status),
                    stratum_error_message(error));
            exit(1);
        }
        TRUE(status == STRATUM_OK || refused > refused_before);
        TRUE(stratum_error_free(&error) == STRATUM_OK);
        if (before != UINT64_MAX && db != NULL) {
            uint64_t wanted = before + (status == STRATUM_OK ? (uint64_t)steps[at].adds : 0);
            TRUE(documents() == wanted);
            OK(verify());
        }
        if (status == STRATUM_OK && refused == refused_before) {
            return rounds;
        }
    }
}

static void prepare(void) {
    size_t i;
    memset(blob, 'x', sizeof blob);
    for (i = 0; i < 2 * TEXTS; i++) {
        snprintf(keys[i], sizeof keys[i], "%zu", i);
        texts[i] = text_of(keys[i]);
    }
    for (i = 0; i < MANY; i++) {
        numbers[i] = (int64_t)i;
        values[i] = stratum_value_int64((int64_t)i);
        entries[i].key = texts[i];
        entries[i].value = values[i];
        columns[i] = column_of(keys[i], values[i]);
        memset(&inputs[i], 0, sizeof inputs[i]);
        inputs[i].value = i % 1000 == 7 ? stratum_value_bytes(blob, 20000) : values[i];
        if (i == 11) {
            inputs[i].value = stratum_value_list(values, MANY); /* of which C's view is large */
        }
        inputs[i].output = i % 2 ? &values[i] : NULL;
    }
}

int main(int argc, char **argv) {
    size_t i, mode;
    long total = 0;
    TRUE(argc == 2);
    directory = argv[1];
    prepare();
    for (mode = 0; mode < 2; mode++) {
        char place[4096];
        snprintf(place, sizeof place, "%s/%s", argv[1], mode ? "mmap" : "pread");
        directory = place;
        OK(stratum_options_create(&options, &error));
        OK(stratum_options_set_background(options, 0, &error));
        OK(stratum_options_set_durability(options, STRATUM_DURABILITY_OS, &error));
        OK(stratum_options_set_segment_size(options, 1 << 20, &error));
        OK(stratum_options_set_fold_after(options, 2, &error));
        OK(stratum_options_set_read_mode(options, mode ? STRATUM_READ_MMAP : STRATUM_READ_PREAD, &error));
        OK(reopen());
        for (i = 0; i < sizeof steps / sizeof *steps; i++) {
            long rounds = exhaust(i);
            printf("%s: %ld\n", steps[i].name, rounds);
            fflush(stdout);
            total += rounds;
        }
        TRUE(stratum_pinned_free(&packed) == STRATUM_OK);
        TRUE(stratum_batch_free(&batch) == STRATUM_OK);
        OK(stratum_db_close(&db, &error));
        TRUE(stratum_options_free(&options) == STRATUM_OK);
    }
    printf("%ld allocations were refused\n", total);
    TRUE(total > 300);
    return 0;
}

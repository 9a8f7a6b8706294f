/* Callbacks inside callbacks: each store in whose callback a thread is can only be read there, the outer one too. */
#include "check.h"

typedef struct stores {
    stratum_db *outer, *inner;
    uint64_t document;
    int outer_calls, inner_calls;
} stores;

/* Everything but reading, on a store in whose callback this is. */
static void refused(stratum_db *db, uint64_t document) {
    stratum_db *same = db;
    stratum_batch *batch = NULL;
    stratum_report *report = NULL;
    uint64_t count;
    IS(STRATUM_BUSY, stratum_db_set_blob(db, document, S("x"), &error));
    IS(STRATUM_BUSY, stratum_db_flush(db, &error));
    IS(STRATUM_BUSY, stratum_db_checkpoint(db, &error));
    IS(STRATUM_BUSY, stratum_db_compact_now(db, NULL, NULL, &error));
    IS(STRATUM_BUSY, stratum_db_verify(db, &report, &error));
    IS(STRATUM_BUSY, stratum_db_close(&same, &error));
    TRUE(same == db);
    OK(stratum_batch_create(db, &batch, &error));
    OK(stratum_batch_set_blob(batch, document, S("x"), &error));
    IS(STRATUM_BUSY, stratum_batch_commit(&batch, NULL, NULL, &error));
    OK(stratum_batch_free(&batch));
    OK(stratum_view_document_count(stratum_db_latest(db), &count, &error));
}

static int32_t within_both(const stratum_progress *progress, void *context) {
    stores *both = context;
    (void)progress;
    both->inner_calls++;
    refused(both->inner, both->document);
    refused(both->outer, both->document);
    return 1;
}

static int32_t within_outer(const stratum_progress *progress, void *context) {
    stores *both = context;
    (void)progress;
    both->outer_calls++;
    refused(both->outer, both->document);
    OK(stratum_db_set_blob(both->inner, both->document, S("before"), &error));
    OK(stratum_db_compact_now(both->inner, within_both, both, &error));
    /* back in the outer one alone */
    OK(stratum_db_set_blob(both->inner, both->document, S("after"), &error));
    refused(both->outer, both->document);
    return 1;
}

/* A store with something to compact. */
static stratum_db *filled(const char *directory, const char *name, uint64_t *document) {
    stratum_options *options = NULL;
    stratum_db *db;
    uint64_t gone;
    int i;
    OK(stratum_options_create(&options, &error));
    OK(stratum_options_set_background(options, 0, &error));
    db = open_store(directory, name, options);
    OK(stratum_options_free(&options));
    OK(stratum_db_create_document(db, S("stays"), NULL, 0, document, &error));
    for (i = 0; i < 20; i++) {
        OK(stratum_db_create_document(db, S("goes"), NULL, 0, &gone, &error));
        OK(stratum_db_delete_document(db, gone, &error));
    }
    return db;
}

int main(int argc, char **argv) {
    stores both;
    uint64_t same;
    TRUE(argc == 2);
    memset(&both, 0, sizeof both);
    both.outer = filled(argv[1], "outer", &both.document);
    both.inner = filled(argv[1], "inner", &same);
    TRUE(same == both.document);
    OK(stratum_db_compact_now(both.outer, within_outer, &both, &error));
    TRUE(both.outer_calls > 0 && both.inner_calls > 0);
    OK(stratum_db_set_blob(both.outer, both.document, S("free again"), &error));
    OK(stratum_db_close(&both.outer, &error));
    OK(stratum_db_close(&both.inner, &error));
    return 0;
}

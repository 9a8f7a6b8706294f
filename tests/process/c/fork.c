/* A process that forks while its threads commit, again and again: each call of a child, and of a child's child, is
 * STRATUM_FORKED, closing and freeing there is allowed, and the parent goes on.
 *
 *     fork STORE
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stratum.h"

enum { FORKS = 40, THREADS = 3 };

static stratum_db *db;
static atomic_int stop;
static atomic_long committed;

#define IS(status, call) is((call), (status), #call, __LINE__)
#define FORKED(call) IS(STRATUM_FORKED, call)
#define OK(call) IS(STRATUM_OK, call)

static void is(int32_t status, int32_t wanted, const char *call, int line) {
    if (status != wanted) {
        fprintf(stderr, "fork.c:%d: %s, not %s: %s\n", line, stratum_status_name(status), stratum_status_name(wanted),
                call);
        _exit(1);
    }
}

static void *work(void *unused) {
    uint64_t random = (uintptr_t)&random;
    (void)unused;
    while (!atomic_load(&stop)) {
        uint64_t document;
        random = random * UINT64_C(6364136223846793005) + 1;
        OK(stratum_db_create_document(db, &random, sizeof random, NULL, 0, &document, NULL));
        OK(stratum_db_set_blob(db, document, &document, sizeof document, NULL));
        if (random >> 62 != 0) {
            OK(stratum_db_delete_document(db, document, NULL));
        }
        atomic_fetch_add(&committed, 1);
    }
    return NULL;
}

/* What the parent had open when it forked. */
typedef struct handles {
    stratum_view *snapshot;
    stratum_batch *batch;
    stratum_document_cursor *documents;
    stratum_input_cursor *inputs;
    uint64_t document;
    uint64_t input;
} handles;

static void calls_on_views(const stratum_view *view, const handles *handles) {
    stratum_result *result = NULL;
    stratum_tree *tree = NULL;
    stratum_pinned *pinned = NULL;
    stratum_document_cursor *documents = NULL;
    stratum_input_cursor *inputs = NULL;
    uint64_t number;
    int32_t exists;
    FORKED(stratum_view_sequence(view, &number, NULL));
    FORKED(stratum_view_document_count(view, &number, NULL));
    FORKED(stratum_view_exists(view, handles->document, &exists, NULL));
    FORKED(stratum_view_columns(view, handles->document, &result, NULL));
    FORKED(stratum_view_tree(view, handles->document, &tree, NULL));
    FORKED(stratum_view_blob(view, handles->document, &pinned, NULL));
    FORKED(stratum_view_input_count(view, handles->document, &number, NULL));
    FORKED(stratum_view_input(view, handles->document, handles->input, &result, NULL));
    FORKED(stratum_view_output(view, handles->document, handles->input, &result, NULL));
    FORKED(stratum_view_documents(view, 1, &documents, NULL));
    FORKED(stratum_view_input_cursor(view, handles->document, &inputs, NULL));
}

static void calls(handles *handles) {
    stratum_stats stats = {0};
    stratum_report *report = NULL;
    stratum_batch *batch = NULL;
    stratum_view *view = NULL;
    stratum_value value = stratum_value_int64(1);
    const stratum_input *input;
    uint64_t id;
    stats.struct_size = sizeof stats;
    FORKED(stratum_db_snapshot(db, &view, NULL));
    FORKED(stratum_db_flush(db, NULL));
    FORKED(stratum_db_checkpoint(db, NULL));
    FORKED(stratum_db_compact_now(db, NULL, NULL, NULL));
    FORKED(stratum_db_stats(db, &stats, NULL));
    FORKED(stratum_db_verify(db, &report, NULL));
    FORKED(stratum_batch_create(db, &batch, NULL));
    FORKED(stratum_db_create_document(db, "x", 1, NULL, 0, &id, NULL));
    FORKED(stratum_db_set_blob(db, handles->document, "x", 1, NULL));
    FORKED(stratum_db_set_column(db, handles->document, "c", 1, &value, NULL));
    FORKED(stratum_db_append_input(db, handles->document, &value, &id, NULL));
    FORKED(stratum_db_delete_document(db, handles->document, NULL));
    calls_on_views(stratum_db_latest(db), handles);
    calls_on_views(handles->snapshot, handles);
    FORKED(stratum_batch_create_document(handles->batch, "x", 1, NULL, 0, &id, NULL));
    FORKED(stratum_batch_set_output(handles->batch, handles->document, handles->input, &value, NULL));
    FORKED(stratum_batch_commit(&handles->batch, NULL, NULL, NULL));
    FORKED(stratum_document_cursor_next(handles->documents, &id, NULL));
    FORKED(stratum_input_cursor_next(handles->inputs, &input, NULL));
}

/* Runs as a child to its end. */
static void child(const char *path, handles *handles) {
    stratum_db *second = NULL;
    alarm(120);
    calls(handles);
    IS(STRATUM_LOCKED, stratum_db_open(path, strlen(path), NULL, &second, NULL));
    OK(stratum_batch_free(&handles->batch));
    OK(stratum_document_cursor_free(&handles->documents));
    OK(stratum_input_cursor_free(&handles->inputs));
    OK(stratum_view_free(&handles->snapshot));
    OK(stratum_db_close(&db, NULL));
    _exit(0);
}

/* As `child`, after a child of its own did the same. */
static void child_with_child(const char *path, handles *handles) {
    int status = 0;
    pid_t made = fork();
    if (made == 0) {
        child(path, handles);
    }
    if (made < 0 || waitpid(made, &status, 0) != made || status != 0) {
        _exit(2);
    }
    child(path, handles);
}

static handles prepare(void) {
    handles made = {0};
    stratum_value value = stratum_value_int64(7);
    OK(stratum_db_create_document(db, "kept", 4, NULL, 0, &made.document, NULL));
    OK(stratum_db_append_input(db, made.document, &value, &made.input, NULL));
    OK(stratum_db_set_output(db, made.document, made.input, &value, NULL));
    OK(stratum_db_snapshot(db, &made.snapshot, NULL));
    OK(stratum_batch_create(db, &made.batch, NULL));
    OK(stratum_batch_set_blob(made.batch, made.document, "done", 4, NULL));
    OK(stratum_view_documents(made.snapshot, 1, &made.documents, NULL));
    OK(stratum_view_input_cursor(made.snapshot, made.document, &made.inputs, NULL));
    return made;
}

int main(int argc, char **argv) {
    stratum_options *options = NULL;
    stratum_report *report = NULL;
    pthread_t threads[THREADS];
    int i;
    if (argc != 2) {
        return 3;
    }
    OK(stratum_options_create(&options, NULL));
    OK(stratum_options_set_segment_size(options, 4096, NULL));
    OK(stratum_options_set_checkpoint_bytes(options, 8192, NULL));
    OK(stratum_options_set_durability(options, STRATUM_DURABILITY_INTERVAL, NULL));
    OK(stratum_options_set_sync_interval_ms(options, 2, NULL));
    OK(stratum_db_open(argv[1], strlen(argv[1]), options, &db, NULL));
    OK(stratum_options_free(&options));
    for (i = 0; i < THREADS; i++) {
        IS(0, pthread_create(&threads[i], NULL, work, NULL));
    }
    for (i = 0; i < FORKS; i++) {
        handles handles = prepare();
        int status = 0;
        pid_t made = fork();
        if (made == 0) {
            child_with_child(argv[1], &handles);
        }
        IS((int32_t)made, (int32_t)waitpid(made, &status, 0));
        if (status != 0) {
            fprintf(stderr, "fork.c: child %d ended with %#x\n", i, (unsigned)status);
            return 1;
        }
        OK(stratum_batch_commit(&handles.batch, NULL, NULL, NULL));
        OK(stratum_document_cursor_free(&handles.documents));
        OK(stratum_input_cursor_free(&handles.inputs));
        OK(stratum_view_free(&handles.snapshot));
    }
    atomic_store(&stop, 1);
    for (i = 0; i < THREADS; i++) {
        IS(0, pthread_join(threads[i], NULL));
    }
    OK(stratum_db_verify(db, &report, NULL));
    IS(0, (int32_t)stratum_report_get(report)->damage_count);
    OK(stratum_report_free(&report));
    OK(stratum_db_close(&db, NULL));
    OK(stratum_db_open(argv[1], strlen(argv[1]), NULL, &db, NULL));
    OK(stratum_db_close(&db, NULL));
    return atomic_load(&committed) > FORKS ? 0 : 4;
}

/* Many threads on one store: group commit, snapshots that see whole batches, one batch used by two threads, and a close
 * in the middle of it all. */
#include <pthread.h>

#include "check.h"

#define WRITERS 4
#define READERS 2
#define ROUNDS 50

static stratum_db *db;
static uint64_t pair[2];
static pthread_barrier_t start, closing;

/* Threads must not share the error of check.h. */
static int32_t quiet(int32_t status, int32_t one, int32_t two, int line) {
    if (status != STRATUM_OK && status != one && status != two) {
        fprintf(stderr, "threads.c:%d: unexpected %s\n", line, stratum_status_name(status));
        exit(1);
    }
    return status;
}
#define CLOSES(call) quiet((call), STRATUM_CLOSED, STRATUM_CLOSED, __LINE__)

/* Sets both blobs of the pair to the same text, again and again, until the store is closed. */
static void *write_pair(void *context) {
    unsigned number = *(const unsigned *)context, round;
    char blob[32];
    pthread_barrier_wait(&start);
    for (round = 0;; round++) {
        stratum_batch *batch = NULL;
        int length = snprintf(blob, sizeof blob, "%u of %u", round, number);
        int32_t status = CLOSES(stratum_batch_create(db, &batch, NULL));
        if (status == STRATUM_OK) {
            status = CLOSES(stratum_batch_set_blob(batch, pair[0], blob, (size_t)length, NULL));
        }
        if (status == STRATUM_OK) {
            status = CLOSES(stratum_batch_set_blob(batch, pair[1], blob, (size_t)length, NULL));
        }
        if (status == STRATUM_OK) {
            status = CLOSES(stratum_batch_commit(&batch, NULL, NULL, NULL));
        }
        stratum_batch_free(&batch);
        if (status != STRATUM_OK) {
            return NULL;
        }
    }
}

/* Sees the same text in both, whatever the writers do, until the store is closed. */
static void *read_pair(void *context) {
    (void)context;
    pthread_barrier_wait(&start);
    for (;;) {
        stratum_view *view = NULL;
        char one[64], two[64];
        size_t one_length = 0, two_length = 0;
        int32_t status = CLOSES(stratum_db_snapshot(db, &view, NULL));
        if (status == STRATUM_OK) {
            status = CLOSES(stratum_view_read_blob(view, pair[0], one, sizeof one, &one_length, NULL));
        }
        if (status == STRATUM_OK) {
            status = CLOSES(stratum_view_read_blob(view, pair[1], two, sizeof two, &two_length, NULL));
        }
        if (status == STRATUM_OK && (one_length != two_length || memcmp(one, two, one_length) != 0)) {
            fprintf(stderr, "half a batch was seen: %.*s and %.*s\n", (int)one_length, one, (int)two_length, two);
            exit(1);
        }
        stratum_view_free(&view);
        if (status != STRATUM_OK) {
            return NULL;
        }
    }
}

static void *close_store(void *context) {
    stratum_db *copy = db;
    int *closed = context;
    pthread_barrier_wait(&closing);
    *closed = CLOSES(stratum_db_close(&copy, NULL)) == STRATUM_OK;
    return NULL;
}

static void close_in_the_middle(const char *directory) {
    pthread_t writers[WRITERS], readers[READERS], closers[2];
    unsigned numbers[WRITERS], i, round;
    uint64_t opened, sequence;
    for (round = 0; round < 5; round++) {
        int closed[2] = {0, 0};
        db = open_store(directory, "threads", NULL);
        for (i = 0; i < 2; i++) {
            OK(stratum_db_create_document(db, S("same"), NULL, 0, &pair[i], &error));
        }
        OK(stratum_view_sequence(stratum_db_latest(db), &opened, &error));
        TRUE(pthread_barrier_init(&start, NULL, WRITERS + READERS + 1) == 0);
        TRUE(pthread_barrier_init(&closing, NULL, 2) == 0);
        for (i = 0; i < WRITERS; i++) {
            numbers[i] = i;
            TRUE(pthread_create(&writers[i], NULL, write_pair, &numbers[i]) == 0);
        }
        for (i = 0; i < READERS; i++) {
            TRUE(pthread_create(&readers[i], NULL, read_pair, NULL) == 0);
        }
        pthread_barrier_wait(&start);
        do {
            OK(stratum_view_sequence(stratum_db_latest(db), &sequence, &error));
        } while (sequence < opened + 10 * WRITERS);
        for (i = 0; i < 2; i++) {
            TRUE(pthread_create(&closers[i], NULL, close_store, &closed[i]) == 0);
        }
        for (i = 0; i < 2; i++) {
            TRUE(pthread_join(closers[i], NULL) == 0);
        }
        for (i = 0; i < WRITERS; i++) {
            TRUE(pthread_join(writers[i], NULL) == 0);
        }
        for (i = 0; i < READERS; i++) {
            TRUE(pthread_join(readers[i], NULL) == 0);
        }
        pthread_barrier_destroy(&start);
        pthread_barrier_destroy(&closing);
        TRUE(closed[0] + closed[1] == 1); /* the other one got STRATUM_CLOSED */
        db = NULL;
    }
}

typedef struct shared_batch {
    stratum_batch *batch;
    uint64_t document;
    unsigned written;
} shared_batch;

static void *write_shared(void *context) {
    shared_batch *shared = context;
    stratum_value value = stratum_value_int64(1);
    unsigned i;
    pthread_barrier_wait(&start);
    for (i = 0; i < 10 * ROUNDS; i++) {
        int32_t status = stratum_batch_append_input(shared->batch, shared->document, &value, NULL, NULL);
        shared->written += quiet(status, STRATUM_BUSY, STRATUM_BUSY, __LINE__) == STRATUM_OK;
    }
    return NULL;
}

/* A batch is for one thread at a time: a second one is told so, and nothing breaks. */
static void shared_between_threads(const char *directory) {
    pthread_t threads[2];
    shared_batch shared[2];
    stratum_batch *batch = NULL;
    uint64_t document, count;
    unsigned i;

    db = open_store(directory, "shared", NULL);
    OK(stratum_db_create_document(db, S(""), NULL, 0, &document, &error));
    OK(stratum_batch_create(db, &batch, &error));
    TRUE(pthread_barrier_init(&start, NULL, 2) == 0);
    for (i = 0; i < 2; i++) {
        shared[i].batch = batch;
        shared[i].document = document;
        shared[i].written = 0;
        TRUE(pthread_create(&threads[i], NULL, write_shared, &shared[i]) == 0);
    }
    for (i = 0; i < 2; i++) {
        TRUE(pthread_join(threads[i], NULL) == 0);
    }
    pthread_barrier_destroy(&start);
    OK(stratum_batch_commit(&batch, NULL, NULL, &error));
    OK(stratum_view_input_count(stratum_db_latest(db), document, &count, &error));
    TRUE(count == shared[0].written + shared[1].written && count > 0);
    OK(stratum_db_close(&db, &error));
}

int main(int argc, char **argv) {
    TRUE(argc == 2);
    close_in_the_middle(argv[1]);
    shared_between_threads(argv[1]);
    return 0;
}

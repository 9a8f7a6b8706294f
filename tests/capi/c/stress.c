/* Eight threads in every kind of call on one store, and a close in the midst: reads, writes, snapshots, cursors, pins,
 * compaction; handles that one thread uses while another frees them; use after close. STRATUM_STRESS_ROUNDS sets how
 * often the store is opened and closed again (default 3).
 *
 * 1. Two documents are only ever written together, with the same text: whoever sees two texts has seen half a batch.
 * 2. Each call works, or says what the header allows it to say at that moment; anything else ends the program.
 * 3. Pinned bytes are looked at when they are taken and again long after the close. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"

#define THREADS 8
#define SHARED 4
#define PINS 16
/* What each thread has called at least before the store is closed. */
#define CALLS 150

typedef struct pin {
    stratum_pinned *pinned;
    uint64_t sum;
} pin;

typedef struct worker {
    unsigned number;
    uint64_t random;
    atomic_ulong calls;
    pin pins[PINS];
    uint64_t own[4];
} worker;

static stratum_db *db;
static const stratum_view *latest;
static uint64_t pair[2];
static pthread_barrier_t start;
static atomic_int is_over;
static _Atomic(stratum_view *) views[SHARED];
static _Atomic(stratum_document_cursor *) cursors[SHARED];
static _Atomic(stratum_batch *) batches[SHARED];
static _Atomic(stratum_pinned *) pinneds[SHARED];

/* One of the answers that a call may give here; OK and NOT_FOUND always are. 1 for OK. */
static int may(int32_t status, int32_t one, int32_t two, int line) {
    int known = status == STRATUM_OK || status == STRATUM_NOT_FOUND || status == one || status == two;
    if (!known || (status == STRATUM_CLOSED && !atomic_load(&is_over) && one == STRATUM_CLOSED && two != STRATUM_BUSY)) {
        fprintf(stderr, "stress.c:%d: unexpected %s\n", line, stratum_status_name(status));
        exit(1);
    }
    return status == STRATUM_OK;
}
/* A call on the store or on a handle of this thread's own: CLOSED only once somebody closes the store. */
#define MAY(call) may((call), STRATUM_CLOSED, STRATUM_SNAPSHOT_TOO_OLD, __LINE__)
/* A call on a handle that others use and free: CLOSED and BUSY at any time. */
#define SHARE(call) may((call), STRATUM_CLOSED, STRATUM_BUSY, __LINE__)

static unsigned chance(worker *me, unsigned of) {
    me->random = me->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(me->random >> 33) % of;
}

static uint64_t sum_of(const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    uint64_t sum = 14695981039346656037u;
    while (length-- > 0) {
        sum = (sum ^ *at++) * 1099511628211u;
    }
    return sum;
}

/* Looks at pinned bytes once more, and lets go of them. */
static void unpin(pin *old) {
    if (old->pinned != NULL) {
        TRUE(sum_of(stratum_pinned_data(old->pinned), stratum_pinned_length(old->pinned)) == old->sum);
        TRUE(stratum_pinned_free(&old->pinned) == STRATUM_OK);
    }
}

static void keep(worker *me, stratum_pinned *pinned) {
    pin *place = &me->pins[chance(me, PINS)];
    unpin(place);
    place->pinned = pinned;
    place->sum = sum_of(stratum_pinned_data(pinned), stratum_pinned_length(pinned));
}

static void write_pair(worker *me) {
    stratum_batch *batch = NULL;
    char text[64];
    size_t length = (size_t)snprintf(text, sizeof text, "%lu of %u", atomic_load(&me->calls), me->number);
    if (MAY(stratum_batch_create(db, &batch, NULL)) && MAY(stratum_batch_set_blob(batch, pair[0], text, length, NULL)) &&
        MAY(stratum_batch_set_blob(batch, pair[1], text, length, NULL))) {
        MAY(stratum_batch_commit(&batch, NULL, NULL, NULL));
    }
    stratum_batch_free(&batch);
}

/* Documents that no other thread changes: whole trees, parts of them, and deletes. */
static void write_own(worker *me) {
    uint64_t *own = &me->own[chance(me, 4)], input = 0;
    stratum_value value = stratum_value_int64((int64_t)atomic_load(&me->calls));
    stratum_column column = column_of("at", value);
    static const char large[70000];
    if (*own == 0) {
        if (!MAY(stratum_db_create_document(db, large, chance(me, 50) == 0 ? sizeof large : 100, &column, 1, own, NULL))) {
            *own = 0;
        }
    } else if (chance(me, 8) == 0) {
        if (MAY(stratum_db_delete_document(db, *own, NULL))) {
            *own = 0;
        }
    } else {
        stratum_batch *batch = NULL;
        if (MAY(stratum_batch_create(db, &batch, NULL)) &&
            MAY(stratum_batch_append_input(batch, *own, &value, &input, NULL)) &&
            MAY(stratum_batch_set_output(batch, *own, input, &value, NULL)) &&
            MAY(stratum_batch_set_column(batch, *own, S("at"), &value, NULL)) && chance(me, 8) != 0) {
            MAY(stratum_batch_commit(&batch, NULL, NULL, NULL));
        }
        stratum_batch_free(&batch);
    }
}

static void read_pair(const stratum_view *view) {
    char one[64], two[64];
    size_t one_length = 0, two_length = 0;
    if (MAY(stratum_view_read_blob(view, pair[0], one, sizeof one, &one_length, NULL)) &&
        MAY(stratum_view_read_blob(view, pair[1], two, sizeof two, &two_length, NULL))) {
        TRUE(one_length == two_length && memcmp(one, two, one_length) == 0);
    }
}

/* Every document of a moment, in every way of reading it. */
static void read_all(worker *me, const stratum_view *view) {
    stratum_document_cursor *documents = NULL;
    stratum_input_cursor *inputs = NULL;
    stratum_pinned *pinned = NULL;
    stratum_tree *tree = NULL;
    stratum_result *result = NULL;
    const stratum_input *input;
    uint64_t document;
    int32_t status;
    int go_on = MAY(stratum_view_documents(view, 0, &documents, NULL));
    while (go_on && may(stratum_document_cursor_next(documents, &document, NULL), STRATUM_CLOSED, STRATUM_END, __LINE__)) {
        if (MAY(stratum_view_tree(view, document, &tree, NULL))) {
            TRUE(stratum_tree_get(tree) != NULL);
            TRUE(stratum_tree_free(&tree) == STRATUM_OK);
        }
        if (MAY(stratum_view_packed_tree(view, document, &pinned, NULL))) {
            keep(me, pinned);
        }
        if (MAY(stratum_view_columns(view, document, &result, NULL))) {
            stratum_result_free(&result);
        }
        if (MAY(stratum_view_input_cursor(view, document, &inputs, NULL))) {
            do {
                status = stratum_input_cursor_next(inputs, &input, NULL);
            } while (may(status, STRATUM_CLOSED, STRATUM_END, __LINE__));
            TRUE(stratum_input_cursor_free(&inputs) == STRATUM_OK);
        }
        go_on = chance(me, 20) != 0;
    }
    stratum_document_cursor_free(&documents);
}

static void snapshot(worker *me) {
    stratum_view *view = NULL;
    if (MAY(stratum_db_snapshot(db, &view, NULL))) {
        read_pair(view);
        read_all(me, view);
        TRUE(stratum_view_free(&view) == STRATUM_OK);
    }
}

static int32_t progress(const stratum_progress *at, void *context) {
    uint64_t count = 0;
    TRUE(at->segments_done <= at->segments_total);
    MAY(stratum_view_document_count(latest, &count, NULL));
    return (int32_t)chance(context, 4);
}

static void maintain(worker *me) {
    stratum_stats stats;
    stratum_report *report = NULL;
    stats.struct_size = sizeof stats;
    switch (chance(me, 8)) {
    case 0:
        MAY(stratum_db_checkpoint(db, NULL));
        break;
    case 1:
        MAY(stratum_db_flush(db, NULL));
        break;
    case 2:
        if (MAY(stratum_db_verify(db, &report, NULL))) {
            TRUE(stratum_report_get(report)->damage_count == 0);
            TRUE(stratum_report_free(&report) == STRATUM_OK);
        }
        break;
    case 3:
        MAY(stratum_db_compact_now(db, progress, me, NULL));
        break;
    default:
        MAY(stratum_db_stats(db, &stats, NULL));
    }
}

/* Puts a handle where others find it, and frees the one that was there, which they may be using. */
#define EXCHANGE(T, place, made, free)                                                                                 \
    do {                                                                                                               \
        T *old = atomic_exchange(&(place), (made));                                                                    \
        SHARE(free(&old));                                                                                             \
    } while (0)

static void share(worker *me) {
    unsigned at = chance(me, SHARED);
    stratum_view *view = NULL;
    stratum_document_cursor *cursor = NULL;
    stratum_batch *batch = NULL;
    stratum_pinned *pinned = NULL;
    stratum_value value = stratum_value_int64(1);
    uint64_t document;
    switch (chance(me, 12)) {
    case 0:
        MAY(stratum_db_snapshot(db, &view, NULL));
        EXCHANGE(stratum_view, views[at], view, stratum_view_free);
        break;
    case 1:
        MAY(stratum_view_documents(latest, 0, &cursor, NULL));
        EXCHANGE(stratum_document_cursor, cursors[at], cursor, stratum_document_cursor_free);
        break;
    case 2:
        MAY(stratum_batch_create(db, &batch, NULL));
        EXCHANGE(stratum_batch, batches[at], batch, stratum_batch_free);
        break;
    case 3:
        MAY(stratum_view_blob(latest, pair[0], &pinned, NULL));
        EXCHANGE(stratum_pinned, pinneds[at], pinned, stratum_pinned_free);
        break;
    case 4:
        batch = atomic_load(&batches[at]);
        if (batch != NULL) { /* the handle stays where it is, and is a closed one from then on */
            SHARE(stratum_batch_commit(&batch, NULL, NULL, NULL));
        }
        break;
    case 5:
    case 6:
        batch = atomic_load(&batches[at]);
        if (batch != NULL) {
            SHARE(stratum_batch_append_input(batch, pair[0], &value, NULL, NULL));
        }
        break;
    case 7:
        cursor = atomic_load(&cursors[at]);
        if (cursor != NULL && stratum_document_cursor_next(cursor, &document, NULL) == STRATUM_END) {
            SHARE(stratum_document_cursor_seek(cursor, 0, NULL));
        }
        break;
    case 8:
        (void)stratum_pinned_length(atomic_load(&pinneds[at]));
        break;
    default:
        view = atomic_load(&views[at]);
        if (view != NULL) { /* freed by another thread, or given up by the store */
            int32_t status = stratum_view_packed_tree(view, pair[0], &pinned, NULL);
            if (status != STRATUM_SNAPSHOT_TOO_OLD && SHARE(status)) {
                keep(me, pinned);
            }
        }
    }
}

static void *work(void *context) {
    worker *me = context;
    pthread_barrier_wait(&start);
    while (!atomic_load(&is_over) || chance(me, 100) != 0) {
        switch (me->number) {
        case 0:
        case 1:
            write_pair(me);
            break;
        case 2:
        case 3:
            write_own(me);
            break;
        case 4:
            snapshot(me);
            break;
        case 5:
            maintain(me);
            break;
        default:
            share(me);
        }
        if (atomic_fetch_add(&me->calls, 1) >= CALLS && !atomic_load(&is_over)) {
            /* Goes on, so that closing finds calls at work, but leaves the processors to those who are not there yet. */
            const struct timespec pause = {0, 2000000};
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

static void *close_store(void *context) {
    stratum_db *copy = db;
    *(int32_t *)context = stratum_db_close(&copy, NULL);
    return NULL;
}

/* Nobody gets in any more, whichever handle they still have. */
static void after_close(void) {
    stratum_view *view = NULL;
    stratum_db *copy = db;
    uint64_t count;
    TRUE(stratum_db_snapshot(db, &view, NULL) == STRATUM_CLOSED && view == NULL);
    TRUE(stratum_db_flush(db, NULL) == STRATUM_CLOSED);
    TRUE(stratum_view_document_count(latest, &count, NULL) == STRATUM_CLOSED);
    TRUE(stratum_db_close(&copy, NULL) == STRATUM_CLOSED);
}

static void free_shared(void) {
    unsigned at;
    for (at = 0; at < SHARED; at++) {
        EXCHANGE(stratum_view, views[at], NULL, stratum_view_free);
        EXCHANGE(stratum_document_cursor, cursors[at], NULL, stratum_document_cursor_free);
        EXCHANGE(stratum_batch, batches[at], NULL, stratum_batch_free);
        EXCHANGE(stratum_pinned, pinneds[at], NULL, stratum_pinned_free);
    }
}

static void open_small(const char *directory, unsigned round) {
    stratum_options *options = NULL;
    OK(stratum_options_create(&options, &error));
    OK(stratum_options_set_segment_size(options, 64 << 10, &error));
    OK(stratum_options_set_checkpoint_bytes(options, 64 << 10, &error));
    OK(stratum_options_set_sync_interval_ms(options, 1, &error));
    OK(stratum_options_set_durability(options, STRATUM_DURABILITY_INTERVAL, &error));
    OK(stratum_options_set_read_mode(options, round % 2 == 0 ? STRATUM_READ_MMAP : STRATUM_READ_PREAD, &error));
    OK(stratum_options_set_max_retained_bytes(options, 256 << 10, &error));
    db = open_store(directory, "stress", options);
    OK(stratum_options_free(&options));
    latest = stratum_db_latest(db);
}

static void round_of(const char *directory, unsigned round) {
    static worker workers[THREADS];
    pthread_t threads[THREADS], closers[2];
    int32_t closed[2];
    unsigned i, at;
    open_small(directory, round);
    for (i = 0; i < 2 && pair[1] == 0; i++) {
        OK(stratum_db_create_document(db, S("same"), NULL, 0, &pair[i], &error));
    }
    atomic_store(&is_over, 0);
    TRUE(pthread_barrier_init(&start, NULL, THREADS + 1) == 0);
    for (i = 0; i < THREADS; i++) {
        workers[i].number = i;
        atomic_store(&workers[i].calls, 0);
        workers[i].random = round * THREADS + i;
        TRUE(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    pthread_barrier_wait(&start);
    for (i = 0; i < THREADS; i++) {
        while (atomic_load(&workers[i].calls) < CALLS) {
            sched_yield();
        }
    }
    atomic_store(&is_over, 1);
    for (i = 0; i < 2; i++) {
        TRUE(pthread_create(&closers[i], NULL, close_store, &closed[i]) == 0);
    }
    for (i = 0; i < 2; i++) {
        TRUE(pthread_join(closers[i], NULL) == 0);
    }
    TRUE((closed[0] == STRATUM_OK && closed[1] == STRATUM_CLOSED) ||
         (closed[1] == STRATUM_OK && closed[0] == STRATUM_CLOSED));
    after_close();
    for (i = 0; i < THREADS; i++) {
        TRUE(pthread_join(threads[i], NULL) == 0);
    }
    free_shared();
    for (i = 0; i < THREADS; i++) {
        for (at = 0; at < PINS; at++) {
            unpin(&workers[i].pins[at]);
        }
    }
    pthread_barrier_destroy(&start);
}

/* What is left is a whole store with the pair in it. */
static void check(const char *directory) {
    stratum_report *report = NULL;
    open_small(directory, 0);
    read_pair(latest);
    OK(stratum_db_verify(db, &report, &error));
    TRUE(stratum_report_get(report)->damage_count == 0);
    TRUE(stratum_report_free(&report) == STRATUM_OK);
    OK(stratum_db_close(&db, &error));
}

int main(int argc, char **argv) {
    const char *asked = getenv("STRATUM_STRESS_ROUNDS");
    unsigned round, rounds = asked == NULL ? 3 : (unsigned)strtoul(asked, NULL, 10);
    TRUE(argc == 2);
    for (round = 0; round < rounds; round++) {
        round_of(argv[1], round);
    }
    check(argv[1]);
    return 0;
}

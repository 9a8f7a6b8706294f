/* Destructors of the host's thread-specific data that use the library. They run in rounds, some of them after the
 * library's language has torn down what it knew of the thread: closing works there, and all else. */
#include <pthread.h>

#include "check.h"

static const char *directory;
static pthread_key_t key;
static int runs;

typedef struct late {
    int rounds; /* how many rounds of destructors are to pass first */
    stratum_db *db, *other;
    uint64_t document;
} late;

static int32_t watch(const stratum_progress *progress, void *context) {
    late *kept = context;
    (void)progress;
    IS(STRATUM_BUSY, stratum_db_flush(kept->other, &error));
    return 1;
}

/* Closes the store of the thread that ends, after all that can be done with one. */
static void close_late(void *context) {
    late *kept = context;
    stratum_pinned *pinned = NULL;
    char blob[100];
    int i;

    if (kept->rounds-- > 0) {
        TRUE(pthread_setspecific(key, kept) == 0);
        return;
    }
    OK(stratum_db_checkpoint(kept->db, &error));
    OK(stratum_db_set_blob(kept->db, kept->document, S("late"), &error));
    OK(stratum_view_blob(stratum_db_latest(kept->db), kept->document, &pinned, &error));
    TRUE(stratum_pinned_length(pinned) == 4);
    OK(stratum_pinned_free(&pinned));
    OK(stratum_db_close(&kept->db, &error));
    /* a store that begins and ends here, with threads of its own */
    kept->other = open_store(directory, "other", NULL);
    memset(blob, 'b', sizeof blob);
    for (i = 0; i < 50; i++) {
        OK(stratum_db_create_document(kept->other, blob, sizeof blob, NULL, 0, &kept->document, &error));
        OK(stratum_db_delete_document(kept->other, kept->document, &error));
    }
    OK(stratum_db_compact_now(kept->other, watch, kept, &error));
    OK(stratum_db_close(&kept->other, &error));
    runs++;
}

/* Lets the thread wait in the library. What a thread that waits for the first time keeps for it is given back by the
 * first destructors, and not by the last ones: the system's C library then loses 32 bytes, which sanitizers report. */
static void wait_once(stratum_db *db) {
    static char blob[300000];
    uint64_t gone, stays;
    stratum_stats stats;
    OK(stratum_db_create_document(db, blob, sizeof blob, NULL, 0, &gone, &error));
    OK(stratum_db_create_document(db, blob, sizeof blob, NULL, 0, &stays, &error));
    OK(stratum_db_delete_document(db, gone, &error));
    OK(stratum_db_compact_now(db, NULL, NULL, &error));
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(stratum_db_stats(db, &stats, &error));
    TRUE(stats.compaction_throttled_us > 0);
    OK(stratum_db_delete_document(db, stays, &error));
}

static void *use_and_end(void *context) {
    late *kept = context;
    stratum_options *options = NULL;
    OK(stratum_options_create(&options, &error));
    OK(stratum_options_set_compaction_bytes_per_second(options, 1 << 20, &error));
    kept->db = open_store(directory, "late", options);
    OK(stratum_options_free(&options));
    wait_once(kept->db);
    OK(stratum_db_create_document(kept->db, S("blob"), NULL, 0, &kept->document, &error));
    TRUE(pthread_setspecific(key, kept) == 0);
    OK(stratum_db_checkpoint(kept->db, &error));
    return NULL;
}

/* What makes the library's language take its own key, before the host makes one. */
static void *use_first(void *context) {
    stratum_db *db = open_store(directory, "first", NULL);
    (void)context;
    OK(stratum_db_checkpoint(db, &error));
    OK(stratum_db_close(&db, &error));
    return NULL;
}

static void run(void *(*body)(void *), void *context) {
    pthread_t thread;
    TRUE(pthread_create(&thread, NULL, body, context) == 0);
    TRUE(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv) {
    late kept;
    int i;
    TRUE(argc == 2);
    directory = argv[1];
    run(use_first, NULL);
    TRUE(pthread_key_create(&key, close_late) == 0);
    /* POSIX promises four rounds */
    for (i = 0; i < 4; i++) {
        memset(&kept, 0, sizeof kept);
        kept.rounds = i;
        run(use_and_end, &kept);
    }
    TRUE(runs == 4);
    return 0;
}
